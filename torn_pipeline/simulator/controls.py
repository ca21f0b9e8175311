"""The controls at the server's root: a page for people, and the same as JSON below ``/control``.

``GET /control/state`` shows everything. A ``POST`` with a JSON object changes something and answers with a sentence, ``{"done": …}``
or, with status 400, ``{"error": …}``:

==================  ==========================================================================
path                the object
==================  ==========================================================================
/control/advance    ``seconds`` of the world to pass at once
/control/speed      ``speed``: world seconds in a real one
/control/shape      ``shape``: a version of the API, such as ``"6.1.1"``
/control/crime      ``faction``, ``status`` (``"Recruiting"`` unless given)
/control/attack     ``faction``, ``incoming`` (false unless given)
/control/join       ``faction``: somebody joins it
/control/leave      ``faction``, ``member`` (its last one unless given)
/control/key        ``key``, ``state``: active, paused, inactive, federal or deleted
/control/fault      ``kind``, its parameters, ``path``, ``times``, ``call`` (counted from now; 1, the next, unless given)
/control/chaos      ``share``: of the calls so many go wrong by chance, from 0 (none) to 1; some answers come up to ``seconds`` late
                    (1 unless given), and chance follows from ``seed`` (1 unless given)
/control/clear      nothing; takes away chaos and every fault, and lets a shut out address in again
==================  ==========================================================================
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import MISSING, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast, get_args, get_type_hints

import orjson

from torn_pipeline.simulator.chaos import Chaos
from torn_pipeline.simulator.faults import FAULTS, Answer, Fault
from torn_pipeline.simulator.keyring import export_lines, variables
from torn_pipeline.simulator.page import PAGE
from torn_pipeline.simulator.shapes import SHAPES
from torn_pipeline.simulator.world import KeyState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torn_pipeline.simulator.server import Answered, Simulator
    from torn_pipeline.simulator.world import Faction, Key

__all__ = ["Controls"]

CONTROL = "/control/"
STATUSES = ("Recruiting", "Planning", "Successful", "Failure", "Expired")
STATES = get_args(KeyState)
FIRST_FIELDS = ("path", "call", "times")
KINDS = {int: "whole number", float: "number", bool: "true or false", str: "text"}

Json = dict[str, Any]


class _Wrong(Exception):
    """What was posted cannot be done; its text says why, for people."""


class Controls:
    """Shows and changes a simulator, as the module's docstring says."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._actions: Mapping[str, Callable[[Json], str]] = {
            "advance": self._advance,
            "attack": self._attack,
            "chaos": self._chaos,
            "clear": self._clear,
            "crime": self._crime,
            "fault": self._fault,
            "join": self._join,
            "key": self._key,
            "leave": self._leave,
            "shape": self._shape,
            "speed": self._speed,
        }

    def shown(self, path: str) -> Answer | None:
        """The page, or the state as JSON; None for a path that is none of these."""
        if path == "/":
            return Answer(url="", body=PAGE.encode(), content_type="text/html; charset=utf-8")
        if path == f"{CONTROL}state":
            return _json(self._state())
        return _json({"error": f"nothing is at {path}: there is {CONTROL}state"}, 404) if path.startswith(CONTROL) else None

    def changed(self, path: str, body: bytes) -> Answer | None:
        """Do what was posted; None for a path that is none of these."""
        if not path.startswith(CONTROL):
            return None
        action = self._actions.get(path.removeprefix(CONTROL))
        if action is None:
            return _json({"error": f"nothing is at {path}: there are {', '.join(CONTROL + name for name in self._actions)}"}, 404)
        try:
            return _json({"done": action(_object(body))})
        except (_Wrong, ValueError) as wrong:
            return _json({"error": str(wrong)}, 400)

    # --- what there is -------------------------------------------------------------------------------------------

    def _state(self) -> Json:
        simulator = self._simulator
        now = simulator.clock.tick()
        with simulator.world.lock:
            factions = [_faction(faction) for faction in simulator.world.factions.values()]
            names = variables(simulator.world)
            keys = [self._shown_key(secret, key, names[secret]) for secret, key in simulator.world.keys.items()]
        with simulator.lock:
            faults = [_shown_fault(fault) for fault in simulator.faults]
            calls = [_shown_call(answered) for answered in reversed(simulator.answered)]
            chaos = simulator.chaos and {"share": simulator.chaos.share, "seconds": simulator.chaos.seconds}
        limit = simulator.api.limit
        return {
            "now": now,
            "time": _moment(now),
            "speed": simulator.clock.speed,
            "seed": simulator.world.seed,
            "url": simulator.url,
            "exports": export_lines(simulator.url, simulator.data_dir),
            "shape": simulator.shape,
            "shapes": SHAPES,
            "cache_seconds": simulator.api.cache_seconds,
            "limit": {"calls": limit.calls, "seconds": limit.seconds},
            "factions": factions,
            "keys": keys,
            "received": simulator.received,
            "calls": calls,
            "faults": faults,
            "chaos": chaos,
            "kinds": [_kind(name, fault) for name, fault in FAULTS.items()],
            "statuses": STATUSES,
            "states": STATES,
        }

    def _shown_key(self, secret: str, key: Key, variable: str) -> Json:
        return {
            "key": secret,
            "owner": key.owner,
            "name": self._name_of(key),
            "faction": key.faction,
            "access": key.access,
            "faction_access": key.faction_access,
            "state": key.state,
            "export": f"export {variable}={secret}",
            "calls": self._simulator.api.taken(key.owner, time.monotonic()),
        }

    def _name_of(self, key: Key) -> str | None:
        faction = self._simulator.world.factions.get(key.faction)
        members = faction.members if faction else []
        return next((member["name"] for member in members if member["id"] == key.owner), None)

    # --- what can be done ----------------------------------------------------------------------------------------

    def _advance(self, given: Json) -> str:
        return f"It is {_moment(self._simulator.advance(_take(given, 'seconds', int)))} now."

    def _speed(self, given: Json) -> str:
        self._simulator.set_speed(_take(given, "speed", float))
        return f"The world lives {self._simulator.clock.speed:g} seconds in each real one."

    def _shape(self, given: Json) -> str:
        self._simulator.shape = _take(given, "shape", str)
        return f"Answers have the shape of {self._simulator.shape}."

    def _crime(self, given: Json) -> str:
        status = _take(given, "status", str, "Recruiting")
        if status not in STATUSES:
            message = f"a crime has one of the statuses {', '.join(STATUSES)}"
            raise _Wrong(message)
        crime = self._simulator.world.add_crime(self._named(given).id, status=status)
        return f"{crime['name']} ({crime['id']}) was added as {status}."

    def _attack(self, given: Json) -> str:
        faction = self._named(given)
        attack = self._simulator.world.add_attack(faction.id, incoming=_take(given, "incoming", bool, default=False))
        return f"The attack {attack['id']} ended: {attack['result']}."

    def _join(self, given: Json) -> str:
        member = self._simulator.world.add_member(self._named(given).id)
        return f"{member['name']} ({member['id']}) joined."

    def _leave(self, given: Json) -> str:
        faction = self._named(given)
        with self._simulator.world.lock:
            ids = [member["id"] for member in faction.members]
            member_id = _take(given, "member", int, ids[-1] if ids else 0)
            if member_id not in ids:
                message = f"{faction.id} has no member {member_id}"
                raise _Wrong(message)
            self._simulator.world.remove_member(faction.id, member_id)
        return f"{member_id} left."

    def _key(self, given: Json) -> str:
        secret, state = _take(given, "key", str), _take(given, "state", str)
        keys = self._simulator.world.keys
        if secret not in keys or state not in STATES:
            message = f"name a key of this world, and one of the states {', '.join(STATES)}"
            raise _Wrong(message)
        with self._simulator.world.lock:
            keys[secret] = replace(keys[secret], state=cast("KeyState", state))
        return f"That key of {keys[secret].owner} is {state}."

    def _fault(self, given: Json) -> str:
        kind = FAULTS.get(_take(given, "kind", str))
        if kind is None:
            message = f"there are the faults {', '.join(FAULTS)}"
            raise _Wrong(message)
        fault = _made(kind, {name: value for name, value in given.items() if name != "kind"})
        with self._simulator.lock:
            fault.call += self._simulator.received
            self._simulator.faults.append(fault)
        return f"{kind.__name__} waits for the call {fault.call}{f' of {fault.path}' if fault.path else ''}."

    def _chaos(self, given: Json) -> str:
        share = _take(given, "share", float)
        chaos = Chaos(share, seconds=_take(given, "seconds", float, 1.0), seed=_take(given, "seed", int, 1)) if share else None
        with self._simulator.lock:
            self._simulator.chaos = chaos
        return f"{share:.0%} of the calls go wrong."

    def _clear(self, _: Json) -> str:
        with self._simulator.lock:
            self._simulator.faults.clear()
            self._simulator.chaos = None
        self._simulator.api.let_in_again()
        return "No fault is left."

    def _named(self, given: Json) -> Faction:
        factions = self._simulator.world.factions
        faction_id = _take(given, "faction", int)
        if faction_id not in factions:
            message = f"there are the factions {', '.join(map(str, factions))}"
            raise _Wrong(message)
        return factions[faction_id]


# --- how it is shown -------------------------------------------------------------------------------------------


def _faction(faction: Faction) -> Json:
    crimes = Counter(crime["status"] for crime in faction.crimes)
    war = faction.wars["wars"]["ranked"]
    return {
        "id": faction.id,
        "name": faction.basic["name"],
        "tag": faction.basic["tag"],
        "respect": faction.basic["respect"],
        "rank": faction.basic["rank"]["name"],
        "members": len(faction.members),
        "former": len(faction.former),
        "money": faction.balance["faction"]["money"],
        "crimes": {status: crimes[status] for status in STATUSES},
        "attacks": len(faction.attacks),
        "chains": len(faction.chains),
        "news": len(faction.news),
        "chain": {name: faction.chain[name] for name in ("current", "max", "timeout")} if faction.chain["current"] else None,
        "war": war and {"start": _moment(war["start"]), "target": war["target"], "sides": war["factions"], "winner": war["winner"]},
    }


def _shown_call(answered: Answered) -> Json:
    call = answered.call
    return {
        "number": answered.number,
        "at": _moment(int(answered.at)),
        "world": _moment(answered.world),
        "path": call.path,
        "query": "&".join(f"{name}={value}" for name, value in call.query.items()),
        "owner": call.owner,
        "answer": answered.words,
    }


def _shown_fault(fault: Fault) -> Json:
    shown = {one.name: getattr(fault, one.name) for one in fields(fault) if one.repr}
    return {"kind": type(fault).__name__, **shown}


def _kind(name: str, fault: type[Fault]) -> Json:
    hints = get_type_hints(fault)
    parameters = [
        {
            "name": one.name,
            "is": KINDS.get(hints[one.name], "text" if str in get_args(hints[one.name]) else "any JSON"),
            "needed": one.default is MISSING,
            "default": None if one.default is MISSING else one.default,
        }
        for one in fields(fault)
        if one.name not in FIRST_FIELDS
    ]
    return {"kind": name, "means": (fault.__doc__ or "").partition("\n")[0], "parameters": parameters}


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- what was posted -------------------------------------------------------------------------------------------


def _json(value: Json, status: int = 200) -> Answer:
    return Answer(url="", status=status, body=orjson.dumps(value))


def _object(body: bytes) -> Json:
    try:
        value = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        message = f"that is no JSON: {error}"
        raise _Wrong(message) from None
    if not isinstance(value, dict):
        message = "post a JSON object"
        raise _Wrong(message)
    return value


def _take(given: Json, name: str, kind: Any, default: Any = None) -> Any:  # noqa: ANN401 - any JSON, of the kind asked for
    value = given.get(name, default)
    if not _is(value, kind):
        message = f"{name} has to be a {KINDS[kind]}"
        raise _Wrong(message)
    return value


def _made(kind: type[Fault], given: Json) -> Fault:
    hints = get_type_hints(kind)
    needed = {one.name for one in fields(kind) if one.default is MISSING}
    for name, value in given.items():
        if name not in hints or not (hints[name] is Any or any(_is(value, one) for one in get_args(hints[name]) or (hints[name],))):
            message = f"{kind.__name__} takes no {name} of {value!r}: it has {', '.join(hints)}"
            raise _Wrong(message)
    if not needed <= set(given) or any(given.get(name, 1) < 1 for name in ("call", "times")):
        message = f"{kind.__name__} needs {', '.join(sorted(needed)) or 'nothing'}, and call and times of at least 1"
        raise _Wrong(message)
    return kind(**given)


def _is(value: object, kind: Any) -> bool:  # noqa: ANN401 - a type as annotations have it
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))
