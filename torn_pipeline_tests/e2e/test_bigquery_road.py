"""From the API, and from DuckDB's history, to BigQuery, on the console: the same rows, value by value."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import duckdb
import pytest

from torn_pipeline_tests.emulator import PROJECT, bigquery, emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torn_pipeline.warehouse.bigquery import BigQueryWarehouse
    from torn_pipeline_tests.e2e.console import Console


@pytest.fixture
def warehouse() -> Iterator[BigQueryWarehouse]:
    with bigquery() as opened:
        yield opened


def on_bigquery(console: Console, warehouse: BigQueryWarehouse) -> Console:
    """The same console, its warehouse in BigQuery."""
    url = f"bigquery://{PROJECT}/{warehouse.place.dataset}?location=EU"
    return replace(console, environment={**console.environment, "TORN_WAREHOUSE": url, "BIGQUERY_EMULATOR_HOST": emulator()})


def rows_of(console: Console) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every normalised table in the DuckDB file, sorted, its columns by name."""
    with duckdb.connect(str(console.data / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        names = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'torn'").fetchall()
        return {name: _sorted(connection.sql(f'FROM torn."{name}"').to_arrow_table().to_pylist()) for (name,) in names}


def _sorted(rows: list[dict[str, object]]) -> list[tuple[object, ...]]:
    return sorted((tuple(sorted(row.items())) for row in rows), key=repr)


def test_all_history_moves_by_replaying_the_landing(console: Console, warehouse: BigQueryWarehouse) -> None:
    for respect in (10, 20):
        with console.world.lock:
            console.world.faction(40_832).basic["respect"] = respect
        for endpoint in ("faction_basic", "faction_crimes"):
            assert console("fetch", endpoint, "--account", "default").status == 0
            assert console("load", endpoint, "--account", "default").status == 0
    moved, calls = on_bigquery(console, warehouse), len(console.simulator.calls)
    result = moved("replay", "faction_basic", "faction_crimes", "--rebuild")
    assert (result.status, result.err) == (0, "")
    assert len(console.simulator.calls) == calls
    expected = rows_of(console)
    assert {name: _sorted(warehouse.read(name).to_dicts()) for name in expected} == expected
    assert sum(map(len, expected.values())) > 100


def test_a_fetch_goes_to_bigquery_and_is_told_of(console: Console, warehouse: BigQueryWarehouse) -> None:
    there = on_bigquery(console, warehouse)
    assert there("fetch", "faction_members", "--account", "default").status == 0
    loaded = there("load", "faction_members", "--account", "default")
    assert (loaded.status, loaded.err) == (0, "")
    assert there("status").row("faction_members", "default")[-4:-2] != ["-", "-"]
    said = there("sql", "SELECT COUNT(*) AS n FROM torn.faction_members", "--format", "csv")
    assert said.out.split() == ["n", "12"]
    exported = there("export", "faction_members")
    assert exported.out.count("\n") == 13
    assert f"BigQuery dataset {PROJECT}.{warehouse.place.dataset} (EU)" in there("check").out
