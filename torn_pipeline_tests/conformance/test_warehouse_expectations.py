"""The queries of the expectation suites are asked of every warehouse: each finds what breaks its rule, and nothing else."""

# ruff: noqa: S608 - the queries are our own

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from torn_pipeline.settings import Settings
from torn_pipeline.steps import Pipeline, expectation_suites, open_pipeline
from torn_pipeline_tests.emulator import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.warehouse import Warehouse

FACTION = Path(__file__).parents[2] / "config" / "faction.yaml"
TABLES = ("faction_crimes", "faction_crimes_slots", "faction_chains", "faction_revives")


@pytest.fixture
def pipeline(warehouse: Warehouse, tmp_path: Path) -> Pipeline:
    return replace(open_pipeline(Settings(config=FACTION, data_dir=tmp_path)), warehouse=warehouse)


def queries(pipeline: Pipeline, names: Sequence[str] = ()) -> dict[tuple[str, str], str]:
    """The queries of the suites, by table and rule."""
    return {
        (name, one["meta"]["rule"]): one["kwargs"]["unexpected_rows_query"]
        for name, suite in expectation_suites(pipeline, names).items()
        for one in suite["expectations"]
        if one["type"] == "unexpected_rows_expectation"
    }


def unexpected(pipeline: Pipeline, query: str, rows: str) -> int:
    """How many rows a query finds among others, asked as GX asks: with the rows in place of the table, counted around it."""
    return int(pipeline.warehouse.query(f"SELECT COUNT(*) AS n FROM ({query.format(batch=rows)}) AS x").to_pylist()[0]["n"])


def test_every_query_is_understood_and_finds_nothing_in_empty_tables(pipeline: Pipeline) -> None:
    plans = [pipeline.plan(endpoint.name) for endpoint in pipeline.config.endpoints]
    asked = queries(pipeline) if EXHAUSTIVE or pipeline.warehouse.spelling.kind == "duckdb" else queries(pipeline, TABLES)
    needed = {name for name, _ in asked} | {"faction_members", "torn_items"}
    tables = {table.name: table for plan in plans for table in plan.all_tables if table.name in needed}
    pipeline.warehouse.prepare(list(tables.values()), "test")
    spelt = pipeline.warehouse.spelling.table
    assert {(name, rule): unexpected(pipeline, query, spelt(name)) for (name, rule), query in asked.items()} == dict.fromkeys(asked, 0)
    assert len(asked) > len(TABLES)


@pytest.mark.parametrize(
    ("table", "rule", "bad", "good"),
    [
        ("faction_chains", "ends_after_start", {"start": "2026-01-02", "end": "2026-01-01"}, {"start": "2026-01-02", "end": None}),
        (
            "faction_crimes",
            "executed_when_done",
            {"status": "Failure", "created_at": "2025-01-15", "executed_at": None},
            {"status": "Failure", "created_at": "2025-01-14", "executed_at": None},
        ),
    ],
)
def test_a_rule_finds_the_row_that_breaks_it(
    pipeline: Pipeline, table: str, rule: str, bad: dict[str, str | None], good: dict[str, str | None]
) -> None:
    pipeline.warehouse.prepare(pipeline.plan("faction_chains").tables, "test")
    spelling = pipeline.warehouse.spelling

    def row(values: dict[str, str | None]) -> str:
        moments = {name: "NULL" if value is None else f"'{value} 00:00:00+00'" for name, value in values.items()}
        columns = [
            f"'{values[name]}' AS {name}" if name == "status" else f"CAST({moment} AS {spelling.moment}) AS {spelling.identifier(name)}"
            for name, moment in moments.items()
        ]
        return f"SELECT {', '.join(columns)}"

    query = queries(pipeline, [table])[table, rule]
    assert unexpected(pipeline, query, f"({row(bad)} UNION ALL {row(good)}) AS subselect") == 1


def test_a_player_twice_in_a_crime_is_found_and_an_empty_slot_is_not(pipeline: Pipeline) -> None:
    pipeline.warehouse.prepare(pipeline.plan("faction_chains").tables, "test")
    rows = " UNION ALL ".join(f"SELECT 'main' AS _account, 1 AS crime_id, {user} AS user_id" for user in ("7", "7", "8", "NULL", "NULL"))
    query = queries(pipeline, ["faction_crimes_slots"])["faction_crimes_slots", "user_once_in_crime"]
    assert unexpected(pipeline, query, f"({rows}) AS subselect") == 1


def test_where_rows_are_only_added_references_are_asked_of_the_last_fetch(warehouse: Warehouse, tmp_path: Path) -> None:
    added = [f"endpoints.{name}.storage_mode=append" for name in ("crimes_open", "crimes_done", "crimes_expired")]
    pipeline = replace(open_pipeline(Settings(config=FACTION, data_dir=tmp_path), added), warehouse=warehouse)
    warehouse.prepare(pipeline.plan("faction_chains").tables, "test")
    spelling = warehouse.spelling
    rows = " UNION ALL ".join(
        f"SELECT 'main' AS _account, 'Planning' AS status, {user} AS user_id, CAST('{day} 00:00:00+00' AS {spelling.moment}) AS _fetched_at"
        for user, day in ((6, "2026-01-01"), (7, "2026-01-02"), (8, "2026-01-02"))
    )
    query = queries(pipeline, ["faction_crimes_slots"])["faction_crimes_slots", "slot_users_are_members"]
    members = query.replace(spelling.table("faction_members"), "(SELECT 'main' AS _account, 7 AS id)")
    assert members != query
    assert unexpected(pipeline, members, f"({rows}) AS subselect") == 1
