"""Rows made by hand, so that a test of pages knows them: a busy day with several things in one second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torn_pipeline.simulator import Faction, World

__all__ = ["ONE", "START", "TWO", "fill"]

ONE, TWO = 40_832, 8_991
START = 1_777_000_000
CATEGORIES = ("attack", "crime", "depositFunds", "membership", "main")

Row = dict[str, Any]


def fill(world: World) -> None:
    """Give the first faction attacks, chains, news, revives and wars of each kind in place of its own."""
    one = world.faction(ONE)
    one.attacks[:] = [attack(one, number) for number in range(60)]
    one.chains[:] = [
        {"id": 7_000 + n, "chain": 10 + n, "respect": 1.5 * n, "start": START + 900 * n, "end": START + 900 * n + 600} for n in range(9)
    ]
    one.news[:] = [(CATEGORIES[n % len(CATEGORIES)], news(n)) for n in range(40)]
    one.revives[:] = [revive(one, number) for number in range(30)]
    world.ranked_wars[:] = [war(n) for n in range(25)]
    world.raids[:] = [raid(n) for n in range(25)]
    world.territory_wars[:] = [territory_war(n) for n in range(25)]


def attack(faction: Faction, number: int) -> Row:
    """Every second one is by the faction; three end in each second; every eighth is by somebody unknown."""
    own = {"id": 100 + number, "name": "Ash", "level": 12, "faction": {"id": faction.id, "name": faction.basic["name"]}}
    other = {"id": 900 + number, "name": "<Vex>", "level": 34, "faction": None if number % 3 else {"id": 77, "name": "Others"}}
    outgoing = number % 2 == 0
    hidden = number % 8 == 1
    ended = START + number // 3
    return {
        "id": 500_000 + number,
        "code": f"{number:032x}",
        "started": ended - 20,
        "ended": ended,
        "attacker": None if hidden else own if outgoing else other,
        "defender": other if outgoing else own,
        "result": "Attacked",
        "respect_gain": 2.5,
        "respect_loss": 0,
        "chain": number % 4,
        "is_interrupted": False,
        "is_stealthed": hidden,
        "is_raid": False,
        "is_ranked_war": False,
        "finishing_hit_effects": [],
        "modifiers": {"fair_fight": 2.0, "war": 1, "retaliation": 1, "group": 1, "overseas": 1, "chain": 1, "warlord": 1},
    }


def news(number: int) -> Row:
    """Two items in each second, with a link and an escaped sign."""
    text = f'<a href = "http://www.torn.com/profiles.php?XID={number}">Ash &lt;3</a> did it'
    return {"id": f"news{number:04}", "text": text, "timestamp": START + number // 2}


def revive(faction: Faction, number: int) -> Row:
    """Two in each second; every third is of a member, of the others every second by one as well as of one."""
    own = {"id": 100 + number, "name": "Ash", "faction": {"id": faction.id, "name": faction.basic["name"]}}
    other = {"id": 900 + number, "name": "<Vex>", "faction": None}
    reviver, target = (other, own) if number % 3 == 0 else (own, own | {"id": 500}) if number % 2 else (own, other)
    condition = {"hospital_reason": 'Lost to <a href="x">Vex</a>', "early_discharge": False, "last_action": START, "online_status": "Idle"}
    return {
        "id": 40_000 + number,
        "reviver": {**reviver, "skill": 12.5},
        "target": {**target, **condition},
        "success_chance": 62.5,
        "result": "success",
        "timestamp": START + number // 2,
    }


def raid(number: int) -> Row:
    """Every fifth is not the first faction's."""
    sides = {"aggressor": TWO if number % 5 == 4 else ONE, "defender": 77}
    factions = {name: {"id": side, "name": str(side), "score": 1.5 * number} for name, side in sides.items()}
    return {"id": 300 + number, "start": START + 86_400 * number, "end": START + 86_400 * number + 9, **factions}


def territory_war(number: int) -> Row:
    """Every fifth is not the first faction's."""
    start = START + 86_400 * number
    sides = [77, TWO if number % 5 == 4 else ONE]
    factions = [{"id": side, "name": str(side), "score": number, "is_aggressor": side == 77} for side in sides]
    row = {"id": 600 + number, "territory": "AAB", "start": start, "end": start + 9, "target": 5, "result": "fail_assault"}
    return {**row, "factions": factions}


def war(number: int) -> Row:
    """Every fifth is not the first faction's."""
    sides = [TWO if number % 5 == 4 else ONE, 77]
    factions = [{"id": side, "name": str(side), "score": 10 * number, "chain": 0} for side in sides]
    return {
        "id": 900 + number,
        "start": START + 86_400 * number,
        "end": START + 86_400 * number + 9,
        "target": 5,
        "winner": 77,
        "factions": factions,
    }
