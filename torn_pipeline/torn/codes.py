"""What the API's errors mean: its codes and the HTTP statuses around them, as data.

Here belongs which error of :mod:`torn_pipeline.errors` an answer stands for, and what a person can do
about it. How it is then treated is the client's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from torn_pipeline.errors import ApiClosed, ApiUnavailable, KeyRefused, PipelineError, RateLimited, RequestRefused

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AccessTooLow", "Asked", "error_of", "error_said"]

_CLOSED_SECONDS = 300.0  # "some minutes"
_LONGEST_TEXT = 300


class AccessTooLow(KeyRefused):
    """The key works, but its access level is too low for this endpoint; others may still answer to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked, for error messages.

    ``call`` reads like ``GET /faction/crimes for account default``; ``variable`` is the environment variable
    that holds the account's keys; ``window`` is the length in seconds of the window that calls are counted in;
    ``redact`` takes secrets out of what the API says.
    """

    call: str
    variable: str
    window: float = 60.0
    redact: Callable[[str], str] = str


@dataclass(frozen=True, slots=True)
class _Meaning:
    error: type[PipelineError]
    advice: str


_SOON = _Meaning(ApiUnavailable, "run it again later")
_SLOWER = _Meaning(RateLimited, "lower rate_limit if other programs call for the same owner")
_CLOSED = _Meaning(ApiClosed, "run it again in some minutes")
_WRONG_KEY = _Meaning(KeyRefused, "put a working key into {variable}")
_RESTING_KEY = _Meaning(KeyRefused, "its owner cannot use the API now: put another key into {variable}")
_WRONG_REQUEST = _Meaning(RequestRefused, "check the endpoint's path and params in the config")
_FORBIDDEN = _Meaning(KeyRefused, "check the key in {variable} and what it may read")

_CODES: dict[int, _Meaning] = {
    **dict.fromkeys((0, 12, 15, 17), _SOON),
    5: _SLOWER,
    **dict.fromkeys((8, 9, 24), _CLOSED),
    **dict.fromkeys((1, 2), _WRONG_KEY),
    **dict.fromkeys((10, 13), _RESTING_KEY),
    14: _Meaning(KeyRefused, "run it again tomorrow, or add another key to {variable}"),
    16: _Meaning(AccessTooLow, "put a key with a higher access level into {variable}"),
    18: _Meaning(KeyRefused, "its owner has paused it: resume it, or put another key into {variable}"),
    **dict.fromkeys((3, 4, 6, 7, 11, *range(19, 24), *range(25, 30)), _WRONG_REQUEST),
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
        return None if success else _build(_meaning_of_status(status, html=html), asked, f"the API answered{with_status}")
    code, text = _code_and_text(body)
    meaning = _CODES.get(code) if code is not None else None
    if meaning is None:
        meaning = _WRONG_REQUEST if success else _meaning_of_status(status, html=html)
    said = "an error without a code" if code is None else f"error {code}"
    return _build(meaning, asked, f"the API answered {said}{with_status}, {text!r}")


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


def _build(meaning: _Meaning, asked: Asked, problem: str) -> PipelineError:
    message = asked.redact(f"{asked.call}: {problem}; {meaning.advice.format(variable=asked.variable)}")
    if issubclass(meaning.error, RateLimited):
        return meaning.error(message, wait=asked.window)
    if issubclass(meaning.error, ApiClosed):
        return meaning.error(message, wait=_CLOSED_SECONDS)
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
