"""The job and the schedule that look at every table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from torn_pipeline.assets import HEALTH
from torn_pipeline.automation.jobs import no_retry_when_permanent

if TYPE_CHECKING:
    from dagster import UnresolvedAssetJobDefinition

__all__ = ["health_job", "health_schedule"]


def health_job() -> UnresolvedAssetJobDefinition:
    """The job that looks at every table and scores it."""
    return dg.define_asset_job(
        name="ops_health",
        description="Profiles every table, and scores the tables and the platform.",
        selection=dg.AssetSelection.assets(HEALTH),
        executor_def=dg.in_process_executor,
        hooks={no_retry_when_permanent},
    )


def health_schedule(job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """Once a day, when few play."""
    return dg.ScheduleDefinition(
        name="ops_health_schedule",
        job=job,
        cron_schedule="20 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
