"""Small answers of the core endpoints in every shape that the API has had, over the same things.

What is told stays the same from shape to shape, only where it stands differs: the user of a slot is one and the
same in all of them. Everything follows from the number of the thing, so nothing here is random. Odd names, nulls,
zeros for instants, empty lists, numbers beyond 32 bits and beyond what a float holds, and floats are among them.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["PATHS", "SHAPES", "bodies", "slot_user"]

SHAPES = ("1.1", "1.3", "1.10", "3.0", "5.4", "5.8", "6.0", "6.13")
"""Versions of the API's description that brought a shape of its own, oldest first."""

PATHS = ("/faction/crimes", "/faction/members", "/torn/items", "/faction/basic", "/faction/balance")

Json = dict[str, Any]

CRIMES = 36
CRIMES_A_PAGE = 10
FIRST_SECOND = 1_745_000_000
DAY = 86_400

NAMES = (
    "Ash",
    "Zoë",
    "李明",
    "🦊Fox",
    'O\'Neil "Duke"',
    "NULL",
    "",
    "0",
    "=1+1",
    "a,b;c",
    "two\nlines",
    " padded ",
    "back\\slash",
    "<b>&amp;</b>",
    "Тень",
)
STATUSES = ("Successful", "Failure", "Planning", "Recruiting", "Expired")
POSITIONS = ("Robber", "Muscle", "Muscle", "Car Thief", "Muscle", "Robber")
MONEY = (0, 26_927_000, 2**31, 9_007_199_254_740_993)  # the last is 2**53 + 1, which a float cannot hold
PROGRESS = (100, 0, 33.33, 0.1 + 0.2, 1e-07)
PERCENTAGES = (85, 100, 66.67)


def bodies(path: str, shape: str, *, skip: int = 0) -> list[bytes]:
    """The page bodies of one answer of ``path`` in ``shape``; the first ``skip`` things of a list are not in it."""
    pages = {
        "/faction/crimes": _crime_pages,
        "/faction/members": _member_pages,
        "/torn/items": _item_pages,
        "/faction/basic": _basic_pages,
        "/faction/balance": _balance_pages,
    }[path](shape, skip)
    return [json.dumps(page, ensure_ascii=number % 2 == 1).encode() for number, page in enumerate(pages)]


def slot_user(crime: int, place: int) -> int | None:
    """The id of the user in one slot of the crime with that id, whatever the shape; ``None`` in an empty slot."""
    return _user(crime % 1000, place)


def _since(shape: str, first: str) -> bool:
    """Whether ``shape`` is ``first`` or newer."""
    return SHAPES.index(shape) >= SHAPES.index(first)


def _name(number: int) -> str:
    return NAMES[number % len(NAMES)]


# Crimes: the one numbered n has the id 700,000 + n


def _crime_pages(shape: str, skip: int) -> list[Json]:
    crimes = [_crime(number, shape) for number in range(skip, CRIMES)]
    starts = range(0, len(crimes), CRIMES_A_PAGE)
    return [{"crimes": crimes[start : start + CRIMES_A_PAGE], "_metadata": _metadata(start, len(crimes), shape)} for start in starts]


def _metadata(start: int, total: int, shape: str) -> Json:
    def link(offset: int) -> str | None:
        return f"https://api.torn.com/v2/faction/crimes?limit={CRIMES_A_PAGE}&offset={offset}" if 0 <= offset < total else None

    links = {"next": link(start + CRIMES_A_PAGE), "prev": link(start - CRIMES_A_PAGE)}
    return {"links": links} if _since(shape, "1.10") else {**links, "links": links}


def _status(number: int) -> str:
    return STATUSES[number % len(STATUSES)]


def _places(number: int, shape: str) -> int:
    """How many slots a crime has: one to six, none in every eleventh, and one less in the newest shape."""
    if number % 11 == 10:
        return 0
    return max(1 + number % 6 - (1 if shape == "6.13" else 0), 1)


def _user(number: int, place: int) -> int | None:
    """Who is in a slot: all are filled once a crime is planned, every other one while it recruits."""
    filled = {"Recruiting": place % 2 == 0, "Expired": False}.get(_status(number), True)
    return 10_000 + 50 * number + place if filled else None


def _joined_at(number: int, place: int) -> int:
    return FIRST_SECOND - number * 7_919 + 60 * (place + 1)


def _executed_at(number: int) -> int | None:
    return FIRST_SECOND - number * 7_919 + 3 * DAY + number if _status(number) in {"Successful", "Failure"} else None


def _crime(number: int, shape: str) -> Json:
    created_at = FIRST_SECOND - number * 7_919
    joined = any(_user(number, place) for place in range(_places(number, shape)))
    crime: Json = {
        "id": 700_000 + number,
        "name": _name(number),
        "difficulty": 1 + number % 10,
        "status": _status(number),
        "created_at": created_at,
        "planning_at": (0 if number == 7 else created_at + 60) if joined else None,
        "ready_at": created_at + 2 * DAY if joined else None,
        "expired_at": created_at + 7 * DAY,
        "executed_at": _executed_at(number),
        "slots": [_slot(number, place, shape) for place in range(_places(number, shape))],
        "rewards": _rewards(number, shape) if _status(number) == "Successful" else None,
    }
    if shape == "1.1":
        crime["initiated_at"] = crime.pop("executed_at")
    if _since(shape, "1.10"):
        crime["previous_crime_id"] = 600_000 + number if number % 4 == 0 else None
    return crime


def _slot(number: int, place: int, shape: str) -> Json:
    pass_rate = (number * 7 + place * 13) % 101
    user = _user(number, place)
    slot: Json = {
        "position": POSITIONS[place],
        "item_requirement": {"id": 1_080 + place, "is_reusable": place % 2 == 0, "is_available": number % 2 == 0} if place % 3 else None,
        "user": _slot_user(number, place, shape) if user else None,
    }
    if shape != "1.1":
        slot["checkpoint_pass_rate"] = pass_rate
    if not _since(shape, "1.10"):
        slot |= {"user_id": user, "success_chance": (pass_rate + 1) % 101}
    if shape == "1.3":
        slot["crime_pass_rate"] = pass_rate
    if _since(shape, "3.0") and not _since(shape, "6.0"):
        slot |= {"position_id": f"P{place + 1}", "position_number": place + 1}
    if _since(shape, "5.4"):
        slot["position_info"] = {"id": f"P{place + 1}", "label": f"{POSITIONS[place]} #{place + 1}", "number": place + 1}
    return slot


def _slot_user(number: int, place: int, shape: str) -> Json:
    """The object ``user`` of a filled slot; in the oldest shape its id stands beside it, in the slot."""
    user: Json = {"joined_at": _joined_at(number, place), "progress": PROGRESS[(number + place) % len(PROGRESS)]}
    if shape == "1.1":
        return user
    done = _executed_at(number) is not None
    jailed = done and place == 1
    user |= {"id": _user(number, place), "outcome": ("Jailed" if jailed else "Successful") if done else None}
    if _since(shape, "5.4"):
        user["item_outcome"] = _item_outcome(number, place, shape) if done and place % 3 else None
        if place:  # the key is not always there
            user["outcome_duration"] = 3_600 if jailed else None
    return user


def _item_outcome(number: int, place: int, shape: str) -> Json:
    return {
        "owned_by": "faction" if number % 2 else "user",
        "item_id": 1_080 + place,
        "item_uid": 2**33 + 100 * number + place,
        "outcome": "unused" if shape == "6.13" else "used",
    }


def _rewards(number: int, shape: str) -> Json:
    turn = number // len(STATUSES)
    rewards: Json = {"money": MONEY[turn % len(MONEY)], "respect": 10 + number}
    if shape == "1.1":
        return rewards
    percentage = PERCENTAGES[turn % len(PERCENTAGES)]
    payout = {
        "type": "balance",
        "percentage": percentage if _since(shape, "5.8") else int(percentage),
        "paid_by": 10_000,
        "paid_at": FIRST_SECOND - number * 7_919 + 4 * DAY,
    }
    rewards["items"] = [{"id": 206 + place, "quantity": 1 + place} for place in range(turn % 4)]
    return rewards | {"scope": turn, "payout": None if turn % 4 == 3 else payout}


# Members


def _member_pages(shape: str, skip: int) -> list[Json]:
    return [{"members": [_member(number, shape) for number in range(skip, 25)]}]


def _member(number: int, shape: str) -> Json:
    member: Json = {
        "id": 10_000 + number,
        "name": _name(number),
        "position": ("Leader", "Co-leader", "Würdig <3")[number % 3],
        "level": 1 + number,
        "days_in_faction": number * 100,
        "is_revivable": number % 2 == 0,
        "is_on_wall": number % 5 == 0,
        "is_in_oc": number % 3 == 0,
        "has_early_discharge": number % 7 == 0,
        "last_action": {
            "status": "Idle",
            "timestamp": 0 if number == 3 else FIRST_SECOND - number * 61,
            "relative": f"{number} minutes ago",
        },
        "status": _member_status(number, shape),
        "revive_setting": ("Everyone", "No one", "Friends & faction", "Unknown")[number % 4],
    }
    if not _since(shape, "1.10"):
        member["life"] = {"current": 7_500 - number, "maximum": 7_500}
    return member


def _member_status(number: int, shape: str) -> Json:
    state = ("Okay", "Hospital", "Traveling")[number % 3]
    status: Json = {
        "description": f"{state} for a while",
        "details": f'Hospitalized by <a href="https://www.torn.com/{number}">somebody</a>' if state == "Hospital" else None,
        "state": state,
        "until": {"Okay": None, "Hospital": FIRST_SECOND + number, "Traveling": 0}[state],
    }
    if _since(shape, "3.0"):
        status["color"] = {"Okay": "green", "Hospital": "red", "Traveling": "blue"}[state]
        if state == "Traveling":  # the key is there for travellers only
            status["plane_image_type"] = "light_aircraft"
    return status


# Items


def _item_pages(shape: str, skip: int) -> list[Json]:
    return [{"items": [_item(number, shape) for number in range(1 + skip, 31)]}]


def _item(number: int, shape: str) -> Json:
    kind = ("Weapon", "Armor", "Candy")[number % 3]
    return {
        "id": number,
        "name": f"{_name(number)} {number}",
        "description": ("Contains <b>HTML</b> &amp; “quotes”", "Line one\nline two", "")[number % 3],
        "effect": f"Life +{number} %" if number % 2 else None,
        "requirement": "Level 15" if number % 5 == 0 else None,
        "image": f"https://www.torn.com/images/items/{number}/large.png",
        "type": kind,
        "sub_type": "Clubbing" if kind == "Weapon" else None,
        "is_masked": number % 7 == 0,
        "is_tradable": number % 4 != 0,
        "is_found_in_city": number % 6 == 0,
        "value": _item_value(number, shape),
        "circulation": 259_879_736_000 + number if number % 8 == 0 else number,
        "details": {"Weapon": _weapon(number), "Armor": _armour(number), "Candy": None}[kind],
    }


def _item_value(number: int, shape: str) -> Json:
    sold = number % 2 == 0
    value: Json = {
        "vendor": {"country": "Torn", "name": "Sally's Sweet Shop"} if sold else None,
        "buy_price": 2**40 + number if sold else None,
        "sell_price": 10 * number if number % 3 else None,
        "market_price": 5_100_000_000 + number,
    }
    if _since(shape, "6.13"):
        shops = [
            {"shop": f"Shop {place}", "country": "Mexico", "buy_price": 2 * place if place else None, "sell_price": place}
            for place in range(number % 3)
        ]
        kept = value if number % 4 else {"market_price": value["market_price"]}  # prices and vendor have become optional
        return {**kept, "shops": shops}
    return value


def _weapon(number: int) -> Json:
    ammo = {"id": number, "name": "9mm Parabellum", "magazine_rounds": 17, "rate_of_fire": {"minimum": 1, "maximum": 1 + number}}
    return {
        "stealth_level": 7 if number % 2 else 7.6,
        "base_stats": {"damage": 10 + number, "accuracy": 55, "armor": 0},
        "category": "Melee",
        "ammo": ammo if number % 2 else None,
        "mods": list(range(number, number + number % 4)),
    }


def _armour(number: int) -> Json:
    parts = ("Heart", "Stomach", "Full Body")[: number % 4]
    return {
        "coverage": [{"name": part, "value": 100 if place == 0 else 12.35 * place} for place, part in enumerate(parts)],
        "base_stats": {"damage": 0, "accuracy": 0, "armor": number},
    }


# Basic and balance


def _basic_pages(shape: str, _skip: int) -> list[Json]:
    basic: Json = {
        "id": 40_832,
        "name": "Ünited & <Co>",
        "tag": "UC",
        "tag_image": "40832-1.png",
        "leader_id": 10_000,
        "co-leader_id" if shape == "1.1" else "co_leader_id": 10_001,
        "respect": 2**31 + 5,
        "days_old": 4_000,
        "capacity": 100,
        "members": 25,
        "is_enlisted": None if shape == "1.1" else True,
        "rank": {"level": 12, "name": "Gold", "division": 2, "position": 0, "wins": 31},
        "best_chain": 25_000,
    }
    if shape == "1.3":  # for a while both were sent
        basic["co-leader_id"] = basic["co_leader_id"]
    if _since(shape, "5.4"):
        basic["note"] = 'a note with "quotes"'
    if _since(shape, "5.8"):
        basic["banner_image"] = "40832.png"
    return [{"basic": basic}]


def _balance_pages(_shape: str, skip: int) -> list[Json]:
    money = (0, -1_250, 2**31, 9_007_199_254_740_993, 2**63 - 1)
    members = [
        {"id": 10_000 + number, "username": _name(number), "money": money[number % len(money)], "points": number}
        for number in range(skip, 25)
    ]
    return [{"balance": {"faction": {"money": -(2**40), "points": 7, "scope": 42}, "members": members}}]
