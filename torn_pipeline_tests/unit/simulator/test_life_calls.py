"""What a test or the page of controls can make happen, and that everything follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from torn_pipeline.simulator import Size, World
from torn_pipeline_tests.unit.simulator.living import DAY, lived
from torn_pipeline_tests.unit.simulator.test_life_rules import check

if TYPE_CHECKING:
    from torn_pipeline.simulator import Faction

ONE = 40_832
QUIET = Size(members=12, crimes=0, items=12, attacks=0)


@pytest.fixture
def world() -> World:
    return World(seed=3, size=QUIET)


@pytest.fixture
def faction(world: World) -> Faction:
    return world.faction(ONE)


def with_balance(faction: Faction) -> dict[str, Any]:
    return next(row for row in faction.balance["members"][2:] if row["money"])


def test_who_leaves_is_out_of_everything_and_keeps_the_balance(world: World, faction: Faction) -> None:
    row = with_balance(faction)
    world.remove_member(ONE, row["id"])
    assert row in faction.former
    assert row not in faction.balance["members"]
    assert row["id"] not in {member["id"] for member in faction.members}
    assert faction.basic["members"] == len(faction.members) == 11
    category, news = faction.news[-1]
    assert category == "membership"
    assert f"XID={row['id']}" in news["text"]
    check(world)


def test_who_leaves_with_nothing_is_not_among_the_former(world: World, faction: Faction) -> None:
    row = faction.balance["members"][3]
    row |= {"money": 0, "points": 0}
    world.remove_member(ONE, row["id"])
    assert row["id"] not in {former["id"] for former in faction.former}


@pytest.mark.parametrize("status", ["Recruiting", "Planning"])
def test_who_leaves_is_out_of_their_open_crime_which_then_waits_for_members(world: World, faction: Faction, status: str) -> None:
    crime = world.add_crime(ONE, status=status)
    heads = {faction.basic["leader_id"], faction.basic["co_leader_id"]}
    world.advance(DAY)
    user_id = next(slot["user"]["id"] for slot in crime["slots"] if slot["user"] and slot["user"]["id"] not in heads)
    before = sum(slot["user"] is not None for slot in crime["slots"])
    world.remove_member(ONE, user_id)
    assert sum(slot["user"] is not None for slot in crime["slots"]) == before - 1
    assert crime["status"] == "Recruiting"
    check(world)
    world.advance(30 * DAY)
    assert crime["status"] not in {"Recruiting", "Planning"}
    check(world)


def test_a_crime_that_loses_a_member_when_its_time_is_over_expires(world: World, faction: Faction) -> None:
    crime = world.add_crime(ONE, status="Planning")
    crime["created_at"], crime["expired_at"] = world.now - 8 * DAY, world.now - DAY
    heads = {faction.basic["leader_id"], faction.basic["co_leader_id"]}
    world.remove_member(ONE, next(slot["user"]["id"] for slot in crime["slots"] if slot["user"]["id"] not in heads))
    assert crime["status"] == "Expired"
    assert not any(member["is_in_oc"] for member in faction.members)


def test_a_leader_stays_and_nobody_leaves_twice(world: World, faction: Faction) -> None:
    with pytest.raises(ValueError, match="leads faction 40832"):
        world.remove_member(ONE, faction.basic["leader_id"])
    with pytest.raises(KeyError):
        world.remove_member(ONE, 1)


def test_who_joins_is_in_everything(world: World, faction: Faction) -> None:
    row = world.add_member(ONE, name="<b>New</b>")
    assert row in faction.members
    assert (row["name"], row["days_in_faction"], row["position"]) == ("<b>New</b>", 0, "Recruit")
    assert {"id": row["id"], "username": "<b>New</b>", "money": 0, "points": 0} in faction.balance["members"]
    assert faction.basic["members"] == 13
    assert "&lt;b&gt;New&lt;/b&gt;" in faction.news[-1][1]["text"]
    check(world)


def test_a_full_faction_takes_nobody(world: World, faction: Faction) -> None:
    faction.basic["capacity"] = 12
    with pytest.raises(ValueError, match="full with 12 members"):
        world.add_member(ONE)


@pytest.mark.parametrize(("incoming", "result"), [(False, "Hospitalized"), (True, "Mugged"), (False, "Lost"), (True, None)])
def test_an_attack_is_listed_told_and_counted(world: World, faction: Faction, incoming: bool, result: str | None) -> None:  # noqa: FBT001 - a case
    attack = world.add_attack(ONE, incoming=incoming, result=result)
    assert faction.attacks == [attack]
    assert attack["ended"] == world.now
    assert result in {None, attack["result"]}
    assert [category for category, _ in faction.news[-1:]] == ["attack"]
    assert faction.chain["current"] == int(attack["chain"])
    if result == "Hospitalized":
        assert faction.chain["current"] == 1
    check(world)


def test_attacks_follow_each_other_into_a_chain(world: World, faction: Faction) -> None:
    for number in range(1, 13):
        assert world.add_attack(ONE, result="Attacked")["chain"] == number
        world.advance(60)
    assert faction.chain["current"] >= 12
    assert faction.chain["timeout"] <= 240
    running = world.chain_report(ONE, faction.chain["id"])
    assert running["details"]["chain"] == faction.chain["current"]
    assert [bonus["chain"] for bonus in running["bonuses"]] == [10]
    world.advance(3 * DAY)
    assert faction.chains[0]["chain"] >= 12
    check(world)


def test_nobody_attacks_when_nobody_is_well(world: World, faction: Faction) -> None:
    for member in faction.members:
        member["status"] |= {"state": "Jail", "until": world.now + DAY}
    for incoming in (False, True):
        with pytest.raises(ValueError, match="no member of faction 40832 is well"):
            world.add_attack(ONE, incoming=incoming)


def test_a_crime_that_was_added_lives_on(world: World) -> None:
    crimes = [world.add_crime(ONE, status=status) for status in ("Recruiting", "Planning", "Expired")]
    busy = {slot["user"]["id"] for crime in crimes[:2] for slot in crime["slots"] if slot["user"]}
    assert {member["id"] for member in world.faction(ONE).members if member["is_in_oc"]} == busy
    world.advance(30 * DAY)
    assert crimes[0]["status"] in {"Successful", "Failure", "Expired"}
    assert crimes[1]["status"] in {"Successful", "Failure"}
    check(world)


def test_life_goes_on_from_what_was_changed_by_hand(world: World, faction: Faction) -> None:
    with world.lock:
        gone = faction.members.pop()
        faction.basic["respect"] = 1_000
        faction.members[3]["level"] = 77
        faction.crimes.clear()
    world.advance(20 * DAY)
    assert gone["id"] not in {member["id"] for member in faction.members if member["days_in_faction"] > 20}
    assert 0 < faction.basic["respect"] < 100_000
    assert all(slot["user"] is None or slot["user"]["id"] != gone["id"] for crime in faction.crimes for slot in crime["slots"])


@pytest.mark.parametrize("seed", [1, 2])
def test_a_chain_report_sums_up_the_attacks_of_its_time(seed: int) -> None:
    world = lived(seed)
    for faction in world.factions.values():
        for chain in faction.chains:
            report = world.chain_report(faction.id, chain["id"])
            details, attackers = report["details"], report["attackers"]
            assert details["chain"] == chain["chain"] == details["leave"] + details["mug"] + details["hospitalize"]
            assert details["respect"] == chain["respect"]
            assert details["members"] == len(attackers)
            for name, of_members in (
                ("leave", "leave"),
                ("losses", "losses"),
                ("escapes", "escpaces"),
                ("war", "war"),
                ("assists", "assists"),
            ):
                assert details[name] == sum(row["attacks"][of_members] for row in attackers)
            assert details["respect"] == pytest.approx(sum(row["respect"]["total"] for row in attackers), abs=0.05)
            assert len(report["bonuses"]) == sum(row["attacks"]["bonuses"] for row in attackers)
            assert not {row["id"] for row in attackers} & set(report["non_attackers"])


def test_unknown_reports_are_refused(world: World) -> None:
    for faction_id, chain_id in ((ONE, 0), (1, 1)):
        with pytest.raises(KeyError):
            world.chain_report(faction_id, chain_id)
    with pytest.raises(KeyError):
        world.ranked_war_report(1)


def test_a_war_is_declared_fought_and_won() -> None:
    world = World(seed=1, size=Size(members=40, crimes=0, items=12, attacks=0))
    seen = []
    for _ in range(8 * 24):
        world.advance(3_600)
        ranked = next((f.wars["wars"]["ranked"] for f in world.factions.values() if f.wars["wars"]["ranked"]), None)
        seen.append("none" if ranked is None else "declared" if ranked["start"] > world.now else "running")
        running = {war["id"] for war in world.ranked_wars if war["winner"] is None}
        assert running == {f.wars["wars"]["ranked"]["war_id"] for f in world.factions.values() if _fights(f, world.now)}
    assert {"none", "declared", "running"} == set(seen)
    winner = next(world.factions[war["winner"]] for war in world.ranked_wars if war["winner"] in world.factions)
    ranks = [
        side["rank"]
        for war in world.ranked_wars
        if war["winner"]
        for side in world.ranked_war_report(war["id"])["factions"]
        if side["id"] == winner.id
    ]
    assert ranks[-1]["after"].startswith(winner.basic["rank"]["name"])


def _fights(faction: Faction, now: int) -> bool:
    ranked = faction.wars["wars"]["ranked"]
    return ranked is not None and ranked["start"] <= now
