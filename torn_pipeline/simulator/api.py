"""What the API answers to a call: keys, limit, parameters, selections and pages. Knows nothing of HTTP."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import orjson

from torn_pipeline.simulator.faults import error_body
from torn_pipeline.simulator.vocabulary import ITEM_TYPES, WEAPONS
from torn_pipeline.simulator.world import ACCESS_LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torn_pipeline.simulator.world import Access, Faction, Key, World

__all__ = ["CallLimit", "Question", "answer_body"]

KEY_EMPTY, KEY_INCORRECT, WRONG_TYPE, WRONG_FIELDS, TOO_MANY, ACCESS_TOO_LOW, WRONG_CATEGORY = 1, 2, 3, 4, 5, 16, 21
PAGE_DEFAULT, PAGE_MOST = 20, 100
CRIME_FIELDS = ("created_at", "executed_at", "ready_at", "expired_at")
# The statuses of each category of crimes, and the field that `sort`, `from` and `to` go by.
CRIME_CATEGORIES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "all": (("Recruiting", "Planning", "Successful", "Failure", "Expired"), "created_at"),
    "available": (("Recruiting", "Planning"), "created_at"),
    "recruiting": (("Recruiting",), "expired_at"),
    "planning": (("Planning",), "ready_at"),
    "completed": (("Successful", "Failure"), "executed_at"),
    "successful": (("Successful",), "executed_at"),
    "failure": (("Failure",), "executed_at"),
    "expired": (("Expired",), "expired_at"),
}


class _Refused(Exception):
    """The call is answered with an error of the API."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class CallLimit:
    """At most ``calls`` calls of one owner in any ``seconds``, over all keys; a refused call does not count."""

    calls: int = 100
    seconds: float = 60.0
    _taken: dict[int, deque[float]] = field(default_factory=dict)

    def take(self, owner: int, at: float) -> bool:
        """Count a call of this owner at this time (seconds of a clock that only goes forward); false when it is one too many."""
        taken = self._taken.setdefault(owner, deque())
        while taken and taken[0] <= at - self.seconds:
            taken.popleft()
        if len(taken) >= self.calls:
            return False
        taken.append(at)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One call: ``path`` without ``/v2``, ``query`` without the key, ``url`` as asked up to the query (links are made from it)."""

    key: str = field(repr=False)
    path: str
    query: Mapping[str, str]
    url: str


class _Asked(NamedTuple):
    """A question that passed the door, with the caller's faction."""

    world: World
    faction: Faction
    query: Mapping[str, str]
    url: str


def answer_body(world: World, question: Question, allowed: Callable[[int], bool]) -> bytes:
    """The JSON body of the answer; errors of the API are bodies too.

    ``allowed`` counts a call for a key's owner and says whether it was within the limit.
    """
    with world.lock:
        try:
            key = _known(world, question.key, allowed)
            selection = _selection(question.path, key)
            return orjson.dumps(selection(_Asked(world, world.faction(key.faction), question.query, question.url)))
        except _Refused as refused:
            return error_body(refused.code)


def _known(world: World, key: str, allowed: Callable[[int], bool]) -> Key:
    if not key:
        raise _Refused(KEY_EMPTY)
    if key not in world.keys:
        raise _Refused(KEY_INCORRECT)
    if not allowed(world.keys[key].owner):
        raise _Refused(TOO_MANY)
    return world.keys[key]


def _selection(path: str, key: Key) -> Callable[[_Asked], dict[str, Any]]:
    if path in SELECTIONS:
        access, selection = SELECTIONS[path]
        if ACCESS_LEVELS.index(key.access) < ACCESS_LEVELS.index(access):
            raise _Refused(ACCESS_TOO_LOW)
        return selection
    section = path.strip("/").split("/")[0]
    raise _Refused(WRONG_FIELDS if section in SECTIONS else WRONG_TYPE)


def _choice(query: Mapping[str, str], name: str, default: str, allowed: Sequence[str], code: int = WRONG_FIELDS) -> str:
    value = query.get(name, default)
    if value not in allowed:
        raise _Refused(code)
    return value


def _whole(query: Mapping[str, str], name: str, least: int = 0) -> int | None:
    if name not in query:
        return None
    try:
        value = int(query[name])
    except ValueError:
        raise _Refused(WRONG_FIELDS) from None
    if value < least:
        raise _Refused(WRONG_FIELDS)
    return value


def _crimes(asked: _Asked) -> dict[str, Any]:
    statuses, by_default = CRIME_CATEGORIES[_choice(asked.query, "cat", "all", tuple(CRIME_CATEGORIES), WRONG_CATEGORY)]
    by = _choice(asked.query, "filters", by_default, CRIME_FIELDS)
    after, until = _whole(asked.query, "from"), _whole(asked.query, "to")
    rows = [
        crime
        for crime in asked.faction.crimes
        if crime["status"] in statuses
        # What has no such time lies in no window.
        and (after is None or (crime[by] is not None and crime[by] > after))
        and (until is None or (crime[by] is not None and crime[by] <= until))
    ]
    newest_first = _choice(asked.query, "sort", "DESC", ("DESC", "ASC")) == "DESC"
    rows.sort(key=lambda crime: (crime[by] or 0, crime["id"]), reverse=newest_first)
    return _page("crimes", rows, asked)


def _page(name: str, rows: list[dict[str, Any]], asked: _Asked) -> dict[str, Any]:
    limit = min(_whole(asked.query, "limit", least=1) or PAGE_DEFAULT, PAGE_MOST)
    offset = _whole(asked.query, "offset") or 0

    def link(start: int) -> str:
        return f"{asked.url}?{urlencode({**asked.query, 'limit': limit, 'offset': start})}"

    following = link(offset + limit) if offset + limit < len(rows) else None
    previous = link(max(0, offset - limit)) if offset else None
    return {name: rows[offset : offset + limit], "_metadata": {"links": {"next": following, "prev": previous}}}


def _members(asked: _Asked) -> dict[str, Any]:
    _choice(asked.query, "striptags", "true", ("true", "false"))  # no text of this world has tags
    return {"members": asked.faction.members}


def _basic(asked: _Asked) -> dict[str, Any]:
    return {"basic": asked.faction.basic}


def _balance(asked: _Asked) -> dict[str, Any]:
    balance = asked.faction.balance
    if _choice(asked.query, "cat", "current", ("current", "all"), WRONG_CATEGORY) == "current":
        return {"balance": balance}
    return {"balance": {**balance, "members": [*balance["members"], *asked.faction.former]}}


def _items(asked: _Asked) -> dict[str, Any]:
    # The description says that details are left out of the category All; the answers that were recorded have them.
    category = asked.query.get("cat", "All")
    descending = _choice(asked.query, "sort", "ASC", ("DESC", "ASC")) == "DESC"
    rows = [item for item in asked.world.items if _in_category(item, category)]
    return {"items": sorted(rows, key=lambda item: int(item["id"]), reverse=descending)}


def _in_category(item: Mapping[str, Any], category: str) -> bool:
    if category == "All":
        return True
    if category in WEAPONS:
        return item["type"] == "Weapon" and bool(item["details"]["category"] == category)
    kind = "Armor" if category == "Defensive" else category
    if kind not in ITEM_TYPES:
        raise _Refused(WRONG_CATEGORY)
    return bool(item["type"] == kind)


SELECTIONS: Mapping[str, tuple[Access, Callable[[_Asked], dict[str, Any]]]] = {
    "/faction/balance": ("Limited", _balance),
    "/faction/basic": ("Public", _basic),
    "/faction/crimes": ("Minimal", _crimes),
    "/faction/members": ("Public", _members),
    "/torn/items": ("Public", _items),
}
SECTIONS = frozenset(path.split("/")[1] for path in SELECTIONS)
