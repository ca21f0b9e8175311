"""``prune``: free what is older than the config keeps it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.materialize import CHECKOUT
from torn_pipeline.cli.options import Command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torn_pipeline.cli.session import Session
    from torn_pipeline.config import PipelineConfig
    from torn_pipeline.ops.retention import Freed
    from torn_pipeline.settings import Settings

__all__ = ["prune"]


@click.command(cls=Command)
@click.option("--dry-run", is_flag=True, help="Show what would be freed, and free nothing.")
@click.pass_obj
def prune(session: Session, *, dry_run: bool) -> int:
    """Free what is older than the section `retention` of the config keeps it.

    Dagster's runs and ticks, roots in quarantine, landed fetches that nothing needs, incidents that are over, validation reports,
    and files of processes that were killed.
    The schedule `ops_retention_schedule` does the same every day. While the dry run is read, more may grow old enough.
    """
    from torn_pipeline.ops import retention  # noqa: PLC0415 - loads what reads the landing and asks the API; the other commands need not
    from torn_pipeline.steps import open_pipeline

    pipeline, now = open_pipeline(session.settings()), datetime.now(UTC)
    settings, config = pipeline.settings, pipeline.config
    freed = list(retention.prune(settings, config, pipeline.landing, pipeline.warehouse, now, dry_run=dry_run))
    # Without Dagster's folder nothing has run in Dagster yet, and loading it costs seconds.
    if settings.dagster_home.is_dir():
        freed += _history(settings, config, now, dry_run=dry_run)
    session.table(retention.HEAD, retention.rows_of(freed))
    return 0


def _history(settings: Settings, config: PipelineConfig, now: datetime, *, dry_run: bool) -> Iterator[Freed]:
    from torn_pipeline.automation.in_process import dagster_instance
    from torn_pipeline.definitions import build_defs
    from torn_pipeline.resources.history import prune_history  # noqa: PLC0415 - loads Dagster

    checks = list(build_defs(settings).resolve_asset_graph().asset_check_keys)
    with dagster_instance(settings.dagster_home, CHECKOUT / settings.dagster_template) as instance:
        yield from prune_history(instance, settings.dagster_home, checks, config.retention, now, dry_run=dry_run)
