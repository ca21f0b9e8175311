"""One job an endpoint, and one for each asset that is about the platform; a run that no retry can help is not tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from torn_pipeline.assets import HEALTH, KEYS, REPORT, RETENTION, SERVICE_LEVELS, kpi_key, raw_key, table_key
from torn_pipeline.errors import Transient
from torn_pipeline.quality.wishes import KPIS
from torn_pipeline.resources.tags import RETRIED_ONCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster import UnresolvedAssetJobDefinition

    from torn_pipeline.config import Kpi
    from torn_pipeline.plan import EndpointPlan

__all__ = ["KPIS", "OPS", "endpoint_job", "kpi_job", "kpi_schedule", "ops_job", "ops_schedule"]

_RETRY_TAG = "dagster/retry_on_asset_or_op_failure"
_OPS = {
    KEYS: ("Asks the API what it says of each key.", "7 */6 * * *"),
    # Once a day, when few play.
    HEALTH: ("Profiles every table, and scores the tables and the platform.", "20 3 * * *"),
    SERVICE_LEVELS: ("Reckons in what share of the last 30 days each table was fresh.", "40 3 * * *"),
    RETENTION: ("Frees what is older than the config keeps it.", "10 4 * * *"),
    # After all of these and the KPIs, as it tells of their checks too.
    REPORT: ("Writes the validation report of the platform.", "30 5 * * *"),
}
"""What the job of each asset about the platform does, and when it is run (UTC)."""

OPS = tuple(_OPS)
"""The assets that are about the platform itself."""


@dg.failure_hook(name="no_retry_when_permanent")
def no_retry_when_permanent(context: dg.HookContext) -> None:
    """Tell Dagster not to run again what failed for a reason that stays."""
    error = context.op_exception
    cause = error.__cause__ if isinstance(error, dg.Failure) else error
    if not isinstance(cause, Transient):
        context.instance.add_run_tags(context.run_id, {_RETRY_TAG: "false"})


def endpoint_job(plan: EndpointPlan) -> UnresolvedAssetJobDefinition:
    """The job of an endpoint: fetch, then its tables, in one process."""
    return dg.define_asset_job(
        name=plan.endpoint.name,
        description=f"Fetches {plan.endpoint.path} and loads its tables.",
        selection=dg.AssetSelection.assets(raw_key(plan.endpoint.name), *(table_key(table.name) for table in plan.all_tables)),
        executor_def=dg.in_process_executor,
        hooks={no_retry_when_permanent},
        tags={"endpoint": plan.endpoint.name},
    )


def ops_job(asset: dg.AssetKey) -> UnresolvedAssetJobDefinition:
    """The job of an asset that is about the platform itself."""
    return dg.define_asset_job(
        name=_ops_name(asset),
        description=_OPS[asset][0],
        selection=dg.AssetSelection.assets(asset),
        executor_def=dg.in_process_executor,
        hooks={no_retry_when_permanent},
    )


def ops_schedule(asset: dg.AssetKey, job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """When such a job is run."""
    return _schedule(job, _OPS[asset][1])


def kpi_job(kpis: Sequence[Kpi]) -> UnresolvedAssetJobDefinition:
    """The job of all KPIs; one that fails keeps no other back."""
    return dg.define_asset_job(
        name=KPIS,
        description="Finds what the KPIs of the config come to.",
        selection=dg.AssetSelection.assets(*map(kpi_key, kpis)),
        executor_def=dg.in_process_executor,
        hooks={no_retry_when_permanent},
    )


def kpi_schedule(job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """When the KPIs are found: once a day."""
    return _schedule(job, "0 5 * * *")


def _schedule(job: UnresolvedAssetJobDefinition, cron: str) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=f"{job.name}_schedule",
        job=job,
        description=job.description,
        cron_schedule=cron,
        tags=RETRIED_ONCE,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


def _ops_name(asset: dg.AssetKey) -> str:
    return "_".join(asset.path)
