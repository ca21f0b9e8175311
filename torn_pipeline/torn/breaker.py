"""The circuit breaker: nobody calls while the API asks everybody to stay away.

Here belongs when it opens, for how long, and who tries first whether it is over; for all processes that share a
ledger. Not here: which errors ask for it.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from torn_pipeline.errors import ApiClosed

if TYPE_CHECKING:
    from torn_pipeline.torn.codes import StayAway
    from torn_pipeline.torn.ledger import Database, Ledger

__all__ = ["Breaker"]

_log = logging.getLogger(__name__)

_MOST_WINDOWS = 60


class Breaker:
    """Closed calls are let through; once opened, all are refused until a time, and then one alone tries if it is over.

    If that one is told to stay away again, the time doubles, up to 60 windows (an hour); any other answer of the API ends it.
    Without an answer within ``hold`` seconds another one tries. Times are those of the ledger's clock.
    """

    def __init__(self, ledger: Ledger, window: float, *, hold: float) -> None:
        self._ledger = ledger
        self._hold = hold
        self._longest = _MOST_WINDOWS * window

    def is_over(self, database: Database) -> bool:
        """Whether the time is over, but nobody has tried yet; false when there is nothing to try.

        Raises:
            ApiClosed: while calls are refused.
        """
        row = database.execute("SELECT until, said, probe_until FROM breaker").fetchone()
        if row is None:
            return False
        until, said, probe_until = row
        now = database.time()
        if now < until <= now + self._longest:
            message = f"no call is made until {_moment(until)}, as the API asked everybody to stay away ({said}); run it again then"
            raise ApiClosed(message, wait=until - now)
        if now < probe_until <= now + self._hold:
            message = (
                f"the API asked everybody to stay away ({said}), and one call tries now if that is over; run this one again in a minute"
            )
            raise ApiClosed(message, wait=probe_until - now)
        return True

    def try_out(self, database: Database) -> None:
        """Let the call that is being granted be the only one for now."""
        database.execute("UPDATE breaker SET probe_until = ?", (database.time() + self._hold,))

    def open(self, error: StayAway, slot: int) -> None:
        """Refuse calls from now on, as the call in this slot was told; those under way together tell it once."""
        with self._ledger.transaction() as database:
            now = database.time()
            times, until, newest = database.execute("SELECT times, until, newest FROM breaker").fetchone() or (0, 0.0, 0)
            if slot <= newest:
                return
            times = times + 1 if now < until + self._longest else 1
            seconds = min((error.wait or 0.0) * 2 ** (times - 1), self._longest)
            (newest,) = database.execute("SELECT coalesce(max(id), 0) FROM calls").fetchone()
            database.execute("DELETE FROM breaker")
            database.execute(
                "INSERT INTO breaker (times, until, said, newest, probe_until) VALUES (?, ?, ?, ?, 0)",
                (times, now + seconds, error.said, max(slot, newest)),
            )
        _log.warning("the API asks everybody to stay away (%s): no call is made until %s", error.said, _moment(now + seconds))

    def end(self) -> None:
        """Let calls through again."""
        with self._ledger.transaction() as database:
            database.execute("DELETE FROM breaker")
        _log.info("the API answers again")

    def give_up(self) -> None:
        """Let another call try: the one that did had no answer."""
        with self._ledger.transaction() as database:
            database.execute("UPDATE breaker SET probe_until = 0")


def _moment(at: float) -> str:
    """A time of today for people, with the day where that is another one."""
    moment = datetime.fromtimestamp(at, UTC)
    return moment.strftime("%H:%M:%S UTC" if moment.date() == datetime.now(UTC).date() else "%Y-%m-%d %H:%M UTC")
