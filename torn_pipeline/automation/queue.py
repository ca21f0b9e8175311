"""The queue that every run waits in: what is more urgent goes first. ``dagster.yaml`` names it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import dagster as dg

from torn_pipeline.ops.pressure import pressure
from torn_pipeline.resources import rank_of
from torn_pipeline.resources.tags import BACKFILL

if TYPE_CHECKING:
    from dagster import DagsterRun, SubmitRunContext

__all__ = ["RankedRunCoordinator"]

_log = logging.getLogger("dagster.torn_pipeline.queue")  # the daemon writes what is logged below `dagster`

_TAG = "dagster/priority"
_PRIORITIES = {"INTERACTIVE": "2", "SCHEDULED": "1", "BACKFILL": "0"}
_AT_WORK = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


class RankedRunCoordinator(dg.QueuedRunCoordinator[Any]):
    """Dagster's queue, with a priority for each run that has none: a person's click, then a schedule's, then a backfill's.

    While the machine has no room, a backfill waits until no other run is at work.
    """

    _pressed = ""

    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        """Put a run in the queue."""
        run = context.dagster_run
        if _TAG not in run.tags:
            self._instance.add_run_tags(run.run_id, {_TAG: _PRIORITIES[rank_of(run.tags)]})
        return super().submit_run(context)

    def get_run_queue_config(self) -> Any:  # noqa: ANN401 - the type is Dagster's own, and not exported
        """How many runs of what kind may be at work now; the daemon asks each time before it starts some."""
        config, pressed = super().get_run_queue_config(), pressure()
        if bool(pressed) != bool(self._pressed):
            _log.info("%s", f"backfills wait for the other runs: {pressed}" if pressed else "backfills go on beside the other runs")
        self._pressed = pressed
        if not pressed:
            return config
        # One alone may always go on: a machine that never has room would keep backfills waiting for ever.
        most = 0 if self._instance.get_runs_count(dg.RunsFilter(statuses=_AT_WORK)) else 1
        limits = [{**one, "limit": min(most, one["limit"])} if one["key"] == BACKFILL else one for one in config.tag_concurrency_limits]
        return config._replace(tag_concurrency_limits=limits)
