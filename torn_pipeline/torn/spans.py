"""Spans of time, and what is left of one where others lie over it.

Here belongs the arithmetic alone. A span is what ``from`` and ``to`` of the API ask for: whole seconds, after the one and up to
the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Span", "day_span", "days_of", "merged", "without"]

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The time after ``after`` and up to ``until`` (UTC); never empty."""

    after: datetime
    until: datetime

    def __post_init__(self) -> None:
        """Refuse a span without time in it.

        Raises:
            ValueError: always, for one.
        """
        if self.after >= self.until:
            message = f"no time lies after {self.after} and not after {self.until}"
            raise ValueError(message)


def day_span(first: date, last: date | None = None) -> Span:
    """A day in UTC, or all days from one to another, by whole seconds: its first one lies in it."""
    midnight = datetime.combine(first, time(), UTC)
    after = datetime.combine((last or first), time(), UTC) + _DAY
    return Span(midnight - _SECOND, after - _SECOND)


def days_of(span: Span) -> Iterator[date]:
    """The days, in UTC, that a span has a second of."""
    day = (span.after + _SECOND).date()
    while day <= span.until.date():
        yield day
        day += _DAY


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time in as few spans as there can be, in order."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.after <= found[-1].until:
            found[-1] = Span(found[-1].after, max(found[-1].until, span.until))
        else:
            found.append(span)
    return found


def without(span: Span, others: Iterable[Span]) -> list[Span]:
    """What is left of a span where no other lies, in order."""
    left, after = [], span.after
    for other in merged(others):
        if other.until <= after or other.after >= span.until:
            continue
        if other.after > after:
            left.append(Span(after, other.after))
        after = other.until
    return [*left, Span(after, span.until)] if after < span.until else left
