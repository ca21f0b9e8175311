"""Changes of shape that were asked for: what they leave, what they refuse, what is kept of before, and the way back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from torn_pipeline.errors import WarehouseError
from torn_pipeline.tables.table import ColumnType
from torn_pipeline.warehouse import Kind, MaintainedWarehouse, changes_of, refused, warehouse_from_url
from torn_pipeline_tests.conformance.warehouse_loads import THINGS, contents, fetch, frames, load, meta

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torn_pipeline.tables.table import Table

ROOT, CHILD = THINGS


@pytest.fixture
def warehouse(tmp_path: Path) -> MaintainedWarehouse:
    """Of those in ``OPENERS``, the one that changes tables on demand."""
    opened = warehouse_from_url(f"duckdb:///{tmp_path}/warehouse.duckdb", tmp_path)
    assert isinstance(opened, MaintainedWarehouse)
    return opened


def contract(**types: ColumnType | None) -> Table:
    """The root table with other types for some columns, or without them, or with more."""
    kept = [
        replace(column, type=types.get(column.name) or column.type) for column in ROOT.columns if types.get(column.name, "") is not None
    ]
    known = {column.name for column in ROOT.columns}
    more = [
        replace(ROOT.columns[2], name=name, type=kind, description=f"the {name}")
        for name, kind in types.items()
        if name not in known and kind
    ]
    return replace(ROOT, columns=(*kept, *more))


def apply(warehouse: MaintainedWarehouse, table: Table, *allowed: Kind, keep: int = 3) -> list[str]:
    """Apply what is allowed of a contract's changes; what is left."""
    changes = changes_of([table], warehouse.shapes([table.name]))
    left = refused(changes, set(allowed))
    warehouse.change([change for change in changes if change not in left], keep_backups=keep, run_id="by hand")
    return [str(change) for change in left]


def fill(warehouse: MaintainedWarehouse, column: str, values: list[Any], dtype: pl.DataType, *, number: int = 1) -> None:
    """A load with a field that the contract does not have."""
    of = fetch(number)
    batch = frames(of, {number * 10 + place: ("a",) for place in range(len(values))})
    batch["things"] = batch["things"].with_columns(pl.Series(column, values, dtype=dtype))
    warehouse.load(load(of, {}, batches=[batch]))


def column(warehouse: MaintainedWarehouse, name: str) -> list[Any]:
    return warehouse.read("things").sort("id")[name].to_list()


def test_a_table_is_created_and_described(warehouse: MaintainedWarehouse) -> None:
    assert apply(warehouse, ROOT) == []
    assert changes_of([ROOT], warehouse.shapes(["things"])) == []


def test_a_column_is_added_with_its_description(warehouse: MaintainedWarehouse) -> None:
    warehouse.load(load(fetch(1), {1: ()}))
    wider = contract(colour=ColumnType.TEXT)
    assert apply(warehouse, wider) == []
    assert column(warehouse, "colour") == [None]
    assert changes_of([wider], warehouse.shapes(["things"])) == []
    assert not warehouse.schema_versions("things")[0].has_backup


@pytest.mark.parametrize(
    ("values", "dtype", "wanted", "expected"),
    [
        ([1, None], pl.Int64(), ColumnType.FLOAT, [1.0, None]),
        ([1, -7], pl.Int64(), ColumnType.TEXT, ["1", "-7"]),
        ([1.5, None], pl.Float64(), ColumnType.TEXT, ["1.5", None]),
        ([True, False], pl.Boolean(), ColumnType.TEXT, ["true", "false"]),
    ],
)
def test_a_column_is_widened_with_its_values(
    warehouse: MaintainedWarehouse, values: list[Any], dtype: pl.DataType, wanted: ColumnType, expected: list[Any]
) -> None:
    fill(warehouse, "size", values, dtype)
    assert apply(warehouse, contract(size=wanted)) == []
    assert column(warehouse, "size") == expected
    last = warehouse.schema_versions("things")[-1]
    assert (last.change.startswith("widened size from "), last.run_id, last.columns["size"]) == (True, "by hand", wanted)


@pytest.mark.parametrize(
    ("values", "dtype", "wanted", "expected"),
    [
        ([1.0, None, -3.0], pl.Float64(), ColumnType.INTEGER, [1, None, -3]),
        (["1", None, "-7"], pl.String(), ColumnType.INTEGER, [1, None, -7]),
        (["1.5", "2"], pl.String(), ColumnType.FLOAT, [1.5, 2.0]),
        (["true", "false"], pl.String(), ColumnType.BOOLEAN, [True, False]),
    ],
)
def test_a_column_is_narrowed_when_that_is_allowed_and_loses_nothing(
    warehouse: MaintainedWarehouse, values: list[Any], dtype: pl.DataType, wanted: ColumnType, expected: list[Any]
) -> None:
    fill(warehouse, "size", values, dtype)
    assert apply(warehouse, contract(size=wanted))[-1].startswith("narrow size from ")
    assert column(warehouse, "size") == values
    assert apply(warehouse, contract(size=wanted), Kind.NARROW) == []
    assert column(warehouse, "size") == expected


@pytest.mark.parametrize(
    ("values", "dtype", "wanted", "said"),
    [
        ([1.0, 2.5, 3.5], pl.Float64(), ColumnType.INTEGER, "2 values of size cannot become integer, the first is 2.5"),
        ([float("nan")], pl.Float64(), ColumnType.INTEGER, "1 values of size cannot become integer"),
        ([1e30], pl.Float64(), ColumnType.INTEGER, "1 values of size cannot become integer"),
        (["1", "many"], pl.String(), ColumnType.INTEGER, "1 values of size cannot become integer, the first is 'many'"),
        (["1.5"], pl.String(), ColumnType.INTEGER, "cannot become integer"),
        (["007"], pl.String(), ColumnType.INTEGER, "the first is '007'"),
        (["x"], pl.String(), ColumnType.FLOAT, "cannot become float"),
        ([2**53 + 1], pl.Int64(), ColumnType.FLOAT, "the first is 9007199254740993"),
    ],
)
def test_no_value_is_ever_lost(
    warehouse: MaintainedWarehouse, values: list[Any], dtype: pl.DataType, wanted: ColumnType, said: str
) -> None:
    fill(warehouse, "size", values, dtype)
    before = meta(warehouse, "schema_versions")
    with pytest.raises(WarehouseError, match=said):
        apply(warehouse, contract(size=wanted, weight=ColumnType.FLOAT), Kind.NARROW)
    assert str(column(warehouse, "size")) == str(values)
    assert meta(warehouse, "schema_versions") == before
    assert not any(version.has_backup for version in warehouse.schema_versions())


def test_a_column_is_dropped_only_when_that_is_allowed(warehouse: MaintainedWarehouse) -> None:
    fill(warehouse, "colour", ["red"], pl.String())
    assert apply(warehouse, ROOT) == ["drop colour text, which the contract does not have"]
    assert apply(warehouse, ROOT, Kind.DROP) == []
    assert "colour" not in warehouse.read("things").columns
    assert len(contents(warehouse)) == 1


def test_another_type_is_never_made(warehouse: MaintainedWarehouse) -> None:
    warehouse.load(load(fetch(1), {1: ()}))
    assert apply(warehouse, contract(is_old=ColumnType.INTEGER), *Kind) == ["make is_old, which is boolean, integer"]
    with pytest.raises(WarehouseError, match="is_old is boolean and cannot become integer"):
        warehouse.change(changes_of([contract(is_old=ColumnType.INTEGER)], warehouse.shapes(["things"])), keep_backups=3)


# --- what is kept of before ----------------------------------------------------------------------------------


def copies(warehouse: MaintainedWarehouse) -> list[int]:
    return [version.version for version in warehouse.schema_versions("things") if version.has_backup]


def test_a_copy_of_a_table_that_is_rewritten_is_kept(warehouse: MaintainedWarehouse) -> None:
    fill(warehouse, "colour", ["red"], pl.String())
    before = warehouse.read("things")
    apply(warehouse, ROOT, Kind.DROP)
    assert copies(warehouse) == [2]
    kept = pl.from_arrow(warehouse.query("SELECT * FROM torn_meta.backup_things_v2"))
    assert isinstance(kept, pl.DataFrame)
    assert kept.equals(before)


def test_the_oldest_copies_go(warehouse: MaintainedWarehouse) -> None:
    for number in range(1, 5):
        fill(warehouse, "colour", ["red"], pl.String(), number=number)
        apply(warehouse, ROOT, Kind.DROP, keep=2)
    assert copies(warehouse) == [6, 8]


# --- the way back --------------------------------------------------------------------------------------------


def test_a_dropped_column_comes_back_with_its_values(warehouse: MaintainedWarehouse) -> None:
    fill(warehouse, "colour", ["red", None], pl.String())
    apply(warehouse, ROOT, Kind.DROP)
    warehouse.load(load(fetch(2), {10: ("new",), 99: ()}))
    done = warehouse.roll_back(ROOT, 2, keep_backups=3, run_id="back")
    assert done == ("added colour text", "rolled back to version 2")
    frame = warehouse.read("things").sort("id")
    assert dict(zip(frame["id"], frame["colour"], strict=True)) == {10: None, 11: None, 99: None}
    assert warehouse.schema_versions("things")[-1].columns == warehouse.schema_versions("things")[1].columns


def test_a_column_comes_back_in_the_rows_that_are_the_same(warehouse: MaintainedWarehouse) -> None:
    fill(warehouse, "colour", ["red", "blue"], pl.String())
    apply(warehouse, ROOT, Kind.DROP)
    warehouse.load(load(fetch(2), {10: ("new",)}))
    warehouse.roll_back(ROOT, 2, keep_backups=3)
    assert column(warehouse, "colour") == [None, "blue"]


def test_a_narrowed_column_is_wide_again_and_an_added_one_is_gone(warehouse: MaintainedWarehouse) -> None:
    fill(warehouse, "size", ["1", "2"], pl.String())
    apply(warehouse, contract(size=ColumnType.INTEGER, weight=ColumnType.FLOAT), Kind.NARROW)
    warehouse.roll_back(ROOT, 2, keep_backups=3)
    assert column(warehouse, "size") == ["1", "2"]
    assert "weight" not in warehouse.read("things").columns


def test_a_way_back_that_loses_a_value_is_refused(warehouse: MaintainedWarehouse) -> None:
    fill(warehouse, "size", [1], pl.Int64())
    fill(warehouse, "size", ["many"], pl.String(), number=2)
    with pytest.raises(WarehouseError, match="1 values of size cannot become integer, the first is 'many'"):
        warehouse.roll_back(ROOT, 2, keep_backups=3)
    assert column(warehouse, "size") == ["1", "many"]


@pytest.mark.parametrize("version", [0, 2, 7])
def test_a_version_that_is_not_there_or_holds_now_is_refused(warehouse: MaintainedWarehouse, version: int) -> None:
    fill(warehouse, "size", [1], pl.Int64())
    with pytest.raises(WarehouseError, match=rf"table things cannot be rolled back to version {version}: it had the versions 1"):
        warehouse.roll_back(ROOT, version, keep_backups=3)


def test_a_roll_back_can_be_rolled_back(warehouse: MaintainedWarehouse) -> None:
    fill(warehouse, "size", [1, 2], pl.Int64())
    warehouse.roll_back(ROOT, 1, keep_backups=3)
    assert "size" not in warehouse.read("things").columns
    warehouse.roll_back(ROOT, 2, keep_backups=3)
    assert column(warehouse, "size") == [1, 2]


def test_loads_go_on_after_every_change(warehouse: MaintainedWarehouse) -> None:
    fill(warehouse, "colour", ["red"], pl.String())
    apply(warehouse, ROOT, Kind.DROP)
    fill(warehouse, "colour", ["blue"], pl.String(), number=2)
    assert column(warehouse, "colour") == [None, "blue"]
    wanted: Mapping[str, ColumnType] = {"colour": ColumnType.TEXT}
    assert apply(warehouse, contract(**wanted)) == []
