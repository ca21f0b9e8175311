"""Who may ask for what: levels, faction access, states of a key, ids in a path."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from torn_pipeline.simulator import World, more_keys, variables
from torn_pipeline_tests.unit.simulator.made import ONE, TWO, fill

if TYPE_CHECKING:
    from torn_pipeline.simulator import KeyState
    from torn_pipeline_tests.unit.simulator.conftest import Caller

PUBLIC = ["basic", "members", "chain", "chains", "raids", "rankedwars", "territorywars", "wars"]
LEVELS = {
    "crimes": "Minimal",
    "positions": "Minimal",
    "news?cat=crime": "Minimal",
    "attacks": "Limited",
    "attacksfull": "Limited",
    "balance": "Limited",
    "revives": "Limited",
    "revivesFull": "Limited",
}
KEYS = {"Public": "second-of-one", "Minimal": "minimal-of-one", "Limited": "limited-of-one", "Full": "full-of-one"}


@pytest.mark.parametrize("path", sorted(LEVELS))
def test_a_private_selection_has_a_least_level(caller: Caller, path: str) -> None:
    answers = [caller.json(f"/faction/{path}", key) for key in KEYS.values()]
    least = list(KEYS).index(LEVELS[path])
    assert [answer["error"]["code"] for answer in answers[:least]] == [16] * least
    assert not any("error" in answer for answer in answers[least:])


@pytest.mark.parametrize("path", [*LEVELS, "1/crime"])
def test_a_private_selection_needs_faction_access(caller: Caller, path: str) -> None:
    assert caller.code(f"/faction/{path}", "without-access") == 7


@pytest.mark.parametrize("path", LEVELS)
def test_a_private_selection_is_for_ones_own_faction(caller: Caller, path: str) -> None:
    assert caller.code(f"/faction/{TWO}/{path}") == 7
    named, own = caller.json(f"/faction/{ONE}/{path}"), caller.json(f"/faction/{path}")
    assert named | {"_metadata": None} == own | {"_metadata": None}


@pytest.mark.parametrize("selection", PUBLIC)
def test_a_public_selection_is_for_any_faction(caller: Caller, selection: str) -> None:
    own, named = caller.json(f"/faction/{selection}", "full-of-two"), caller.json(f"/faction/{TWO}/{selection}", "second-of-one")
    assert named.keys() == own.keys()
    assert caller.code(f"/faction/77777/{selection}") == 6
    assert caller.code(f"/faction/abc/{selection}") == 6


def test_what_a_faction_keeps_to_itself_is_hidden_from_others(world: World, caller: Caller) -> None:
    own = world.faction(ONE)
    own.members[0] |= {"is_in_oc": True, "revive_setting": "Everyone"}
    for key in ("second-of-one", "minimal-of-one", "without-access", "full-of-two"):
        assert caller.json(f"/faction/{ONE}/basic", key)["basic"] == own.basic | {"is_enlisted": None}
        members = caller.json(f"/faction/{ONE}/members", key)["members"]
        assert {member["revive_setting"] for member in members} == {"Unknown"}
        assert members[0]["is_in_oc"] is (key != "full-of-two")
    for key in ("limited-of-one", "full-of-one"):
        assert caller.json(f"/faction/{ONE}/members", key)["members"] == own.members


@pytest.mark.parametrize(("strip", "shown"), [({}, "Mugged by Ash"), ({"striptags": "false"}, 'Mugged by <a href="x">Ash</a>')])
def test_a_members_status_is_without_tags_unless_asked(world: World, caller: Caller, strip: dict[str, str], shown: str) -> None:
    world.faction(ONE).members[3]["status"] |= {"details": 'Mugged by <a href="x">Ash</a>'}
    assert caller.json("/faction/members", "full-of-one", **strip)["members"][3]["status"]["details"] == shown


@pytest.mark.parametrize(("state", "code"), [("paused", 18), ("inactive", 13), ("federal", 10), ("deleted", 2)])
def test_a_key_that_is_not_active_is_refused_until_it_is(world: World, caller: Caller, state: KeyState, code: int) -> None:
    world.keys["full-of-one"] = replace(world.keys["full-of-one"], state=state)
    assert caller.code("/torn/timestamp") == code
    assert "basic" in caller.json("/faction/basic", "second-of-one")
    world.keys["full-of-one"] = replace(world.keys["full-of-one"], state="active")
    assert "timestamp" in caller.json("/torn/timestamp")


def test_a_player_without_a_faction_has_torn_but_no_faction(caller: Caller) -> None:
    assert caller.code("/faction/basic", "of-nobody") == 6
    assert caller.code("/faction/crimes", "of-nobody") == 6
    assert "basic" in caller.json(f"/faction/{ONE}/basic", "of-nobody")
    assert "items" in caller.json("/torn/items", "of-nobody")
    assert caller.json("/key/info", "of-nobody")["info"]["user"] == {"id": 15, "faction_id": None, "company_id": None}


def test_some_news_needs_a_higher_level(world: World, caller: Caller) -> None:
    fill(world)
    for category in ("attack", "depositFunds", "giveFunds", "crime,attack"):
        assert caller.code("/faction/news", "minimal-of-one", cat=category) == 16
        assert "news" in caller.json("/faction/news", "limited-of-one", cat=category)


def test_a_crime_by_its_id(world: World, caller: Caller) -> None:
    crime, foreign = world.faction(ONE).crimes[5], world.faction(TWO).crimes[0]["id"]
    assert caller.json(f"/faction/{crime['id']}/crime", "minimal-of-one") == {"crime": crime}
    assert caller.code(f"/faction/{foreign}/crime") == 7
    assert [caller.code(f"/faction/{wrong}/crime") for wrong in ("1", "x", "1,2")] == [6, 6, 6]
    assert caller.code("/faction/crime") == 6


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/faction/rankedwarreport", 6),
        ("/faction/1/rankedwarreport", 6),
        ("/faction/1/chainreport", 6),
        ("/faction/raidreport", 6),
        ("/faction/1/raidreport", 6),
        ("/faction/territorywarreport", 6),
        ("/faction/1/territorywarreport", 6),
        ("/user/1/profile", 6),
        ("/user/profile", 6),
        ("/faction/1/2/basic", 4),
        ("/torn/1,x/items", 6),
        ("/torn/999999/items", 6),
        ("/key/log", 4),
        ("/property/1", 3),
    ],
)
def test_a_wrong_path_is_answered_with_an_error(caller: Caller, path: str, code: int) -> None:
    assert caller.code(path) == code


def test_a_profile_shows_a_member_to_everybody(world: World, caller: Caller) -> None:
    member = world.faction(TWO).members[0]
    profile = caller.json(f"/user/{member['id']}/profile", "second-of-one")["profile"]
    assert {name: profile[name] for name in ("id", "name", "level", "last_action")} == {
        name: member[name] for name in ("id", "name", "level", "last_action")
    }
    assert profile["faction_id"] == TWO
    assert 0 <= profile["life"]["current"] <= profile["life"]["maximum"]
    assert profile["signed_up"] + (profile["age"] + 1) * 86_400 > world.now
    member["status"] |= {"details": 'Mugged by <a href="x">Ash</a>'}
    assert caller.json(f"/user/{member['id']}/profile", "second-of-one", timestamp=1)["profile"]["status"]["details"] == "Mugged by Ash"


def test_items_by_their_ids(world: World, caller: Caller) -> None:
    assert caller.json("/torn/7,3,5/items", sort="DESC")["items"] == [world.items[6], world.items[4], world.items[2]]
    assert caller.json("/torn/7,999999/items")["items"] == [world.items[6]]


def test_times_are_the_worlds(world: World, caller: Caller) -> None:
    assert caller.json("/torn/timestamp") == caller.json("/faction/timestamp", "second-of-one") == {"timestamp": world.now}


def test_a_key_tells_what_it_opens(caller: Caller) -> None:
    full, public = caller.json("/key/info")["info"], caller.json("/key/info", "second-of-one")["info"]
    assert full["access"] | {"log": None} == {"level": 4, "type": "Full Access", "faction": True, "company": False, "log": None}
    assert full["selections"]["faction"] == caller.json("/faction/lookup")["selections"]
    assert full["selections"]["torn"] == caller.json("/torn/lookup")["selections"]
    assert public["access"]["type"] == "Public Only"
    assert "basic" in public["selections"]["faction"]
    assert "crimes" not in public["selections"]["faction"]
    assert "balance" not in caller.json("/key/info", "without-access")["info"]["selections"]["faction"]


def test_more_keys_are_of_every_level_and_follow_from_the_seed() -> None:
    world, same = World(seed=4), World(seed=4)
    first = dict(world.keys)
    world.keys |= more_keys(world)
    assert more_keys(same) == more_keys(world)
    assert [key.access for key in world.keys.values()] == ["Full", "Full", *["Limited", "Minimal", "Public"] * 2]
    for key in world.keys.values():
        assert key.owner in {member["id"] for member in world.faction(key.faction).members}
    names = variables(world)
    assert [names[secret] for secret in first] == ["TORN_API_KEY", "TORN_API_KEY_FACTION2"]
    assert len(set(names.values())) == 8
