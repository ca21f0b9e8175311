"""The quota: how many calls of one account may reach the API in a window of time.

Here belongs the counting alone, over all threads and processes of the machine. Not here: what a call is.
"""

from __future__ import annotations

import logging
import random
import sqlite3
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from torn_pipeline.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Quota"]

_log = logging.getLogger(__name__)

# AUTOINCREMENT: the number of a call whose row is gone is never given to another one.
_TABLE = (
    "CREATE TABLE IF NOT EXISTS calls"
    " (id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, granted REAL NOT NULL, ends REAL NOT NULL)"
)
_BUSY_SECONDS = 30.0
_NOTICEABLE_SECONDS = 1.0


class Quota:
    """Never more than ``limit`` calls of one account in any ``window`` seconds, as the server sees them.

    All quotas on the same SQLite file count together. A call holds a slot from when it is granted until
    ``window`` seconds after it has ended: it cannot have reached the server later than it ended, and the next
    call in that slot cannot reach it before it is granted. While a call is under way its slot is held for
    ``hold`` seconds (the longest a request may take to reach the server) and a window, so that the slots of
    a killed process come free by themselves.

    Time is the system's monotonic clock, which all processes share and nobody can set. It starts again
    when the machine does: calls from its future are then counted as if they had just been made.

    A connection lives for one transaction (about 0.3 ms): there is none to share between threads, to inherit
    by a fork or to leave open. The file may be deleted whenever nothing is running.
    """

    def __init__(self, path: Path, limit: int, window: float = 60.0, *, hold: float) -> None:
        self.limit = limit
        self.window = window
        self._path = path
        self._hold = hold

    @contextmanager
    def call(self, account: str) -> Iterator[None]:
        """Wait until the account may make a call, and count it until a window after the block has ended.

        Raises:
            ConfigError: the shared file cannot be used.
        """
        slot = self._wait(account)
        try:
            yield
        finally:
            self._end(slot, account)

    def _wait(self, account: str) -> int:
        told = False
        while True:
            slot, wait = self._take(account)
            if slot is not None:
                return slot
            if wait > _NOTICEABLE_SECONDS and not told:
                _log.info("account %s has made its %d calls in %g s: waiting %.1f s", account, self.limit, self.window, wait)
                told = True
            # A little spread keeps many waiters from meeting at the file in the same instant.
            time.sleep(wait + random.uniform(0, min(0.1, self.window / 100)))  # noqa: S311  # no secret depends on it

    def _take(self, account: str) -> tuple[int | None, float]:
        """A slot, or none and the seconds until one can possibly come free."""
        with self._transaction() as database:
            now = time.monotonic()
            database.execute("UPDATE calls SET ends = ends - granted + ?1, granted = ?1 WHERE granted > ?1", (now,))
            database.execute("DELETE FROM calls WHERE ends <= ?", (now,))
            ends = [row[0] for row in database.execute("SELECT ends FROM calls WHERE account = ? ORDER BY ends", (account,))]
            if len(ends) < self.limit:
                insert = "INSERT INTO calls (account, granted, ends) VALUES (?, ?, ?)"
                return database.execute(insert, (account, now, now + self._hold + self.window)).lastrowid, 0.0
        # A call under way may end at once, so its slot can come free a window from now.
        return None, min(ends[len(ends) - self.limit], now + self.window) - now

    def _end(self, slot: int, account: str) -> None:
        now = time.monotonic()
        with self._transaction() as database:
            database.execute(
                # A call that outlived its hold may have lost its row: it counts again.
                "INSERT INTO calls (id, account, granted, ends) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET ends = excluded.ends",
                (slot, account, now, now + self.window),
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)) as database:
                # Losing the last calls in a power failure is harmless; a kill loses nothing.
                database.execute("PRAGMA synchronous = OFF")
                database.execute("PRAGMA journal_mode = PERSIST")
                database.execute("BEGIN IMMEDIATE")
                database.execute(_TABLE)
                yield database
                database.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            message = f"the count of calls in {self._path} cannot be used ({error}); make its folder writable, or delete the file"
            raise ConfigError(message) from error
