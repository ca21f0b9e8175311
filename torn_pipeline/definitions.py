"""The one door: everything Dagster is to know, built from the config.

The CLI, the tests and the workspace all come through :func:`build_defs`. Importing this module reads no
config; Dagster calls :func:`defs` when it loads the code location.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from torn_pipeline.assets import (
    endpoint_assets,
    health_of,
    keys_asset,
    kpi_asset,
    report_asset,
    retention_asset,
    service_levels_asset,
    table_key,
)
from torn_pipeline.automation import OPS, alerts_sensor, endpoint_job, endpoint_trigger, kpi_job, kpi_schedule, ops_job, ops_schedule
from torn_pipeline.config import load_config
from torn_pipeline.errors import ConfigError
from torn_pipeline.ops.logging import configure, follow
from torn_pipeline.ops.process import collect_less
from torn_pipeline.plan import plan_of
from torn_pipeline.quality.wishes import wish_problems
from torn_pipeline.resources import WarehouseIOManager, pipeline_resource
from torn_pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.config import PipelineConfig
    from torn_pipeline.plan import EndpointPlan

__all__ = ["build_defs", "defs"]


def build_defs(settings: Settings | None = None, *, overrides: Sequence[str] = ()) -> dg.Definitions:
    """Fresh definitions for the settings given, or for the environment's; ``overrides`` are ``PATH=VALUE`` of the config file.

    Raises:
        ConfigError: when the environment or the config is wrong, with one line for each problem.
    """
    known = settings or Settings.from_environment()
    config = load_config(known, overrides)
    follow(known, config.logging)
    warehouse = _kind(known.warehouse)
    plans = _plans(config)
    jobs = {plan.endpoint.name: endpoint_job(plan) for plan in plans}
    triggers = [endpoint_trigger(plan, jobs[plan.endpoint.name]) for plan in plans if plan.endpoint.enabled]
    health = health_of(dict.fromkeys(table_key(table.name) for plan in plans if plan.endpoint.enabled for table in plan.tables))
    assets = [*(asset for sharing in _by_table(plans) for asset in endpoint_assets(sharing, warehouse)), keys_asset, health]
    assets += [service_levels_asset, *(kpi_asset(kpi, plans) for kpi in config.kpis)]
    checks = [check for one in assets for check in one.check_specs]
    ops_jobs = {asset: ops_job(asset) for asset in OPS}
    kpi_jobs = [kpi_job(config.kpis)] if config.kpis else []
    ops_schedules = [*(ops_schedule(asset, job) for asset, job in ops_jobs.items()), *map(kpi_schedule, kpi_jobs)]
    pipeline = pipeline_resource(settings, overrides)
    return dg.Definitions(
        assets=[*assets, report_asset(checks), retention_asset([check.key for check in checks])],
        jobs=[*jobs.values(), *ops_jobs.values(), *kpi_jobs],
        schedules=[*(one for one in triggers if isinstance(one, dg.ScheduleDefinition)), *ops_schedules],
        sensors=[
            *(one for one in triggers if isinstance(one, dg.SensorDefinition)),
            alerts_sensor(plans, pipeline, [schedule.name for schedule in ops_schedules], checks),
        ],
        resources={"pipeline": pipeline, "warehouse": WarehouseIOManager(pipeline)},
        executor=dg.in_process_executor,
    )


def _plans(config: PipelineConfig) -> list[EndpointPlan]:
    """The plans of all endpoints, whose tables are those that rules and KPIs are about."""
    plans = [plan_of(endpoint, config) for endpoint in config.endpoints]
    if problems := list(wish_problems(config, plans)):
        raise ConfigError("\n".join(problems))
    return plans


def _by_table(plans: Sequence[EndpointPlan]) -> list[list[EndpointPlan]]:
    """Endpoints with the same tables together."""
    groups: dict[str, list[EndpointPlan]] = {}
    for plan in plans:
        groups.setdefault(plan.root.name, []).append(plan)
    return list(groups.values())


def _kind(warehouse: str) -> str:
    """The kind of a warehouse's URL. Only words known here, as a URL may hold a password anywhere."""
    scheme = warehouse.partition(":")[0]
    return scheme if scheme in {"bigquery", "postgresql"} else "duckdb"


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads, in its code server and in each run's process: these log as the console script does."""
    collect_less()
    configure(Settings.from_environment())
    return build_defs()
