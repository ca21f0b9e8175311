"""The check ``completeness`` of endpoints with a history: which days lack something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps import Pipeline

__all__ = ["COMPLETENESS", "completeness_result", "completeness_spec"]

COMPLETENESS = "completeness"
_SHOWN = 100  # gaps a result lists
_MOMENT = "%Y-%m-%d %H:%M:%S"
_ABOUT = """\
Is every row of the endpoint's history here? What is complete is told by what was fetched and loaded, not by the colours of partitions.

- **Passed**: yes, from `since` in the config up to the time from which rows may still come.
- **Warning**: not in the times listed below. `torn-pipeline gaps {name} --fill` fetches them, or choose their \
days on the page of the job `{name}` and materialize them.
"""


def completeness_spec(plan: EndpointPlan) -> dg.AssetCheckSpec:
    """The check of the endpoint's root table."""
    about = _ABOUT.format(name=plan.endpoint.name)
    return dg.AssetCheckSpec(name=COMPLETENESS, asset=dg.AssetKey(["torn", plan.root.name]), description=about)


def completeness_result(pipeline: Pipeline, plans: Sequence[EndpointPlan], account: str, now: datetime) -> dg.AssetCheckResult:
    """What is missing at ``now`` of an account's history of endpoints that share their tables."""
    from torn_pipeline.steps import days_of, missing

    found = [(plan, gap) for plan in plans for gap in missing(pipeline, plan, account, plan.endpoint.since, now.date(), now=now)]
    days = {day for _, gap in found for day in days_of(gap)}
    rows = [
        dg.TableRecord({"endpoint": plan.endpoint.name, "after": f"{gap.after:{_MOMENT}}", "up to": f"{gap.until:{_MOMENT}}"})
        for plan, gap in found[:_SHOWN]
    ]
    metadata: dict[str, str | int | dg.TableMetadataValue] = {
        "account": account,
        "since": min(plan.endpoint.since for plan in plans).isoformat(),
        "days_missing": len(days),
    }
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(["torn", plans[0].root.name]),
        check_name=COMPLETENESS,
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(days)} days of {account} lack something, the first {min(days)}, the last {max(days)}" if days else None,
        metadata=metadata | ({"gaps": dg.MetadataValue.table(rows)} if rows else {}),
    )
