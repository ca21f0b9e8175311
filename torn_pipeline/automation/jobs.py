"""One job an endpoint, and one for the keys; a run that no retry can help is not tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from torn_pipeline.assets import KEYS, raw_key, table_key
from torn_pipeline.errors import Transient

if TYPE_CHECKING:
    from dagster import UnresolvedAssetJobDefinition

    from torn_pipeline.plan import EndpointPlan

__all__ = ["endpoint_job", "keys_job", "keys_schedule"]

_RETRY_TAG = "dagster/retry_on_asset_or_op_failure"


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


def keys_job() -> UnresolvedAssetJobDefinition:
    """The job that looks after the keys."""
    return dg.define_asset_job(
        name="ops_keys",
        description="Asks the API what it says of each key.",
        selection=dg.AssetSelection.assets(KEYS),
        executor_def=dg.in_process_executor,
        hooks={no_retry_when_permanent},
    )


def keys_schedule(job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """Every six hours, between the schedules of the endpoints."""
    return dg.ScheduleDefinition(
        name="ops_keys_schedule",
        job=job,
        cron_schedule="7 */6 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
