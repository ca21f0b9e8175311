"""Tables that nobody reads without saying which days: every statement of ours still works. The emulator checks those that read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from torn_pipeline.errors import QueryRefused
from torn_pipeline.tables.contract import Reference
from torn_pipeline.tables.table import StorageMode, histories_of
from torn_pipeline.warehouse import Window
from torn_pipeline.warehouse.bigquery import BigQueryWarehouse
from torn_pipeline_tests.conformance.warehouse_loads import BEGAN, contents, fetch, frames, load
from torn_pipeline_tests.emulator import bigquery
from torn_pipeline_tests.unit.warehouse.test_bigquery import dated, stands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torn_pipeline.landing import Fetch
    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse import Load

TABLES = dated()


@pytest.fixture
def warehouse() -> Iterator[BigQueryWarehouse]:
    with bigquery() as opened:
        yield BigQueryWarehouse(replace(opened.place, require_partition_filter=True))


def dated_load(of: Fetch, things: dict[int, tuple[str, ...]], tables: tuple[Table, ...] = TABLES, **options: Any) -> Load:  # noqa: ANN401 - handed on as they are
    batch = frames(of, things)
    root = batch["things"].rename({"seen_at": "created_at"})
    child = batch["things_parts"].with_columns(pl.lit(of.ended_at, pl.Datetime("us", "UTC")).alias("created_at"))
    return load(of, {}, tables=tables, batches=[{"things": root, "things_parts": child}], **options)


def refuses(warehouse: BigQueryWarehouse, sql: str) -> bool:
    try:
        warehouse.query(sql)
    except QueryRefused as error:
        return "without a filter over column(s)" in str(error)
    return False


@pytest.mark.parametrize("mode", [StorageMode.UPSERT, StorageMode.REPLACE, StorageMode.APPEND, StorageMode.SNAPSHOT])
def test_loads_read_and_replace_what_they_must(warehouse: BigQueryWarehouse, mode: StorageMode) -> None:
    tables = tuple(replace(one, key=(*one.key, "_fetched_at")) for one in TABLES) if mode is StorageMode.APPEND else TABLES
    warehouse.load(dated_load(fetch(1), {1: ("a",), 2: ("b",)}, tables, mode=mode))
    assert refuses(warehouse, "SELECT * FROM things")
    warehouse.load(dated_load(fetch(3), {1: ("a", "b")}, tables, mode=mode))
    warehouse.load(dated_load(fetch(3), {1: ("c",)}, tables, mode=mode, version="2"))
    warehouse.load(dated_load(fetch(2), {2: ("d",), 5: ()}, tables, mode=mode))
    kept = {name for _, _, name in contents(warehouse)}
    assert (
        kept
        == {
            StorageMode.UPSERT: {"1 by things-default-3 v1", "2 by things-default-2 v1", "5 by things-default-2 v1"},
            StorageMode.REPLACE: {"1 by things-default-3 v1"},
            StorageMode.SNAPSHOT: {"1 by things-default-3 v1"},
            StorageMode.APPEND: {f"{thing} by things-default-{number} v1" for thing, number in ((1, 1), (2, 1), (1, 3), (2, 2), (5, 2))},
        }[mode]
    )
    if mode is StorageMode.SNAPSHOT:
        assert all(warehouse.read(history.name).height for history in histories_of(TABLES, mode))


def test_everything_else_reads_what_it_must(warehouse: BigQueryWarehouse) -> None:
    warehouse.load(dated_load(fetch(1), {1: ("a",), 2: ("b",)}))
    assert warehouse.read("things", within=Window(column="created_at", after=BEGAN)).height == 2
    assert warehouse.status()[0].rows == {"things": 2, "things_parts": 2}
    reference = Reference(
        name="things", table="things_parts", description="every part has its thing", column="thing_id", target="things", target_column="id"
    )
    assert warehouse.unmatched(TABLES[1], reference, "things-default-1", limit=5).count == 0
    assert warehouse.profile(TABLES[0]).rows == 2
    assert sum(warehouse.rows_by_day("things", "created_at", since=BEGAN).values()) == 2
    assert warehouse.rename_account("default", "other") == 4
    assert len(contents(warehouse)) == 2
    receipts = warehouse.load_all([dated_load(fetch(1), {7: ()}), dated_load(fetch(2), {8: ("a",)})], rebuild={"things": TABLES})
    assert len(receipts) == 2
    assert {thing for _, thing, _ in contents(warehouse)} == {7, 8}
    assert refuses(warehouse, "SELECT * FROM things")


def test_a_table_that_is_written_anew_still_requires_it(warehouse: BigQueryWarehouse) -> None:
    """Nothing is kept: the emulator does not copy such a table, which BigQuery does."""
    warehouse.load(dated_load(fetch(1), {1: ("a",)}))
    for number, size in ((2, pl.lit(1, pl.Int64)), (3, pl.lit("large"))):
        one = dated_load(fetch(number), {number: ()})
        (batch,) = one.batches
        warehouse.load(replace(one, batches=[{**batch, "things": batch["things"].with_columns(size.alias("size"))}]))
    assert refuses(warehouse, "SELECT * FROM things")
    assert warehouse.read("things").sort("id")["size"].to_list() == [None, "1", "large"]


def test_a_table_that_was_there_before_gets_it_with_the_next_load(warehouse: BigQueryWarehouse) -> None:
    before = BigQueryWarehouse(replace(warehouse.place, require_partition_filter=False))
    before.load(dated_load(fetch(1), {1: ("a",)}))
    assert not refuses(before, "SELECT * FROM things")
    warehouse.load(dated_load(fetch(2), {2: ("a",)}))
    assert refuses(warehouse, "SELECT * FROM things")
    assert len(contents(warehouse)) == 2


def test_a_table_without_partitions_does_not_require_it(warehouse: BigQueryWarehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}))
    assert not refuses(warehouse, "SELECT * FROM things")
    assert not stands(warehouse, "things").require_partition_filter
