"""The demo with its warehouse in BigQuery: the same tables as in DuckDB, value by value, and the same page."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from torn_pipeline.cli import demo
from torn_pipeline.ops.summary.story import tell_story
from torn_pipeline.warehouse import warehouse_from_url
from torn_pipeline_tests.e2e.test_cli_demo import _Page
from torn_pipeline_tests.emulator import PROJECT, bigquery, emulator

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from torn_pipeline.warehouse import Warehouse
    from torn_pipeline_tests.e2e.console import Console, Result

OF_THE_RUN = {"_fetch_id", "_fetched_at", "_raw_id"}
"""Columns whose values no two runs share."""

TOLD = {
    "fetches": "endpoint, account, path, params, path_ids, window_from, window_to, pages, rows, repeated, complete, error",
    "loads": "table_name, slice, contract_version, mode, rows",
    "schema_versions": "table_name, version, change, columns",
    "quarantine": "endpoint, account, table_name, json_path, reason, raw",
}
"""What the platform's own tables say, but for ids and moments of the run."""

Rows = list[tuple[Any, ...]]


def tables_of(warehouse: Warehouse) -> list[str]:
    answer = warehouse.query("SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = 'torn' ORDER BY table_name")
    return [str(name) for name in answer.column(0).to_pylist()]


def rows_of(warehouse: Warehouse, table: str) -> tuple[dict[str, str], Rows]:
    """The types of a table's columns, in their order, and its rows, sorted."""
    frame = warehouse.read(table)
    kept = sorted(set(frame.columns) - OF_THE_RUN)
    return {name: str(kind) for name, kind in frame.schema.items()}, sorted(frame.select(kept).rows(), key=repr)


def told_of(warehouse: Warehouse, table: str) -> Rows:
    """What one of the platform's own tables says, sorted."""
    columns = TOLD[table].replace("rows", "`rows`" if "BigQuery" in warehouse.label else '"rows"')
    rows = warehouse.query(f"SELECT {columns} FROM torn_meta.{table}").to_pylist()  # noqa: S608 - our own names
    return sorted((tuple(row.values()) for row in rows), key=repr)


def shown(warehouse: Warehouse) -> tuple[object, ...]:
    """What the page shows of crimes: of members it says how long before the fetch they were seen."""
    story = tell_story(warehouse, "default")
    return story.faction, story.figures[:3], story.weeks, story.days, story.scenarios


def run_demo(console: Console, data: Path, environment: dict[str, str]) -> tuple[Result, list[str], _Page]:
    """Run the demo, and read its table, without the seconds, and its page."""
    said = replace(console, environment={**console.environment, "TORN_DATA_DIR": str(data), **environment})("demo")
    assert (said.status, said.err) == (0, "")
    lines = [" ".join(line.split()) for line in said.out.splitlines() if line.startswith(("raw/", "torn/"))]
    page = _Page()
    page.feed((data / "demo" / "summary.html").read_text(encoding="utf-8"))
    return said, [line.rpartition(" ")[0] if "." in line.rpartition(" ")[2] else line for line in lines], page


def test_the_demo_on_bigquery_ends_with_the_rows_of_duckdb(console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.time()
    monkeypatch.setattr(demo, "time", SimpleNamespace(time=lambda: began))
    _, expected_lines, expected_page = run_demo(console, tmp_path / "duck", {})
    expected = warehouse_from_url("", tmp_path / "duck" / "demo")
    with bigquery() as warehouse:
        url = f"bigquery://{PROJECT}/{warehouse.place.dataset}?location=EU"
        address = {"TORN_WAREHOUSE": url, "BIGQUERY_EMULATOR_HOST": emulator()}
        said, lines, page = run_demo(console, tmp_path / "big", address)
        assert f"warehouse: {warehouse.label}" in said.out
        assert lines == expected_lines
        assert len(lines) == 16
        assert page.charts == expected_page.charts == 4
        assert {"torn/faction_crimes_rewards_items", "1,400"} <= set(page.cells)
        names = tables_of(expected)
        assert tables_of(warehouse) == names
        found = {name: rows_of(warehouse, name) for name in names}
        assert found == {name: rows_of(expected, name) for name in names}
        assert sum(len(rows) for _, rows in found.values()) > 4_000
        assert shown(warehouse) == shown(expected)
        for table in TOLD:
            assert told_of(warehouse, table) == told_of(expected, table), table
