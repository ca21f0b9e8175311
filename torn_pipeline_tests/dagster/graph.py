"""Everything that Dagster is told about the platform, as plain data that a person can read and compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from torn_pipeline.definitions import build_defs
from torn_pipeline.settings import Settings
from torn_pipeline_tests.dagster.running import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    import dagster as dg

__all__ = ["SNAPSHOT", "as_text", "describe", "schedules", "shipped_definitions"]

SNAPSHOT = Path(__file__).with_name("graph.yaml")


def shipped_definitions() -> dg.Definitions:
    """The definitions of the config that is shipped, whatever the environment says."""
    return build_defs(Settings(config=ROOT / "config/pipeline.yaml"))


def describe(definitions: dg.Definitions) -> dict[str, Any]:
    """Assets, jobs, schedules and resources by name. Code versions and columns are left out: they follow the contracts."""
    return {
        "assets": {spec.key.to_user_string(): _asset(spec, definitions) for spec in _by_key(definitions.resolve_all_asset_specs())},
        "jobs": {job.name: _job(job) for job in sorted(definitions.resolve_all_job_defs(), key=lambda job: job.name) if _is_ours(job.name)},
        "schedules": {schedule.name: _schedule(schedule) for schedule in schedules(definitions)},
        "sensors": sorted(sensor.name for sensor in definitions.sensors or ()),
        "resources": sorted(definitions.resources or ()),
    }


def as_text(graph: dict[str, Any]) -> str:
    """The graph as the snapshot holds it."""
    return yaml.safe_dump(graph, sort_keys=False, default_flow_style=None, allow_unicode=True, width=140)


def schedules(definitions: dg.Definitions) -> list[dg.ScheduleDefinition]:
    """The schedules, by name."""
    found = [definitions.resolve_schedule_def(schedule.name) for schedule in definitions.schedules or ()]
    return sorted(found, key=lambda schedule: schedule.name)


def _by_key(specs: Iterable[dg.AssetSpec]) -> list[dg.AssetSpec]:
    return sorted(specs, key=lambda spec: spec.key.to_user_string())


def _asset(spec: dg.AssetSpec, definitions: dg.Definitions) -> dict[str, Any]:
    return {
        "description": (spec.description or "").partition("\n")[0],
        "group": spec.group_name,
        "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
        "kinds": sorted(spec.kinds),
        "owners": list(spec.owners),
        "tags": {name: value for name, value in sorted(spec.tags.items()) if _is_ours(name)},
        "partitions": None if spec.partitions_def is None else list(spec.partitions_def.get_partition_keys()),
        "metadata": sorted(spec.metadata),
        "checks": sorted(key.name for key in definitions.resolve_asset_graph().asset_check_keys if key.asset_key == spec.key),
    }


def _job(job: dg.JobDefinition) -> dict[str, Any]:
    return {
        "description": job.description,
        "assets": sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys),
        "partitioned": job.partitions_def is not None,
        "tags": {name: value for name, value in sorted(job.tags.items()) if _is_ours(name)},
        "hooks": sorted(hook.name for hook in job.hook_defs),
        "executor": job.executor_def.name,
    }


def _schedule(schedule: dg.ScheduleDefinition) -> dict[str, Any]:
    return {
        "job": schedule.job_name,
        "crons": schedule.cron_schedule,
        "timezone": schedule.execution_timezone,
        "status": schedule.default_status.value,
    }


def _is_ours(name: str) -> bool:
    return not name.startswith(("dagster/", "__"))
