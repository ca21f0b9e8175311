"""What the API's errors mean: its codes and the HTTP statuses around them, as data.

Here belongs which error of :mod:`torn_pipeline.errors` an answer stands for, and what a person can do
about it. How it is then treated is the client's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from torn_pipeline.errors import ApiClosed, ApiUnavailable, IdRefused, KeyRefused, PipelineError, RateLimited, RequestRefused

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AccessTooLow", "Asked", "KeyDone", "KeyDoneForToday", "RefusedKey", "StayAway", "error_of", "error_said"]

_LONGEST_TEXT = 300


class RefusedKey(KeyRefused):
    """The API says something of a key that is worth remembering: ``said`` is that, and ``advice`` what to do, in a few words each."""

    def __init__(self, message: str, *, said: str, advice: str) -> None:
        super().__init__(message)
        self.said = said
        self.advice = advice


class KeyDone(RefusedKey):
    """The key is of no use until somebody has changed something."""


class KeyDoneForToday(RefusedKey):
    """The key is of no use for the rest of the day."""


class AccessTooLow(RefusedKey):
    """The key works, but its access level is too low for this endpoint; others may still answer to it."""


class StayAway(ApiClosed):
    """The API asks everybody to stay away for ``wait`` seconds; ``said`` is how, in a few words."""

    def __init__(self, message: str, *, wait: float, said: str) -> None:
        super().__init__(message, wait)
        self.said = said


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked, for error messages.

    ``call`` reads like ``GET /faction/crimes for account default``; ``variable`` is the environment variable
    that holds the account's keys, ``place`` which of them was used, like ``key 2 of TORN_API_KEY``; ``window`` is the
    length in seconds of the window that calls are counted in; ``redact`` takes secrets out of what the API says.
    """

    call: str
    variable: str
    place: str = ""
    window: float = 60.0
    redact: Callable[[str], str] = str


@dataclass(frozen=True, slots=True)
class _Meaning:
    """``windows`` is for how many of them the API wants to be left alone."""

    error: type[PipelineError]
    advice: str
    windows: int = 0


_SOON = _Meaning(ApiUnavailable, "run it again later")
_SLOWER = _Meaning(RateLimited, "lower rate_limit if other programs call for the same owner")
_closed = partial(_Meaning, StayAway, "run it again in some minutes")
_WRONG_KEY = _Meaning(KeyDone, "put a working key into {variable}")
_RESTING_KEY = _Meaning(
    KeyDone, "its owner cannot use the API now: put another key into {variable}, or run `torn-pipeline keys --refresh` when that is over"
)
_PAUSED_KEY = _Meaning(
    KeyDone, "its owner has paused it: put another key into {variable}, or resume it and run `torn-pipeline keys --refresh`"
)
_WRONG_REQUEST = _Meaning(RequestRefused, "check the endpoint's path and params in the config")
_WRONG_ID = _Meaning(IdRefused, "check the id, and whether the key may see what it is of")
_FORBIDDEN = _Meaning(KeyRefused, "check the key in {variable} and what it may read")

_CODES: dict[int, _Meaning] = {
    **dict.fromkeys((0, 12, 15, 17), _SOON),
    5: _SLOWER,
    8: _closed(windows=10),
    **dict.fromkeys((9, 24), _closed(windows=5)),
    **dict.fromkeys((1, 2), _WRONG_KEY),
    **dict.fromkeys((10, 13), _RESTING_KEY),
    14: _Meaning(KeyDoneForToday, "run it again tomorrow, or add another key to {variable}"),
    16: _Meaning(AccessTooLow, "put a key with a higher access level into {variable}"),
    18: _PAUSED_KEY,
    **dict.fromkeys((6, 7), _WRONG_ID),
    **dict.fromkeys((3, 4, 11, *range(19, 24), *range(25, 30)), _WRONG_REQUEST),
}


def error_of(status: int, body: object, asked: Asked, *, html: bool = False) -> PipelineError | None:
    """The error that an answer stands for, or ``None`` when it is data.

    ``status`` is the HTTP status and ``body`` the decoded JSON, ``None`` when it was none. Error bodies may be
    ``{"error": {"code": 5, "error": "…"}}`` or ``{"code": 5, "error": "…"}``, their codes strings. A known code
    decides whatever the status is; with an unknown one or none the status does, and where that is a success
    the request is wrong. ``html`` tells that the answer was a web page: a 403 then comes from a wall in
    front of the API and says nothing about the key.
    """
    success = HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
    with_status = "" if success else f" with HTTP status {status}"
    if not isinstance(body, dict) or body.get("error") in (None, False):
        return None if success else _build(_meaning_of_status(status, html=html), asked, with_status.strip())
    code, text = _code_and_text(body)
    meaning = _CODES.get(code) if code is not None else None
    if meaning is None:
        meaning = _WRONG_REQUEST if success else _meaning_of_status(status, html=html)
    said = "an error without a code" if code is None else f"error {code}"
    return _build(meaning, asked, f"{said}{with_status}, {text!r}")


def _meaning_of_status(status: int, *, html: bool) -> _Meaning:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _SLOWER
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return _SOON
    if status == HTTPStatus.FORBIDDEN and html:
        return _SOON
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return _FORBIDDEN
    return _WRONG_REQUEST


def _build(meaning: _Meaning, asked: Asked, said: str) -> PipelineError:
    about_key = issubclass(meaning.error, KeyRefused)
    advice = meaning.advice.format(variable=asked.variable)
    whose = f", to {asked.place}" if about_key and asked.place else ""
    message = asked.redact(f"{asked.call}: the API answered {said}{whose}; {advice}")
    said = asked.redact(said)
    if issubclass(meaning.error, RefusedKey):
        return meaning.error(message, said=said, advice=advice)
    if issubclass(meaning.error, StayAway):
        return meaning.error(message, wait=meaning.windows * asked.window, said=said)
    if issubclass(meaning.error, RateLimited):
        return meaning.error(message, wait=asked.window)
    return meaning.error(message)


def error_said(body: dict[str, object]) -> str:
    """An error body in a few words, such as ``error 2, 'Incorrect key'``; empty when the body is data."""
    if body.get("error") in (None, False):
        return ""
    code, text = _code_and_text(body)
    return f"error {'without a code' if code is None else code}, {text!r}"


def _code_and_text(body: dict[str, object]) -> tuple[int | None, str]:
    """The code and the text of a nested or flat error body."""
    inner = body["error"]
    if isinstance(inner, dict):
        return _integer(inner.get("code", body.get("code"))), _text(inner.get("error"))
    return _integer(body.get("code", inner)), _text(inner)


def _integer(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return int(value)
    except (ValueError, OverflowError):
        return None


def _text(value: object) -> str:
    text = value if isinstance(value, str) else "no text" if value is None else str(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
