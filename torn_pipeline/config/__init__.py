"""The config file: frozen models, ISO 8601 durations, and the schedules that follow from them.

Here belongs what the user says is fetched, how often and how it is kept. Not here: the environment
(``settings``), or any work. Everything from ``tables`` upwards may import it.
"""

from torn_pipeline.config.loader import load_config
from torn_pipeline.config.models import Account, Defaults, Endpoint, PipelineConfig, StorageMode
from torn_pipeline.config.wishes import BusinessRule, Kpi

__all__ = ["Account", "BusinessRule", "Defaults", "Endpoint", "Kpi", "PipelineConfig", "StorageMode", "load_config"]
