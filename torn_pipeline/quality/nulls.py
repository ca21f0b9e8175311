"""Sudden nulls: columns of which far more is null than usually is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torn_pipeline.quality.robust import LEAST_PAST, usual

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["LEAST_ROWS", "NullCounts", "SuddenNull", "comparable", "sudden_nulls"]

LEAST_ROWS = 10
"""Of a load of fewer rows, the share that is null says nothing."""

_FLOOR = 0.2  # of the rows


class NullCounts(NamedTuple):
    """The rows of a load, and of its columns with nulls how many are."""

    rows: int
    nulls: Mapping[str, int]

    def share(self, column: str) -> float:
        """The share of the rows in which a column is null, 0 to 1."""
        return min(1.0, self.nulls.get(column, 0) / self.rows)


class SuddenNull(NamedTuple):
    """A column, the share of it that is null now, the share that usually is, and the most that is usual."""

    column: str
    now: float
    median: float
    most: float


def comparable(past: Iterable[NullCounts]) -> list[NullCounts]:
    """Those of the earlier loads that have rows enough."""
    return [one for one in past if one.rows >= LEAST_ROWS]


def sudden_nulls(now: NullCounts, past: Sequence[NullCounts], columns: Iterable[str]) -> Iterator[SuddenNull]:
    """The columns of which more is null than usual; none where there are too few rows, or too little past.

    Usual is up to 3.5 standard deviations above the median share, told by the median absolute deviation, or up to a fifth of the
    rows above it, whichever is more.
    """
    known = comparable(past)
    if now.rows < LEAST_ROWS or len(known) < LEAST_PAST:
        return
    for column in columns:
        if share := now.share(column):
            found = usual([one.share(column) for one in known], _FLOOR)
            if share > found.median + found.reach:
                yield SuddenNull(column, share, found.median, found.median + found.reach)
