"""Whether all is well, for those who look from outside: no Dagster is needed for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from torn_pipeline.errors import WarehouseBusy
from torn_pipeline.ops.heartbeat import HEARTBEAT_FILE, last_beat
from torn_pipeline.steps.watching import DAEMON, service_observation, watch_machine, watch_tables

if TYPE_CHECKING:
    from datetime import datetime

    from torn_pipeline.alerts import Observation
    from torn_pipeline.steps.context import Pipeline
    from torn_pipeline.warehouse import Measurement

__all__ = ["Looked", "look"]

_LONGEST_SILENCE = 180.0  # seconds; the sensor of alerts beats every half minute, and waits for what it looks at
_SCORED_SINCE = timedelta(days=7)  # a score is made once a day; an older one says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was looked at, right or wrong, and the last score of the platform, ``None`` where there was none in the last week."""

    things: tuple[Observation, ...]
    score: Measurement | None


def look(pipeline: Pipeline, now: datetime) -> Looked:
    """Whether the daemon lives, the disks, keys and budgets have room, and the tables are fresh, at ``now`` (UTC).

    Tables and the score are left out while another process writes for long: then somebody is at work.

    Raises:
        PipelineError: what is to be looked at cannot be read.
    """
    silence = _silence(last_beat(pipeline.settings.data_dir / HEARTBEAT_FILE), now)
    things = [service_observation(DAEMON, silence, now), *watch_machine(pipeline, now)]
    try:
        tables, _ = watch_tables(pipeline, now)
        scores = pipeline.warehouse.measurements("score", since=now - _SCORED_SINCE)
    except WarehouseBusy:
        return Looked(things=tuple(things), score=None)
    score = next((one for one in reversed(scores) if one.subject == "platform"), None)
    return Looked(things=(*things, *tables), score=score)


def _silence(beat: datetime | None, now: datetime) -> str:
    """What is wrong with the last sign of life; empty when nothing is."""
    if beat is None:
        return "it has never given a sign of life; start it with: make dev"
    seconds = (now - beat).total_seconds()
    return f"its last sign of life was at {beat:%Y-%m-%d %H:%M:%S} UTC; is `make dev` running?" if seconds > _LONGEST_SILENCE else ""
