"""Makes a faction's members, balance, basic details and positions in the API's shape, and the people of other factions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torn_pipeline.simulator.rates import DAY, HOUR, MINUTE
from torn_pipeline.simulator.state import Rival, User
from torn_pipeline.simulator.texts import duration
from torn_pipeline.simulator.vocabulary import (
    ABILITIES,
    COUNTRIES,
    FACTION_NAMES,
    NAME_ENDS,
    NAME_STARTS,
    ODD_NAMES,
    PLANES,
    POSITIONS,
    REVIVE_SETTINGS,
    RIVAL_NAMES,
)
from torn_pipeline.simulator.wars import rank_of

if TYPE_CHECKING:
    from torn_pipeline.simulator.chance import Chance

__all__ = ["make_balance", "make_basic", "make_members", "make_newcomer", "make_pacts", "make_positions", "make_rivals", "make_strangers"]

LOWEST_ID, HIGHEST_ID = 1_000, 4_300_000
FIRST_OUTSIDER, OUTSIDERS = 4_500_000, 100_000
RIVALS = 6
STRANGERS = 40


def make_members(chance: Chance, now: int, count: int) -> list[dict[str, Any]]:
    """``count`` members by ascending id, none of them in a crime; ``now`` is the time in Unix seconds."""
    ids = sorted(chance.sample(range(LOWEST_ID, HIGHEST_ID), count))
    odd = chance.sample(ODD_NAMES, len(ODD_NAMES))
    members = []
    for index, member_id in enumerate(ids):
        name = odd[index // 8] if index % 8 == 3 and index // 8 < len(odd) else _name(chance, member_id)  # noqa: PLR2004 - one in eight
        position = POSITIONS[index] if index < len(POSITIONS) else chance.choice(POSITIONS[2:])
        members.append(
            {
                "id": member_id,
                "name": name,
                "position": position,
                "level": chance.randint(1, 100),
                "days_in_faction": 0 if chance.yes(0.03) else chance.randint(1, 5_000),
                "is_revivable": chance.yes(0.25),
                "is_on_wall": chance.yes(0.03),
                "is_in_oc": False,
                "has_early_discharge": chance.yes(0.05),
                "last_action": _last_action(chance, now),
                "status": _status(chance, now),
                "revive_setting": chance.choices(REVIVE_SETTINGS, (10, 20, 20, 50))[0],
            }
        )
    return members


def make_balance(chance: Chance, members: list[dict[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The object below ``balance`` for these members, and the balances of a few who have left."""
    rows = [{"id": member["id"], "username": member["name"], "money": _money(chance), "points": _points(chance)} for member in members]
    faction = {"money": chance.randint(2**31, 2**39), "points": chance.randint(0, 2_000_000), "scope": chance.randint(0, 100)}
    gone = chance.sample(range(HIGHEST_ID, HIGHEST_ID + 100_000), 3)
    former = [{"id": left, "username": _name(chance, left), "money": chance.randint(1, 10**7), "points": _points(chance)} for left in gone]
    return {"faction": faction, "members": rows}, former


def make_basic(chance: Chance, faction_id: int, members: list[dict[str, Any]]) -> dict[str, Any]:
    """The object below ``basic``; the first member leads."""
    level = chance.randint(0, 15)
    rank, division = rank_of(level)
    name, tag = chance.choice(FACTION_NAMES)
    basic: dict[str, Any] = {
        "id": faction_id,
        "name": name,
        "tag": tag,
        "tag_image": f"{faction_id}-{chance.randint(10_000, 99_999)}.png",
        "banner_image": f"{faction_id}-{chance.randint(10_000, 99_999)}.jpg",
        "leader_id": members[0]["id"],
        "co_leader_id": members[1]["id"],
        "respect": chance.randint(50_000, 20_000_000),
        "days_old": chance.randint(1, 7_000),
        "capacity": max(100, len(members)),
        "members": len(members),
        "is_enlisted": chance.yes(0.5),
        "rank": {
            "level": level,
            "name": rank,
            "division": division,
            "position": chance.randint(0, 400),
            "wins": chance.randint(0, 120),
        },
        "best_chain": chance.choice((10, 250, 5_000, 100_000)),
    }
    if chance.yes(0.5):
        basic["note"] = 'Pay-out on Sundays; ask "before" you withdraw.'
    return basic


def make_newcomer(chance: Chance, now: int, taken: set[int], name: str | None) -> dict[str, Any]:
    """A new member's row; ``taken`` are the ids that somebody has, and theirs is added."""
    user_id = chance.randint(LOWEST_ID, HIGHEST_ID)
    while user_id in taken:
        user_id = chance.randint(LOWEST_ID, HIGHEST_ID)
    taken.add(user_id)
    odd = chance.choice(ODD_NAMES) if chance.yes(0.1) else _name(chance, user_id)
    return {
        "id": user_id,
        "name": name or odd,
        "position": POSITIONS[2],
        "level": chance.randint(1, 40),
        "days_in_faction": 0,
        "is_revivable": False,
        "is_on_wall": False,
        "is_in_oc": False,
        "has_early_discharge": False,
        "last_action": {"status": "Online", "timestamp": now, "relative": "0 seconds ago"},
        "status": {"description": "Okay", "details": None, "state": "Okay", "color": "green", "until": None},
        "revive_setting": "Unknown",
    }


def make_positions() -> list[dict[str, Any]]:
    """The positions of a faction with what each may do: the leader anything, a newcomer next to nothing."""
    share = len(ABILITIES) // len(POSITIONS)
    return [
        {
            "name": name,
            "is_default": name == POSITIONS[2],
            "abilities": list(ABILITIES if place < 2 else ABILITIES[: share * (place - 2)]),  # noqa: PLR2004 - leader and co-leader
        }
        for place, name in enumerate(POSITIONS)
    ]


def make_rivals(chance: Chance, size: int) -> list[Rival]:
    """Other factions, each with ``size`` members."""
    ids = sorted(chance.sample(range(9_000, 40_000), RIVALS))
    rivals = []
    for place, faction_id in enumerate(ids):
        first = FIRST_OUTSIDER + place * OUTSIDERS
        users = [_outsider(chance, first + number * 7, faction_id) for number in range(size)]
        rivals.append(Rival(faction_id, RIVAL_NAMES[place], tuple(users)))
    return rivals


def make_strangers(chance: Chance) -> list[User]:
    """People in no faction."""
    return [_outsider(chance, FIRST_OUTSIDER - OUTSIDERS + number * 11, None) for number in range(STRANGERS)]


def make_pacts(chance: Chance, now: int, rivals: list[Rival]) -> list[dict[str, Any]]:
    """Pacts with a few other factions."""
    return [
        {"faction_id": rival.id, "faction_name": rival.name, "until": now + chance.randint(DAY, 60 * DAY)}
        for rival in chance.sample(rivals, 2)
    ]


def _outsider(chance: Chance, user_id: int, faction_id: int | None) -> User:
    return User(user_id, _name(chance, user_id), chance.randint(3, 100), faction_id)


def _name(chance: Chance, user_id: int) -> str:
    return f"{chance.choice(NAME_STARTS)}{chance.choice(NAME_ENDS)}{user_id % 997}"


def _money(chance: Chance) -> int:
    kind = chance.random()
    if kind < 0.25:  # noqa: PLR2004 - shares of members
        return 0
    if kind < 0.3:  # noqa: PLR2004 - shares of members
        return -chance.randint(1, 5_000_000)
    return chance.randint(2**31, 2**36) if kind < 0.4 else chance.randint(1, 10**9)  # noqa: PLR2004 - shares of members


def _points(chance: Chance) -> int:
    return 0 if chance.yes(0.6) else chance.randint(1, 9_000)


def _last_action(chance: Chance, now: int) -> dict[str, Any]:
    if chance.yes(0.02):
        return {"status": "Offline", "timestamp": 0, "relative": "Never"}
    seconds = chance.choice((chance.randint(0, 10 * MINUTE), chance.randint(0, DAY), chance.randint(0, 30 * DAY)))
    status = "Online" if seconds < 5 * MINUTE else "Idle" if seconds < HOUR else "Offline"
    return {"status": status, "timestamp": now - seconds, "relative": f"{duration(seconds)} ago"}


def _status(chance: Chance, now: int) -> dict[str, Any]:
    state = chance.choices(("Okay", "Hospital", "Traveling", "Abroad", "Jail", "Federal", "Fallen"), (60, 12, 12, 8, 4, 2, 2))[0]
    country = chance.choice(COUNTRIES)
    seconds = chance.randint(MINUTE, 6 * HOUR)
    status: dict[str, Any] = {"description": state, "details": None, "state": state, "color": "green", "until": None}
    if state == "Hospital":
        status |= {
            "description": f"In hospital for {duration(seconds)}",
            "details": "Mugged by someone",
            "color": "red",
            "until": now + seconds,
        }
    elif state == "Jail":
        status |= {
            "description": f"In jail for {duration(seconds)}",
            "details": 'Caught: "attempted & failed"',
            "color": "red",
            "until": now + seconds,
        }
    elif state == "Traveling":
        way = chance.choice((f"Traveling to {country}", f"Returning to Torn from {country}"))
        status |= {"description": way, "color": "blue", "plane_image_type": chance.choice(PLANES)}
    elif state == "Abroad":
        status |= {"description": f"In {country}", "color": "blue"}
    elif state != "Okay":
        status |= {"color": "red", "details": "A long way down"}
    return status
