"""What values are like, drawn with the characters that every page can show."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

__all__ = ["bars", "days_until", "histogram"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_NONE = "·"
_ONE_PLACE = 1e-6  # of the width of a part: quantiles nearer to one another than that are the same


def histogram(quantiles: Sequence[float], bins: int = 16) -> list[float]:
    """The share of the values in each of some parts of equal width between the least and the greatest of their quantiles.

    Between two quantiles values are taken to be spread evenly, and to stand in one place where both are the same.
    Empty where there are no values, or only one.
    """
    if len(quantiles) < 2 or quantiles[0] >= quantiles[-1]:  # noqa: PLR2004 - from the first to the last
        return []
    least, width = quantiles[0], (quantiles[-1] - quantiles[0]) / bins
    found = [0.0] * bins
    weight = 1 / (len(quantiles) - 1)
    for low, high in pairwise(quantiles):
        if high - low <= width * _ONE_PLACE:
            found[min(int((low - least) / width), bins - 1)] += weight
            continue
        for place in range(bins):
            left, right = least + place * width, least + (place + 1) * width
            found[place] += weight * max(0.0, min(high, right) - max(low, left)) / (high - low)
    return found


def bars(values: Sequence[float]) -> str:
    """A bar for each value, the greatest as high as a line; a dot where there is nothing."""
    greatest = max(values, default=0)
    return "".join(_BLOCKS[min(int(value / greatest * len(_BLOCKS)), len(_BLOCKS) - 1)] if value > 0 else _NONE for value in values)


def days_until(last: date, counts: Mapping[date, int], days: int) -> list[int]:
    """The counts of so many days up to the last one, 0 where a day has none."""
    return [counts.get(last - timedelta(days=back), 0) for back in range(days - 1, -1, -1)]
