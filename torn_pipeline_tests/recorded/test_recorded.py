"""Real answers of the API, through the whole road into a warehouse and back, against the naive reference."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

from torn_pipeline_tests.helpers import tables_from_bodies
from torn_pipeline_tests.reference import TABLES, Rows, differences, reference_tables

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "/faction/crimes": "faction_crimes.json",
    "/faction/members": "faction_members.json",
    "/torn/items": "torn_items.json",
}
RECORDED_TABLES = [table for path in FILES for table in TABLES[path]]

Tables = Mapping[str, Rows]


@pytest.fixture(scope="module")
def bodies(recorded_dir: Path) -> dict[str, bytes]:
    return {path: (recorded_dir / name).read_bytes() for path, name in FILES.items()}


@pytest.fixture(scope="module")
def actual(bodies: dict[str, bytes]) -> Tables:
    """What the package makes of the recorded answers."""
    return {table: rows for path, body in bodies.items() for table, rows in tables_from_bodies(path, [body]).items()}


@pytest.fixture(scope="module")
def expected(bodies: dict[str, bytes]) -> Tables:
    """What the reference makes of the same."""
    return {table: rows for path, body in bodies.items() for table, rows in reference_tables(path, [json.loads(body)]).items()}


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("faction_crimes", 88),
        ("faction_crimes_slots", 376),
        ("faction_crimes_rewards_items", 11),
        ("faction_members", 94),
        ("torn_items", 1_485),
        ("torn_items_details_mods", 1_605),
        ("torn_items_details_coverage", 340),
        ("torn_items_value_shops", 0),
    ],
)
def test_no_row_is_lost_or_added(actual: Tables, expected: Tables, table: str, rows: int) -> None:
    assert (len(actual[table]), len(expected[table])) == (rows, rows)


@pytest.mark.parametrize(("column", "total"), [("rewards_money", 3_136_636_000), ("rewards_respect", 7_318)])
def test_the_rewards_add_up(actual: Tables, expected: Tables, column: str, total: int) -> None:
    assert (_sum(actual["faction_crimes"], column), _sum(expected["faction_crimes"], column)) == (total, total)


@pytest.mark.parametrize("table", RECORDED_TABLES)
def test_every_value_and_type_is_the_references(actual: Tables, expected: Tables, table: str) -> None:
    assert differences(table, actual[table], expected[table]) == []


def test_an_answer_becomes_the_tables_of_its_endpoint_and_no_others(actual: Tables) -> None:
    assert sorted(actual) == sorted(RECORDED_TABLES)


def _sum(rows: Rows, column: str) -> int:
    """The sum of a column of integers, nulls left out."""
    values = [row[column] for row in rows]
    return sum(value for value in values if isinstance(value, int))
