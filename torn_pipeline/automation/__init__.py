"""Jobs, schedules, sensors and hooks.

Here belongs when work is started and what happens when it fails. Not here: the work (``assets``).
``definitions`` may import it.
"""

from torn_pipeline.automation.alerting import alerts_sensor
from torn_pipeline.automation.health import health_job, health_schedule
from torn_pipeline.automation.jobs import endpoint_job, keys_job, keys_schedule
from torn_pipeline.automation.retention import retention_job, retention_schedule
from torn_pipeline.automation.schedules import endpoint_trigger

__all__ = [
    "alerts_sensor",
    "endpoint_job",
    "endpoint_trigger",
    "health_job",
    "health_schedule",
    "keys_job",
    "keys_schedule",
    "retention_job",
    "retention_schedule",
]
