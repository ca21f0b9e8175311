"""What can go wrong with an answer, on demand: each fault says which calls it takes and what it does to their answers.

The server does this for every call, in this order: the first fault of its list that ``takes`` the call has one of its
``times`` used up, changes the world in ``prepare``, and then, when the world has answered, the answer in ``apply``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torn_pipeline.simulator.world import World

__all__ = [
    "FAULTS",
    "Answer",
    "CutJson",
    "Delay",
    "Drop",
    "DuplicatePage",
    "EmptyBody",
    "EmptyList",
    "ErrorCode",
    "Fault",
    "HalfBody",
    "Html",
    "HttpStatus",
    "InvalidUtf8",
    "KeyDies",
    "NewField",
    "NextLink",
    "OtherBody",
    "RowMoved",
    "RowsAdded",
    "error_body",
]

ERRORS: Mapping[int, str] = {
    0: "Unknown error: Please try again",
    1: "Key is empty",
    2: "Incorrect key",
    3: "Wrong type",
    4: "Wrong fields",
    5: "Too many requests",
    6: "Incorrect ID",
    7: "Incorrect ID-entity relation",
    8: "IP block",
    9: "API disabled",
    10: "Key owner is in federal jail",
    11: "Key change error",
    12: "Key read error",
    13: "The key is temporarily disabled due to owner inactivity",
    14: "Daily read limit reached",
    15: "Temporary error",
    16: "Access level of this key is not high enough",
    17: "Backend error occurred, please try again",
    18: "API key has been paused by the owner",
    21: "Incorrect category",
    24: "Closed temporarily",
}
PROXY_PAGE = b"<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head><body><h1>Bad gateway</h1></body></html>\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer to ``url`` (without a key).

    ``sent`` bytes of ``body`` go out (all when None), ``wait`` seconds later; ``dropped`` sends nothing at all.
    ``before`` is the body of the answer before this one to the same path, None for the first.
    """

    url: str
    body: bytes
    status: int = 200
    content_type: str = "application/json"
    retry_after: str | None = None
    sent: int | None = None
    wait: float = 0.0
    dropped: bool = False
    before: bytes | None = None


def error_body(code: int, message: str | None = None, *, flat: bool = False) -> bytes:
    """The API's error body for this code; ``flat`` leaves out the outer ``error``."""
    error = {"code": code, "error": ERRORS.get(code, f"Error {code}") if message is None else message}
    return orjson.dumps(error if flat else {"error": error})


@dataclass(slots=True, kw_only=True)
class Fault:
    """A fault for the next ``times`` calls of ``path`` (any when empty; without ``/v2``), from the call numbered ``call`` on.

    Calls are numbered from 1 as the server receives them, whatever their path.
    """

    path: str = ""
    call: int = 1
    times: int = 1

    def takes(self, number: int, path: str, key: str = "") -> bool:  # noqa: ARG002 - a fault may be one of a key
        """Whether this fault is for the call with this number, path and key."""
        return self.times > 0 and number >= self.call and self.path in {"", path}

    def prepare(self, world: World, key: str) -> None:
        """Change the world before it answers a call that was made with ``key``; most faults leave it alone."""

    def apply(self, answer: Answer) -> Answer:
        """What is sent instead of ``answer``; the same, unless a fault says otherwise."""
        return answer


@dataclass(slots=True, kw_only=True)
class ErrorCode(Fault):
    """An error of the API, with HTTP status 200; ``flat`` as some bodies are, without the outer ``error``."""

    code: int
    message: str | None = None
    flat: bool = False

    def apply(self, answer: Answer) -> Answer:
        """The error in place of the body."""
        return replace(answer, body=error_body(self.code, self.message, flat=self.flat))


@dataclass(slots=True, kw_only=True)
class HttpStatus(Fault):
    """An HTTP status with a proxy's page; ``retry_after`` is sent as it stands (seconds or a date)."""

    status: int
    retry_after: str | None = None

    def apply(self, answer: Answer) -> Answer:
        """The status in place of the answer."""
        return replace(answer, body=PROXY_PAGE, content_type="text/html", status=self.status, retry_after=self.retry_after)


@dataclass(slots=True, kw_only=True)
class Html(Fault):
    """A page of HTML with status 200."""

    def apply(self, answer: Answer) -> Answer:
        """The page in place of the body."""
        return replace(answer, body=PROXY_PAGE, content_type="text/html")


@dataclass(slots=True, kw_only=True)
class HalfBody(Fault):
    """Half the body, under the Content-Length of the whole; then the connection ends."""

    def apply(self, answer: Answer) -> Answer:
        """The same answer, half sent."""
        return replace(answer, sent=len(answer.body) // 2)


@dataclass(slots=True, kw_only=True)
class CutJson(Fault):
    """Half the body as if it were the whole: HTTP is right, the JSON is broken."""

    def apply(self, answer: Answer) -> Answer:
        """The first half of the body."""
        return replace(answer, body=answer.body[: len(answer.body) // 2])


@dataclass(slots=True, kw_only=True)
class Drop(Fault):
    """A connection closed without an answer."""

    def apply(self, answer: Answer) -> Answer:
        """No answer."""
        return replace(answer, dropped=True)


@dataclass(slots=True, kw_only=True)
class Delay(Fault):
    """The right answer, ``seconds`` late; cut short when the simulator closes."""

    seconds: float

    def apply(self, answer: Answer) -> Answer:
        """The same answer, later."""
        return replace(answer, wait=self.seconds)


@dataclass(slots=True, kw_only=True)
class NextLink(Fault):
    """A ``links.next`` that points to ``target``, or to the page itself when that is None; other answers stay as they are."""

    target: str | None = None

    def apply(self, answer: Answer) -> Answer:
        """The same page with another link."""
        body = orjson.loads(answer.body)
        if "_metadata" not in body:
            return answer
        body["_metadata"]["links"]["next"] = answer.url if self.target is None else self.target
        return replace(answer, body=orjson.dumps(body))


@dataclass(slots=True, kw_only=True)
class EmptyBody(Fault):
    """No body at all, with status 200."""

    def apply(self, answer: Answer) -> Answer:
        """The same answer without its body."""
        return replace(answer, body=b"")


@dataclass(slots=True, kw_only=True)
class EmptyList(Fault):
    """The right body, but with nothing in its list and no further page; a body without a list stays as it is."""

    def apply(self, answer: Answer) -> Answer:
        """The body with its lists emptied."""
        body = orjson.loads(answer.body)
        emptied = body | {name: [] for name, value in body.items() if isinstance(value, list)}
        if "_metadata" in body:
            emptied["_metadata"] = {**body["_metadata"], "links": {"next": None, "prev": None}}
        return replace(answer, body=orjson.dumps(emptied))


@dataclass(slots=True, kw_only=True)
class InvalidUtf8(Fault):
    """A byte in the body's first text that UTF-8 does not have."""

    def apply(self, answer: Answer) -> Answer:
        """The body with one byte more."""
        return replace(answer, body=answer.body.replace(b'"', b'"\xff', 1))


@dataclass(slots=True, kw_only=True)
class OtherBody(Fault):
    """The JSON ``body`` of something else: unless given, what ``/torn/timestamp`` answers."""

    body: str = '{"timestamp": 1777500000}'

    def apply(self, answer: Answer) -> Answer:
        """The other body in place of the right one."""
        return replace(answer, body=self.body.encode())


@dataclass(slots=True, kw_only=True)
class DuplicatePage(Fault):
    """The body of the answer before, once more; the first answer of a path stays as it is."""

    def apply(self, answer: Answer) -> Answer:
        """The body sent before in place of the right one."""
        return answer if answer.before is None else replace(answer, body=answer.before)


@dataclass(slots=True, kw_only=True)
class NewField(Fault):
    """A field ``name`` with this ``value`` in every object below ``place``: keys from the body's, with dots between; lists are entered."""

    name: str = "novelty"
    value: Any = 1
    place: str = "crimes"

    def apply(self, answer: Answer) -> Answer:
        """The same body with a field more in these objects."""
        body = orjson.loads(answer.body)
        found: list[Any] = [body]
        for part in self.place.split("."):
            below = [one.get(part) for one in found if isinstance(one, dict)]
            found = [one for value in below for one in (value if isinstance(value, list) else [value])]
        for one in found:
            if isinstance(one, dict):
                one[self.name] = self.value
        return replace(answer, body=orjson.dumps(body))


@dataclass(slots=True, kw_only=True)
class KeyDies(Fault):
    """A key that answers nothing but this error until the fault is taken away: ``key``, or else that of the first call it takes."""

    code: int = 18
    key: str = field(default="", repr=False)
    times: int = 1_000_000_000

    def takes(self, number: int, path: str, key: str = "") -> bool:
        """Whether the call is made with the dead key; only :meth:`prepare` learns which one it is."""
        return Fault.takes(self, number, path) and self.key in {"", key}

    def prepare(self, world: World, key: str) -> None:  # noqa: ARG002 - the world is as it was
        """Keep to the first key."""
        self.key = self.key or key

    def apply(self, answer: Answer) -> Answer:
        """The error in place of the body."""
        return replace(answer, body=error_body(self.code))


@dataclass(slots=True, kw_only=True)
class RowsAdded(Fault):
    """New crimes, so many of them, at the head of the caller's list: what is read after that has moved down."""

    count: int = 1

    def prepare(self, world: World, key: str) -> None:
        """Add the crimes; a wrong key adds none."""
        if key not in world.keys:
            return
        with world.lock:
            faction = world.faction(world.keys[key].faction)
            newest = max([world.now, *(crime["created_at"] for crime in faction.crimes)])
            for _ in range(self.count):
                world.add_crime(faction.id, created_at=newest)


@dataclass(slots=True, kw_only=True)
class RowMoved(Fault):
    """A crime of the caller's list, newest first, goes from one place to another, counted from the end where negative."""

    source: int = -1
    target: int = 0

    def prepare(self, world: World, key: str) -> None:
        """Give it a time of creation between those of its new neighbours; a wrong key moves none."""
        if key not in world.keys:
            return
        with world.lock:
            crimes = world.faction(world.keys[key].faction).crimes
            rows = sorted(crimes, key=lambda crime: (crime["created_at"], crime["id"]), reverse=True)
            moved = rows.pop(self.source)
            place = self.target if self.target >= 0 else len(rows) + 1 + self.target
            above = [row["created_at"] for row in rows[:place]]
            below = [row["created_at"] for row in rows[place:]]
            before, after = above[-1] if above else below[0] + 2, below[0] if below else above[-1] - 2
            created_at = (before + after) // 2
            moved["expired_at"] += created_at - moved["created_at"]
            moved["created_at"] = created_at


FAULTS: Mapping[str, type[Fault]] = {
    fault.__name__: fault
    for fault in (
        CutJson,
        Delay,
        Drop,
        DuplicatePage,
        EmptyBody,
        EmptyList,
        ErrorCode,
        HalfBody,
        Html,
        HttpStatus,
        InvalidUtf8,
        KeyDies,
        NewField,
        NextLink,
        OtherBody,
        RowMoved,
        RowsAdded,
    )
}
"""Every fault by its name; its parameters are the fields of the class."""
