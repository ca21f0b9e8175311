"""One figure of a benchmark: what was measured, the ratio, its bound, and what it is made of."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Figure", "ratio_of_medians"]


@dataclass(frozen=True, slots=True)
class Figure:
    """``value`` against ``bound``, the most it should be, or with ``at_least`` the least; ``made_of`` says how it came about."""

    name: str
    value: float
    bound: float
    made_of: str
    unit: str = "x"
    at_least: bool = False

    def __str__(self) -> str:
        """One line."""
        if self.at_least:
            verdict, limit = ("ok   " if self.value >= self.bound else "UNDER"), "at least"
        else:
            verdict, limit = ("ok   " if self.value <= self.bound else "OVER "), "at most"
        return f"{verdict} {self.name}: {self.value:.2f} {self.unit}, {limit} {self.bound:g} ({self.made_of})"


def ratio_of_medians(name: str, ours: Sequence[float], theirs: Sequence[float], bound: float, what: tuple[str, str]) -> Figure:
    """A ratio of two things measured in turn, with both medians."""
    mine, other = statistics.median(ours), statistics.median(theirs)
    made_of = f"{what[0]} {mine:.3f} s, {what[1]} {other:.3f} s, medians of {len(ours)}"
    return Figure(name, mine / other, bound, made_of)
