"""A world follows from its seed, and holds what is known to hold of real data."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from torn_pipeline.simulator import Size, World
from torn_pipeline.simulator.crimes import plan

if TYPE_CHECKING:
    from torn_pipeline.simulator import Faction

SEEDS = [1, 2, 77]


def state(world: World) -> list[Any]:
    parts = [[f.basic, f.members, f.crimes, f.balance, f.former] for f in world.factions.values()]
    return [world.items, world.keys, parts]


@cache
def factions(seed: int) -> list[tuple[World, Faction]]:
    """The factions of a new world; only to be looked at."""
    world = World(seed=seed)
    return [(world, faction) for faction in world.factions.values()]


def test_the_same_seed_makes_the_same_world() -> None:
    assert state(World(seed=5)) == state(World(seed=5))


def test_another_seed_makes_another_world() -> None:
    assert state(World(seed=5)) != state(World(seed=6))


def test_the_size_of_one_part_leaves_the_others_as_they_were() -> None:
    small, large = World(size=Size(crimes=10)), World(size=Size(crimes=20))
    assert small.items == large.items
    assert small.faction(40_832).balance == large.faction(40_832).balance


def test_a_world_starts_with_its_default_size() -> None:
    world = World()
    assert len(world.items) == 1_400
    assert [(len(f.members), len(f.crimes)) for f in world.factions.values()] == [(90, 250), (90, 250)]


def test_a_world_too_small_to_be_consistent_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 6 members"):
        Size(members=5)


def test_each_faction_has_one_key_of_its_leader() -> None:
    world = World()
    assert [(key.faction, key.owner) for key in world.keys.values()] == [(f.id, f.basic["leader_id"]) for f in world.factions.values()]
    assert not any(secret in repr(key) for secret, key in world.keys.items())


@pytest.mark.parametrize("seed", SEEDS)
def test_times_and_rewards_of_crimes_go_together(seed: int) -> None:
    for world, faction in factions(seed):
        for crime in faction.crimes:
            assert (crime["rewards"] is None) == (crime["status"] != "Successful")
            assert (crime["executed_at"] is None) == (crime["status"] not in {"Successful", "Failure"})
            assert crime["expired_at"] > crime["created_at"]
            if crime["executed_at"] is not None:
                assert crime["created_at"] <= crime["planning_at"] < crime["ready_at"] <= crime["executed_at"] <= world.now
            if crime["rewards"] and crime["rewards"]["payout"]:
                assert crime["executed_at"] <= crime["rewards"]["payout"]["paid_at"] <= world.now


@pytest.mark.parametrize("seed", SEEDS)
def test_slots_name_members_and_items_that_exist(seed: int) -> None:
    for world, faction in factions(seed):
        members = {member["id"] for member in faction.members}
        items = {item["id"] for item in world.items}
        for crime in faction.crimes:
            users = [slot["user"]["id"] for slot in crime["slots"] if slot["user"]]
            assert len(users) == len(set(users))
            assert set(users) <= members
            assert {slot["item_requirement"]["id"] for slot in crime["slots"] if slot["item_requirement"]} <= items
            assert {prize["id"] for prize in (crime["rewards"] or {"items": []})["items"]} <= items
            if crime["status"] == "Planning":
                assert len(users) == len(crime["slots"]) > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_members_are_in_at_most_one_open_crime_and_say_so(seed: int) -> None:
    for _, faction in factions(seed):
        is_open = [crime for crime in faction.crimes if crime["status"] in {"Recruiting", "Planning"}]
        busy = [slot["user"]["id"] for crime in is_open for slot in crime["slots"] if slot["user"]]
        assert len(busy) == len(set(busy))
        assert set(busy) == {member["id"] for member in faction.members if member["is_in_oc"]}


@pytest.mark.parametrize("seed", SEEDS)
def test_lists_are_in_order_and_ids_unique(seed: int) -> None:
    for world, faction in factions(seed):
        for rows in (world.items, faction.members, faction.crimes):
            assert all(earlier["id"] < later["id"] for earlier, later in pairwise(rows))
        assert all(earlier["created_at"] < later["created_at"] for earlier, later in pairwise(faction.crimes))


def test_the_default_world_has_the_awkward_cases() -> None:
    world = World()
    crimes = [crime for faction in world.factions.values() for crime in faction.crimes]
    members = [member for faction in world.factions.values() for member in faction.members]
    slots = [slot for crime in crimes for slot in crime["slots"]]
    details = [item["details"] for item in world.items if item["details"]]
    assert {crime["status"] for crime in crimes} == {"Recruiting", "Planning", "Successful", "Failure", "Expired"}
    assert {"Break the Bank", "Break The Bank"} <= {crime["name"] for crime in crimes}
    assert any(not crime["slots"] for crime in crimes)
    assert any(slot["user"] is None for slot in slots)
    assert any("position_id" in slot for slot in slots)
    assert any("position_id" not in slot for slot in slots)
    assert any(crime["rewards"] and crime["rewards"]["money"] > 2**31 for crime in crimes)
    assert any(crime["previous_crime_id"] for crime in crimes)
    assert any(item["value"]["market_price"] > 2**31 for item in world.items)
    assert any(detail.get("mods") for detail in details)
    assert any(detail.get("mods") == [] for detail in details)
    assert any(detail.get("coverage") for detail in details)
    assert any(detail.get("ammo") for detail in details)
    assert any(member["last_action"]["timestamp"] == 0 for member in members)
    assert {"null", "=SUM(A1)", "夜猫"} <= {member["name"] for member in members}
    assert any(row["money"] < 0 for faction in world.factions.values() for row in faction.balance["members"])


@pytest.mark.parametrize("status", ["Recruiting", "Planning", "Successful", "Failure", "Expired"])
def test_a_crime_of_any_status_can_be_added(status: str) -> None:
    world = World(size=Size(members=6, crimes=3, items=4))
    newest = world.faction(40_832).crimes[-1]["id"]
    crime = world.add_crime(40_832, status=status)
    assert crime is world.faction(40_832).crimes[-1]
    assert (crime["status"], crime["created_at"]) == (status, world.now)
    assert crime["id"] > newest


def test_members_plan_a_day_each_in_the_order_of_joining() -> None:
    day = 86_400
    slots = [{"user": None if joined is None else {"joined_at": joined, "progress": 0}} for joined in (3_000, None, 1_000, 4 * day)]
    crime: dict[str, Any] = {"slots": slots, "planning_at": None, "ready_at": None}
    plan(crime, 1_000 + day + day // 4)
    assert [slot["user"] and slot["user"]["progress"] for slot in slots] == [25, None, 100, 0]
    # The last one came when the others were done: planning went on from then.
    assert (crime["planning_at"], crime["ready_at"]) == (1_000, 5 * day)
    plan(crime, 5 * day)
    assert [slot["user"] and slot["user"]["progress"] for slot in slots] == [100, None, 100, 100]
