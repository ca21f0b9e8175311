"""The checks ``freshness``, ``volume`` and ``nulls``: a fetch held against its frequency and against those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.checks.specs import FRESHNESS, NULLS, VOLUME
from torn_pipeline.checks.telling import Metadata, records, result
from torn_pipeline.quality.freshness import freshness
from torn_pipeline.quality.nulls import NullCounts, comparable, sudden_nulls
from torn_pipeline.quality.robust import LEAST_PAST
from torn_pipeline.quality.volume import volume
from torn_pipeline.tables.table import Role

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import dagster as dg

    from torn_pipeline.landing import Fetch
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.quality.volume import Counted
    from torn_pipeline.steps import Loaded
    from torn_pipeline.tables.table import Table

__all__ = ["freshness_result", "nulls_result", "volume_result"]


def freshness_result(plan: EndpointPlan, fetched: Fetch, now: datetime) -> dg.AssetCheckResult:
    """Whether what was loaded is young enough at ``now``."""
    endpoint = plan.endpoint
    found = freshness(endpoint, fetched.fetched_at, now)
    age = now - fetched.fetched_at
    problem = "" if found.ok else f"what was loaded was fetched {age} ago, and {endpoint.name} is fetched every {endpoint.frequency}"
    metadata: Metadata = {"age_seconds": round(age.total_seconds()), "allowed_seconds": round(found.allowed.total_seconds())}
    return result(plan.root.name, FRESHNESS, fetched, problem, metadata)


def volume_result(table: Table, fetched: Fetch, counted: Sequence[Counted], *, by_day: bool) -> dg.AssetCheckResult:
    """Whether the newest of the counts, which are in order, is as usual; they are those of days or else of fetches."""
    if not counted:
        return result(table.name, VOLUME, fetched, "", {"compared_with": "nothing, as there is no whole day yet"})
    *past, newest = counted
    found = volume(newest, past, may_rise=by_day)
    what = f"{newest.at:%Y-%m-%d}" if by_day else "the fetch"
    compared = _before(found.compared, f"{newest.at:%A}" if found.same_weekday else "day" if by_day else "fetch")
    metadata: Metadata = {"rows": newest.rows, "compared_with": compared, **({"day": what} if by_day else {})}
    if found.median is None or found.least is None or found.most is None:
        return result(
            table.name, VOLUME, fetched, "", metadata | {"not_enough_history_yet": f"{found.compared} of {LEAST_PAST} to compare with"}
        )
    usual = f"{found.least:,.0f} or more" if by_day else f"{found.least:,.0f} to {found.most:,.0f}"
    problem = "" if found.ok else f"{what} has {newest.rows:,} rows, and {usual} are usual ({compared})"
    return result(table.name, VOLUME, fetched, problem, metadata | {"median": found.median, "usual": usual})


def _before(number: int, what: str) -> str:
    """In words, as a number would be plotted: how many there are to compare with."""
    several = "fetches" if what == "fetch" else f"{what}s"
    return f"{number or 'no'} {several if number > 1 else what} before it"


def nulls_result(table: Table, fetched: Fetch, loads: Sequence[Loaded]) -> dg.AssetCheckResult:
    """Which columns of the fetch's rows are null far more often than in the loads before it, under the same contract."""
    own = [one for one in loads if one.table == table.name]
    current = next((one for one in own if one.fetch_id == fetched.fetch_id), None)
    now = (current.nulls if current else None) or NullCounts(0, {})
    past = [one.nulls for one in own if current and one is not current and one.contract_version == current.contract_version and one.nulls]
    columns = [column.name for column in table.columns if column.role is Role.OWN]
    found = list(sudden_nulls(now, past, columns))
    metadata: Metadata = {"rows": now.rows, "compared_with": _before(len(comparable(past)), "fetch")}
    if found:
        metadata["columns"] = records(
            {"column": one.column, "null_now": f"{one.now:.1%}", "null_before": f"{one.median:.1%}", "usual_up_to": f"{one.most:.1%}"}
            for one in found
        )
    problem = ", ".join(f"{one.column} is null in {one.now:.0%} of the rows ({one.median:.0%} before)" for one in found)
    return result(table.name, NULLS, fetched, problem, metadata)
