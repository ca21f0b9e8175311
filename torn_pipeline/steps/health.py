"""Whether all is well, for those who look from outside: no Dagster is needed for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.errors import WarehouseBusy
from torn_pipeline.ops.heartbeat import HEARTBEAT_FILE, last_beat
from torn_pipeline.steps.watching import DAEMON, service_observation, watch_machine, watch_tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from torn_pipeline.alerts import Observation
    from torn_pipeline.steps.context import Pipeline

__all__ = ["look"]

_LONGEST_SILENCE = 180.0  # seconds; the sensor of alerts beats every half minute, and waits for what it looks at


def look(pipeline: Pipeline, now: datetime) -> Iterator[Observation]:
    """Whether the daemon lives, the disks, keys and budgets have room, and the tables are fresh, at ``now`` (UTC).

    Tables are left out while another process writes them for long: then somebody is at work.

    Raises:
        PipelineError: what is to be looked at cannot be read.
    """
    yield service_observation(DAEMON, _silence(last_beat(pipeline.settings.data_dir / HEARTBEAT_FILE), now), now)
    yield from watch_machine(pipeline, now)
    try:
        yield from watch_tables(pipeline, now)[0]
    except WarehouseBusy:
        return


def _silence(beat: datetime | None, now: datetime) -> str:
    """What is wrong with the last sign of life; empty when nothing is."""
    if beat is None:
        return "it has never given a sign of life; start it with: make dev"
    seconds = (now - beat).total_seconds()
    return f"its last sign of life was at {beat:%Y-%m-%d %H:%M:%S} UTC; is `make dev` running?" if seconds > _LONGEST_SILENCE else ""
