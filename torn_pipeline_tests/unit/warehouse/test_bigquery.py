"""What is BigQuery's own: partitions, clusters, descriptions, labels, jobs, tables that somebody changed by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest

from torn_pipeline.errors import QueryRefused, WarehouseError
from torn_pipeline.tables.table import ColumnType, Role, StorageMode, histories_of
from torn_pipeline.warehouse.bigquery import BigQueryWarehouse
from torn_pipeline.warehouse.bigquery_meta import MIGRATIONS
from torn_pipeline.warehouse.bigquery_service import Aborted, Service
from torn_pipeline.warehouse.bigquery_sql import logical, physical
from torn_pipeline.warehouse.layouts import layout, partitions
from torn_pipeline_tests.conformance.test_warehouse_measurements import SCORE
from torn_pipeline_tests.conformance.warehouse_loads import THINGS, contents, fetch, frames, load, table
from torn_pipeline_tests.emulator import bigquery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud.bigquery import Client
    from google.cloud.bigquery import Table as BigQueryTable

    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse.bigquery_sql import Values

TEXT, INTEGER, MOMENT = ColumnType.TEXT, ColumnType.INTEGER, ColumnType.TIMESTAMP


@pytest.fixture
def warehouse() -> Iterator[BigQueryWarehouse]:
    with bigquery() as opened:
        yield opened


def client_of(warehouse: BigQueryWarehouse) -> Client:
    return Service(warehouse.place).client


def stands(warehouse: BigQueryWarehouse, name: str) -> BigQueryTable:
    return client_of(warehouse).get_table(f"{warehouse.place.project}.{warehouse.place.dataset}.{name}")


def dated() -> tuple[Table, Table]:
    """Things that say when they began, and their parts, which say it too."""
    root, child = THINGS
    began = replace(root.column("seen_at"), name="created_at")
    root = replace(root, columns=tuple(began if column.name == "seen_at" else column for column in root.columns))
    copied = replace(began, role=Role.PARENT, path=("created_at",))
    return root, replace(child, columns=(*child.columns[:4], copied, *child.columns[4:]))


# --- the shape of tables -------------------------------------------------------------------------------------


def test_a_table_is_described_labelled_and_clustered_by_its_key(warehouse: BigQueryWarehouse) -> None:
    warehouse.prepare(THINGS, "a run")
    things = stands(warehouse, "things")
    assert things.description == "what things are"
    assert {one.name: one.description for one in things.schema}["score"] == "the score (s)"
    assert things.labels == {"application": "torn-pipeline"}
    assert things.clustering_fields == ["_account", "id"]
    assert stands(warehouse, "things_parts").clustering_fields == ["_account", "thing_id", "_index"]


def test_descriptions_follow_the_contract(warehouse: BigQueryWarehouse) -> None:
    warehouse.prepare(THINGS, "a run")
    root = replace(
        THINGS[0],
        description="what they are now",
        columns=tuple(replace(column, description="so much") if column.name == "score" else column for column in THINGS[0].columns),
    )
    warehouse.prepare((root,), "another run")
    things = stands(warehouse, "things")
    assert things.description == "what they are now"
    assert {one.name: one.description for one in things.schema}["score"] == "so much (s)"


def test_rows_that_are_replaced_are_partitioned_by_when_the_thing_began() -> None:
    root, child = dated()
    assert partitions([root, child]) == {"things": "created_at", "things_parts": "created_at"}
    assert partitions(THINGS) == {"things": None, "things_parts": None}


def test_rows_that_are_only_added_are_partitioned_by_when_they_were_fetched() -> None:
    things = [replace(one, key=(*one.key, "_fetched_at")) for one in THINGS]
    assert partitions(things) == {"things": "_fetched_at", "things_parts": "_fetched_at"}
    assert layout(things[1], "_fetched_at") == ("_fetched_at", ["_account", "thing_id", "_index"])


def test_versions_are_partitioned_by_when_they_ended() -> None:
    """Those that hold stand together, where a load looks for them."""
    histories = histories_of(dated(), StorageMode.SNAPSHOT)
    assert partitions(histories) == {"things_history": "_valid_to", "things_parts_history": "_valid_to"}
    assert layout(histories[0], "_valid_to") == ("_valid_to", ["_account", "id", "_valid_from"])


def test_a_table_is_clustered_by_no_more_than_four_columns_and_by_no_float() -> None:
    many = table("many", {**dict.fromkeys("abcdef", INTEGER), "x": ColumnType.FLOAT}, key=("x", *"abcdef"), root_key=("a",))
    assert layout(many, None) == (None, ["a", "b", "c", "d"])


def test_a_root_whose_moment_changed_is_still_replaced(warehouse: BigQueryWarehouse) -> None:
    """The deletion reads only the days that the stored rows stand in, wherever the new ones belong."""
    tables = dated()
    for number, day in ((1, 1), (2, 20), (3, None)):
        of = fetch(number)
        moment = pl.lit(None, pl.Datetime("us", "UTC")) if day is None else pl.datetime(2026, 3, day, time_unit="us", time_zone="UTC")
        batch = frames(of, {1: ("a", "b"), number + 10: ("c",)})
        root = batch["things"].rename({"seen_at": "created_at"}).with_columns(moment.alias("created_at"))
        child = batch["things_parts"].with_columns(moment.alias("created_at"))
        receipt = warehouse.load(load(of, {}, tables=tables, batches=[{"things": root, "things_parts": child}]))
        assert (receipt.tables["things"].deleted, receipt.tables["things_parts"].deleted) == ((0, 0) if number == 1 else (1, 2))
    assert contents(warehouse) == {
        ("default", 1, "1 by things-default-3 v1"): ("a", "b"),
        **{("default", number + 10, f"{number + 10} by things-default-{number} v1"): ("c",) for number in (1, 2, 3)},
    }
    spec = stands(warehouse, "things_parts").time_partitioning
    assert spec is not None
    assert (spec.field, spec.type_) == ("created_at", "DAY")


def test_a_widened_table_keeps_its_partitions_clusters_and_descriptions(warehouse: BigQueryWarehouse) -> None:
    things = tuple(replace(one, key=(*one.key, "_fetched_at")) for one in THINGS)
    for number, size in ((1, pl.lit(1, pl.Int64)), (2, pl.lit("large"))):
        batch = frames(fetch(number), {number: ()})
        sized = {**batch, "things": batch["things"].with_columns(size.alias("size"))}
        warehouse.load(load(fetch(number), {}, tables=things, batches=[sized]))
    there = stands(warehouse, "things")
    assert warehouse.read("things").sort("id")["size"].to_list() == ["1", "large"]
    assert (there.time_partitioning.field, there.clustering_fields, there.description) == (
        "_fetched_at",
        ["_account", "id"],
        "what things are",
    )


@pytest.mark.parametrize("name", ["colour", 'a"b; DROP TABLE x --', "a.b", "ä ö", "back`tick\\"])
def test_every_name_can_be_a_columns(name: str) -> None:
    assert logical(physical(name)) == name
    assert not set(physical(name)) & set('!"$()*,./;?@[\\]^`{}~')


# --- tables that somebody changed by hand --------------------------------------------------------------------


def test_a_column_whose_type_moved_is_named(warehouse: BigQueryWarehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}))
    client_of(warehouse).query_and_wait(
        f"CREATE OR REPLACE TABLE {warehouse.place.table('things')} AS "  # noqa: S608 - our own name
        f"SELECT * REPLACE (CAST(score AS NUMERIC) AS score) FROM {warehouse.place.table('things')}"
    )
    with pytest.raises(WarehouseError, match=r"column score of table things is NUMERIC in the warehouse and float in the contract"):
        warehouse.load(load(fetch(2), {1: ("b",)}))
    assert len(contents(warehouse)) == 1


def test_a_column_that_was_dropped_comes_back(warehouse: BigQueryWarehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}))
    client_of(warehouse).query_and_wait(f"ALTER TABLE {warehouse.place.table('things')} DROP COLUMN score")
    warehouse.load(load(fetch(2), {2: ("b",)}))
    assert warehouse.read("things").sort("id")["score"].to_list() == [None, 1.0]


def test_a_table_that_was_dropped_is_made_anew_and_its_fetches_can_be_loaded_again(warehouse: BigQueryWarehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}))
    client_of(warehouse).delete_table(stands(warehouse, "things").reference)
    receipt = warehouse.load(load(fetch(1), {1: ("a",)}))
    assert (receipt.skipped, receipt.tables["things"].changes) == ("", ("created",))
    assert len(contents(warehouse)) == 1


def test_a_view_in_the_place_of_a_table_is_named(warehouse: BigQueryWarehouse) -> None:
    warehouse.prepare(THINGS[:1], "a run")
    client_of(warehouse).query_and_wait(f"CREATE VIEW {warehouse.place.table('things_parts')} AS SELECT 1 AS one")
    with pytest.raises(WarehouseError, match=r"things_parts is a view and no table of ours: rename it"):
        warehouse.load(load(fetch(1), {1: ()}))


def test_a_newer_version_of_the_platforms_tables_is_refused(warehouse: BigQueryWarehouse) -> None:
    warehouse.load(load(fetch(1), {1: ()}))
    newer = len(MIGRATIONS) + 1
    client_of(warehouse).query_and_wait(
        f"INSERT INTO {warehouse.place.meta_table('version')} (version, applied_at) VALUES ({newer}, CURRENT_TIMESTAMP())"  # noqa: S608 - a number
    )
    with pytest.raises(WarehouseError, match=f"torn_meta has version {newer} .*upgrade torn-pipeline"):
        warehouse.load(load(fetch(2), {1: ()}))


def test_the_platforms_tables_of_the_first_version_are_brought_up_to_date(warehouse: BigQueryWarehouse) -> None:
    warehouse.load(load(fetch(1), {1: ()}))
    loads, version = (warehouse.place.meta_table(name) for name in ("loads", "version"))
    client_of(warehouse).query_and_wait(f"ALTER TABLE {loads} DROP COLUMN nulls; DELETE FROM {version} WHERE version > 1")  # noqa: S608 - as above
    warehouse.load(load(fetch(2), {1: ()}))
    found = warehouse.query("SELECT _fetch_id, nulls FROM torn_meta.loads WHERE table_name = 'things' ORDER BY load_id").to_pylist()
    assert [(one["_fetch_id"], one["nulls"]) for one in found] == [("things-default-1", None), ("things-default-2", "{}")]


@pytest.mark.parametrize("rename", [False, True])
def test_the_platforms_tables_of_the_second_version_have_measured_nothing_until_they_are_written(
    warehouse: BigQueryWarehouse, *, rename: bool
) -> None:
    warehouse.load(load(fetch(1), {1: ()}))
    measured, version = (warehouse.place.meta_table(name) for name in ("measurements", "version"))
    client_of(warehouse).query_and_wait(f"DROP TABLE {measured}; DELETE FROM {version} WHERE version > 2")  # noqa: S608 - as above
    assert warehouse.measurements() == []
    with pytest.raises(QueryRefused, match="there is no table measurements"):
        warehouse.query("SELECT * FROM torn_meta.measurements")
    if rename:
        assert warehouse.rename_account("default", "alpha") == 1
    warehouse.record_measurements([SCORE])
    assert warehouse.measurements() == [SCORE]
    assert warehouse.query("SELECT version FROM torn_meta.version ORDER BY version")["version"].to_pylist() == [1, 2, 3]


def test_what_is_measured_is_tried_again_when_another_statement_came_between(
    warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, left = Service.run, iter([True, True])

    def aborted(self: Service, sql: str, values: Values | None, job_id: str, call: str) -> list[dict[str, object]]:
        if next(left, False):
            message = "Could not serialize access to table measurements due to concurrent update"
            raise Aborted(message)
        return run(self, sql, values, job_id, call)

    monkeypatch.setattr(Service, "run", aborted)
    warehouse.record_measurements([SCORE])
    assert warehouse.measurements() == [SCORE]


# --- writers at once -----------------------------------------------------------------------------------------


def test_of_two_writers_that_have_read_the_same_the_second_reads_again(warehouse: BigQueryWarehouse) -> None:
    """The transaction's job is named by what was read: the name is taken once another load came between."""
    warehouse.load(load(fetch(1), {1: ("a",)}))
    second = BigQueryWarehouse(warehouse.place)

    def late() -> Iterator[dict[str, pl.DataFrame]]:
        second.load(load(fetch(3), {1: ("c",), 2: ()}))
        yield frames(fetch(2), {1: ("b",), 5: ()})

    receipt = warehouse.load(load(fetch(2), {}, batches=late()))
    assert receipt.kept_newer == 1
    assert contents(warehouse) == {
        ("default", 1, "1 by things-default-3 v1"): ("c",),
        ("default", 2, "2 by things-default-3 v1"): (),
        ("default", 5, "5 by things-default-2 v1"): (),
    }


def test_the_same_fetch_by_two_writers_is_loaded_once(warehouse: BigQueryWarehouse) -> None:
    things = tuple(replace(one, key=(*one.key, "_fetched_at")) for one in THINGS)
    second = BigQueryWarehouse(warehouse.place)

    def late() -> Iterator[dict[str, pl.DataFrame]]:
        second.load(load(fetch(1), {1: ("a",)}, tables=things))
        yield frames(fetch(1), {1: ("a",)})

    assert "already loaded" in warehouse.load(load(fetch(1), {}, tables=things, batches=late())).skipped
    assert len(contents(warehouse)) == 1


def test_staged_tables_are_gone_afterwards_and_would_have_expired(warehouse: BigQueryWarehouse) -> None:
    client = client_of(warehouse)
    seen: list[BigQueryTable] = []

    def batches() -> Iterator[dict[str, pl.DataFrame]]:
        yield frames(fetch(1), {1: ("a",)})

    create = Service.create_table

    def watched(self: Service, staged: BigQueryTable) -> None:
        seen.append(staged)
        create(self, staged)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Service, "create_table", watched)
        warehouse.load(load(fetch(1), {}, batches=batches()))
    assert all(one.expires is not None for one in seen if one.table_id.startswith("staged_"))
    assert any(one.table_id.startswith("staged_things_default_1_things_parts_") for one in seen)
    left = {one.table_id for one in client.list_tables(f"{warehouse.place.project}.{warehouse.place.meta}")}
    assert left == {"fetches", "loads", "measurements", "quarantine", "schema_versions", "version"}
