"""What holds in a world at any moment of its life."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torn_pipeline.simulator import Size, World
from torn_pipeline_tests.unit.simulator.living import DAY, MONTH, before_and_after, lived

if TYPE_CHECKING:
    from torn_pipeline.simulator import Faction

SEEDS = [1, 2]
OPEN = {"Recruiting", "Planning"}
SUCCESS = {"Attacked", "Mugged", "Hospitalized"}
CHAIN_TIMEOUT = 300
AMOUNT = re.compile(r"\$([\d,]+)")
ITEMS = re.compile(r"(\d+) x [^<]*?\(item (\d+)\)")
XID = re.compile(r"XID=(\d+)")
PRIZES = re.compile(r"(\d+) x item (\d+)")


def users(crime: dict[str, Any]) -> list[dict[str, Any]]:
    return [slot["user"] for slot in crime["slots"] if slot["user"]]


def check_crimes(faction: Faction, now: int) -> None:
    ids = {member["id"] for member in faction.members}
    for crime in faction.crimes:
        people = [user["id"] for user in users(crime)]
        assert (crime["rewards"] is None) == (crime["status"] != "Successful")
        assert (crime["executed_at"] is None) == (crime["status"] not in {"Successful", "Failure"})
        assert crime["created_at"] < crime["expired_at"]
        assert len(people) == len(set(people))
        if crime["executed_at"] is not None:
            assert crime["created_at"] <= crime["planning_at"] < crime["ready_at"] <= crime["executed_at"] <= now
            assert all(user["outcome"] and user["progress"] == 100 for user in users(crime))
        if crime["rewards"] and crime["rewards"]["payout"]:
            assert crime["executed_at"] <= crime["rewards"]["payout"]["paid_at"] <= now
        if crime["status"] in OPEN:
            check_open(crime, now)
            assert set(people) <= ids
        if crime["status"] == "Expired":
            assert not any(slot["checkpoint_pass_rate"] for slot in crime["slots"])
            assert crime["expired_at"] <= now


def check_open(crime: dict[str, Any], now: int) -> None:
    joined = sorted(user["joined_at"] for user in users(crime))
    assert (crime["status"] == "Planning") == (len(joined) == len(crime["slots"]))
    assert crime["planning_at"] == (joined[0] if joined else None)
    assert all(crime["created_at"] <= moment <= now for moment in joined)
    assert all(0 <= user["progress"] <= 100 and user["outcome"] is None for user in users(crime))
    if joined:
        assert crime["ready_at"] >= crime["planning_at"] + len(joined) * DAY
        assert (now >= crime["ready_at"]) == all(user["progress"] == 100 for user in users(crime))
    if crime["status"] == "Recruiting":
        assert now < crime["expired_at"]


def check_members(faction: Faction, now: int) -> None:
    ids = [member["id"] for member in faction.members]
    assert ids == sorted(set(ids)) == sorted(row["id"] for row in faction.balance["members"])
    assert len(ids) == faction.basic["members"] <= faction.basic["capacity"]
    assert faction.basic["leader_id"] in ids
    assert not set(ids) & {row["id"] for row in faction.former}
    assert all(row["money"] or row["points"] for row in faction.former)
    busy = [user["id"] for crime in faction.crimes if crime["status"] in OPEN for user in users(crime)]
    assert len(busy) == len(set(busy))
    assert set(busy) == {member["id"] for member in faction.members if member["is_in_oc"]}
    for member in faction.members:
        status, seen = member["status"], member["last_action"]
        assert (status["until"] is not None) == (status["state"] in {"Hospital", "Jail"})
        assert status["until"] is None or status["until"] > now
        assert ("plane_image_type" in status) == (status["state"] == "Traveling")
        assert seen["timestamp"] <= now
        assert member["days_in_faction"] >= 0


def check_chains(faction: Faction, now: int) -> None:
    """Count the chains again, from the attacks alone."""
    hits = [attack for attack in faction.attacks if is_own(faction, attack) and attack["result"] in SUCCESS and attack["chain"]]
    runs: list[list[dict[str, Any]]] = []
    for hit in hits:
        if runs and hit["ended"] < runs[-1][-1]["ended"] + CHAIN_TIMEOUT:
            runs[-1].append(hit)
        else:
            runs.append([hit])
    for run in runs:
        assert [hit["chain"] for hit in run] == list(range(1, len(run) + 1))
    over = [run for run in runs if run[-1]["ended"] + CHAIN_TIMEOUT <= now]
    assert [(row["chain"], row["start"], row["end"]) for row in faction.chains] == [
        (len(run), run[0]["ended"], run[-1]["ended"]) for run in over if len(run) >= 10
    ]
    long = [run for run in over if len(run) >= 10]
    for row, run in zip(faction.chains, long, strict=True):
        assert row["respect"] == pytest.approx(sum(hit["respect_gain"] for hit in run), abs=0.01)
    running = runs[-1] if len(over) < len(runs) else []
    assert faction.chain["current"] == len(running)
    assert faction.chain["timeout"] == (running[-1]["ended"] + CHAIN_TIMEOUT - now if running else 0)


def is_own(faction: Faction, attack: dict[str, Any]) -> bool:
    return attack["attacker"] is not None and (attack["attacker"]["faction"] or {}).get("id") == faction.id


def check_attacks(faction: Faction, now: int) -> None:
    assert [attack["chain"] > 0 and attack["result"] not in SUCCESS for attack in faction.attacks].count(True) == 0
    for earlier, later in pairwise(faction.attacks):
        assert earlier["id"] < later["id"]
        assert earlier["started"] <= later["started"]
        assert earlier["ended"] <= later["ended"] <= now
    for attack in faction.attacks:
        assert attack["started"] <= attack["ended"]
        assert attack["attacker"] is not None or attack["is_stealthed"]
        sides = {(side["faction"] or {}).get("id") for side in (attack["attacker"] or {"faction": None}, attack["defender"])}
        assert faction.id in sides
        assert (attack["respect_gain"] > 0) == (attack["result"] in SUCCESS)


def check_news(faction: Faction, now: int) -> None:
    rows = [row for _, row in faction.news]
    assert len({row["id"] for row in rows}) == len(rows)
    assert all(earlier["timestamp"] <= later["timestamp"] <= now for earlier, later in pairwise(rows))
    told = Counter(category for category, _ in faction.news)
    assert told["attack"] == len(faction.attacks)
    assert told["chain"] == len(faction.chains)


def check_wars(world: World) -> None:
    for war in world.ranked_wars:
        for side in war["factions"]:
            faction = world.factions.get(side["id"])
            if faction is not None:
                hits = [a for a in faction.attacks if a["is_ranked_war"] and war["start"] <= a["ended"] <= (war["end"] or world.now)]
                assert side["score"] == int(round(sum(a["respect_gain"] for a in hits if is_own(faction, a)), 2))
                (other,) = [row for row in war["factions"] if row["id"] != faction.id]
                assert other["score"] == int(round(sum(a["respect_gain"] for a in hits if a["defender"]["faction"]["id"] == faction.id), 2))
        if war["winner"] is None:
            assert war["end"] == 0
        else:
            check_report(world, war)


def check_report(world: World, war: dict[str, Any]) -> None:
    first, second = war["factions"]
    assert abs(first["score"] - second["score"]) >= war["target"]
    assert war["winner"] == max((first, second), key=lambda side: side["score"])["id"] or first["score"] == second["score"]
    report = world.ranked_war_report(war["id"])
    assert {name: report[name] for name in ("id", "start", "end", "winner")} == {n: war[n] for n in ("id", "start", "end", "winner")}
    for side, shown in zip(war["factions"], report["factions"], strict=True):
        assert (shown["id"], shown["score"]) == (side["id"], side["score"])
        assert shown["attacks"] == sum(member["attacks"] for member in shown["members"])
        assert shown["score"] == int(round(sum(member["score"] for member in shown["members"]), 2))


def check_revives(world: World, faction: Faction) -> None:
    rows = faction.revives
    assert [row["id"] for row in rows] == sorted({row["id"] for row in rows})
    for earlier, later in pairwise(rows):
        assert earlier["timestamp"] <= later["timestamp"] <= world.now
    for row in rows:
        reviver, target = row["reviver"], row["target"]
        assert reviver["id"] != target["id"]
        assert faction.id in {(side["faction"] or {}).get("id") for side in (reviver, target)}
        assert target["last_action"] <= row["timestamp"]
        assert 0 < row["success_chance"] <= 100
    revived = {row["target"]["id"] for row in rows if row["result"] == "success"}
    resting = [person for person in faction.people.values() if person.rests_until is not None]
    assert all(person.id in revived and person.row["status"]["state"] == "Okay" and person.state == "Hospital" for person in resting)


def check_raids(world: World) -> None:
    """Count the damage again, from the attacks alone."""
    for raid in world.raids:
        sides = [raid["aggressor"], raid["defender"]]
        assert ["chain" in side for side in sides] == [raid["end"] is None] * 2
        for faction in (world.factions[side["id"]] for side in sides if side["id"] in world.factions):
            (other,) = [side["id"] for side in sides if side["id"] != faction.id]
            hits = [a for a in faction.attacks if a["is_raid"] and raid["start"] <= a["ended"] <= (raid["end"] or world.now)]
            own, their = [a for a in hits if is_own(faction, a)], [a for a in hits if not is_own(faction, a)]
            assert all(a["defender"]["faction"]["id"] == other for a in own)
            for side in sides:
                counted = own if side["id"] == faction.id else their
                assert side["score"] == pytest.approx(sum(a["respect_gain"] for a in counted))
        if raid["end"] is not None:
            check_raid_report(world, raid)


def check_raid_report(world: World, raid: dict[str, Any]) -> None:
    report = world.raid_report(raid["id"])
    assert {name: report[name] for name in ("id", "start", "end")} == {name: raid[name] for name in ("id", "start", "end")}
    for name in ("aggressor", "defender"):
        side = report[name]
        assert {field: side[field] for field in ("id", "name", "score")} == raid[name]
        assert side["score"] == pytest.approx(sum(one["damage"] for one in side["attackers"]))
        idle, busy = {one["id"] for one in side["non_attackers"]}, {one["user"]["id"] for one in side["attackers"]}
        assert not idle & busy


def check_territory_wars(world: World) -> None:
    for war in world.territory_wars:
        aggressor, defender = war["factions"]
        assert [aggressor["is_aggressor"], defender["is_aggressor"]] == [True, False]
        won = aggressor["score"] >= war["target"]
        assert won == (war["result"] == "success_assault")
        assert won or war["result"] != "fail_assault" or war["end"] == war["start"] + 3 * DAY
        report = world.territory_war_report(war["id"])
        assert (report["id"], report["territory"], report["result"]) == (war["id"], war["territory"], war["result"])
        assert (report["started_at"], report["ended_at"]) == (war["start"], war["end"])
        assert report["winner"] == (aggressor if won else defender)["id"]
        for side, shown in zip(war["factions"], report["factions"], strict=True):
            assert {field: shown[field] for field in side} == side
            for field in ("score", "joins", "clears"):
                assert shown[field] == sum(member[field] for member in shown["members"])


def check_walls(faction: Faction) -> None:
    """Members are on the wall of the territory war that the faction is in."""
    sides = [side for war in faction.wars["wars"]["territory"] for side in war["factions"] if side["id"] == faction.id]
    there = {user_id for side in sides for user_id in side["playerIds"]}
    assert there == {member["id"] for member in faction.members if member["is_on_wall"]}
    assert all(member["status"]["state"] == "Okay" for member in faction.members if member["is_on_wall"])


def check(world: World) -> None:
    check_raids(world)
    check_territory_wars(world)
    for faction in world.factions.values():
        check_revives(world, faction)
        check_walls(faction)
        check_crimes(faction, world.now)
        check_members(faction, world.now)
        check_chains(faction, world.now)
        check_attacks(faction, world.now)
        check_news(faction, world.now)
    check_wars(world)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_new_world_holds_to_the_rules(seed: int) -> None:
    check(World(seed=seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_world_holds_to_the_rules_after_a_month(seed: int) -> None:
    check(lived(seed))


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(1, 1_000), members=st.integers(6, 30), steps=st.lists(st.integers(1, 5 * DAY), min_size=1, max_size=6))
def test_any_world_holds_to_the_rules_at_any_moment(seed: int, members: int, steps: list[int]) -> None:
    world = World(seed=seed, size=Size(members=members, crimes=8, items=12, attacks=60))
    for step in steps:
        world.advance(step)
        check(world)


def money_of(faction: Faction) -> int:
    everybody = (*faction.balance["members"], *faction.former)
    return int(faction.balance["faction"]["money"]) + sum(int(row["money"]) for row in everybody)


def told_since(faction: Faction, moment: int, category: str) -> list[str]:
    return [row["text"] for told, row in faction.news if told == category and row["timestamp"] > moment]


def amount(text: str) -> int:
    found = AMOUNT.search(text)
    assert found, text
    return int(found[1].replace(",", ""))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_news_tell_of_every_dollar(seed: int) -> None:
    world, after = World(seed=seed), lived(seed)
    for faction in world.factions.values():
        later = after.faction(faction.id)
        deposits = sum(amount(text) for text in told_since(later, world.now, "depositFunds"))
        crimes = sum(amount(text) for text in told_since(later, world.now, "crime") if "gained" in text)
        given = sum(amount(text) for text in told_since(later, world.now, "giveFunds") if "increased" not in text)
        assert deposits
        assert crimes
        assert given
        assert money_of(later) == money_of(faction) + deposits + crimes - given


@pytest.mark.parametrize("seed", SEEDS)
def test_the_news_tell_of_every_item_of_the_armoury(seed: int) -> None:
    world, after = World(seed=seed), lived(seed)
    reports = [after.ranked_war_report(war["id"]) for war in after.ranked_wars if war["winner"] and war["end"] > world.now]
    for faction in world.factions.values():
        counted = Counter(faction.armoury)
        later = after.faction(faction.id)
        for category, sign, pattern in (("armoryDeposit", 1, ITEMS), ("armoryAction", -1, ITEMS), ("crime", 1, PRIZES)):
            for text in told_since(later, world.now, category):
                for quantity, item in pattern.findall(text):
                    counted[int(item)] += sign * int(quantity)
        for side in (side for report in reports for side in report["factions"] if side["id"] == faction.id):
            counted.update({item["id"]: item["quantity"] for item in side["rewards"]["items"]})
        assert +counted == Counter(later.armoury)
        assert min(later.armoury.values()) > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_the_news_tell_of_every_change_of_a_balance(seed: int) -> None:
    world, after = World(seed=seed), lived(seed)
    for faction in world.factions.values():
        later = after.faction(faction.id)
        expected = balances(faction)
        for text in (*told_since(later, world.now, "depositFunds"), *told_since(later, world.now, "giveFunds")):
            people = [int(found) for found in XID.findall(text)]
            if " gave " not in text:
                expected[people[-1]] += -amount(text) if " took " in text else amount(text)
        shown = balances(later)
        assert {user_id: money for user_id, money in expected.items() if money} == {
            user_id: money for user_id, money in shown.items() if money
        }


def balances(faction: Faction) -> Counter[int]:
    return Counter({row["id"]: row["money"] for row in (*faction.balance["members"], *faction.former)})


@pytest.mark.parametrize("seed", SEEDS)
def test_a_payout_is_split_between_those_who_took_part_and_are_still_there(seed: int) -> None:
    birth, world = World(seed=seed).now, lived(seed)
    for faction in world.factions.values():
        payouts = [(crime, crime["rewards"]["payout"]) for crime in faction.crimes if crime["rewards"] and crime["rewards"]["payout"]]
        to_balances = [(crime, payout) for crime, payout in payouts if payout["paid_at"] > birth and payout["type"] == "balance"]
        assert to_balances
        for crime, payout in to_balances:
            part = int(crime["rewards"]["money"] * payout["percentage"] / 100) // len(crime["slots"])
            texts = [text for text in told_since(faction, payout["paid_at"] - 1, "giveFunds") if text.endswith(f" by ${part:,}")]
            told = {int(XID.findall(text)[1]) for text in texts}
            there = {user["id"] for user in users(crime)} & {
                person.id for person in faction.people.values() if person.joined_at <= payout["paid_at"]
            }
            assert there <= told or not part


@pytest.mark.parametrize("seed", SEEDS)
def test_a_month_has_everything_in_it(seed: int) -> None:
    _, world = before_and_after(seed)
    factions = world.factions.values()
    for faction in factions:
        told = {category for category, _ in faction.news}
        assert {"attack", "chain", "crime", "membership", "rankedWar", "depositFunds", "giveFunds", "armoryDeposit", "armoryAction"} <= told
        assert "territoryWar" in told
        assert any(faction.id in {raid["aggressor"]["id"], raid["defender"]["id"]} for raid in world.raids if raid["end"])
        assert any(faction.id in {side["id"] for side in war["factions"]} for war in world.territory_wars)
        assert {row["result"] for row in faction.revives} == {"success", "failure"}
        assert any(row["target"]["faction"] is None or row["target"]["faction"]["id"] != faction.id for row in faction.revives)
        assert any(row["target"]["faction"] == row["reviver"]["faction"] for row in faction.revives)
        assert any(attack["is_raid"] for attack in faction.attacks)
    crimes = [crime for faction in factions for crime in faction.crimes if crime["created_at"] > world.now - MONTH]
    assert {crime["status"] for crime in crimes} >= {"Planning", "Successful", "Failure", "Expired"}
    late = [crime["executed_at"] - crime["ready_at"] for crime in crimes if crime["executed_at"]]
    assert min(late) < 120
    assert max(late) > 3_600
    attacks = [attack for faction in factions for attack in faction.attacks]
    assert {attack["result"] for attack in attacks} >= {*SUCCESS, "Lost", "Assist", "Stalemate", "Escape", "Interrupted"}
    assert any(attack["attacker"] is None for attack in attacks)
    assert any(attack["modifiers"]["retaliation"] > 1 for attack in attacks)
    assert any(attack["modifiers"]["overseas"] > 1 for attack in attacks)
    assert sum(war["end"] > world.now - MONTH for war in world.ranked_wars) >= 3


def test_who_was_revived_is_out_of_hospital_and_rests_until_they_would_have_been() -> None:
    world, seen = World(), 0
    for _ in range(200):
        world.advance(1_800)
        for faction in world.factions.values():
            for person in faction.people.values():
                if person.rests_until is not None:
                    seen += 1
                    assert world.now < person.rests_until
                    hits = [attack for attack in faction.attacks[-30:] if (attack["attacker"] or {}).get("id") == person.id]
                    last = [row for row in faction.revives if row["target"]["id"] == person.id][-1]
                    assert all(attack["ended"] <= last["timestamp"] for attack in hits)
    assert seen


def test_a_new_world_has_a_past() -> None:
    world = World()
    for faction in world.factions.values():
        assert 100 <= len(faction.attacks) <= 400
        assert faction.chains
        assert {category for category, _ in faction.news} >= {"attack", "chain", "crime", "depositFunds"}
        for attack in (attack for attack in faction.attacks if is_own(faction, attack)):
            (member,) = [member for member in faction.members if member["id"] == attack["attacker"]["id"]]
            assert member["last_action"]["timestamp"] >= attack["ended"]
            assert world.now - (member["days_in_faction"] + 1) * DAY <= attack["started"]
    assert any(war["winner"] for war in world.ranked_wars)


def test_days_in_the_faction_grow_by_the_day() -> None:
    world = World(size=Size(members=12, crimes=0, items=4, attacks=0))
    days = {member["id"]: member["days_in_faction"] for member in world.faction(40_832).members}
    world.advance(10 * DAY)
    stayed = [member for member in world.faction(40_832).members if member["id"] in days]
    assert stayed
    assert all(member["days_in_faction"] == days[member["id"]] + 10 for member in stayed)


@pytest.mark.parametrize("seed", SEEDS)
def test_who_joined_lately_has_been_there_since_then(seed: int) -> None:
    birth, world = World(seed=seed).now, lived(seed)
    for faction in world.factions.values():
        joined: dict[int, int] = {}
        for category, row in faction.news:
            if category == "membership" and row["timestamp"] > birth and row["text"].endswith("joined the faction"):
                joined[int(XID.findall(row["text"])[0])] = row["timestamp"]
        days = {member["id"]: member["days_in_faction"] for member in faction.members if member["id"] in joined}
        assert days
        assert days == {user_id: (world.now - joined[user_id]) // DAY for user_id in days}
