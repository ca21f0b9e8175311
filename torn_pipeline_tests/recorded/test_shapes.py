"""Answers in the shapes of many versions of the API, one by one and one after the other over the same things."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

import pytest

from torn_pipeline_tests.helpers import tables_from_bodies, tables_from_fetches
from torn_pipeline_tests.reference import COLUMNS, FORMER, KEYS, TABLES, Rows, differences, reference_tables
from torn_pipeline_tests.shapes import PATHS, SHAPES, bodies, slot_user

if TYPE_CHECKING:
    from collections.abc import Sequence

MODES = dict.fromkeys(PATHS, "upsert") | {"/faction/balance": "replace"}  # its root is keyed by the account alone
MILESTONES = ("1.1", "1.3", "5.8", "6.13")
ROOT_ID = {"/faction/crimes": "crime_id", "/torn/items": "item_id"}


@cache
def made(path: str, shape: str) -> dict[str, Rows]:
    """What the package makes of one shape, fetched with another account than the default; only to be looked at."""
    return tables_from_bodies(path, bodies(path, shape), mode=MODES[path], account="second")


def reference(path: str, pages: Sequence[bytes]) -> dict[str, Rows]:
    """The reference's tables of one fetch."""
    return reference_tables(path, [json.loads(page) for page in pages])


def upserted(path: str, fetches: Sequence[Sequence[bytes]]) -> dict[str, Rows]:
    """The reference's tables after several fetches: each replaces the roots it brings, with all their children."""
    tables: dict[str, Rows] = {table: [] for table in TABLES[path]}
    for pages in fetches:
        new = reference(path, pages)
        brought = {row["id"] for row in new[TABLES[path][0]]}
        for table, rows in tables.items():
            column = "id" if table == TABLES[path][0] else ROOT_ID[path]
            tables[table] = [row for row in rows if row[column] not in brought] + new[table]
    return tables


def assert_equal(actual: dict[str, Rows], expected: dict[str, Rows]) -> None:
    """Both have the same tables with the same rows."""
    assert sorted(actual) == sorted(expected)
    assert [line for table, rows in expected.items() for line in differences(table, actual[table], rows)] == []


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("path", PATHS)
def test_the_reference_makes_the_columns_and_types_it_lists(path: str, shape: str) -> None:
    for table, rows in reference(path, bodies(path, shape)).items():
        for row in rows:
            assert list(row) == list(COLUMNS[table])
            assert [name for name, value in row.items() if value is not None and type(value) is not COLUMNS[table][name]] == []
            assert [name for name in KEYS[table] if row[name] is None] == []


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("path", PATHS)
def test_every_shape_becomes_the_tables_of_the_reference(path: str, shape: str) -> None:
    assert_equal(made(path, shape), _of_account(reference(path, bodies(path, shape)), "second"))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_user_of_a_slot_and_the_end_of_a_crime_are_found_on_older_paths(shape: str) -> None:
    tables = made("/faction/crimes", shape)
    newest = {row["id"]: row["executed_at"] for row in reference("/faction/crimes", bodies("/faction/crimes", "5.8"))["faction_crimes"]}

    for slot in tables["faction_crimes_slots"]:
        crime, place = slot["crime_id"], slot["_index"]
        assert isinstance(crime, int)
        assert isinstance(place, int)
        assert slot["user_id"] == slot_user(crime, place)
    assert {row["id"]: row["executed_at"] for row in tables["faction_crimes"]} == newest


def test_the_position_in_a_crime_is_found_on_its_older_paths() -> None:
    old, new = (made("/faction/crimes", shape) for shape in ("3.0", "5.8"))

    assert _positions(old) == _positions(new)
    assert all(identifier and number for identifier, number in _positions(old).values())


@pytest.mark.parametrize("shape", ["1.1", "1.3", "5.8"])
def test_the_co_leader_is_found_on_the_older_path(shape: str) -> None:
    (row,) = made("/faction/basic", shape)["faction_basic"]

    assert row["co_leader_id"] == 10_001
    assert "co-leader_id" not in row


def test_where_old_and_new_paths_differ_the_newest_is_taken() -> None:
    page = json.loads(bodies("/faction/crimes", "1.3")[0])
    slot = page["crimes"][0]["slots"][0]
    slot["user"]["id"], slot["user_id"] = 1, 2
    page["crimes"][0]["initiated_at"] = 5

    tables = tables_from_bodies("/faction/crimes", [json.dumps(page).encode()])

    assert_equal(tables, reference_tables("/faction/crimes", [page]))
    assert [row["user_id"] for row in tables["faction_crimes_slots"] if (row["crime_id"], row["_index"]) == (700_000, 0)] == [1]


def test_an_older_path_steps_in_where_the_newest_is_null() -> None:
    page = json.loads(bodies("/faction/crimes", "1.3")[0])
    slot = page["crimes"][0]["slots"][0]
    slot["user"], slot["user_id"] = None, 2

    tables = tables_from_bodies("/faction/crimes", [json.dumps(page).encode()])

    assert_equal(tables, reference_tables("/faction/crimes", [page]))
    assert [row["user_id"] for row in tables["faction_crimes_slots"] if (row["crime_id"], row["_index"]) == (700_000, 0)] == [2]


def test_numbers_are_converted_where_nothing_is_lost() -> None:
    page = json.loads(bodies("/faction/members", "5.8")[0])
    page["members"][0]["level"] = 12.0

    tables = tables_from_bodies("/faction/members", [json.dumps(page).encode()])

    assert_equal(tables, reference_tables("/faction/members", [page]))


def test_a_crime_on_two_pages_is_one_row_as_the_later_page_has_it() -> None:
    first, second, *rest = bodies("/faction/crimes", "5.8")
    page = json.loads(second)
    moved = json.loads(first)["crimes"][-1]
    page["crimes"].insert(0, moved | {"status": "Successful", "slots": moved["slots"][:1]})
    pages = [first, json.dumps(page).encode(), *rest]

    assert_equal(tables_from_bodies("/faction/crimes", pages), reference("/faction/crimes", pages))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("shapes", [MILESTONES, MILESTONES[::-1]], ids=["forwards", "backwards"])
def test_shapes_after_one_another_leave_what_the_newest_fetch_says(path: str, shapes: Sequence[str]) -> None:
    fetches = [bodies(path, shape) for shape in shapes]

    assert_equal(tables_from_fetches(path, fetches, mode=MODES[path]), reference(path, fetches[-1]))


@pytest.mark.parametrize("path", ["/faction/crimes", "/faction/members", "/torn/items"])
@pytest.mark.parametrize("shapes", [MILESTONES, MILESTONES[::-1]], ids=["forwards", "backwards"])
def test_what_a_newer_fetch_did_not_bring_stays_as_it_was(path: str, shapes: Sequence[str]) -> None:
    fetches = [bodies(path, shape, skip=5 * turn) for turn, shape in enumerate(shapes)]
    expected = upserted(path, fetches)

    assert len(expected[TABLES[path][0]]) > len(reference(path, fetches[-1])[TABLES[path][0]])
    assert_equal(tables_from_fetches(path, fetches, mode="upsert"), expected)


@pytest.mark.parametrize("path", ["/faction/crimes", "/faction/members"])
def test_a_dropped_field_becomes_null_in_the_rows_that_a_newer_fetch_replaces(path: str) -> None:
    tables = tables_from_fetches(path, [bodies(path, "1.3"), bodies(path, "5.8")])

    left = [row[name] for table, names in FORMER.items() for row in tables.get(table, ()) for name in names if row.get(name) is not None]
    assert left == []


def test_a_column_that_the_newer_fetch_no_longer_has_becomes_null() -> None:
    crimes = tables_from_fetches("/faction/crimes", [bodies("/faction/crimes", "5.8"), bodies("/faction/crimes", "1.1")])
    members = tables_from_fetches("/faction/members", [bodies("/faction/members", "5.8"), bodies("/faction/members", "1.3")])

    assert {row["previous_crime_id"] for row in crimes["faction_crimes"]} == {None}
    assert {row["position_info_label"] for row in crimes["faction_crimes_slots"]} == {None}
    assert {row["user_outcome"] for row in crimes["faction_crimes_slots"]} == {None}
    assert crimes["faction_crimes_rewards_items"] == []
    assert {row["status_color"] for row in members["faction_members"]} == {None}


def _positions(tables: dict[str, Rows]) -> dict[tuple[object, object], tuple[object, object]]:
    """Which position each slot of each crime has, by id and number."""
    return {
        (row["crime_id"], row["_index"]): (row["position_info_id"], row["position_info_number"]) for row in tables["faction_crimes_slots"]
    }


def _of_account(tables: dict[str, Rows], account: str) -> dict[str, Rows]:
    """The same rows, fetched with another account."""
    return {table: [row | {"_account": account} for row in rows] for table, rows in tables.items()}
