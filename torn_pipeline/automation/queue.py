"""The queue that every run waits in: what is more urgent goes first. ``dagster.yaml`` names it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from torn_pipeline.resources import rank_of

if TYPE_CHECKING:
    from dagster import DagsterRun, SubmitRunContext

__all__ = ["RankedRunCoordinator"]

_TAG = "dagster/priority"
_PRIORITIES = {"INTERACTIVE": "2", "SCHEDULED": "1", "BACKFILL": "0"}


class RankedRunCoordinator(dg.QueuedRunCoordinator[Any]):
    """Dagster's queue, with a priority for each run that has none: a person's click, then a schedule's, then a backfill's."""

    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        """Put a run in the queue."""
        run = context.dagster_run
        if _TAG not in run.tags:
            self._instance.add_run_tags(run.run_id, {_TAG: _PRIORITIES[rank_of(run.tags)]})
        return super().submit_run(context)
