"""Pooled HTTP connections that ask the Torn API for JSON objects, politely.

Here belong authentication, time-outs, retries, the quota, and telling an answer from an error. Not here:
what an answer means, or how a list is read page by page.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import orjson
import requests
import stamina
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from torn_pipeline.correlation import bound
from torn_pipeline.errors import (
    ApiClosed,
    ApiUnavailable,
    BodyRefused,
    KeyRefused,
    Permanent,
    PipelineError,
    RateLimited,
    RequestRefused,
    Transient,
)
from torn_pipeline.redaction import Redactor
from torn_pipeline.torn.codes import Asked, StayAway, error_of
from torn_pipeline.torn.keys import INFO_PATH, Key, Keyring
from torn_pipeline.torn.ledger import spared
from torn_pipeline.torn.reads import DailyRows, DayIsFull, kind_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from torn_pipeline.torn.quota import Grant, Quota

__all__ = ["Answer", "TornClient"]

_log = logging.getLogger(__name__)

_LONGEST_WAIT = 600.0
_COMMENT = "comment=torn_pipeline"  # what the key's owner sees of a call in Torn's log of it
_CHUNK = 1 << 16
_PLAIN = re.compile(r"(/[A-Za-z0-9_-]+)+(\?[A-Za-z0-9_]+=[A-Za-z0-9_-]*(&[A-Za-z0-9_]+=[A-Za-z0-9_-]*)*)?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of the API that is a JSON object.

    ``url`` is what was asked, without any key and without the comment that says who asks; ``content`` the bytes as received, with
    the content encoding (gzip) undone; ``body`` the same decoded. ``began`` and ``received_at`` (UTC) enclose the call that
    succeeded, ``call_id`` is that call's in the log.
    """

    url: str
    content: bytes
    body: dict[str, object]
    began: datetime
    received_at: datetime
    call_id: str = ""


class TornClient:
    """Asks the API for JSON objects with the keys of one account, within its quota. Threads may share it.

    ``timeout`` is in seconds, for the connection, for each read, and for an answer to be complete.
    A transient error is tried again up to ``max_retries`` times, after ``retry_delay`` seconds, doubled each time,
    or after what the API asks for. When a key is refused, the account's next one takes its place. ``access`` is the level
    of key that the endpoint answers to, where it is known, and ``others`` are the keys of the config's other accounts.

    Raises:
        ConfigError: there is no key, or one that no HTTP header can carry.
    """

    def __init__(  # noqa: PLR0913 - each is one fact of how calls are made, and goes by its name
        self,
        base_url: str,
        *,
        keys: Sequence[str],
        account: str,
        quota: Quota,
        timeout: float,
        max_retries: int,
        retry_delay: float,
        access: str = "",
        others: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.account = account
        self._base_url = base_url.rstrip("/")
        self._keyring = Keyring(quota.ledger, account, keys, needs=access, others=others)
        self._quota = quota
        self._daily = DailyRows(quota.ledger)
        self._timeout = timeout
        self._max_retries = max_retries
        self._retry_delay = retry_delay
        self._redact = Redactor(keys)
        self._headers = {
            **requests.utils.default_headers(),
            "User-Agent": f"torn-pipeline/{version('torn-pipeline')}",
            "Accept": "application/json",
        }
        # An adapter without its session: no cookies, no redirects, no .netrc, and half of the work of a call.
        self._adapter = HTTPAdapter()
        self._surroundings = _surroundings(self._base_url)

    def __enter__(self) -> Self:
        """The client itself; leaving the block closes it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._adapter.close()
        self._quota.close()

    def get(self, path_or_url: str, params: Mapping[str, str] | None = None) -> Answer:
        """Ask for a path below the base URL, or for a full URL that lies below it.

        Raises:
            RequestRefused: the request is wrong, or the URL lies outside the base URL.
            KeyRefused: the API refuses every key of the account, now or at an earlier call.
            BodyRefused: the answer is JSON, but not an object.
            ApiUnavailable: the API is in trouble and was so at each try; ``RateLimited`` and ``ApiClosed`` are kinds of it.
            LedgerUnavailable: calls cannot be counted, and could not be at each try; none was made.
            ConfigError: the keys belong to the wrong people.
        """
        url = self._url(path_or_url, params or {})
        asked = self._asked(url)
        try:
            return self._ask_with_some_key(url, asked, 1)
        except Transient as error:
            failed = error
        return self._ask_again(url, asked, failed)

    def _ask_again(self, url: str, asked: Asked, failed: Transient) -> Answer:
        """What is left after a first attempt that failed; the machinery of retries costs as much as a small call, so it begins here."""
        for attempt in stamina.retry_context(
            on=_retry,
            attempts=self._max_retries + 1,
            timeout=None,
            wait_initial=self._retry_delay,
            wait_max=_LONGEST_WAIT,
            wait_jitter=self._retry_delay / 2,
        ):
            with attempt, self._telling(attempt):
                if attempt.num == 1:
                    raise failed
                return self._ask_with_some_key(url, asked, attempt.num)
        raise AssertionError  # never reached: the last attempt returns or raises

    def _url(self, path_or_url: str, params: Mapping[str, str]) -> str:
        """The full URL exactly as it goes out, which is the one to judge: without a key, and below the base URL."""
        is_url = path_or_url.lower().startswith(("http://", "https://"))
        given = path_or_url if is_url else f"{self._base_url}/{path_or_url.lstrip('/')}"
        try:
            url = _without_key(self._prepared(given, params))
            below = _is_below(url, self._base_url)
        except ValueError:  # as requests' own InvalidURL and MissingSchema are
            url, below = given, False
        if not below:
            message = f"{self._redact(url)!r} is not below TORN_API_URL, {self._base_url!r}, the only API the key is for; check the path"
            raise RequestRefused(message)
        return url

    def _prepared(self, given: str, params: Mapping[str, str]) -> str:
        """The URL as requests would send it; what requests would leave as it is, as most URLs are, is not given to it."""
        whole = f"{given}?{urlencode(params)}" if params and "?" not in given else given
        if (params and whole == given) or not whole.startswith(self._base_url) or not _PLAIN.fullmatch(whole, len(self._base_url)):
            prepared = requests.PreparedRequest()
            prepared.prepare_url(given, dict(params))
            return prepared.url or ""
        return whole

    def refresh_keys(self) -> None:
        """Ask the API about every key of the account, once each; one that it refused before and now answers to is used again.

        Raises:
            ApiUnavailable: the API is in trouble.
            BodyRefused: the answer is none of ``/key/info``.
        """
        self._keyring.refresh(self._ask_about)

    def _asked(self, url: str) -> Asked:
        call = f"GET {self._redact(self._path(url))} for account {self.account}"
        return Asked(call=call, variable=self._keyring.variable, window=self._quota.window, redact=self._redact)

    def _path(self, url: str) -> str:
        return urlsplit(url).path.removeprefix(urlsplit(self._base_url).path)

    @contextmanager
    def _telling(self, attempt: stamina.Attempt) -> Iterator[None]:
        """Log an error that will be tried again; the last one is for whoever asked."""
        try:
            yield
        except Transient as error:
            again = _retry(error)
            if again is not False and attempt.num <= self._max_retries:
                wait = attempt.next_wait if again is True else again
                _log.warning("%s; retry %d of %d in %.1f s", error, attempt.num, self._max_retries, wait)
            raise

    def _ask_with_some_key(self, url: str, asked: Asked, attempt: int) -> Answer:
        path = self._path(url)
        refused: dict[str, KeyRefused] = {}
        while True:
            keys = [key for key in self._keyring.usable(path, asked.call) if key.id not in refused]
            if not keys:
                raise list(refused.values())[-1]
            key = keys[0]
            try:
                if self._keyring.make_ready(key, self._ask_about):
                    continue  # what was learned may rule the key out
                return self._ask(url, key, replace(asked, place=key.place), attempt)
            except KeyRefused as error:
                self._keyring.refuse(key, path, error)
                refused[key.id] = error
                if len(self._keyring.keys) == 1:
                    raise

    def _ask_about(self, key: Key) -> dict[str, object]:
        url = self._url(INFO_PATH, {})
        return self._ask(url, key, replace(self._asked(url), place=key.place), 1).body

    def _ask(self, url: str, key: Key, asked: Asked, attempt: int) -> Answer:
        kind = kind_of(url)
        if not kind:
            return self._call(url, key, asked, attempt)
        with self._daily.reading(self.account, kind, rows_of(url)) as reading:
            try:
                answer = self._call(url, key, asked, attempt)
            except (ApiClosed, RateLimited, Permanent):
                reading.rows = 0
                raise
            reading.rows = _count_rows(answer.body)
            return answer

    def _call(self, url: str, key: Key, asked: Asked, attempt: int) -> Answer:
        call_id = secrets.token_hex(6)
        with bound(call_id=call_id), self._quota.call(self.account, key.id) as grant, self._minding_the_breaker(grant):
            began = datetime.now(UTC)
            response, content = self._told(url, key, asked, attempt)
            received_at = datetime.now(UTC)
            body = _body(response, content, asked)
        return Answer(url=self._redact(url), content=content, body=body, began=began, received_at=received_at, call_id=call_id)

    def _told(self, url: str, key: Key, asked: Asked, attempt: int) -> tuple[requests.Response, bytes]:
        """One call and one record of it, whatever came of it; status and bytes are null where no answer came."""
        started, status, size = time.monotonic(), None, None
        try:
            response, content = self._exchange(url, key.value, asked)
            status, size = response.status_code, len(content)
        finally:
            said = {"method": "GET", "path": self._redact(self._path(url)), "status": status, "bytes": size, "attempt": attempt}
            milliseconds = round((time.monotonic() - started) * 1000)
            what = "no answer" if status is None else f"HTTP status {status}, {size} bytes"
            said |= {"milliseconds": milliseconds, "account": self.account}
            _log.info("%s: %s, %d ms, attempt %d", asked.call, what, milliseconds, attempt, extra=said)
        return response, content

    @contextmanager
    def _minding_the_breaker(self, grant: Grant) -> Iterator[None]:
        """Open the breaker when the API asks for it; the call that tries if that is over says how it went."""
        breaker = self._quota.breaker
        try:
            yield
        except StayAway as error:
            with spared("that the API asks everybody to stay away"):
                breaker.open(error, grant.slot)
            raise
        except ApiUnavailable:
            if grant.is_probe:
                with spared("that the API did not answer the call that tries"):
                    breaker.give_up()
            raise
        except PipelineError:
            self._end_breaker(grant)
            raise
        self._end_breaker(grant)

    def _end_breaker(self, grant: Grant) -> None:
        if grant.is_probe:
            with spared("that the API answers again"):
                self._quota.breaker.end()

    def _exchange(self, url: str, key: str, asked: Asked) -> tuple[requests.Response, bytes]:
        """One call: the response and its whole content."""
        deadline = time.monotonic() + self._timeout
        late = f"{asked.call}: there was no complete answer within {self._timeout:g} s; run it again later, or raise timeout"
        try:
            request = requests.PreparedRequest()
            request.method, request.url = "GET", _with_comment(url)
            request.headers = CaseInsensitiveDict({**self._headers, "Authorization": f"ApiKey {key}"})
            with self._adapter.send(request, stream=True, timeout=self._timeout, **self._surroundings) as response:
                chunks = []
                while chunk := response.raw.read1(_CHUNK, decode_content=True):
                    chunks.append(chunk)
                    if time.monotonic() > deadline:
                        raise ApiUnavailable(late)
                return response, b"".join(chunks)
        # The causes are left out on purpose: their texts may repeat what the server sent.
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            raise ApiUnavailable(late) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            message = (
                f"{asked.call}: there was no complete answer ({_reason(error)}); run it again later, or check TORN_API_URL and the network"
            )
            raise ApiUnavailable(message) from None


def _surroundings(base_url: str) -> dict[str, Any]:
    """The proxies and certificates that the environment names, for https alone: plain http stays on this machine."""
    with requests.Session() as session:
        session.trust_env = urlsplit(base_url).scheme == "https"
        found = session.merge_environment_settings(base_url, {}, None, None, None)
    return {name: found[name] for name in ("proxies", "verify", "cert")}


def _retry(error: Exception) -> bool | float:
    """Whether to try again: after how many seconds, or ``True`` for the usual delay."""
    if not isinstance(error, Transient) or isinstance(error, ApiClosed | DayIsFull):
        return False
    wait = error.wait if isinstance(error, ApiUnavailable) else None
    return True if wait is None else min(wait, _LONGEST_WAIT)


def _body(response: requests.Response, content: bytes, asked: Asked) -> dict[str, object]:
    """The JSON object in an answer.

    Raises:
        PipelineError: of the class that fits an answer which is none.
    """
    html = "html" in response.headers.get("Content-Type", "").lower() or content.lstrip()[:1] == b"<"
    try:
        body, broken = orjson.loads(content), False
    except orjson.JSONDecodeError:
        body, broken = None, True
    error = error_of(response.status_code, body, asked, html=html)
    if error is not None:
        if isinstance(error, ApiUnavailable):
            error.wait = _retry_after(response.headers.get("Retry-After"), error.wait)
        raise error
    if broken:
        what = "a web page" if html else f"{len(content)} bytes that are no complete JSON"
        message = f"{asked.call}: the API answered {what}; run it again later"
        raise ApiUnavailable(message)
    if not isinstance(body, dict):
        message = f"{asked.call}: the API answered JSON that is no object; check the endpoint's path"
        raise BodyRefused(message)
    return body


def _count_rows(body: Mapping[str, object]) -> int:
    """The rows in an answer: of its longest list, else the one that it is itself."""
    return max((len(value) for value in body.values() if isinstance(value, list)), default=1)


def _retry_after(header: str | None, default: float | None) -> float | None:
    """The seconds that a ``Retry-After`` header asks for, a number or a date; ``default`` when it asks nothing readable."""
    if not header:
        return default
    try:
        return max(0.0, min(float(header), _LONGEST_WAIT))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(header)
    except ValueError:
        return default
    seconds = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(0.0, min(seconds, _LONGEST_WAIT))


def _reason(error: BaseException) -> str:
    """The first cause of an error in a few words that hold nothing the server sent."""
    while error.__context__ is not None:
        error = error.__context__
    if isinstance(error, OSError) and error.strerror and not isinstance(error, requests.RequestException):
        return error.strerror
    return type(error).__name__


def _with_comment(url: str) -> str:
    """The URL as it goes out: who asks shows in the key owner's log, unless the config says something else there."""
    query = urlsplit(url).query
    return url if "comment=" in query else f"{url}{'&' if query else '?'}{_COMMENT}"


def _without_key(url: str) -> str:
    """The URL without a ``key`` in its query and without our comment, which links may repeat; otherwise letter for letter."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in query if name.lower() != "key" and f"{name}={value}" != _COMMENT]
    return url if len(kept) == len(query) else parts._replace(query=urlencode(kept)).geturl()


def _is_below(url: str, base_url: str) -> bool:
    """Whether a URL has the base URL's scheme, host and port, and its path or one below it."""
    parts, base = urlsplit(url), urlsplit(base_url)
    if parts.username is not None or parts.password is not None or _origin(url) != _origin(base_url):
        return False
    prefix = base.path.rstrip("/")
    if any(unquote(step) in {".", ".."} for step in parts.path.split("/")):
        return False
    return parts.path == prefix or parts.path.startswith(f"{prefix}/")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)
