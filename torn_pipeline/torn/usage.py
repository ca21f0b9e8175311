"""How many calls were made in each minute of the last day: what the quota has counted, once it no longer counts.

Here belongs what is kept of calls whose window is over, and what that comes to. Not here: how many may be made.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torn_pipeline.torn.ledger import Database, Ledger

__all__ = ["Usage", "keep_ended", "minutes_above", "usage_by_key"]

_MINUTE = 60.0
_KEPT = 24 * 60  # minutes
_LOOKED_AT = 60  # minutes
_KEEP = (
    "INSERT INTO minutes (account, key, minute, calls) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (account, key, minute) DO UPDATE SET calls = minutes.calls + excluded.calls"
)
_Minutes = Counter[tuple[str, str, int]]  # calls by account, key, and minute since 1970


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The calls of a key in the last 24 hours, ``day``, and the ``most`` that were made in one minute, which began at ``most_at`` (UTC)."""

    day: int
    most: int
    most_at: datetime


def keep_ended(database: Database, now: float) -> None:
    """Let the calls count no more whose windows are over at ``now``, and keep how many there were in each minute, for a day."""
    ended = database.execute("DELETE FROM calls WHERE ends <= ? RETURNING account, key, granted", (now,)).fetchall()
    if not ended:
        return
    for place, calls in _by_minute(database, now, ended).items():
        database.execute(_KEEP, (*place, calls))
    database.execute("DELETE FROM minutes WHERE minute <= ?", (_minute(database.time()) - _KEPT,))


def usage_by_key(database: Database) -> Mapping[str, Usage]:
    """What the calls of the last 24 hours come to, by the id of their key."""
    days, most = Counter[str](), dict[str, tuple[int, int]]()
    for (_, key, minute), calls in _all_minutes(database).items():
        days[key] += calls
        most[key] = max(most.get(key, (0, 0)), (calls, minute))
    return {
        key: Usage(day=days[key], most=calls, most_at=datetime.fromtimestamp(minute * _MINUTE, UTC))
        for key, (calls, minute) in most.items()
    }


def minutes_above(ledger: Ledger, calls: float) -> Mapping[str, int]:
    """In how many of the last 60 whole minutes an account made more calls than that, by account.

    Raises:
        ConfigError: the ledger cannot be used.
        LedgerUnavailable: it cannot be used now.
    """
    with ledger.connection() as database:
        minutes, current = _all_minutes(database), _minute(database.time())
    by_account = Counter[tuple[str, int]]()
    for (account, _, minute), made in minutes.items():
        if current - _LOOKED_AT <= minute < current:
            by_account[account, minute] += made
    return Counter(account for (account, _), made in by_account.items() if made > calls)


def _all_minutes(database: Database) -> _Minutes:
    """The calls of the last day, those that still count among them."""
    first = _minute(database.time()) - _KEPT
    kept = database.execute("SELECT account, key, minute, calls FROM minutes WHERE minute > ?", (first,)).fetchall()
    found = Counter({(account, key, minute): calls for account, key, minute, calls in kept})
    counting = database.execute("SELECT account, key, granted FROM calls").fetchall()
    found.update(_by_minute(database, database.now(), counting))
    return Counter({place: calls for place, calls in found.items() if place[2] > first})


def _by_minute(database: Database, now: float, calls: list[tuple[str, str, float]]) -> _Minutes:
    """Calls by the minute in which they were granted; one from before the machine was started anew counts as made now."""
    today = database.time()
    return Counter((account, key, _minute(today - max(now - granted, 0.0))) for account, key, granted in calls)


def _minute(time: float) -> int:
    return int(time // _MINUTE)
