"""Asking a secret URL once, and telling by the answer whether it was taken."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

import orjson
import requests
import urllib3

from torn_pipeline.alerts.channels.texts import clipped, one_line
from torn_pipeline.errors import ChannelRefused, ChannelUnavailable, ConfigError
from torn_pipeline.redaction import Redactor
from torn_pipeline.settings import address_problem, secret_parts

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TIMEOUT", "Address", "reason", "said"]

TIMEOUT = 10.0
"""Seconds to wait for the connection, and for each answer."""

_LONGEST_ANSWER = 4096
_LONGEST_REASON = 200
_LONGEST_WAIT = 3600.0
_MAY_PASS = frozenset({408, 425, 429})
_HEADERS = {"User-Agent": f"torn-pipeline/{version('torn-pipeline')}"}


@dataclass(frozen=True, slots=True)
class Address:
    """A URL that is asked, such as that which messages are posted to.

    ``who`` names the service in errors, ``variable`` where its ``secret`` comes from, which is the URL itself or stands in what is
    posted. No error shows either.
    """

    who: str
    variable: str
    secret: str = field(repr=False)
    url: str = field(repr=False)

    def __post_init__(self) -> None:
        """Look at the URL before the first use.

        Raises:
            ConfigError: it cannot be asked.
        """
        problem = address_problem(self.url)
        try:
            requests.Request("POST", self.url).prepare()
        except requests.RequestException:
            problem = problem or "is not a URL that can be asked: copy it whole from the service that gave it"
        if problem:
            message = f"{self.variable} {problem}"
            raise ConfigError(message)

    def post(
        self, content: Mapping[str, object], *, headers: Mapping[str, str] | None = None, params: Mapping[str, str] | None = None
    ) -> None:
        """Post the content as JSON. A redirect is never followed, no proxy and no ``.netrc`` is used.

        Raises:
            ChannelRefused: the service does not take it, and would not later.
            ChannelUnavailable: the service, or the way to it, is in trouble.
        """
        sent = {**_HEADERS, "Content-Type": "application/json", **(headers or {})}
        self._ask(requests.Request("POST", self.url, data=orjson.dumps(content), headers=sent, params=params))

    def get(self) -> None:
        """Ask for the URL, as :meth:`post` does; what is answered is of no interest."""
        self._ask(requests.Request("GET", self.url, headers=_HEADERS))

    def _ask(self, asked: requests.Request) -> None:
        with requests.Session() as session:
            session.trust_env = False
            try:
                with session.send(asked.prepare(), timeout=TIMEOUT, allow_redirects=False, stream=True) as answer:
                    body = b"" if answer.ok else _beginning(answer)
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                message = f"{self.who} {_trouble(error)}"
                raise ChannelUnavailable(message) from None  # what the library says has the URL in it
        self._judge(answer, body)

    def _judge(self, answer: requests.Response, body: bytes) -> None:
        status = answer.status_code
        if status < requests.codes.multiple_choices:
            return
        told = f"{self.who} answered with status {status}{said(reason(body), self.secret)}"
        if status in _MAY_PASS or status >= requests.codes.server_error:
            raise ChannelUnavailable(told, _wait(answer, body))
        if status < requests.codes.bad_request:
            message = f"{told}, which leads elsewhere: put the address it leads to into {self.variable}"
            raise ChannelRefused(message)
        message = f"{told}: check that {self.variable} is what the service gave, and still holds"
        raise ChannelRefused(message)


def reason(body: bytes) -> str:
    """What a service says of why it took nothing; empty where that is no plain text."""
    text = body.decode("utf-8", "replace")
    told = _json(body)
    if isinstance(told, dict):
        errors = told.get("errors")
        parts = [told.get("message"), *(errors if isinstance(errors, list) else [])]
        return ", ".join(part for part in parts if isinstance(part, str))
    return "" if text.lstrip().startswith(("<", "{", "[")) else text


def said(text: str, secret: str) -> str:
    """A service's own words as the end of a sentence, without the secret; empty when it has none."""
    words = clipped(one_line(Redactor(secret_parts(secret))(text)), _LONGEST_REASON)
    return f", {words!r}" if words else ""


def _beginning(answer: requests.Response) -> bytes:
    """The beginning of an answer's body, as far as it comes in time."""
    ends, found = time.monotonic() + TIMEOUT, b""
    while len(found) < _LONGEST_ANSWER and time.monotonic() < ends and (chunk := answer.raw.read1(_LONGEST_ANSWER, decode_content=True)):
        found += chunk
    return found


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _trouble(error: Exception) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return "shows a certificate that cannot be verified"
    if isinstance(error, requests.exceptions.Timeout | urllib3.exceptions.TimeoutError):
        return f"did not answer within {TIMEOUT:g} s"
    return "cannot be reached, or closed the connection before it answered"


def _wait(answer: requests.Response, body: bytes) -> float | None:
    """How many seconds the service asks to be left alone, if it does: by the header, and by the body as Discord says it."""
    told = _json(body)
    in_body = told.get("retry_after") if isinstance(told, dict) else None
    waits = [_seconds(answer.headers.get("Retry-After", "")), in_body if isinstance(in_body, int | float) else None]
    possible = [float(wait) for wait in waits if wait is not None and math.isfinite(wait) and wait >= 0]
    return min(max(possible), _LONGEST_WAIT) if possible else None


def _seconds(header: str) -> float | None:
    """``Retry-After`` as it is written: a number of seconds, or a moment."""
    try:
        return float(header)
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max((moment - datetime.now(moment.tzinfo and UTC)).total_seconds(), 0.0)
