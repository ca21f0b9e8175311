"""The sensor that looks whether all is well, every half minute."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.automation.looking import Looks
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.resources import PipelineResource

__all__ = ["alerts_sensor"]

_SECONDS = 30  # between two looks
_ABOUT = """\
Looks every half minute at runs that ended and their checks, at schedules and sensors, keys, budget, disks and freshness; opens and closes \
incidents, and sends what alerts.yaml says. It also writes heartbeat.json, and asks TORN_HEARTBEAT_URL once a minute.
"""


def alerts_sensor(
    plans: Sequence[EndpointPlan], resource: PipelineResource, others: Sequence[str] = (), checks: Sequence[dg.AssetCheckSpec] = ()
) -> dg.SensorDefinition:
    """The sensor, for endpoints with these plans; ``others`` are the names of schedules and sensors that are no endpoint's.

    ``checks`` are all checks of the definitions.
    """
    remembered: list[Looks] = []

    @dg.sensor(name="alerts", minimum_interval_seconds=_SECONDS, default_status=dg.DefaultSensorStatus.RUNNING, description=_ABOUT)
    def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        from torn_pipeline.automation.looking import Looks, look_around

        if not remembered:
            remembered.append(Looks())
        said, events = look_around(context.instance, resource.open(), plans, others, remembered[0], datetime.now(UTC), checks)
        return dg.SensorResult(skip_reason=said, asset_events=events)

    return alerts
