"""What the API answers: selections, pages, categories, windows and errors."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

if TYPE_CHECKING:
    from torn_pipeline.simulator import World
    from torn_pipeline_tests.unit.simulator.conftest import Caller

ONE = 40_832
STATUSES = {
    "all": {"Recruiting", "Planning", "Successful", "Failure", "Expired"},
    "available": {"Recruiting", "Planning"},
    "recruiting": {"Recruiting"},
    "planning": {"Planning"},
    "completed": {"Successful", "Failure"},
    "successful": {"Successful"},
    "failure": {"Failure"},
    "expired": {"Expired"},
}
FIELDS = {
    "all": "created_at",
    "available": "created_at",
    "recruiting": "expired_at",
    "planning": "ready_at",
    "completed": "executed_at",
    "successful": "executed_at",
    "failure": "executed_at",
    "expired": "expired_at",
}


def by_id(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: int(row["id"]))


def test_selections_show_the_state(world: World, caller: Caller) -> None:
    faction = world.faction(ONE)
    assert caller.json("/faction/members") == {"members": faction.members}
    assert caller.json("/faction/basic") == {"basic": faction.basic}
    assert caller.json("/faction/balance") == {"balance": faction.balance}
    assert caller.json("/torn/items") == {"items": world.items}


def test_each_key_shows_its_own_faction(world: World, caller: Caller) -> None:
    assert caller.json("/faction/members", "full-of-two")["members"] == world.faction(8_991).members
    assert caller.json("/faction/members")["members"] != world.faction(8_991).members


def test_a_path_without_the_version_is_answered_and_linked_without_it(world: World, caller: Caller) -> None:
    origin = caller.simulator.origin
    body = caller.json(f"{origin}/faction/crimes")
    assert body["_metadata"]["links"]["next"].startswith(f"{origin}/faction/crimes?")
    assert caller.json(f"{origin}/faction/basic") == {"basic": world.faction(ONE).basic}


def test_a_change_of_the_world_shows_in_the_next_answer(world: World, caller: Caller) -> None:
    caller.json("/faction/members")
    with world.lock:
        gone = world.faction(ONE).members.pop()
        world.faction(ONE).members[0]["level"] = 101
    members = caller.json("/faction/members")["members"]
    assert gone not in members
    assert members[0]["level"] == 101


@pytest.mark.parametrize("limit", [1, 7, 20, 44, 45, 46, 100])
@pytest.mark.parametrize("sort", ["ASC", "DESC"])
def test_pages_bring_every_crime_once_in_order(world: World, caller: Caller, limit: int, sort: str) -> None:
    pages = caller.pages("/faction/crimes", limit=limit, sort=sort)
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert 1 <= len(pages[-1]) <= limit
    expected = world.faction(ONE).crimes
    assert list(chain(*pages)) == (expected if sort == "ASC" else expected[::-1])


def test_a_page_holds_20_crimes_unless_asked_and_100_at_most(world: World, caller: Caller) -> None:
    for _ in range(60):
        world.add_crime(ONE)
    assert [len(page) for page in caller.pages("/faction/crimes")] == [20] * 5 + [5]
    assert [len(page) for page in caller.pages("/faction/crimes", limit=1_000)] == [100, 5]


def test_links_lead_both_ways_and_hold_the_question_but_no_key(caller: Caller) -> None:
    question: dict[str, str | int] = {"cat": "all", "sort": "ASC", "from_": 1, "limit": 10}
    first = caller.json("/faction/crimes", "", key_="full-of-one", **question)
    assert first["_metadata"]["links"]["prev"] is None
    following = first["_metadata"]["links"]["next"]
    assert following.startswith(f"{caller.simulator.url}/faction/crimes?")
    assert parse_qs(urlsplit(following).query) == {"cat": ["all"], "sort": ["ASC"], "from": ["1"], "limit": ["10"], "offset": ["10"]}
    second = caller.json(following)
    assert caller.json(second["_metadata"]["links"]["prev"])["crimes"] == first["crimes"]


def test_an_offset_beyond_the_end_is_an_empty_last_page(caller: Caller) -> None:
    body = caller.json("/faction/crimes", offset=1_000)
    assert body["crimes"] == []
    assert body["_metadata"]["links"]["next"] is None


@pytest.mark.parametrize("category", sorted(STATUSES))
def test_a_category_selects_statuses_and_orders_by_its_own_time(world: World, caller: Caller, category: str) -> None:
    rows = list(chain(*caller.pages("/faction/crimes", cat=category)))
    assert by_id(rows) == [crime for crime in world.faction(ONE).crimes if crime["status"] in STATUSES[category]]
    times = [row[FIELDS[category]] for row in rows]
    assert times == sorted(times, key=lambda time: time or 0, reverse=True)


@pytest.mark.parametrize("category", ["all", "completed", "expired"])
def test_a_window_leaves_out_its_start_and_keeps_its_end(world: World, caller: Caller, category: str) -> None:
    field = FIELDS[category]
    rows = sorted((c for c in world.faction(ONE).crimes if c["status"] in STATUSES[category]), key=lambda c: int(c[field]))
    start, end = rows[0][field], rows[-2][field]
    found = list(chain(*caller.pages("/faction/crimes", cat=category, from_=start, to=end, sort="ASC")))
    assert found == rows[1:-1]


def test_filters_name_another_time_and_crimes_without_it_lie_in_no_window(world: World, caller: Caller) -> None:
    done = [crime for crime in world.faction(ONE).crimes if crime["executed_at"] is not None]
    found = list(chain(*caller.pages("/faction/crimes", filters="executed_at", from_=0, sort="ASC")))
    assert found == sorted(done, key=lambda crime: (crime["executed_at"], crime["id"]))


def test_balance_of_all_adds_those_who_left(world: World, caller: Caller) -> None:
    faction = world.faction(ONE)
    assert caller.json("/faction/balance", cat="all")["balance"]["members"] == faction.balance["members"] + faction.former


@pytest.mark.parametrize(("category", "kind"), [("Armor", "Armor"), ("Defensive", "Armor"), ("Weapon", "Weapon"), ("Tool", "Tool")])
def test_items_of_a_category(world: World, caller: Caller, category: str, kind: str) -> None:
    expected = [item for item in world.items if item["type"] == kind]
    assert expected
    assert caller.json("/torn/items", cat=category, sort="DESC")["items"] == expected[::-1]


def test_weapons_of_each_category(world: World, caller: Caller) -> None:
    found = [
        item for category in ("Melee", "Primary", "Secondary", "Temporary") for item in caller.json("/torn/items", cat=category)["items"]
    ]
    assert by_id(found) == [item for item in world.items if item["type"] == "Weapon"]


@pytest.mark.parametrize(
    ("code", "path", "query"),
    [
        (3, "/fraction/crimes", {}),
        (3, "", {}),
        (4, "/faction/nothing", {}),
        (4, "/faction", {}),
        (4, "/faction/crimes", {"limit": "many"}),
        (4, "/faction/crimes", {"limit": 0}),
        (4, "/faction/crimes", {"offset": -1}),
        (4, "/faction/crimes", {"from": "yesterday"}),
        (4, "/faction/crimes", {"sort": "asc"}),
        (4, "/faction/crimes", {"filters": "planning_at"}),
        (4, "/faction/members", {"striptags": "maybe"}),
        (21, "/faction/crimes", {"cat": "failed"}),
        (21, "/faction/balance", {"cat": "former"}),
        (21, "/torn/items", {"cat": "Cars"}),
    ],
)
def test_a_wrong_question_is_answered_with_an_error(caller: Caller, code: int, path: str, query: dict[str, str | int]) -> None:
    assert caller.code(path, "full-of-one", **query) == code


def test_a_missing_and_a_wrong_key_are_told_apart(caller: Caller) -> None:
    assert caller.json("/faction/basic", "") == {"error": {"code": 1, "error": "Key is empty"}}
    assert caller.json("/faction/basic", "nobody's") == {"error": {"code": 2, "error": "Incorrect key"}}


def test_a_key_is_also_taken_from_the_query(world: World, caller: Caller) -> None:
    assert caller.json("/faction/basic", "", key_="full-of-two")["basic"] == world.faction(8_991).basic


@pytest.mark.parametrize(
    ("path", "refused", "let_in"),
    [
        ("/faction/balance", ["second-of-one", "minimal-of-one"], ["limited-of-one", "full-of-one"]),
        ("/faction/crimes", ["second-of-one"], ["minimal-of-one", "limited-of-one", "full-of-one"]),
        ("/faction/members", [], ["second-of-one", "full-of-one"]),
    ],
)
def test_a_key_reaches_as_far_as_its_access_level(caller: Caller, path: str, refused: list[str], let_in: list[str]) -> None:
    assert [caller.code(path, key) for key in refused] == [16] * len(refused)
    assert not any("error" in caller.json(path, key) for key in let_in)
