"""What is usual, told so that a few odd values do not change it: the median, and how far values lie from it."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LEAST_PAST", "Usual", "usual"]

LEAST_PAST = 8
"""Fewer values from the past than these say nothing of what is usual."""

_SIGMAS = 3.5  # the customary bound for a modified z-score (Iglewicz and Hoaglin, 1993)
_SIGMA_OF_MAD = 1.4826  # of normally distributed values


class Usual(NamedTuple):
    """The median of some values, and how far from it a value may be."""

    median: float
    reach: float


def usual(values: Sequence[float], floor: float) -> Usual:
    """What is usual of some values; they may always be ``floor`` from their median, also where all of them are the same."""
    middle = median(values)
    deviation = median(abs(value - middle) for value in values)
    return Usual(middle, max(floor, _SIGMAS * _SIGMA_OF_MAD * deviation))
