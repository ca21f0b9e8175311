"""The rows a day: of some selections the API gives one user only so many rows in 24 hours.

Here belongs the counting of those rows, over all processes that share a ledger.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from torn_pipeline.errors import RateLimited
from torn_pipeline.torn.ledger import spared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torn_pipeline.torn.ledger import Ledger

__all__ = ["MOST_ROWS", "DailyRows", "DayIsFull", "Reading", "kind_of", "rows_in_a_day", "rows_of"]

_log = logging.getLogger(__name__)

MOST_ROWS = 50_000
"""The rows of one kind that Torn gives one user in 24 hours."""

_DAY = 86_400.0
_PAGE = 100
_LONGEST_WAIT = 600.0
_KINDS = {"news": "news", "events": "events", "newevents": "events", "log": "log", "personalstats": "personalstats"}
_SECTIONS = frozenset({"user", "faction"})


class DayIsFull(RateLimited):
    """As many rows were read in 24 hours as the API gives one user, and it is long until more may be; not tried again at once."""


@dataclass(slots=True)
class Reading:
    """An answer that is being read: ``rows`` are those it had, ``None`` while nobody knows."""

    rows: int | None = None


class DailyRows:
    """Never more than ``limit`` rows of one kind for one account in 24 hours.

    A call reserves the rows of a whole page before it is made, and says afterwards how many came. One that does not fit
    waits when that takes ten minutes at most. Times are of a clock that is set to the day, as that outlasts a restart.
    """

    def __init__(self, ledger: Ledger, limit: int = MOST_ROWS) -> None:
        self.limit = limit
        self._ledger = ledger

    @contextmanager
    def reading(self, account: str, kind: str, expected: int = _PAGE) -> Iterator[Reading]:
        """Wait until so many rows may be read, and count them, or those that the block says came.

        Raises:
            DayIsFull: it would take more than ten minutes.
            ConfigError: the ledger cannot be used.
            LedgerUnavailable: the ledger cannot be used now.
        """
        number = self._reserve(account, kind, min(expected, self.limit))
        reading = Reading()
        try:
            yield reading
        finally:
            if reading.rows is not None:
                # Unwritten it counts as a whole page.
                with spared(f"how many rows of {kind} account {account} read"), self._ledger.connection() as database:
                    database.execute("UPDATE reads SET rows = ? WHERE id = ?", (reading.rows, number))

    def _reserve(self, account: str, kind: str, expected: int) -> int:
        while True:
            with self._ledger.transaction() as database:
                now = database.time()
                database.execute("DELETE FROM reads WHERE at <= ?", (now - _DAY,))
                database.execute("UPDATE reads SET at = ? WHERE at > ?", (now, now))
                read = database.execute("SELECT at, rows FROM reads WHERE account = ? AND kind = ? ORDER BY at", (account, kind)).fetchall()
                free_at = _free_at(read, expected, self.limit)
                if free_at is None:
                    insert = "INSERT INTO reads (account, kind, at, rows) VALUES (?, ?, ?, ?)"
                    return database.insert(insert, (account, kind, now, expected))
            wait = free_at - now
            what = f"account {account} has read {self.limit:,} rows of {kind} in 24 hours, the most that Torn gives one user"
            if wait > _LONGEST_WAIT:
                moment = datetime.fromtimestamp(free_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
                message = f"{what}: no call was made, run it again after {moment}"
                raise DayIsFull(message, wait=wait)
            _log.info("%s: waiting %.0f s", what, wait)
            time.sleep(wait + 1)


def rows_in_a_day(ledger: Ledger) -> dict[tuple[str, str], int]:
    """The rows that were read in the last 24 hours, by account and kind.

    Raises:
        ConfigError: the ledger cannot be used.
        LedgerUnavailable: it cannot be used now.
    """
    with ledger.connection() as database:
        since = database.time() - _DAY
        read = database.execute("SELECT account, kind, sum(rows) FROM reads WHERE at > ? GROUP BY account, kind", (since,)).fetchall()
    return {(account, kind): int(rows) for account, kind, rows in read}


def kind_of(url: str) -> str:
    """Which kind of rows an API's URL answers that are counted by the day; empty when none."""
    parts = urlsplit(url).path.rstrip("/").split("/")
    return _KINDS.get(parts[-1], "") if _SECTIONS & set(parts[-3:-1]) else ""


def rows_of(url: str) -> int:
    """How many rows a page of this URL may have."""
    asked = parse_qs(urlsplit(url).query).get("limit", [""])[-1]
    return int(asked) if asked.isascii() and asked.isdigit() else _PAGE


def _free_at(read: list[tuple[float, int]], expected: int, limit: int) -> float | None:
    """When enough of what was read is a day old; ``None`` when there is room now."""
    excess = sum(rows for _, rows in read) + expected - limit
    for at, rows in read:
        if excess <= 0:
            return None
        excess -= rows
        if excess <= 0:
            return at + _DAY
    return None
