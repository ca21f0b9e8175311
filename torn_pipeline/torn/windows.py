"""Lists that are cut by time: reading every row of a time window, and proving that none was missed.

Links of such lists lose the rows of a second that a page ends in, so none is followed: each page is asked for from the last
second of the page before it, and must have that second's rows once more.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from torn_pipeline.errors import ListMoved
from torn_pipeline.tables.naming import value_at
from torn_pipeline.torn.paging import ListPage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torn_pipeline.tables.contract import TimeWindow
    from torn_pipeline.torn.client import Answer, TornClient
    from torn_pipeline.torn.paging import Listing
    from torn_pipeline.torn.spans import Span

__all__ = ["WindowReading"]

_log = logging.getLogger(__name__)

_ANSWERS = 3  # to one question, before it is given up
_EMPTY = 2  # answers that must say so before a window is taken to be empty


@dataclass(slots=True)
class WindowReading:
    """The rows of a time window, oldest first, of which ``listing`` tells the keys.

    Every call goes past the API's cache, which does not tell windows apart. An answer is used only if its rows lie in the time
    asked for, in order, and if it has the rows again that the page before it ended with. The end is where a question brings
    nothing new. After ``most_pages`` pages reading stops where it is. Where the API may go by one of several fields, the window
    is read by the likeliest, and if that fails by the next.

    ``reached`` is, once all pages are taken, the moment up to which the window is complete: its end, or where the last page
    that came overlaps the one before it.
    """

    client: TornClient
    path: str
    params: Mapping[str, str]
    listing: Listing
    window: TimeWindow
    span: Span
    most_pages: int
    reached: datetime | None = None
    _seen: set[Hashable] = field(default_factory=set)

    def pages(self) -> Iterator[ListPage]:
        """The pages, each as it comes; the first one also when it is empty. One with number 0 makes those before it void.

        Raises:
            ListMoved: no answer to a question was what it must be, or one second has more rows than a page.
            PipelineError: whatever :meth:`TornClient.get` raises.
        """
        failures = []
        for name in self.window.fields:
            try:
                yield from self._pages_by(name)
            except ListMoved as error:
                failures.append(error)
                _log.info("%s", error)
            else:
                return
        raise failures[0]

    def _pages_by(self, name: str) -> Iterator[ListPage]:
        """The pages, if the API goes by that field."""
        self._seen = set()
        after, again, number = _seconds(self.span.after), frozenset[Hashable](), 0
        while True:
            answer, keys, times = self._answer(name, after, again)
            new = len(set(keys) - self._seen)
            self._seen.update(keys)
            if new or not number:
                yield ListPage(answer=answer, number=number, rows=len(keys), repeated=len(keys) - new)
            if not new and len(keys) < self._page_size:
                self.reached = self.span.until
                return
            last, number = times[-1], number + 1
            if not new or (last - 1 == after and len(keys) >= self._page_size):
                what = f"its second {datetime.fromtimestamp(last, UTC):%Y-%m-%dT%H:%M:%SZ} has more rows than one page"
                raise self._moved(what)
            if number >= self.most_pages and after > _seconds(self.span.after):
                self.reached = datetime.fromtimestamp(after, UTC)  # up to where this answer has shown that nothing lies between
                return
            after, again = last - 1, frozenset(key for key, moment in zip(keys, times, strict=True) if moment == last)

    @property
    def _page_size(self) -> int:
        return self.listing.page_size or 1

    def _answer(self, name: str, after: int, again: frozenset[Hashable]) -> tuple[Answer, list[Hashable], list[int]]:
        """An answer that is what it must be, its rows' keys and moments."""
        problem, empty = "", 0
        for _ in range(_ANSWERS):
            answer = self._ask(after)
            rows = self._rows(answer)
            if not rows and not again:
                empty += 1
                if empty == _EMPTY:
                    return answer, [], []
                continue
            times, problem = self._times(rows, name, after)
            keys = [self._key(row) for row in rows]
            if not problem and not again.issubset(keys):
                problem = "rows of the page before did not come again"
            if not problem and rows:
                return answer, keys, times
        raise self._moved(problem or "it was empty in one answer and not in another")

    def _ask(self, after: int) -> Answer:
        asked = {
            **self.params,
            **self.window.params,
            "limit": str(self._page_size),
            "sort": "ASC",
            "from": str(after),
            "to": str(_seconds(self.span.until)),
            "timestamp": str(int(time.time())),
        }
        answer = self.client.get(self.path, asked)
        self.listing.check_body(answer.body)
        return answer

    def _rows(self, answer: Answer) -> list[object]:
        rows = answer.body.get(str(self.listing.root))
        return rows if isinstance(rows, list) else []

    def _key(self, row: object) -> Hashable:
        """A row's key; of one that has none, which will not be loaded, its text."""
        key = self.listing.key_of(row) if self.listing.key_of else None
        return repr(row) if key is None else key

    def _times(self, rows: list[object], name: str, after: int) -> tuple[list[int], str]:
        """The rows' moments, and what is wrong with them."""
        moments = [value_at(row, tuple(name.split("."))) for row in rows]
        times = [moment for moment in moments if isinstance(moment, int)]
        if len(times) == len(moments) and times == sorted(times) and all(after < one <= _seconds(self.span.until) for one in times):
            return times, ""
        return [], f"its rows are not those of the time that was asked for, in the order of {name}"

    def _moved(self, what: str) -> ListMoved:
        message = (
            f"GET {self.path} for account {self.client.account}: the window after {self.span.after:%Y-%m-%dT%H:%M:%SZ} up to "
            f"{self.span.until:%Y-%m-%dT%H:%M:%SZ} could not be read whole, {what}; nothing of it is used, run it again later"
        )
        return ListMoved(message)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
