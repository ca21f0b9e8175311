"""Jobs, schedules and hooks.

Here belongs when work is started and what happens when it fails. Not here: the work (``assets``).
``definitions`` may import it.
"""

from torn_pipeline.automation.jobs import endpoint_job, endpoint_schedule, keys_job, keys_schedule

__all__ = ["endpoint_job", "endpoint_schedule", "keys_job", "keys_schedule"]
