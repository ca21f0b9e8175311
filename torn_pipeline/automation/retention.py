"""The job and the schedule that free what need not be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from torn_pipeline.assets import RETENTION

if TYPE_CHECKING:
    from dagster import UnresolvedAssetJobDefinition

__all__ = ["retention_job", "retention_schedule"]


def retention_job() -> UnresolvedAssetJobDefinition:
    """The job that frees what need not be kept."""
    return dg.define_asset_job(
        name="ops_retention",
        description="Frees what is older than the config keeps it.",
        selection=dg.AssetSelection.assets(RETENTION),
        executor_def=dg.in_process_executor,
    )


def retention_schedule(job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """Once a day, when few play."""
    return dg.ScheduleDefinition(
        name="ops_retention_schedule",
        job=job,
        cron_schedule="10 4 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
