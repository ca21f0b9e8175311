"""Volume: whether as many rows came as usually do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from torn_pipeline.quality.robust import LEAST_PAST, usual

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

__all__ = ["Counted", "Volume", "volume"]

_WEEKS = 4  # a weekday is held against itself from so many of it on
_LEAST_FLOOR = 3.0  # rows
_FLOOR_SHARE = 0.1  # of the median


class Counted(NamedTuple):
    """The rows of one fetch, or of one day (UTC)."""

    at: date
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """Whether the number of rows is usual.

    ``compared`` is how many values from the past it was held against, all of one weekday when ``same_weekday``. ``median``,
    ``least`` and ``most`` are what is usual; ``None`` where there is too little past to say so, and then it is ``ok``.
    """

    ok: bool
    compared: int
    same_weekday: bool = False
    median: float | None = None
    least: float | None = None
    most: float | None = None


def volume(now: Counted, past: Sequence[Counted], *, may_rise: bool = False) -> Volume:
    """Hold a number of rows against what came before; with ``may_rise`` more than usual is no news.

    Usual is what lies within 3.5 standard deviations of the median, told by the median absolute deviation, or within three rows
    or a tenth of the median, whichever is most. It is that of the same weekday once there are four of it.
    """
    if len(past) < LEAST_PAST:
        return Volume(ok=True, compared=len(past))
    same = [one for one in past if one.at.weekday() == now.at.weekday()]
    same_weekday = len({one.at.toordinal() for one in same}) >= _WEEKS
    rows = [one.rows for one in (same if same_weekday else past)]
    found = usual(rows, _LEAST_FLOOR)
    reach = max(found.reach, _FLOOR_SHARE * found.median)
    least, most = max(0.0, found.median - reach), found.median + reach
    return Volume(
        ok=least <= now.rows and (may_rise or now.rows <= most),
        compared=len(rows),
        same_weekday=same_weekday,
        median=found.median,
        least=least,
        most=most,
    )
