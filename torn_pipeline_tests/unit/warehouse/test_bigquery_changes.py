"""What is BigQuery's own about changes: what costs nothing, what a table keeps that is written anew, and loads that come between."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from torn_pipeline.errors import WarehouseError
from torn_pipeline.tables.table import ColumnType
from torn_pipeline.warehouse import Kind, changes_of, refused
from torn_pipeline.warehouse import bigquery_changes as changing
from torn_pipeline.warehouse.bigquery import BigQueryWarehouse
from torn_pipeline.warehouse.bigquery_service import Service
from torn_pipeline_tests.conformance.test_warehouse_changes import ROOT, contract, fill, integers, text
from torn_pipeline_tests.conformance.warehouse_loads import THINGS, fetch, frames, load
from torn_pipeline_tests.emulator import bigquery
from torn_pipeline_tests.unit.warehouse.test_bigquery import client_of, dated, stands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse import Load


@pytest.fixture
def warehouse() -> Iterator[BigQueryWarehouse]:
    with bigquery() as opened:
        yield opened


def apply(warehouse: BigQueryWarehouse, table: Table, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make all changes; the statements."""
    said: list[str] = []
    run = Service.run

    def watched(self: Service, sql: str, *given: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - handed on as they are
        said.append(sql)
        return run(self, sql, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Service, "run", watched)
        warehouse.change(changes_of([table], warehouse.shapes([table.name])), groups=[THINGS], keep_backups=3)
    return ";\n".join(said)


def test_what_metadata_can_do_writes_no_row(warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(warehouse, size=integers(1), colour=text("red"))
    client_of(warehouse).query_and_wait(f"ALTER TABLE {warehouse.place.table('things')} ADD COLUMN more INT64")
    said = apply(warehouse, contract(size=ColumnType.FLOAT, weight=ColumnType.INTEGER), monkeypatch)
    assert "SELECT" not in said
    assert set(warehouse.shapes()["things"].columns) == {column.name for column in ROOT.columns} | {"size", "weight"}
    assert warehouse.read("things")["size"].to_list() == [1.0]


def test_a_table_that_is_written_anew_keeps_its_partitions_clusters_and_descriptions(
    warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, child = dated()
    of = fetch(1)
    batch = frames(of, {1: ()})
    things = batch["things"].rename({"seen_at": "created_at"}).with_columns(pl.lit("7").alias("size"))
    parts = batch["things_parts"].with_columns(pl.lit(None, pl.Datetime("us", "UTC")).alias("created_at"))
    warehouse.load(load(of, {}, tables=(root, child), batches=[{"things": things, "things_parts": parts}]))
    narrow = replace(root, columns=(*root.columns, replace(root.columns[2], name="size", type=ColumnType.INTEGER, description="how large")))
    assert "CREATE OR REPLACE TABLE" in apply(warehouse, narrow, monkeypatch)
    there = stands(warehouse, "things")
    assert there.time_partitioning is not None
    assert (there.time_partitioning.field, there.clustering_fields) == ("created_at", ["_account", "id"])
    assert (there.description, there.labels) == ("what things are", {"application": "torn-pipeline"})
    assert {one.name: one.description for one in there.schema}["size"] == "how large"
    assert warehouse.read("things")["size"].to_list() == [7]


def test_a_column_that_could_not_be_null_can_be(warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.prepare(THINGS, "a run")
    name = warehouse.place.table("things")
    client_of(warehouse).query_and_wait(
        f"DROP TABLE {name}; CREATE TABLE {name} (_account STRING NOT NULL, id INT64) CLUSTER BY _account, id"
    )
    assert not warehouse.shapes()["things"].columns["_account"].nullable
    apply(warehouse, ROOT, monkeypatch)
    assert changes_of([ROOT], warehouse.shapes(["things"])) == []


def test_a_load_that_comes_between_is_not_lost(warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has taken the job that the change would have had: so the change looks again."""
    fill(warehouse, size=text("1"))
    other, seen = BigQueryWarehouse(warehouse.place), 0
    check = changing._check_loss  # the last that is done before the change itself

    def late(*given: Any) -> None:  # noqa: ANN401 - handed on as they are
        nonlocal seen
        seen += 1
        check(*given)
        if seen == 2:
            fill(other, 2, size=text("2"))

    monkeypatch.setattr(changing, "_check_loss", late)
    apply(warehouse, contract(size=ColumnType.INTEGER), monkeypatch)
    assert seen > 2
    assert warehouse.read("things").sort("id")["size"].to_list() == [1, 2]


def test_rows_that_stand_where_conditions_read_too_much_are_told_until_a_rebuild(warehouse: BigQueryWarehouse) -> None:
    tables = dated()

    def change() -> Load:
        batch = frames(fetch(1), {1: ("a",)})
        things = batch["things"].rename({"seen_at": "created_at"})
        parts = batch["things_parts"].with_columns(pl.lit(None, pl.Datetime("us", "UTC")).alias("created_at"))
        return load(fetch(1), {}, tables=tables, batches=[{"things": things, "things_parts": parts}])

    warehouse.load(change())
    names = [table.name for table in tables]
    assert changes_of(tables, warehouse.shapes(names)) == []
    name = warehouse.place.table("things")
    other = warehouse.place.table("other")
    client_of(warehouse).query_and_wait(f"ALTER TABLE {name} RENAME TO other")
    client_of(warehouse).query_and_wait(f"CREATE TABLE {name} CLUSTER BY id AS SELECT * FROM {other}")  # noqa: S608 - our own
    found = [one for one in changes_of(tables, warehouse.shapes(names)) if one.kind is not Kind.DESCRIBE]
    assert [str(one) for one in found] == ["lay it out by days of created_at and clusters of _account, id, in place of clusters of id"]
    assert refused(found, set(Kind)) == found
    with pytest.raises(WarehouseError, match="table things: its layout is clusters of id and cannot become days of created_at"):
        warehouse.change(found, groups=[tables], keep_backups=3)
    warehouse.load_all([change()], rebuild={"things": tables})
    assert changes_of(tables, warehouse.shapes(names)) == []
    assert warehouse.read("things")["id"].to_list() == [1]
