"""Frames are inserted some at a time, and only what matters is compared; neither shows in the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from torn_pipeline.warehouse.duckdb import DuckDBWarehouse
from torn_pipeline.warehouse.duckdb_file import Session
from torn_pipeline_tests.conformance.warehouse_loads import THINGS, contents, fetch, frames, load, names

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from torn_pipeline.warehouse.duckdb_file import Values


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(tmp_path / "warehouse.duckdb")


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said to DuckDB."""
    said: list[str] = []
    run = Session.run

    def noted(session: Session, sql: str, values: Values = (), *, incoming: pa.Table | None = None) -> list[tuple[Any, ...]]:
        said.append(sql)
        return run(session, sql, values, incoming=incoming)

    monkeypatch.setattr(Session, "run", noted)
    return said


def test_batches_of_the_same_columns_are_inserted_by_one_statement(warehouse: DuckDBWarehouse, statements: list[str]) -> None:
    receipt = warehouse.load(load(fetch(1), {thing: (f"{thing}",) for thing in range(40)}))
    assert sum(sql.startswith('INSERT INTO warehouse.torn."things"') for sql in statements) == 1
    assert {name: (table.rows, table.total) for name, table in receipt.tables.items()} == {"things": (40, 40), "things_parts": (40, 40)}
    assert len(contents(warehouse)) == 40


def test_more_rows_than_wait_are_inserted_by_several(warehouse: DuckDBWarehouse, statements: list[str]) -> None:
    of, count = fetch(1), 100_000
    one = frames(of, {1: ()})["things"]
    many = one.drop("id").join(pl.DataFrame({"id": range(count)}), how="cross").select(one.columns)
    warehouse.load(load(of, {}, batches=[{"things": many.slice(start, 5_000)} for start in range(0, count, 5_000)]))
    assert 1 < sum(sql.startswith('INSERT INTO warehouse.torn."things"') for sql in statements) < 5
    assert warehouse.query("SELECT count(*), count(DISTINCT id), max(id) FROM things").to_pylist()[0] == {
        "count_star()": count,
        "count(DISTINCT id)": count,
        "max(id)": count - 1,
    }


def test_columns_that_change_between_batches_keep_their_values(warehouse: DuckDBWarehouse) -> None:
    of = fetch(1)
    things = [frames(of, {thing: ()})["things"] for thing in range(1, 7)]
    told = [
        things[0],
        things[1].with_columns(colour=pl.lit("red")),
        things[2].select(reversed(things[2].columns)),
        things[3].with_columns(colour=pl.lit(4, pl.Int64)),
        things[4].clear().with_columns(size=pl.lit(None, pl.Float64)),
        things[5].with_columns(colour=pl.lit("blue")),
    ]
    warehouse.load(load(of, {}, batches=[{"things": frame} for frame in told]))
    found = {row["id"]: row for row in warehouse.read("things").to_dicts()}
    assert {thing: row["colour"] for thing, row in found.items()} == {1: None, 2: "red", 3: None, 4: "4", 6: "blue"}
    assert [found[3][name] for name in things[2].columns] == list(things[2].row(0))
    assert found[1]["size"] is None


@pytest.mark.parametrize("number", [1, 3])
def test_a_key_that_is_null_replaces_the_one_that_is_null(warehouse: DuckDBWarehouse, number: int) -> None:
    """Also among keys that are not, and a newer one stays."""
    root, child = THINGS

    def without_id(one: int) -> dict[str, pl.DataFrame]:
        brought = frames(fetch(one), {1: ("a",), 2: ("b",)})
        is_first = pl.when(pl.col(child.root_key[-1]) > 1).then(pl.col(child.root_key[-1])).alias(child.root_key[-1])
        return {
            root.name: brought[root.name].with_columns(pl.when(pl.col("id") > 1).then(pl.col("id")).alias("id")),
            child.name: brought[child.name].with_columns(is_first),
        }

    warehouse.load(load(fetch(2), {}, batches=[without_id(2)]))
    warehouse.load(load(fetch(number), {}, batches=[without_id(number)]))
    stays = fetch(max(2, number)).fetch_id
    assert {(row["id"], row["_fetch_id"]) for row in warehouse.read(root.name).to_dicts()} == {(None, stays), (2, stays)}
    assert {(row["thing_id"], row["_fetch_id"]) for row in warehouse.read(child.name).to_dicts()} == {(None, stays), (2, stays)}


def test_children_without_a_root_are_replaced_when_it_comes_back(warehouse: DuckDBWarehouse) -> None:
    """Nothing is compared when the tables were empty; a child's rows alone are enough to compare."""
    warehouse.load(load(fetch(1), {}, batches=[{"things_parts": frames(fetch(1), {1: ("old", "older")})["things_parts"]}]))
    warehouse.load(load(fetch(2), {1: ("new",)}))
    assert names(warehouse) == ["1 by things-default-2 v1"]
    assert list(contents(warehouse).values()) == [("new",)]
