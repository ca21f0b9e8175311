"""What can go wrong with an answer, on demand: each fault says which calls it takes and what it does to their answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Answer", "CutJson", "Delay", "Drop", "ErrorCode", "Fault", "HalfBody", "Html", "HttpStatus", "NextLink", "error_body"]

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
    """

    url: str
    body: bytes
    status: int = 200
    content_type: str = "application/json"
    retry_after: str | None = None
    sent: int | None = None
    wait: float = 0.0
    dropped: bool = False


def error_body(code: int, message: str | None = None, *, flat: bool = False) -> bytes:
    """The API's error body for this code; ``flat`` leaves out the outer ``error``."""
    error = {"code": code, "error": ERRORS.get(code, f"Error {code}") if message is None else message}
    return orjson.dumps(error if flat else {"error": error})


@dataclass(slots=True, kw_only=True)
class Fault(ABC):
    """A fault for the next ``times`` calls of ``path`` (any when empty; without ``/v2``), from the call numbered ``call`` on.

    Calls are numbered from 1 as the server receives them, whatever their path.
    """

    path: str = ""
    call: int = 1
    times: int = 1

    def takes(self, number: int, path: str) -> bool:
        """Whether this fault is for the call with this number and path."""
        return self.times > 0 and number >= self.call and self.path in {"", path}

    @abstractmethod
    def apply(self, answer: Answer) -> Answer:
        """What is sent instead of ``answer``."""


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
