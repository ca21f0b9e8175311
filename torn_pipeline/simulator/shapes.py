"""Answers in older and newer shapes: what earlier and later versions of the API named or placed otherwise.

The world is kept in the shape of version 5.8. A shape is any version number; each change below knows the version it came with.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["DEFAULT_SHAPE", "SHAPES", "check_shape", "reshape"]

SHAPES = ("1.1", "1.3", "1.10", "3.0", "3.0.5", "5.2", "5.4", "5.5.4", "5.7", "5.8", "6.0", "6.1.1", "6.3", "6.11", "6.13")
"""Versions that brought a shape of their own, oldest first."""
DEFAULT_SHAPE = "5.8"

Json = dict[str, Any]
Version = tuple[int, ...]


def check_shape(shape: str) -> str:
    """The same text.

    Raises:
        ValueError: when it is no version number.
    """
    if not re.fullmatch(r"\d{1,3}(\.\d{1,3}){1,3}", shape):
        message = f"{shape!r} is no shape: use a version number such as {DEFAULT_SHAPE}"
        raise ValueError(message)
    return shape


def reshape(selection: str, body: Json, shape: str) -> Json:
    """An answer of this selection, made in the shape of 5.8, in another shape; what does not differ is shared with the given one."""
    version = tuple(int(part) for part in shape.split("."))
    change = _CHANGES.get(selection)
    if shape == DEFAULT_SHAPE or (change is None and version >= (1, 10)):
        return body
    new = dict(body) if change is None else change(body, version)
    if version < (1, 10) and "_metadata" in new:
        new["_metadata"] = {**new["_metadata"]["links"], **new["_metadata"]}
    return new


def _crimes(body: Json, version: Version) -> Json:
    return {**body, "crimes": [_crime(crime, version) for crime in body["crimes"]]}


def _one_crime(body: Json, version: Version) -> Json:
    return {**body, "crime": _crime(body["crime"], version)}


def _crime(crime: Json, version: Version) -> Json:
    new = {**crime, "slots": [_slot(slot, version) for slot in crime["slots"]]}
    if version < (1, 10):
        del new["previous_crime_id"]
    if version < (1, 3):
        new["initiated_at"] = new.pop("executed_at")
    payout = crime["rewards"] and crime["rewards"]["payout"]
    if version < (5, 5, 4) and payout:
        new["rewards"] = {**crime["rewards"], "payout": {**payout, "percentage": int(payout["percentage"])}}
    return new


def _slot(slot: Json, version: Version) -> Json:
    new = dict(slot)
    new["user"] = None if slot["user"] is None else _slot_user(slot, version)
    if not (3, 0) <= version < (6, 0):
        new.pop("position_id", None)
        new.pop("position_number", None)
    if version < (5, 4):
        info = new.pop("position_info")
        if version >= (3, 0):
            new |= {"position_id": info["id"], "position_number": info["number"]}
    if version < (1, 10):
        new |= {"user_id": slot["user"] and slot["user"]["id"], "success_chance": slot["checkpoint_pass_rate"]}
    if (1, 3) <= version < (1, 10):
        new["crime_pass_rate"] = slot["checkpoint_pass_rate"]
    if version < (1, 3):
        del new["checkpoint_pass_rate"]
    return new


def _slot_user(slot: Json, version: Version) -> Json:
    user, tool = dict(slot["user"]), slot["item_requirement"]
    if version < (3, 0, 5):
        user.pop("item_outcome", None)
        user.pop("outcome_duration", None)
    elif version >= (6, 1, 1) and user["outcome"] and user["item_outcome"] is None and tool and tool["is_available"]:
        user["item_outcome"] = {"owned_by": "user", "item_id": tool["id"], "item_uid": 2**33 + user["id"], "outcome": "unused"}
    if version < (1, 3):
        del user["id"]
    return user


def _members(body: Json, version: Version) -> Json:
    return {"members": [_member(member, version) for member in body["members"]]}


def _member(member: Json, version: Version) -> Json:
    new = dict(member)
    if version < (3, 0):
        new["status"] = {name: value for name, value in member["status"].items() if name not in {"color", "plane_image_type"}}
    if version < (1, 10):
        most = 100 * member["level"] + 5 * (member["id"] % 500)
        new["life"] = {"current": 1 if member["status"]["state"] == "Hospital" else most, "maximum": most}
    return new


def _basic(body: Json, version: Version) -> Json:
    new = dict(body["basic"])
    if version < (5, 7):
        new.pop("banner_image", None)
    if version < (5, 2):
        new.pop("note", None)
    if version < (1, 10):
        new["co-leader_id"] = new["co_leader_id"]
    if version < (1, 3):
        del new["co_leader_id"]
    return {"basic": new}


def _items(body: Json, version: Version) -> Json:
    if version < (6, 11):
        return body
    return {"items": [{**item, "value": _value(item["value"])} for item in body["items"]]}


def _value(value: Json) -> Json:
    vendor = value["vendor"]
    prices = {"buy_price": value["buy_price"], "sell_price": value["sell_price"]}
    shops = [] if vendor is None else [{"shop": vendor["name"], "country": vendor["country"], **prices}]
    optional = ("vendor", "buy_price", "sell_price")
    return {name: amount for name, amount in value.items() if name not in optional or amount is not None} | {"shops": shops}


def _attacks(body: Json, version: Version) -> Json:
    if version < (6, 3):
        return body
    return {**body, "attacks": [_attack(attack, version) for attack in body["attacks"]]}


def _attack(attack: Json, version: Version) -> Json:
    new = attack | {"is_territory_war": False, "territory_war_id": None}
    if version >= (6, 13) and not attack["chain"]:
        new["chain"] = None
    return new


def _revives(body: Json, version: Version) -> Json:
    if version >= (1, 10):
        return body
    return {**body, "revives": [{**revive, "reviver": _without_skill(revive["reviver"])} for revive in body["revives"]]}


def _without_skill(reviver: Json) -> Json:
    return {name: value for name, value in reviver.items() if name != "skill"}


def _chain_report(body: Json, version: Version) -> Json:
    new = dict(body["chainreport"])
    if version < (1, 10):
        new["non-attackers"] = new["non_attackers"]
    if version < (1, 3):
        del new["non_attackers"]
    return {"chainreport": new}


_CHANGES: Mapping[str, Callable[[Json, Version], Json]] = {
    "attacks": _attacks,
    "basic": _basic,
    "chainreport": _chain_report,
    "crime": _one_crime,
    "crimes": _crimes,
    "items": _items,
    "members": _members,
    "revives": _revives,
}
