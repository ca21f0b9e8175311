"""Lists that come in pages: following them to the end, and proving that nothing was missed.

Here belongs how a list is read whole. Not here: what its rows mean, or where its pages go.
"""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import parse_qs, parse_qsl, urlencode, urljoin, urlsplit

import orjson

from torn_pipeline.errors import BodyRefused, ListMoved

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping

    from torn_pipeline.torn.client import Answer, TornClient

__all__ = ["ListPage", "Listing", "fetch_list"]

_log = logging.getLogger(__name__)

_ATTEMPTS = 3
_ANSWERS = 3  # that must all say so before a list is taken to be empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """How an endpoint's answers are read.

    ``root`` is the key of the body that holds the rows (a list) or the one object, ``None`` where the body itself
    is the object. ``page_size`` is asked for as ``limit``, where the endpoint takes one. ``key_of`` gives a
    row's key, ``None`` for a row that has none; it must not raise. ``check_body`` raises ``BodyRefused`` for a
    body that is not the endpoint's.
    """

    check_body: Callable[[dict[str, object]], None]
    root: str | None = None
    page_size: int | None = None
    key_of: Callable[[object], Hashable | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """One page of a list, as it came.

    ``number`` counts from 0. A page with number 0 starts an attempt: the pages before it, if there were any,
    are of an attempt that was given up, and void. ``rows`` is how many rows the page has (1 for an object), ``repeated``
    how many of them had come before in the same attempt.
    """

    answer: Answer
    number: int
    rows: int
    repeated: int


def fetch_list(client: TornClient, path: str, params: Mapping[str, str], listing: Listing) -> Iterator[ListPage]:
    """Read an endpoint's answer, all its pages, each as it comes. It is whole when the iteration ends by itself.

    Pages are followed by ``_metadata.links.next`` until there is none, or two pages in a row are empty. Only keys
    are kept in memory.

    A list of rows with keys that took more than one page is proven at the end. Its first page is asked once
    more, past the API's cache, and must have the rows it had at the start, at most moved down by new ones above
    them, and at least one of them. New rows mean that the list grew at its head while it was read, which moves
    rows to later pages but hides none; the page just asked is then handed over as the last one, so that
    the new rows are not missed either. After anything else the list is read again from its start and past the
    cache, at most three times in all.

    Where pages are asked by ``offset``, the rows that came must also be as many as the list has. Rows that came twice
    mean new rows at the head, or a row that went to another page and moved those in between: the last page is then
    asked once more, for how long the list is now. A link that skips places is not followed.

    This proves that no row was missed in a list whose newest rows come first and whose rows stay, be it in another
    place. It notices rows that vanish from the first page, unless they are its last ones and as many new rows come
    in. It does not notice a row that vanishes from a later page before the page after it is read, by which the first
    row of that next page is missed. Lists that rows leave, such as the open crimes, are read safely in one page only.

    An answer whose list is empty is asked for twice more, past the API's cache, and believed when none has a row: an
    empty list in place of a full one would otherwise end the reading, or empty a table that is replaced.

    Raises:
        ListMoved: the list changed at each attempt in a way that may have hidden rows, or its pages lead in a circle.
        BodyRefused: a body is not the endpoint's, or its link to the next page is no link.
        PipelineError: whatever :meth:`TornClient.get` raises.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            yield from _Reading(client, path, params, listing).pages(fresh=attempt > 1)
        except ListMoved as error:
            if attempt == _ATTEMPTS:
                message = f"{error}, at each of {_ATTEMPTS} attempts; nothing of it is used, run it again later"
                raise ListMoved(message) from None
            _log.warning("%s; reading it again from its start, attempt %d of %d", error, attempt + 1, _ATTEMPTS)
        else:
            return


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """What is kept of a page until the next one is there; ``digest`` stands in where no row has a key.

    ``end`` is the place in the list after the page's last row; 0 where there is none, or the page was not asked by ``offset``.
    """

    rows: int
    keys: list[Hashable]
    digest: bytes
    end: int

    def same_rows(self, other: _Content) -> bool:
        """Whether both have the same rows, and have any."""
        if self.rows != other.rows or not self.rows:
            return False
        return set(self.keys) == set(other.keys) and self.digest == other.digest


@dataclass(slots=True)
class _Reading:
    """One attempt at a list, and what it has to remember: ``unkeyed`` counts rows without a key of their own on their page."""

    client: TornClient
    path: str
    params: Mapping[str, str]
    listing: Listing
    seen: set[Hashable] = field(default_factory=set)
    unkeyed: int = 0
    head: list[Hashable] = field(default_factory=list)

    def pages(self, *, fresh: bool) -> Iterator[ListPage]:
        """All pages; ``fresh`` asks for each past the API's cache, which may have answered with an older page."""
        first = dict(self.params)
        if self.listing.page_size is not None:
            first.setdefault("limit", str(self.listing.page_size))
        answer = self._ask(self.path, first, fresh=fresh)
        page, content = self._page(answer, 0)
        self.head, end, last = content.keys, 0, answer.url
        yield page
        asked = {answer.url}
        while (url := self._next(answer)) is not None:
            if url in asked:
                self._give_up("its pages lead in a circle")
            if _skips(answer.url, url):
                self._give_up("a link to the next page leads past rows that did not come")
            asked.add(url)
            answer = self._ask(url, {}, fresh=fresh)
            before = content
            page, content = self._page(answer, page.number + 1)
            if content.same_rows(before):
                self._give_up("a page has just the rows of the page before it, as if the API did not turn pages")
            end, last = (content.end, answer.url) if content.rows else (end, last)
            yield page
            if not page.rows and not before.rows:
                break
        if page.number and self.head:
            overlapped = self._came() < end
            yield from self._proof(first, page.number + 1)
            self._check_count(end)
            if overlapped:
                yield from self._count_again(first, last, page.number + 2)

    def _ask(self, path_or_url: str, params: Mapping[str, str], *, fresh: bool) -> Answer:
        """An answer that is the endpoint's; one without rows only when each of several answers is."""
        for number in range(_ANSWERS):
            url, asked = (_without_timestamp(path_or_url), _past_cache(params)) if fresh or number else (path_or_url, params)
            answer = self.client.get(url, asked)
            self.listing.check_body(answer.body)
            if self._rows(answer.body):
                break
        return answer

    def _rows(self, body: dict[str, object]) -> list[object]:
        root = body if self.listing.root is None else body.get(self.listing.root)
        return root if isinstance(root, list) else [] if root is None else [root]

    def _page(self, answer: Answer, number: int) -> tuple[ListPage, _Content]:
        content = self._content(answer)
        page = ListPage(answer=answer, number=number, rows=content.rows, repeated=self._count(content))
        return page, content

    def _content(self, answer: Answer) -> _Content:
        rows = self._rows(answer.body)
        key_of = self.listing.key_of
        keys = [key for key in map(key_of, rows) if key is not None] if key_of else []
        digest = b"" if keys else hashlib.sha256(orjson.dumps(rows)).digest()
        offset = _offset(answer.url)
        return _Content(rows=len(rows), keys=keys, digest=digest, end=offset + len(rows) if offset and rows else 0)

    def _count(self, content: _Content) -> int:
        """How many of a page's keys were seen before; all of them are, from now on."""
        before = len(self.seen)
        self.seen.update(content.keys)
        self.unkeyed += content.rows - len(set(content.keys))
        return len(content.keys) - (len(self.seen) - before)

    def _next(self, answer: Answer) -> str | None:
        metadata = answer.body.get("_metadata")
        links = metadata.get("links") if isinstance(metadata, dict) else None
        url = links.get("next") if isinstance(links, dict) else None
        if url is None or url == "":
            return None
        if not isinstance(url, str):
            self._refuse_link("text")
        try:
            return urljoin(answer.url, url)
        except ValueError:  # of a host that cannot be one
            self._refuse_link("URL")

    def _refuse_link(self, wanted: str) -> NoReturn:
        message = f"{self._name()}: the link to the next page is no {wanted}; check that TORN_API_URL is the API's"
        raise BodyRefused(message) from None

    def _proof(self, first: Mapping[str, str], number: int) -> Iterator[ListPage]:
        """Ask the first page again, and hand it over when it has rows that were on no page.

        Raises:
            ListMoved: rows may have been missed.
        """
        page, content = self._page(self._ask(self.path, first, fresh=True), number)
        on_head = set(self.head)
        new = [key for key in content.keys if key not in on_head]
        if len(new) == len(content.keys):
            self._give_up("its first page held only other rows at the end")
        if content.keys != new + self.head[: len(self.head) - len(new)]:
            self._give_up("rows of its first page vanished or changed places")
        if new:
            yield page

    def _count_again(self, first: Mapping[str, str], url: str, number: int) -> Iterator[ListPage]:
        """Hold what came against the length of the list now; rows that came in since the proof are handed over too.

        Raises:
            ListMoved: rows were missed.
        """
        length = self._length(url)
        if length > self._came():
            yield from self._proof(first, number)
            self._check_count(length)

    def _length(self, url: str) -> int:
        """How many rows the list has now; ``url`` is its last page, unless it has grown."""
        length = 0
        for _ in range(_ATTEMPTS):
            answer = self._ask(url, {}, fresh=True)
            rows, following = len(self._rows(answer.body)), self._next(answer)
            length = _offset(answer.url) + rows if rows else length
            if not rows or following is None:
                return length
            url = following
        return length

    def _came(self) -> int:
        return len(self.seen) + self.unkeyed

    def _check_count(self, length: int) -> None:
        if (came := self._came()) < length:
            self._give_up(f"it has {length} rows and only {came} of them came, so some changed places")

    def _give_up(self, what: str) -> NoReturn:
        message = f"{self._name()}: the list could not be read whole, {what}"
        raise ListMoved(message)

    def _name(self) -> str:
        return f"GET {self.path} for account {self.client.account}"


def _offset(url: str) -> int:
    """The place in the list of the first row that a URL asks for; 0 where it says none."""
    return _number(url, "offset")


def _skips(asked: str, url: str) -> bool:
    """Whether a URL leaves out rows after those that were asked for; it is not judged where no ``limit`` was."""
    limit = _number(asked, "limit")
    return limit > 0 and _offset(url) > _offset(asked) + limit


def _number(url: str, parameter: str) -> int:
    value = parse_qs(urlsplit(url).query).get(parameter, ["0"])[-1]
    return int(value) if value.isdecimal() else 0


def _without_timestamp(path_or_url: str) -> str:
    """The same without the parameter that makes the API answer afresh, which links repeat."""
    parts = urlsplit(path_or_url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in query if name != "timestamp"]
    return path_or_url if len(kept) == len(query) else parts._replace(query=urlencode(kept)).geturl()


def _past_cache(params: Mapping[str, str]) -> dict[str, str]:
    """The parameters with the one that makes the API answer afresh."""
    return {**params, "timestamp": str(int(time.time()))}
