"""What the API answers to a call: keys, limits, the cache, and which selection is meant. Knows nothing of HTTP."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from torn_pipeline.simulator.asking import (
    Asked,
    Code,
    Refused,
    reaches,
)
from torn_pipeline.simulator.faction_selections import FACTION
from torn_pipeline.simulator.faults import ERRORS, error_body
from torn_pipeline.simulator.limits import CallLimit, Gate, ReadLimit
from torn_pipeline.simulator.selections import TORN, Selection
from torn_pipeline.simulator.shapes import DEFAULT_SHAPE, check_shape, reshape
from torn_pipeline.simulator.user_selections import USER
from torn_pipeline.simulator.world import ACCESS_LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torn_pipeline.simulator.asking import Question
    from torn_pipeline.simulator.world import Key, KeyState, World

__all__ = ["CACHE_SECONDS", "KEY_STATES", "Api", "Reply"]

CACHE_SECONDS = 30
"""For how long the API is said to hand out the same answer again."""
ADDRESS_SHARE = 10
"""How many times as many calls as one user an address may make: 1,000 a minute and 100."""
KEY_STATES: Mapping[KeyState, Code] = {
    "deleted": Code.KEY_INCORRECT,
    "federal": Code.OWNER_IN_FEDERAL_JAIL,
    "inactive": Code.OWNER_INACTIVE,
    "paused": Code.KEY_PAUSED,
}
"""The error that a key in a state other than ``active`` is answered with."""
KEY_TYPES = {"Public": "Public Only", "Minimal": "Minimal Access", "Limited": "Limited Access", "Full": "Full Access"}


class Reply(NamedTuple):
    """A body, and what it is in a few words."""

    body: bytes
    words: str


class _Cached(NamedTuple):
    until: int
    reply: Reply


class Api:
    """Answers questions about a world.

    At most ``calls`` calls of one key owner, and ten times as many of one address, are answered in any ``seconds``; these are
    counted by the time that a question brings. Answers stay the same for ``cache_seconds`` of the world's time, and rows read
    in a day are counted by it too.
    """

    def __init__(self, world: World, *, calls: int, seconds: float, cache_seconds: int) -> None:
        self.world = world
        self.limit = CallLimit(calls, seconds)
        self.gate = Gate()
        self.reads = ReadLimit()
        self.cache_seconds = cache_seconds
        self._addresses = CallLimit(calls * ADDRESS_SHARE, seconds)
        self._cache: dict[object, _Cached] = {}
        self._shape = DEFAULT_SHAPE

    @property
    def shape(self) -> str:
        """The version of the API whose shape the answers have."""
        return self._shape

    @shape.setter
    def shape(self, shape: str) -> None:
        with self.world.lock:
            self._shape = check_shape(shape)
            self._cache.clear()

    def taken(self, owner: int, at: float) -> int:
        """How many calls of this owner count against the limit at this time (seconds of the questions' clock)."""
        with self.world.lock:
            return self.limit.taken(owner, at)

    def let_in_again(self) -> None:
        """Forget the wrong keys that addresses have come with."""
        with self.world.lock:
            self.gate.open()

    def answer(self, question: Question) -> Reply:
        """The JSON body of the answer; errors of the API are bodies too."""
        with self.world.lock:
            try:
                key = self._let_in(question)
                return self._answer(question, key)
            except Refused as refused:
                return Reply(error_body(refused.code), f"error {refused.code}: {ERRORS[refused.code]}")

    def _let_in(self, question: Question) -> Key:
        if self.gate.is_shut(question.address, question.at) or not self._addresses.take(question.address, question.at):
            raise Refused(Code.IP_BLOCK)
        if not question.key:
            raise Refused(Code.KEY_EMPTY)
        key = self.world.keys.get(question.key)
        if key is None:
            self.gate.wrong_key(question.address, question.at)
            raise Refused(Code.KEY_INCORRECT)
        if not self.limit.take(key.owner, question.at):
            raise Refused(Code.TOO_MANY)
        if key.state != "active":
            raise Refused(KEY_STATES[key.state])
        return key

    def _answer(self, question: Question, key: Key) -> Reply:
        section, name, named = _parts(question.path)
        selection = SECTIONS[section][name]
        asked = self._asked(question, key, selection, named)
        slot = self._slot(question, key) if self.cache_seconds and selection.cached else None
        if slot is not None and slot in self._cache and self.world.now < self._cache[slot].until:
            reply = self._cache[slot].reply
            return Reply(reply.body, f"{reply.words}, from the cache")
        body = reshape(name, selection.body(asked), self._shape)
        reply = Reply(orjson.dumps(body), _words(body))
        if slot is not None:
            self._cache = {kept: cached for kept, cached in self._cache.items() if self.world.now < cached.until}
            self._cache[slot] = _Cached(self.world.now + self.cache_seconds, reply)
        return reply

    def _asked(self, question: Question, key: Key, selection: Selection, named: str) -> Asked:
        ids = _ids(named, selection)
        if not reaches(key, selection.access):
            raise Refused(Code.ACCESS_TOO_LOW)
        faction_id = ids[0] if ids and selection.named == "faction" else key.faction
        asked = Asked(
            world=self.world,
            key=key,
            faction_id=faction_id,
            query=question.query,
            url=question.url,
            things=() if selection.named == "faction" else ids,
            read=partial(self._read, key.owner),
        )
        if selection.private and not (asked.own and key.faction_access):
            raise Refused(Code.WRONG_RELATION)
        return asked

    def _read(self, owner: int, kind: str, rows: int) -> None:
        if not self.reads.read(owner, kind, rows, self.world.now):
            raise Refused(Code.DAILY_READS)

    def _slot(self, question: Question, key: Key) -> object:
        """What an answer is kept under: the window does not tell one from another, unless the caller asks for a fresh answer."""
        left_out = {"comment"} if "timestamp" in question.query else {"comment", "from", "to"}
        return question.path, key, frozenset((name, value) for name, value in question.query.items() if name not in left_out)


def _parts(path: str) -> tuple[str, str, str]:
    """Section, selection and the id between them, empty when there is none."""
    section, *rest = [part for part in path.split("/") if part] or [""]
    if section not in SECTIONS:
        raise Refused(Code.WRONG_TYPE)
    if len(rest) not in {1, 2} or rest[-1] not in SECTIONS[section]:
        raise Refused(Code.WRONG_FIELDS)
    return section, rest[-1], rest[0] if len(rest) == 2 else ""  # noqa: PLR2004 - an id and a selection


def _ids(named: str, selection: Selection) -> tuple[int, ...]:
    parts = named.split(",") if named else []
    most = {"nothing": 0, "faction": 1, "thing": 1, "things": len(parts)}[selection.named]
    if len(parts) > most or (selection.must_name and not parts) or not all(re.fullmatch(r"[0-9]{1,18}", part) for part in parts):
        raise Refused(Code.WRONG_ID)
    return tuple(int(part) for part in parts)


def _words(body: Mapping[str, Any]) -> str:
    counts = [(len(rows), name) for name, rows in body.items() if isinstance(rows, list)]
    return ", ".join(f"{count} {name}" for count, name in counts) or ", ".join(body)


def _key_info(asked: Asked) -> dict[str, Any]:
    key = asked.key
    level = ACCESS_LEVELS.index(key.access) + 1
    sections = {name: _open_to(key, {}) for name in ("company", "market", "property", "racing", "forum")}
    sections |= {name: _open_to(key, selections) for name, selections in SECTIONS.items()}
    return {
        "info": {
            "selections": sections,
            "user": {"id": key.owner, "faction_id": key.faction or None, "company_id": None},
            "access": {
                "level": level,
                "type": KEY_TYPES[key.access],
                "faction": key.faction_access,
                "company": False,
                "log": {"custom_permissions": False, "available": []},
            },
        }
    }


def _open_to(key: Key, selections: Mapping[str, Selection]) -> list[str]:
    reached = [name for name, one in selections.items() if reaches(key, one.access) and (key.faction_access or not one.private)]
    return sorted(reached)


SECTIONS: Mapping[str, Mapping[str, Selection]] = {
    "faction": FACTION,
    "key": {"info": Selection(body=_key_info, named="nothing", cached=False)},
    "torn": TORN,
    "user": USER,
}
