"""Service levels: in what share of the time a table was fresh, reckoned from when each of its fetches was loaded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

__all__ = ["Arrival", "ServiceLevel", "service_level"]

_NONE = timedelta()


class Arrival(NamedTuple):
    """A fetch that began at ``fetched_at`` and was loaded at ``loaded_at`` (UTC)."""

    loaded_at: datetime
    fetched_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevel:
    """How long a table was looked at, how long of it it was not fresh, and the longest of that at a stretch, with its beginning."""

    looked_at: timedelta
    stale: timedelta
    worst: timedelta = _NONE
    worst_since: datetime | None = None

    @property
    def share(self) -> float:
        """The share of the time in which it was fresh, from 0 to 1."""
        return 1 - self.stale / self.looked_at

    def left(self, objective: float) -> timedelta:
        """For how long it may still be stale before the share ``objective`` is missed; below zero it is missed by so much."""
        return (1 - objective) * self.looked_at - self.stale


def service_level(arrivals: Iterable[Arrival], allowed: timedelta, since: datetime, until: datetime) -> ServiceLevel | None:
    """The service level from ``since``, or the first arrival where that is later, until ``until``; ``None`` where that is no time.

    At each moment the newest fetch counts that was loaded by then: the table is fresh while that is no older than ``allowed``.
    """
    known = sorted(arrivals)
    start = max(since, known[0].loaded_at) if known else until
    if start >= until:
        return None
    gaps = list(_joined(_gaps(known, allowed, start, until)))
    worst = max(gaps, key=lambda gap: gap[1] - gap[0], default=None)
    return ServiceLevel(
        looked_at=until - start,
        stale=sum((end - begin for begin, end in gaps), _NONE),
        worst=worst[1] - worst[0] if worst else _NONE,
        worst_since=worst[0] if worst else None,
    )


def _gaps(known: list[Arrival], allowed: timedelta, start: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The times from ``start`` to ``until`` without fresh data, one after another, those that touch not joined yet."""
    newest = known[0].fetched_at
    for arrival, end in pairwise([*known, Arrival(until, until)]):
        newest = max(newest, arrival.fetched_at)
        begin = max(arrival.loaded_at, newest + allowed, start)
        if begin < (last := min(end.loaded_at, until)):
            yield begin, last


def _joined(gaps: Iterable[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, datetime]]:
    """Gaps that touch as one."""
    before: tuple[datetime, datetime] | None = None
    for begin, end in gaps:
        if before and before[1] == begin:
            before = before[0], end
            continue
        if before:
            yield before
        before = begin, end
    if before:
        yield before
