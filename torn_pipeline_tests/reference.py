"""A naive second opinion: the tables of the five core endpoints, written out by hand on plain dicts.

It shares no code and no contract with the package. Whoever doubts a table reads its function here beside the
naming rules: every column is one line, in the order in which the table has it, older paths of the same thing
behind the newest. ``COLUMNS`` and ``KEYS`` state the same as literals, to hold the package against.

The columns that say where a row came from (``ORIGIN``) are left out, except ``_account``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

__all__ = ["COLUMNS", "FORMER", "KEYS", "ORIGIN", "TABLES", "Body", "Row", "Rows", "Scope", "differences", "reference_tables"]

Body = Mapping[str, Any]
Row = dict[str, object]
Rows = list[Row]
Scope = Literal["account", "global"]

ORIGIN = ("_fetch_id", "_fetched_at", "_raw_id")
"""The columns of every table that only a real fetch can fill."""

TABLES: Mapping[str, tuple[str, ...]] = {
    "/faction/crimes": ("faction_crimes", "faction_crimes_slots", "faction_crimes_rewards_items"),
    "/faction/members": ("faction_members",),
    "/torn/items": ("torn_items", "torn_items_details_mods", "torn_items_details_coverage", "torn_items_value_shops"),
    "/faction/basic": ("faction_basic",),
    "/faction/balance": ("faction_balance", "faction_balance_members"),
}
"""The tables of each endpoint."""

KEYS: Mapping[str, tuple[str, ...]] = {
    "faction_crimes": ("_account", "id"),
    "faction_crimes_slots": ("_account", "crime_id", "_index"),
    "faction_crimes_rewards_items": ("_account", "crime_id", "_index"),
    "faction_members": ("_account", "id"),
    "torn_items": ("id",),
    "torn_items_details_mods": ("item_id", "_index"),
    "torn_items_details_coverage": ("item_id", "_index"),
    "torn_items_value_shops": ("item_id", "_index"),
    "faction_basic": ("_account", "id"),
    "faction_balance": ("_account",),
    "faction_balance_members": ("_account", "member_id"),
}
"""What identifies a row in every mode but ``append``, which adds ``_fetched_at``."""

COLUMNS: Mapping[str, Mapping[str, type]] = {
    "faction_crimes": {
        "_account": str,
        "id": int,
        "previous_crime_id": int,
        "name": str,
        "difficulty": int,
        "status": str,
        "created_at": datetime,
        "planning_at": datetime,
        "ready_at": datetime,
        "expired_at": datetime,
        "executed_at": datetime,
        "rewards_money": int,
        "rewards_respect": int,
        "rewards_scope": int,
        "rewards_payout_type": str,
        "rewards_payout_percentage": float,
        "rewards_payout_paid_by": int,
        "rewards_payout_paid_at": datetime,
    },
    "faction_crimes_slots": {
        "_account": str,
        "crime_id": int,
        "_index": int,
        "position": str,
        "position_info_id": str,
        "position_info_label": str,
        "position_info_number": int,
        "item_requirement_id": int,
        "item_requirement_is_reusable": bool,
        "item_requirement_is_available": bool,
        "user_id": int,
        "user_outcome": str,
        "user_outcome_duration": int,
        "user_item_outcome_owned_by": str,
        "user_item_outcome_item_id": int,
        "user_item_outcome_item_uid": int,
        "user_item_outcome_outcome": str,
        "user_joined_at": datetime,
        "user_progress": float,
        "checkpoint_pass_rate": int,
        "previous_crime_id": int,
        "name": str,
        "difficulty": int,
        "status": str,
        "created_at": datetime,
        "planning_at": datetime,
        "ready_at": datetime,
        "expired_at": datetime,
        "executed_at": datetime,
    },
    "faction_crimes_rewards_items": {
        "_account": str,
        "crime_id": int,
        "_index": int,
        "item_id": int,
        "quantity": int,
        "money": int,
        "respect": int,
        "scope": int,
        "previous_crime_id": int,
        "name": str,
        "difficulty": int,
        "status": str,
        "created_at": datetime,
        "planning_at": datetime,
        "ready_at": datetime,
        "expired_at": datetime,
        "executed_at": datetime,
    },
    "faction_members": {
        "_account": str,
        "id": int,
        "name": str,
        "position": str,
        "level": int,
        "days_in_faction": int,
        "is_revivable": bool,
        "is_on_wall": bool,
        "is_in_oc": bool,
        "has_early_discharge": bool,
        "last_action_status": str,
        "last_action_timestamp": datetime,
        "last_action_relative": str,
        "status_description": str,
        "status_details": str,
        "status_state": str,
        "status_color": str,
        "status_until": datetime,
        "status_plane_image_type": str,
        "revive_setting": str,
    },
    "torn_items": {
        "id": int,
        "name": str,
        "description": str,
        "effect": str,
        "requirement": str,
        "image": str,
        "type": str,
        "sub_type": str,
        "is_masked": bool,
        "is_tradable": bool,
        "is_found_in_city": bool,
        "value_vendor_country": str,
        "value_vendor_name": str,
        "value_buy_price": int,
        "value_sell_price": int,
        "value_market_price": int,
        "circulation": int,
        "details_stealth_level": float,
        "details_base_stats_damage": int,
        "details_base_stats_accuracy": int,
        "details_base_stats_armor": int,
        "details_category": str,
        "details_ammo_id": int,
        "details_ammo_name": str,
        "details_ammo_magazine_rounds": int,
        "details_ammo_rate_of_fire_minimum": int,
        "details_ammo_rate_of_fire_maximum": int,
        "_account": str,
    },
    "torn_items_details_mods": {
        "item_id": int,
        "_index": int,
        "value": int,
        "stealth_level": float,
        "category": str,
        "name": str,
        "description": str,
        "effect": str,
        "requirement": str,
        "image": str,
        "type": str,
        "sub_type": str,
        "is_masked": bool,
        "is_tradable": bool,
        "is_found_in_city": bool,
        "circulation": int,
        "_account": str,
    },
    "torn_items_details_coverage": {
        "item_id": int,
        "_index": int,
        "name": str,
        "value": float,
        "stealth_level": float,
        "category": str,
        "item_name": str,
        "description": str,
        "effect": str,
        "requirement": str,
        "image": str,
        "type": str,
        "sub_type": str,
        "is_masked": bool,
        "is_tradable": bool,
        "is_found_in_city": bool,
        "circulation": int,
        "_account": str,
    },
    "torn_items_value_shops": {
        "item_id": int,
        "_index": int,
        "shop": str,
        "country": str,
        "buy_price": int,
        "sell_price": int,
        "value_buy_price": int,
        "value_sell_price": int,
        "market_price": int,
        "name": str,
        "description": str,
        "effect": str,
        "requirement": str,
        "image": str,
        "type": str,
        "sub_type": str,
        "is_masked": bool,
        "is_tradable": bool,
        "is_found_in_city": bool,
        "circulation": int,
        "_account": str,
    },
    "faction_basic": {
        "_account": str,
        "id": int,
        "name": str,
        "tag": str,
        "tag_image": str,
        "banner_image": str,
        "leader_id": int,
        "co_leader_id": int,
        "respect": int,
        "days_old": int,
        "capacity": int,
        "members": int,
        "is_enlisted": bool,
        "rank_level": int,
        "rank_name": str,
        "rank_division": int,
        "rank_position": int,
        "rank_wins": int,
        "best_chain": int,
        "note": str,
    },
    "faction_balance": {
        "_account": str,
        "faction_money": int,
        "faction_points": int,
        "faction_scope": int,
    },
    "faction_balance_members": {
        "_account": str,
        "member_id": int,
        "_index": int,
        "username": str,
        "money": int,
        "points": int,
    },
}
"""Every column of each table in its order, with the Python type of its values (or ``None``)."""

FORMER: Mapping[str, frozenset[str]] = {
    "faction_crimes_slots": frozenset({"success_chance", "crime_pass_rate"}),
    "faction_members": frozenset({"life_current", "life_maximum"}),
}
"""Columns of fields that old answers had and the API has dropped: as unknown fields they may stand at a table's end."""


def reference_tables(path: str, bodies: Sequence[Body], *, account: str = "default", scope: Scope | None = None) -> dict[str, Rows]:
    """The rows of every table of one endpoint, from the page bodies of one fetch.

    Values are ``int``, ``float``, ``bool``, ``str``, a ``datetime`` in UTC, or ``None``. Where pages repeat a
    row, the later page wins. ``scope`` decides whether ``_account`` opens a row, as part of its key, or closes it;
    unless given, it is ``global`` for paths under ``/torn/``.
    """
    tables = _ENDPOINTS[path](bodies)
    is_global = path.startswith("/torn/") if scope is None else scope == "global"
    if is_global:
        return {name: [{**row, "_account": account} for row in rows] for name, rows in tables.items()}
    return {name: [{"_account": account, **row} for row in rows] for name, rows in tables.items()}


def differences(table: str, actual: Iterable[Mapping[str, object]], expected: Iterable[Mapping[str, object]]) -> list[str]:
    """What differs between the rows of a real table and the reference's, compared by key, both ways; empty when nothing does.

    Types count: 1 is not 1.0 and not ``True``. ``actual`` may have the columns of ``ORIGIN`` and, after all
    others, those of ``FORMER``; else its columns are exactly the reference's, in the same order.
    """
    actual, expected = list(actual), list(expected)
    found = [f"{table}: {problem}" for problem in sorted({_column_problem(table, row) for row in actual} - {""})]
    ours, theirs = _by_key(table, expected), _by_key(table, actual)
    found += [f"{table}: the key {key} stands {count} times" for key, count in _repeated(table, actual)]
    found += [f"{table}: no row for {key}" for key in ours.keys() - theirs.keys()]
    found += [f"{table}: an unexpected row {key}" for key in theirs.keys() - ours.keys()]
    for key in ours.keys() & theirs.keys():
        found += [
            f"{table} {key}: {column} is {theirs[key].get(column)!r}, not {value!r}"
            for column, value in ours[key].items()
            if not _same(theirs[key].get(column), value)
        ]
    return found


def _column_problem(table: str, row: Mapping[str, object]) -> str:
    """What is wrong with the names and order of a row's columns, or nothing."""
    names = [name for name in row if name not in ORIGIN]
    wanted = list(COLUMNS[table])
    unknown = set(names[len(wanted) :]) - FORMER.get(table, frozenset())
    if names[: len(wanted)] != wanted or unknown:
        return f"the columns are {names}, not {wanted}"
    return ""


def _by_key(table: str, rows: Iterable[Mapping[str, object]]) -> dict[tuple[object, ...], Mapping[str, object]]:
    return {tuple(row[name] for name in KEYS[table]): row for row in rows}


def _repeated(table: str, rows: Iterable[Mapping[str, object]]) -> list[tuple[tuple[object, ...], int]]:
    """Keys that stand on more than one row, with how often."""
    counts: dict[tuple[object, ...], int] = {}
    for row in rows:
        key = tuple(row[name] for name in KEYS[table])
        counts[key] = counts.get(key, 0) + 1
    return [(key, count) for key, count in counts.items() if count > 1]


def _same(actual: object, expected: object) -> bool:
    """Whether two values are equal and of one type; an instant has to be in UTC too."""
    if isinstance(actual, datetime) and actual.utcoffset() != UTC.utcoffset(None):
        return False
    return type(actual) is type(expected) and actual == expected


# Values


def _integer(value: float | None) -> int | None:
    """An integer, also when it was sent as 10.0."""
    return None if value is None else int(value)


def _float(value: float | None) -> float | None:
    """A float, also when it was sent as 100."""
    return None if value is None else float(value)


def _instant(seconds: int | None) -> datetime | None:
    """Seconds since 1970 as an instant in UTC; both null and 0 mean that there is none."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _first(*values: Any) -> Any:  # noqa: ANN401 - a JSON value may be anything
    """The first value that is not null: the newest path of a thing comes first, older ones after it."""
    for value in values:
        if value is not None:
            return value
    return None


def _by_id(bodies: Sequence[Body], key: str) -> list[dict[str, Any]]:
    """The rows of all pages, one an id; the later page wins."""
    return list({row["id"]: row for body in bodies for row in body[key]}.values())


# /faction/crimes


def _faction_crimes(bodies: Sequence[Body]) -> dict[str, Rows]:
    crimes = _by_id(bodies, "crimes")
    slots, items = [], []
    for crime in crimes:
        for index, slot in enumerate(crime.get("slots") or []):
            slots.append(_slot(crime, index, slot))
        for index, item in enumerate((crime.get("rewards") or {}).get("items") or []):
            items.append(_reward_item(crime, index, item))
    return {
        "faction_crimes": [_crime(crime) for crime in crimes],
        "faction_crimes_slots": slots,
        "faction_crimes_rewards_items": items,
    }


def _crime_scalars(crime: Body) -> Row:
    """The crime's direct fields but its id, which its slots and reward items carry too."""
    return {
        "previous_crime_id": _integer(crime.get("previous_crime_id")),
        "name": crime.get("name"),
        "difficulty": _integer(crime.get("difficulty")),
        "status": crime.get("status"),
        "created_at": _instant(crime.get("created_at")),
        "planning_at": _instant(crime.get("planning_at")),
        "ready_at": _instant(crime.get("ready_at")),
        "expired_at": _instant(crime.get("expired_at")),
        "executed_at": _instant(_first(crime.get("executed_at"), crime.get("initiated_at"))),
    }


def _crime(crime: Body) -> Row:
    rewards = crime.get("rewards") or {}
    payout = rewards.get("payout") or {}
    return {
        "id": crime["id"],
        **_crime_scalars(crime),
        "rewards_money": _integer(rewards.get("money")),
        "rewards_respect": _integer(rewards.get("respect")),
        "rewards_scope": _integer(rewards.get("scope")),
        "rewards_payout_type": payout.get("type"),
        "rewards_payout_percentage": _float(payout.get("percentage")),
        "rewards_payout_paid_by": _integer(payout.get("paid_by")),
        "rewards_payout_paid_at": _instant(payout.get("paid_at")),
    }


def _slot(crime: Body, index: int, slot: Body) -> Row:
    info = slot.get("position_info") or {}
    requirement = slot.get("item_requirement") or {}
    user = slot.get("user") or {}
    item = user.get("item_outcome") or {}
    return {
        "crime_id": crime["id"],
        "_index": index,
        "position": slot.get("position"),
        "position_info_id": _first(info.get("id"), slot.get("position_id")),
        "position_info_label": info.get("label"),
        "position_info_number": _integer(_first(info.get("number"), slot.get("position_number"))),
        "item_requirement_id": _integer(requirement.get("id")),
        "item_requirement_is_reusable": requirement.get("is_reusable"),
        "item_requirement_is_available": requirement.get("is_available"),
        "user_id": _integer(_first(user.get("id"), slot.get("user_id"))),
        "user_outcome": user.get("outcome"),
        "user_outcome_duration": _integer(user.get("outcome_duration")),
        "user_item_outcome_owned_by": item.get("owned_by"),
        "user_item_outcome_item_id": _integer(item.get("item_id")),
        "user_item_outcome_item_uid": _integer(item.get("item_uid")),
        "user_item_outcome_outcome": item.get("outcome"),
        "user_joined_at": _instant(user.get("joined_at")),
        "user_progress": _float(user.get("progress")),
        "checkpoint_pass_rate": _integer(slot.get("checkpoint_pass_rate")),
        **_crime_scalars(crime),
    }


def _reward_item(crime: Body, index: int, item: Body) -> Row:
    rewards = crime["rewards"]
    return {
        "crime_id": crime["id"],
        "_index": index,
        "item_id": _integer(item.get("id")),
        "quantity": _integer(item.get("quantity")),
        "money": _integer(rewards.get("money")),
        "respect": _integer(rewards.get("respect")),
        "scope": _integer(rewards.get("scope")),
        **_crime_scalars(crime),
    }


# /faction/members


def _faction_members(bodies: Sequence[Body]) -> dict[str, Rows]:
    return {"faction_members": [_member(member) for member in _by_id(bodies, "members")]}


def _member(member: Body) -> Row:
    last_action = member.get("last_action") or {}
    status = member.get("status") or {}
    return {
        "id": member["id"],
        "name": member.get("name"),
        "position": member.get("position"),
        "level": _integer(member.get("level")),
        "days_in_faction": _integer(member.get("days_in_faction")),
        "is_revivable": member.get("is_revivable"),
        "is_on_wall": member.get("is_on_wall"),
        "is_in_oc": member.get("is_in_oc"),
        "has_early_discharge": member.get("has_early_discharge"),
        "last_action_status": last_action.get("status"),
        "last_action_timestamp": _instant(last_action.get("timestamp")),
        "last_action_relative": last_action.get("relative"),
        "status_description": status.get("description"),
        "status_details": status.get("details"),
        "status_state": status.get("state"),
        "status_color": status.get("color"),
        "status_until": _instant(status.get("until")),
        "status_plane_image_type": status.get("plane_image_type"),
        "revive_setting": member.get("revive_setting"),
    }


# /torn/items


def _torn_items(bodies: Sequence[Body]) -> dict[str, Rows]:
    items = _by_id(bodies, "items")
    mods, coverage, shops = [], [], []
    for item in items:
        details = item.get("details") or {}
        for index, mod in enumerate(details.get("mods") or []):
            mods.append(_mod(item, index, mod))
        for index, part in enumerate(details.get("coverage") or []):
            coverage.append(_coverage(item, index, part))
        for index, shop in enumerate((item.get("value") or {}).get("shops") or []):
            shops.append(_shop(item, index, shop))
    return {
        "torn_items": [_item(item) for item in items],
        "torn_items_details_mods": mods,
        "torn_items_details_coverage": coverage,
        "torn_items_value_shops": shops,
    }


def _item(item: Body) -> Row:
    value = item.get("value") or {}
    vendor = value.get("vendor") or {}
    return {
        "id": item["id"],
        "name": item.get("name"),
        "description": item.get("description"),
        "effect": item.get("effect"),
        "requirement": item.get("requirement"),
        "image": item.get("image"),
        "type": item.get("type"),
        "sub_type": item.get("sub_type"),
        "is_masked": item.get("is_masked"),
        "is_tradable": item.get("is_tradable"),
        "is_found_in_city": item.get("is_found_in_city"),
        "value_vendor_country": vendor.get("country"),
        "value_vendor_name": vendor.get("name"),
        "value_buy_price": _integer(value.get("buy_price")),
        "value_sell_price": _integer(value.get("sell_price")),
        "value_market_price": _integer(value.get("market_price")),
        "circulation": _integer(item.get("circulation")),
        **_item_details(item),
    }


def _item_details(item: Body) -> Row:
    """The details of a weapon and of armour, side by side."""
    details = item.get("details") or {}
    stats = details.get("base_stats") or {}
    ammo = details.get("ammo") or {}
    rate = ammo.get("rate_of_fire") or {}
    return {
        "details_stealth_level": _float(details.get("stealth_level")),
        "details_base_stats_damage": _integer(stats.get("damage")),
        "details_base_stats_accuracy": _integer(stats.get("accuracy")),
        "details_base_stats_armor": _integer(stats.get("armor")),
        "details_category": details.get("category"),
        "details_ammo_id": _integer(ammo.get("id")),
        "details_ammo_name": ammo.get("name"),
        "details_ammo_magazine_rounds": _integer(ammo.get("magazine_rounds")),
        "details_ammo_rate_of_fire_minimum": _integer(rate.get("minimum")),
        "details_ammo_rate_of_fire_maximum": _integer(rate.get("maximum")),
    }


def _item_scalars(item: Body) -> Row:
    """The item's direct fields but its id and name, as its children carry them."""
    return {
        "description": item.get("description"),
        "effect": item.get("effect"),
        "requirement": item.get("requirement"),
        "image": item.get("image"),
        "type": item.get("type"),
        "sub_type": item.get("sub_type"),
        "is_masked": item.get("is_masked"),
        "is_tradable": item.get("is_tradable"),
        "is_found_in_city": item.get("is_found_in_city"),
        "circulation": _integer(item.get("circulation")),
    }


def _mod(item: Body, index: int, mod: int) -> Row:
    details = item["details"]
    return {
        "item_id": item["id"],
        "_index": index,
        "value": _integer(mod),
        "stealth_level": _float(details.get("stealth_level")),
        "category": details.get("category"),
        "name": item.get("name"),
        **_item_scalars(item),
    }


def _coverage(item: Body, index: int, part: Body) -> Row:
    details = item["details"]
    return {
        "item_id": item["id"],
        "_index": index,
        "name": part.get("name"),
        "value": _float(part.get("value")),
        "stealth_level": _float(details.get("stealth_level")),
        "category": details.get("category"),
        "item_name": item.get("name"),
        **_item_scalars(item),
    }


def _shop(item: Body, index: int, shop: Body) -> Row:
    value = item["value"]
    return {
        "item_id": item["id"],
        "_index": index,
        "shop": shop.get("shop"),
        "country": shop.get("country"),
        "buy_price": _integer(shop.get("buy_price")),
        "sell_price": _integer(shop.get("sell_price")),
        "value_buy_price": _integer(value.get("buy_price")),
        "value_sell_price": _integer(value.get("sell_price")),
        "market_price": _integer(value.get("market_price")),
        "name": item.get("name"),
        **_item_scalars(item),
    }


# /faction/basic and /faction/balance: neither has pages, so one body is all


def _faction_basic(bodies: Sequence[Body]) -> dict[str, Rows]:
    (body,) = bodies
    basic = body["basic"]
    rank = basic.get("rank") or {}
    row: Row = {
        "id": basic["id"],
        "name": basic.get("name"),
        "tag": basic.get("tag"),
        "tag_image": basic.get("tag_image"),
        "banner_image": basic.get("banner_image"),
        "leader_id": _integer(basic.get("leader_id")),
        "co_leader_id": _integer(_first(basic.get("co_leader_id"), basic.get("co-leader_id"))),
        "respect": _integer(basic.get("respect")),
        "days_old": _integer(basic.get("days_old")),
        "capacity": _integer(basic.get("capacity")),
        "members": _integer(basic.get("members")),
        "is_enlisted": basic.get("is_enlisted"),
        "rank_level": _integer(rank.get("level")),
        "rank_name": rank.get("name"),
        "rank_division": _integer(rank.get("division")),
        "rank_position": _integer(rank.get("position")),
        "rank_wins": _integer(rank.get("wins")),
        "best_chain": _integer(basic.get("best_chain")),
        "note": basic.get("note"),
    }
    return {"faction_basic": [row]}


def _faction_balance(bodies: Sequence[Body]) -> dict[str, Rows]:
    (body,) = bodies
    balance = body["balance"]
    faction = balance.get("faction") or {}
    row: Row = {
        "faction_money": _integer(faction.get("money")),
        "faction_points": _integer(faction.get("points")),
        "faction_scope": _integer(faction.get("scope")),
    }
    members = [_balance_member(index, member) for index, member in enumerate(balance.get("members") or [])]
    return {"faction_balance": [row], "faction_balance_members": members}


def _balance_member(index: int, member: Body) -> Row:
    return {
        "member_id": member["id"],
        "_index": index,
        "username": member.get("username"),
        "money": _integer(member.get("money")),
        "points": _integer(member.get("points")),
    }


_ENDPOINTS: Mapping[str, Callable[[Sequence[Body]], dict[str, Rows]]] = {
    "/faction/crimes": _faction_crimes,
    "/faction/members": _faction_members,
    "/torn/items": _torn_items,
    "/faction/basic": _faction_basic,
    "/faction/balance": _faction_balance,
}
