"""The quota: how many calls may reach the API in a window of time, of one account and of all together.

Here belongs the counting of calls alone, over all that share a ledger, and who goes first when they are scarce. Not here:
what a call is.
"""

from __future__ import annotations

import logging
import random
import time
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from torn_pipeline.torn.breaker import Breaker
from torn_pipeline.torn.ledger import spared
from torn_pipeline.torn.usage import keep_ended

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torn_pipeline.torn.ledger import Database, Ledger

__all__ = ["ADDRESS_LIMIT", "Grant", "Quota", "Rank"]

_log = logging.getLogger(__name__)

ADDRESS_LIMIT = 1000
"""The calls a minute that Torn answers to one address, whatever the account."""

_NOTICEABLE_SECONDS = 1.0
_LOOKS_A_WINDOW = 10
_GRACE_SECONDS = 1.0
_TURNS = 10
_NEW = 1 << 62


# What most calls need: a slot, if nobody waits or is kept away, the clock has not started again, and as many slots are free.
_TAKE_FREE = (
    "INSERT INTO calls (account, key, granted, ends) SELECT ?, ?, now, now + ? FROM (SELECT seconds() AS now) AS clock"
    " WHERE NOT EXISTS (SELECT 1 FROM breaker) AND NOT EXISTS (SELECT 1 FROM waiters)"
    " AND coalesce((SELECT granted FROM calls ORDER BY id DESC LIMIT 1), now) <= now"
    " AND (SELECT count(*) FROM calls WHERE account = ?) < ? AND (SELECT count(*) FROM calls) < ?"
)
_INSERT = "INSERT INTO calls (account, key, granted, ends) VALUES (?, ?, ?, ?)"
# A call that outlived its hold may have lost its row: it counts again.
_END = (
    "INSERT INTO calls (id, account, key, granted, ends) SELECT ?, ?, ?, now, now + ? FROM (SELECT seconds() AS now) AS clock"
    " WHERE true ON CONFLICT (id) DO UPDATE SET ends = excluded.ends"
)
_WAIT = "INSERT INTO waiters (account, rank, for_address, expires) VALUES (?, ?, ?, ?)"
_WAIT_ON = (
    "INSERT INTO waiters (id, account, rank, for_address, expires) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET for_address = excluded.for_address, expires = excluded.expires"
)
_MOST_AT_A_GLANCE = 256  # calls in the ledger, with those that no longer count: beyond that they are looked at, and cleared away


class Rank(IntEnum):
    """Who goes first: what somebody waits for, what the schedule wants, what fills the past."""

    INTERACTIVE = 0
    SCHEDULED = 1
    BACKFILL = 2


@dataclass(frozen=True, slots=True)
class Grant:
    """A call that may be made now: the number of its slot, and whether it tries out if the API is open again."""

    slot: int
    is_probe: bool = False


class _Waiter(NamedTuple):
    rank: int
    id: int
    account: str
    for_address: bool


class Quota:
    """Never more than ``limit`` calls of one account, nor ``address_limit`` of all, in any ``window`` seconds, as the server sees them.

    All quotas on the same ledger count together. A call holds a slot from when it is granted until
    ``window`` seconds after it has ended: it cannot have reached the server later than it ended, and the next
    call in that slot cannot reach it before it is granted. While a call is under way its slot is held for
    ``hold`` seconds (the longest a request may take to reach the server) and a window, so that the slots of
    a killed process come free by themselves.

    Who finds no free slot waits in line: by ``rank``, then in the order they came. Of the slots that are given away while
    others of lower rank wait, every tenth goes to the one of those who has waited longest. A place in the line is kept by
    asking again within a tenth of a window; a killed process loses it a second after that.

    Time is the ledger's. Should its clock start again, or be set back, calls from the future are counted as if they had just
    been made.
    """

    def __init__(
        self,
        ledger: Ledger,
        limit: int,
        window: float = 60.0,
        *,
        hold: float,
        rank: Rank = Rank.INTERACTIVE,
        address_limit: int = ADDRESS_LIMIT,
    ) -> None:
        self.limit = limit
        self.address_limit = address_limit
        self.window = window
        self.rank = rank
        self.ledger = ledger
        self.breaker = Breaker(self.ledger, window, hold=hold)
        self._hold = hold

    def close(self) -> None:
        """Close the connections to the ledger; the next call opens a new one."""
        self.ledger.close()

    @contextmanager
    def call(self, account: str, key: str = "") -> Iterator[Grant]:
        """Wait until the account may make a call, and count it until a window after the block has ended.

        ``key`` is the id of the key that it is made with.

        Raises:
            ApiClosed: the API has asked everybody to stay away.
            ConfigError: the ledger cannot be used.
            LedgerUnavailable: the ledger cannot be used now.
        """
        grant = self._wait(account, key)
        try:
            yield grant
        finally:
            self._end(grant.slot, account, key)

    def _wait(self, account: str, key: str) -> Grant:
        told, place = False, _NEW
        while True:
            grant, wait, place = self._take(account, key, place)
            if grant is not None:
                return grant
            if wait > _NOTICEABLE_SECONDS and not told:
                _log.info("account %s waits %.1f s for its turn, %d calls in %g s are the most", account, wait, self.limit, self.window)
                told = True
            # A little spread keeps many waiters from meeting at the ledger in the same instant.
            spread = random.uniform(0, min(0.1, self.window / 100))  # noqa: S311  # no secret depends on it
            time.sleep(min(wait, self._look) + spread)

    @property
    def _look(self) -> float:
        """The longest that a waiter leaves its place in the line unconfirmed, in seconds."""
        return self.window / _LOOKS_A_WINDOW

    def _take(self, account: str, key: str, place: int) -> tuple[Grant | None, float, int]:
        """A slot, or none, the seconds until one can possibly come free, and the place in the line."""
        if place == _NEW and (slot := self._take_free(account, key)):
            return Grant(slot), 0.0, place
        with self.ledger.transaction() as database:
            now = database.now()
            _after_a_restart(database, now)
            keep_ended(database, now)
            tries_out = self.breaker.is_over(database)
            waiters = self._waiters(database, now)
            mine = _Waiter(self.rank, place, account, for_address=False)
            own = [waiter for waiter in waiters if waiter.account == account and waiter.id != place]
            far = [waiter for waiter in waiters if waiter.for_address and waiter.id != place]
            wait = self._wait_for_account(database, now, account, _ahead(mine, own, _passed_over(database, account)))
            wait_for_address = self._wait_for_address(database, now, _ahead(mine, far, 0))
            if wait is None and wait_for_address is None:
                if place != _NEW:
                    database.execute("DELETE FROM waiters WHERE id = ?", (place,))
                _count_turns(database, mine, own)
                if tries_out:
                    self.breaker.try_out(database)
                slot = database.insert(_INSERT, (account, key, now, now + self._hold + self.window))
                return Grant(slot, tries_out), 0.0, place
            seconds = max(wait or 0.0, wait_for_address or 0.0)
            row = (account, int(self.rank), int(wait_for_address is not None), now + min(seconds, self._look) + _GRACE_SECONDS)
            if place == _NEW:
                return None, seconds, database.insert(_WAIT, row)
            database.execute(_WAIT_ON, (place, *row))
            return None, seconds, place

    def _take_free(self, account: str, key: str) -> int:
        """A slot that is free for anybody, as far as can be told at a glance; 0 when there is none."""
        most = min(self.address_limit, _MOST_AT_A_GLANCE)
        return self.ledger.insert_alone(_TAKE_FREE, (account, key, self._hold + self.window, account, self.limit, most))

    def _waiters(self, database: Database, now: float) -> list[_Waiter]:
        """All who wait, without those who have not asked again in time, or not since the machine started."""
        latest = now + self._look + 2 * _GRACE_SECONDS
        rows = database.execute("SELECT rank, id, account, for_address, expires FROM waiters").fetchall()
        if any(not now < row[4] <= latest for row in rows):
            database.execute("DELETE FROM waiters WHERE expires <= ? OR expires > ?", (now, latest))
        return [_Waiter(rank, number, account, bool(far)) for rank, number, account, far, expires in rows if now < expires <= latest]

    def _wait_for_account(self, database: Database, now: float, account: str, ahead: int) -> float | None:
        (used,) = database.execute("SELECT count(*) FROM calls WHERE account = ?", (account,)).fetchone()
        nth = used + ahead + 1 - self.limit
        if nth <= 0:
            return None
        select = "SELECT ends FROM calls WHERE account = ? ORDER BY ends LIMIT 1 OFFSET ?"
        return self._until(database.execute(select, (account, nth - 1)).fetchone(), now)

    def _wait_for_address(self, database: Database, now: float, ahead: int) -> float | None:
        (used,) = database.execute("SELECT count(*) FROM calls").fetchone()
        nth = used + ahead + 1 - self.address_limit
        if nth <= 0:
            return None
        return self._until(database.execute("SELECT ends FROM calls ORDER BY ends LIMIT 1 OFFSET ?", (nth - 1,)).fetchone(), now)

    def _until(self, row: tuple[float] | None, now: float) -> float:
        # A call under way may end at once, so its slot can come free a window from now.
        return self.window if row is None else min(row[0] - now, self.window)

    def _end(self, slot: int, account: str, key: str) -> None:
        # Unwritten it holds its slot for longer.
        with spared(f"the end of a call of account {account}"), self.ledger.connection() as database:
            database.execute(_END, (slot, account, key, self.window))


def _after_a_restart(database: Database, now: float) -> None:
    """Let calls from the future of a clock that has started again count from now; the newest call has the latest time."""
    newest = database.execute("SELECT granted FROM calls ORDER BY id DESC LIMIT 1").fetchone()
    if newest is not None and newest[0] > now:
        database.execute("UPDATE calls SET ends = ends - granted + ?, granted = ? WHERE granted > ?", (now, now, now))


def _ahead(mine: _Waiter, others: Sequence[_Waiter], passed_over: int) -> int:
    """How many of the others go before me: by rank, then as they came; but now and then the first of those who are passed over."""
    if not others:
        return 0
    line = sorted((*others, mine))
    if passed_over >= _TURNS - 1:
        patient = min((waiter for waiter in line if waiter.rank > line[0].rank), key=lambda waiter: waiter.id, default=None)
        if patient is not None:
            line.remove(patient)
            line.insert(0, patient)
    return line.index(mine)


def _passed_over(database: Database, account: str) -> int:
    """How many slots in a row went to a higher rank than somebody who waited."""
    row = database.execute("SELECT times FROM passed_over WHERE account = ?", (account,)).fetchone()
    return 0 if row is None else int(row[0])


def _count_turns(database: Database, mine: _Waiter, others: Sequence[_Waiter]) -> None:
    if any(other.rank < mine.rank for other in others):
        database.execute("DELETE FROM passed_over WHERE account = ?", (mine.account,))
    elif any(other.rank > mine.rank for other in others):
        database.execute(
            "INSERT INTO passed_over (account, times) VALUES (?, 1) ON CONFLICT (account) DO UPDATE SET times = passed_over.times + 1",
            (mine.account,),
        )
