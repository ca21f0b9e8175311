"""Jobs, schedules, sensors and hooks.

Here belongs when work is started and what happens when it fails. Not here: the work (``assets``).
``definitions`` may import it.
"""

from torn_pipeline.automation.alerting import alerts_sensor
from torn_pipeline.automation.jobs import OPS, endpoint_job, kpi_job, kpi_schedule, ops_job, ops_schedule
from torn_pipeline.automation.schedules import endpoint_trigger

__all__ = ["OPS", "alerts_sensor", "endpoint_job", "endpoint_trigger", "kpi_job", "kpi_schedule", "ops_job", "ops_schedule"]
