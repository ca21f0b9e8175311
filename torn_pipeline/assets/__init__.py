"""Asset factories: each endpoint of the config as a raw asset and an asset for each of its tables.

Here belongs how a plan becomes assets. Not here: the work they do (``steps``). ``definitions`` and
``automation`` may import it.
"""

from torn_pipeline.assets.endpoints import endpoint_assets, raw_key, table_key
from torn_pipeline.assets.health import HEALTH, health_of
from torn_pipeline.assets.kpis import kpi_asset, kpi_key, kpi_owner
from torn_pipeline.assets.ops import KEYS, keys_asset
from torn_pipeline.assets.partitions import account_of, partition_key
from torn_pipeline.assets.report import REPORT, report_asset
from torn_pipeline.assets.retention import RETENTION, retention_asset
from torn_pipeline.assets.service_levels import SERVICE_LEVELS, service_levels_asset

__all__ = [
    "HEALTH",
    "KEYS",
    "REPORT",
    "RETENTION",
    "SERVICE_LEVELS",
    "account_of",
    "endpoint_assets",
    "health_of",
    "keys_asset",
    "kpi_asset",
    "kpi_key",
    "kpi_owner",
    "partition_key",
    "raw_key",
    "report_asset",
    "retention_asset",
    "service_levels_asset",
    "table_key",
]
