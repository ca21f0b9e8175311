"""What is BigQuery's own about copies: where they are, what they leave alone, and a way back that was stopped half-way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from torn_pipeline.errors import UsageError, WarehouseBusy, WarehouseError
from torn_pipeline.warehouse.bigquery_service import Service
from torn_pipeline_tests.conformance.warehouse_loads import contents, fetch, load
from torn_pipeline_tests.emulator import bigquery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torn_pipeline.warehouse.bigquery import BigQueryWarehouse


@pytest.fixture
def warehouse() -> Iterator[BigQueryWarehouse]:
    with bigquery() as opened:
        opened.load(load(fetch(1), {1: ("a",), 2: ("b",)}))
        yield opened


def copies(warehouse: BigQueryWarehouse) -> set[str]:
    """The names of all tables that are part of a copy, but for the moment."""
    names = [one.table_id for one in Service(warehouse.place).listed(warehouse.place.meta)]
    return {name.removeprefix("copy_").partition("_")[2] for name in names if name.startswith("copy_")}


def test_no_folder_can_be_named(warehouse: BigQueryWarehouse, tmp_path: Path) -> None:
    made = warehouse.backup(keep=1)
    calls: list[Callable[[], object]] = [
        lambda: warehouse.backup(tmp_path, keep=1),
        lambda: warehouse.backups(tmp_path),
        lambda: warehouse.restore(made, tmp_path, keep=1),
    ]
    for call in calls:
        with pytest.raises(UsageError, match=r"a copy of BigQuery stays in BigQuery, .*: name no folder"):
            call()


def test_a_copy_has_the_tables_of_both_datasets_and_none_of_another_copy(warehouse: BigQueryWarehouse) -> None:
    made = [warehouse.backup(keep=2) for _ in range(2)][-1]
    assert made.place.startswith(f"{warehouse.place.project}.{warehouse.place.meta}.copy_2")
    meta = {f"meta_{name}" for name in ("fetches", "loads", "measurements", "quarantine", "schema_versions", "version")}
    assert copies(warehouse) == {"", "torn_things", "torn_things_parts"} | meta


def test_what_is_none_of_ours_stays(warehouse: BigQueryWarehouse) -> None:
    made, client = warehouse.backup(keep=1), Service(warehouse.place).client
    own = warehouse.place.table("own")
    client.query_and_wait(f"CREATE TABLE {own} AS SELECT 1 AS one")
    client.query_and_wait(f"CREATE VIEW {warehouse.place.table('a_view')} AS SELECT 1 AS one")
    warehouse.restore(made, keep=1)
    assert warehouse.query("SELECT own.one + a_view.one AS two FROM own, a_view").to_pylist() == [{"two": 2}]


def test_a_copy_that_was_never_finished_does_not_count_and_goes(warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_given: object) -> None:
        raise WarehouseError

    with monkeypatch.context() as patch:
        patch.setattr(Service, "create_table", killed)
        with pytest.raises(WarehouseError):
            warehouse.backup(keep=2)
    assert copies(warehouse)
    assert warehouse.backups() == []
    assert warehouse.backups() == [] != [warehouse.backup(keep=2)]
    names = [one.table_id for one in Service(warehouse.place).listed(warehouse.place.meta) if one.table_id.startswith("copy_")]
    assert len({name.split("_")[1] for name in names}) == 1


def test_a_copy_during_which_a_load_came_is_made_again(warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [False, True]
    run = Service.run

    def watched(self: Service, sql: str, *given: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - handed on as they are
        found = run(self, sql, *given)
        return [{"same": answers.pop(0)}] if sql.startswith("DECLARE") else found

    with monkeypatch.context() as patch:
        patch.setattr(Service, "run", watched)
        made = warehouse.backup(keep=3)
        assert answers == []
        answers += [False] * 5
        with pytest.raises(WarehouseBusy, match=r"loads came into .* all the time while it was being copied"):
            warehouse.backup(keep=3)
    assert warehouse.backups() == [made]
    assert len([one for one in Service(warehouse.place).listed(warehouse.place.meta) if one.table_id.startswith("copy_")]) == 9


def test_a_way_back_that_was_stopped_doubles_nothing_and_is_finished_by_the_same_once_more(
    warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, at_first = warehouse.backup(keep=1), contents(warehouse)
    run = Service.run
    for number, after in enumerate((1, 5), start=2):
        warehouse.load(load(fetch(number), {1: ("new",), number: ()}))

        def stopped(self: Service, sql: str, *given: Any, after: int = after) -> list[dict[str, Any]]:  # noqa: ANN401 - as above
            parts = sql.split(";\n")
            if not any("copy_" in part.partition(" CLONE ")[2] for part in parts):
                return run(self, sql, *given)
            run(self, ";\n".join(parts[:after]), *given)
            raise WarehouseBusy

        with monkeypatch.context() as patch:
            patch.setattr(Service, "run", stopped)
            with pytest.raises(WarehouseBusy):
                warehouse.restore(made, keep=4)
        warehouse.load(load(fetch(number), {1: ("new",), number: ()}))
        assert ("default", number, f"{number} by things-default-{number} v1") in contents(warehouse)
        assert made in warehouse.backups()
        warehouse.restore(made, keep=4)
        assert contents(warehouse) == at_first
