"""The check ``completeness`` of endpoints with a history: which days lack something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.checks.specs import COMPLETENESS
from torn_pipeline.checks.telling import Metadata, records, result

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dagster as dg

    from torn_pipeline.landing import Fetch
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.torn import Span

__all__ = ["completeness_result"]

_GAPS = 100  # that a result lists
_MOMENT = "%Y-%m-%d %H:%M:%S"


def completeness_result(fetched: Fetch, gaps: Sequence[tuple[EndpointPlan, Span]], plans: Sequence[EndpointPlan]) -> dg.AssetCheckResult:
    """What is missing of the history of endpoints that share their tables, for the account of a fetch."""
    from torn_pipeline.steps import days_of

    days = {day for _, gap in gaps for day in days_of(gap)}
    metadata: Metadata = {"since": min(plan.endpoint.since for plan in plans).isoformat(), "days_missing": len(days)}
    if gaps:
        metadata["gaps"] = records(
            {"endpoint": plan.endpoint.name, "after": f"{gap.after:{_MOMENT}}", "up to": f"{gap.until:{_MOMENT}}"}
            for plan, gap in gaps[:_GAPS]
        )
    problem = f"{len(days)} days of {fetched.account} lack something, the first {min(days)}, the last {max(days)}" if days else ""
    return result(plans[0].root.name, COMPLETENESS, fetched, problem, metadata)
