"""What a look at a table found, as Dagster shows it: a table of its columns, and plots in Markdown."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from torn_pipeline.checks import records
from torn_pipeline.quality.profile import bars, histogram

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torn_pipeline.quality.score import Score
    from torn_pipeline.steps.profiling import Profiled
    from torn_pipeline.warehouse import ColumnProfile, TableProfile

__all__ = ["profile_metadata", "score_metadata"]

_TEXT = 40  # characters of a value
_LARGE = 1e6  # a number that is shown without a fraction
_NAME = 28  # characters of a column's name beside its plot
_QUARTERS = {"p25": 5, "p50": 10, "p75": 15}  # where they stand among the 21 quantiles
_PLAIN = str.maketrans("`|", "'\N{BROKEN BAR}")  # players write names and texts: nothing in them may end a block of code


def profile_metadata(found: Profiled) -> dict[str, Any]:
    """What an asset says of its table: its profile and the plots, or why there is none."""
    if found.profile is None:
        return {"not_profiled": found.problem}
    plots = [*_plots(found.profile), *_days(found)]
    metadata: dict[str, Any] = {
        "rows": found.profile.rows,
        "profile": records(_line(column, found.profile.rows) for column in found.profile.columns),
    }
    return metadata | ({"plots": dg.MetadataValue.md("\n".join(("```", *plots, "```")))} if plots else {})


def score_metadata(score: Score) -> dict[str, Any]:
    """A score, and where each point that it lacks was lost."""
    lines = [{"what": line.what, "points": line.points, "lost": line.lost, "why": line.why} for line in score.lines]
    return {"score": score.points, "score_explained": records(lines)}


def _line(column: ColumnProfile, rows: int) -> dict[str, object]:
    quartiles = {name: _shown(column.quantiles[place]) if column.quantiles else "" for name, place in _QUARTERS.items()}
    return {
        "column": column.name,
        "type": column.type.value,
        "nulls": f"{column.nulls / rows:.1%}" if rows else "",
        "distinct": column.distinct,
        "least": _shown(column.least),
        **quartiles,
        "greatest": _shown(column.greatest),
    }


def _plots(profile: TableProfile) -> Iterator[str]:
    """A line for each column of numbers or moments whose values are not all the same: how many lie where."""
    for column in profile.columns:
        shares = histogram([one.timestamp() if isinstance(one, datetime) else one for one in column.quantiles])
        if shares:
            yield f"{column.name[:_NAME]:{_NAME}} {bars(shares)}  {_shown(column.least)} … {_shown(column.greatest)}"


def _days(found: Profiled) -> Iterator[str]:
    days: Sequence[int] = found.days
    if days and found.last_day:
        first = found.last_day - timedelta(days=len(days) - 1)
        yield f"{'rows by day':{_NAME}} {bars(days)}  {first} … {found.last_day}, at most {max(days):,}"


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= _LARGE else f"{value:.6g}"
    text = " ".join(str(value).split()).translate(_PLAIN)
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"
