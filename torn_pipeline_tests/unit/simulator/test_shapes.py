"""Older and newer shapes of the same answers; only what a version changed differs."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from torn_pipeline.simulator import SHAPES
from torn_pipeline.simulator.shapes import check_shape, reshape
from torn_pipeline_tests.unit.simulator.made import ONE, fill

if TYPE_CHECKING:
    from torn_pipeline.simulator import World
    from torn_pipeline_tests.unit.simulator.conftest import Caller

PATHS = [
    "crimes",
    "members",
    "basic",
    "balance",
    "attacks",
    "attacksfull",
    "chains",
    "wars",
    "revives",
    "raids",
    "territorywars",
    "news?cat=crime",
]
SLOT_FIELDS = {
    "1.1": {"user_id", "success_chance"},
    "1.3": {"user_id", "success_chance", "crime_pass_rate", "checkpoint_pass_rate"},
    "1.10": {"checkpoint_pass_rate"},
    "3.0": {"checkpoint_pass_rate", "position_id", "position_number"},
    "3.0.5": {"checkpoint_pass_rate", "position_id", "position_number"},
    "5.4": {"checkpoint_pass_rate", "position_info"},
    "6.0": {"checkpoint_pass_rate", "position_info"},
    "6.1.1": {"checkpoint_pass_rate", "position_info"},
}
USER_FIELDS = {
    "1.1": {"outcome", "joined_at", "progress"},
    "1.3": {"id", "outcome", "joined_at", "progress"},
    "3.0": {"id", "outcome", "joined_at", "progress"},
    "3.0.5": {"id", "outcome", "joined_at", "progress", "item_outcome"},
    "6.0": {"id", "outcome", "joined_at", "progress", "item_outcome"},
}


@pytest.fixture
def shaped(world: World, caller: Caller) -> Caller:
    fill(world)
    world.add_crime(ONE, status="Successful", created_at=world.now - 30 * 86_400)
    return caller


def slots(caller: Caller) -> list[dict[str, Any]]:
    return [slot for crime in caller.json("/faction/crimes", limit=100)["crimes"] for slot in crime["slots"]]


@pytest.mark.parametrize("shape", SLOT_FIELDS)
def test_slots_of_a_shape(shaped: Caller, shape: str) -> None:
    before = slots(shaped)
    shaped.simulator.shape = shape
    after = slots(shaped)
    optional = {"position_id", "position_number"} if shape == "5.4" else set()
    for slot in after:
        assert set(slot) - optional == {"position", "item_requirement", "user"} | SLOT_FIELDS[shape]
    users = [slot.get("user_id", slot["user"] and slot["user"].get("id")) for slot in after]
    assert users == [slot["user"] and slot["user"]["id"] for slot in before]
    numbers = [slot.get("position_number", slot.get("position_info", {}).get("number")) for slot in after]
    assert shape in {"1.1", "1.3", "1.10"} or numbers == [slot["position_info"]["number"] for slot in before]


@pytest.mark.parametrize("shape", USER_FIELDS)
def test_users_of_slots_of_a_shape(shaped: Caller, shape: str) -> None:
    shaped.simulator.shape = shape
    users = [slot["user"] for slot in slots(shaped) if slot["user"]]
    assert users
    for user in users:
        assert set(user) - ({"outcome_duration"} if "item_outcome" in user else set()) == USER_FIELDS[shape]


def test_an_item_may_be_unused_in_newer_shapes(shaped: Caller) -> None:
    def outcomes() -> set[str]:
        found = [slot["user"]["item_outcome"] for slot in slots(shaped) if slot["user"]]
        return {outcome["outcome"] for outcome in found if outcome}

    assert "unused" not in outcomes()
    shaped.simulator.shape = "6.1.1"
    assert "unused" in outcomes()


def test_crimes_basic_and_members_of_the_oldest_shapes(world: World, shaped: Caller) -> None:
    basic, members = world.faction(ONE).basic, world.faction(ONE).members
    shaped.simulator.shape = "1.1"
    crime = shaped.json("/faction/crimes")["crimes"][0]
    assert "initiated_at" in crime
    assert not {"executed_at", "previous_crime_id"} & set(crime)
    assert shaped.json("/faction/basic")["basic"]["co-leader_id"] == basic["co_leader_id"]
    assert not {"co_leader_id", "note", "banner_image"} & set(shaped.json("/faction/basic")["basic"])
    member = shaped.json("/faction/members")["members"][0]
    assert member["id"] == members[0]["id"]
    assert member["life"]["maximum"] >= member["life"]["current"] > 0
    assert "color" not in member["status"]
    shaped.simulator.shape = "1.3"
    assert {"co-leader_id", "co_leader_id"} <= set(shaped.json("/faction/basic")["basic"])


def test_links_stood_twice_in_old_shapes(shaped: Caller) -> None:
    shaped.simulator.shape = "1.3"
    metadata = shaped.json("/faction/crimes")["_metadata"]
    assert metadata == {**metadata["links"], "links": metadata["links"]}
    assert shaped.json("/faction/chains")["_metadata"].keys() == {"next", "prev", "links"}


def test_percentages_were_whole_numbers(world: World, shaped: Caller) -> None:
    crime = next(crime for crime in world.faction(ONE).crimes if crime["status"] == "Successful")
    crime["rewards"]["payout"] = {"type": "balance", "percentage": 66.67, "paid_by": 1, "paid_at": crime["executed_at"]}
    path = f"/faction/{crime['id']}/crime"
    shown = []
    for shape in ("5.4", "5.5.4"):
        shaped.simulator.shape = shape
        shown.append(shaped.json(path)["crime"]["rewards"]["payout"]["percentage"])
    assert shown == [66, 66.67]


def test_attacks_and_items_of_newer_shapes(world: World, shaped: Caller) -> None:
    shaped.simulator.shape = "6.3"
    attack = shaped.json("/faction/attacks")["attacks"][0]
    assert (attack["is_territory_war"], attack["territory_war_id"]) == (False, None)
    shaped.simulator.shape = "6.13"
    assert {attack["chain"] for attack in shaped.json("/faction/attacks")["attacks"]} == {None, 1, 2, 3}
    values = [item["value"] for item in shaped.json("/torn/items")["items"]]
    fields = {field for value in values for shop in value["shops"] for field in shop}
    assert fields == {"shop", "country", "buy_price", "sell_price"}
    vendors = [item["value"]["vendor"] for item in world.items]
    assert [[shop["shop"] for shop in value["shops"]] for value in values] == [[one["name"]] if one else [] for one in vendors]
    assert [value.get("sell_price") for value in values] == [item["value"]["sell_price"] for item in world.items]
    assert any("buy_price" not in value for value in values)


def test_revivers_had_no_skill_once() -> None:
    body = {"revives": [{"id": 1, "reviver": {"id": 7, "name": "Ash", "faction": None, "skill": 4.5}}]}
    assert reshape("revives", body, "1.3") == {"revives": [{"id": 1, "reviver": {"id": 7, "name": "Ash", "faction": None}}]}
    assert reshape("revives", body, "3.0") is body


def test_a_chain_reports_idle_members_changed_their_name() -> None:
    body = {"chainreport": {"id": 1, "non_attackers": [7]}}
    assert reshape("chainreport", body, "1.1") == {"chainreport": {"id": 1, "non-attackers": [7]}}
    assert reshape("chainreport", body, "1.3") == {"chainreport": {"id": 1, "non-attackers": [7], "non_attackers": [7]}}
    assert reshape("chainreport", body, "5.8") is body


@pytest.mark.parametrize("shape", SHAPES)
def test_no_shape_changes_the_world(world: World, shaped: Caller, shape: str) -> None:
    faction = world.faction(ONE)
    before = copy.deepcopy([faction.basic, faction.members, faction.crimes, faction.attacks, world.items])
    shaped.simulator.shape = shape
    for path in PATHS:
        assert "error" not in shaped.json(f"/faction/{path}")
    assert "items" in shaped.json("/torn/items")
    assert [faction.basic, faction.members, faction.crimes, faction.attacks, world.items] == before


@pytest.mark.parametrize("shape", ["", "5", "five", "5.8.", "5.8\n", "5.8.0.0.1"])
def test_what_is_no_version_is_refused(shape: str) -> None:
    with pytest.raises(ValueError, match="is no shape"):
        check_shape(shape)
