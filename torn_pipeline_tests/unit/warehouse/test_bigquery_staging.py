"""Rows on their way to BigQuery: files that are staged while others are written, and what becomes of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import polars as pl
import pytest
from pyarrow.parquet import read_table

from torn_pipeline.errors import WarehouseError
from torn_pipeline.tables.table import ColumnType, StorageMode
from torn_pipeline.warehouse import bigquery_staging
from torn_pipeline.warehouse.bigquery_staging import LOAD, StagedTable
from torn_pipeline_tests.conformance.warehouse_loads import fetch, frames, load
from torn_pipeline_tests.emulator import bigquery
from torn_pipeline_tests.faults.bigquery_worker import name_of, watched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import requests

    from torn_pipeline.warehouse.bigquery import BigQueryWarehouse

INTEGER, FLOAT, TEXT = ColumnType.INTEGER, ColumnType.FLOAT, ColumnType.TEXT


@pytest.fixture
def warehouse() -> Iterator[BigQueryWarehouse]:
    with bigquery() as opened:
        yield opened


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file has two rows."""
    monkeypatch.setattr(bigquery_staging, "_PIECE", 2)
    monkeypatch.setattr(bigquery_staging, "_FILE", 2)


def staged(folder: Path, *values: list[object]) -> StagedTable:
    """A table to which batches of one column came."""
    found = StagedTable("things", folder, {})
    for batch in values:
        found.add(pl.DataFrame({"value": batch}), 0)
    return found


def rows(paths: list[Path]) -> list[list[object]]:
    return [read_table(path)["c0"].to_pylist() for path in paths]


@pytest.mark.usefixtures("small_files")
def test_a_file_ends_when_it_has_its_rows(tmp_path: Path) -> None:
    table = staged(tmp_path, [1], [2], [3, 4, 5], [6])
    assert rows(table.full({})) == [[1, 2], [3, 4, 5]]
    assert rows(table.files({})) == [[1, 2], [3, 4, 5], [6]]
    assert table.types == {"value": INTEGER}


@pytest.mark.usefixtures("small_files")
def test_files_are_ready_as_long_as_no_value_has_to_change(tmp_path: Path) -> None:
    table = staged(tmp_path, [1, 2], [3.0, 4.0])
    assert rows(table.full({})) == [[1, 2]]
    assert table.full({"value": FLOAT}) == []
    assert rows(table.files({})) == [[1.0, 2.0, 3.0, 4.0]]
    assert rows(table.files({"value": TEXT})) == [["1", "2", "3.0", "4.0"]]


def test_a_column_may_be_called_like_our_own(tmp_path: Path) -> None:
    table = StagedTable("things", tmp_path, {})
    table.add(pl.DataFrame({LOAD: ["a"], "c0": ["b"]}), 7)
    (path,) = table.files({})
    assert read_table(path).to_pylist() == [{"c0": "a", "c1": "b", LOAD: 7}]


def test_what_all_rows_have_in_common_is_in_no_file(tmp_path: Path) -> None:
    table = StagedTable("things", tmp_path, {})
    common: dict[str, object] = {"_account": "default", "_fetch_id": "f"}
    table.add(pl.DataFrame({"_account": pl.Series([], dtype=pl.String), "id": pl.Series([], dtype=pl.Int64)}), 3, common)
    table.add(pl.DataFrame({"_account": ["default"], "id": [1]}), 3, common)
    (path,) = table.files({})
    assert read_table(path).to_pylist() == [{"c0": 1, LOAD: 3}]
    assert table.common == {3: {"_account": "default"}}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"_account": ["default", "other"], "id": [2, 3]}, "another _account than its fetch, which has default"),
        ({"_account": ["default", None], "id": [2, 3]}, "another _account than its fetch, which has default"),
        ({"id": [2]}, "lack a column that others have: _account"),
    ],
)
def test_a_row_that_is_not_its_fetchs_is_refused(tmp_path: Path, rows: dict[str, list[object]], said: str) -> None:
    table = StagedTable("things", tmp_path, {})
    table.add(pl.DataFrame({"_account": ["default"], "id": [1]}), 0, {"_account": "default"})
    with pytest.raises(WarehouseError, match=said):
        table.add(pl.DataFrame(rows), 0, {"_account": "default"})


def test_a_folder_that_takes_no_file_is_named(tmp_path: Path) -> None:
    table = staged(tmp_path / "gone", [1])
    with pytest.raises(WarehouseError, match=f"cannot be written into {tmp_path}/gone: .*make room on that disk.*TMPDIR"):
        table.files({})


class Calls:
    """The calls that go out, and an event for each of them that somebody waits for."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.changed = threading.Condition()

    def __call__(self, moment: str, request: requests.PreparedRequest) -> None:
        if moment == "after":
            with self.changed:
                self.names.append(name_of(request))
                self.changed.notify_all()

    def wait_for(self, name: str, count: int = 1) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.names.count(name) >= count, 60), self.names


UPLOAD = "POST upload to jobs"


@pytest.mark.usefixtures("small_files")
def test_files_of_a_large_load_are_staged_while_others_are_written(warehouse: BigQueryWarehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("old",), 2: ()}))
    of, calls = fetch(2), Calls()

    def batches() -> Iterator[Mapping[str, pl.DataFrame]]:
        yield frames(of, {1: ("a", "b"), 2: ("c",)})
        calls.wait_for("GET datasets//tables/things_parts")  # what is there is known now, or will be in a moment
        yield frames(of, {3: ("d",), 4: ()})
        while UPLOAD not in calls.names:
            yield frames(of, {})
        yield frames(of, {5: ("e",)})

    with watched(calls):
        receipt = warehouse.load(load(of, {}, batches=batches()))
    assert calls.names.count(UPLOAD) > 2
    assert {name: (one.rows, one.deleted, one.total) for name, one in receipt.tables.items()} == {
        "things": (5, 2, 5),
        "things_parts": (5, 1, 5),
    }
    assert sorted(warehouse.read("things")["id"]) == [1, 2, 3, 4, 5]
    assert sorted(warehouse.read("things_parts")["part"]) == ["a", "b", "c", "d", "e"]


@pytest.mark.usefixtures("small_files")
def test_what_is_staged_is_staged_anew_when_a_later_value_widens_its_column(warehouse: BigQueryWarehouse) -> None:
    warehouse.load(load(fetch(1), {1: ()}, mode=StorageMode.APPEND))
    of, calls = fetch(2), Calls()

    def batches() -> Iterator[Mapping[str, pl.DataFrame]]:
        first = frames(of, {2: (), 3: ()})
        yield {"things": first["things"].with_columns(size=pl.lit(1, pl.Int64))}
        while UPLOAD not in calls.names:
            yield frames(of, {})
        second = frames(of, {4: ()})
        yield {"things": second["things"].with_columns(size=pl.lit(1.5))}

    with watched(calls):
        warehouse.load(load(of, {}, batches=batches(), mode=StorageMode.APPEND))
    assert warehouse.read("things", columns=["id", "size"]).sort("id").rows() == [(1, None), (2, 1.0), (3, 1.0), (4, 1.5)]


def test_a_load_that_is_skipped_reads_no_further_and_no_batch_of_it_is_wrong(warehouse: BigQueryWarehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}))
    given: list[int] = []

    def without_end() -> Iterator[Mapping[str, pl.DataFrame]]:
        while True:
            given.append(1)
            yield frames(fetch(1), {})

    def wrong() -> Iterator[Mapping[str, pl.DataFrame]]:
        yield frames(fetch(1), {2: ()})
        message = "a page is gone"
        raise OSError(message)

    assert "already loaded" in warehouse.load(load(fetch(1), {}, batches=without_end())).skipped
    assert "already loaded" in warehouse.load(load(fetch(1), {}, batches=wrong())).skipped
    assert warehouse.read("things")["id"].to_list() == [1]
