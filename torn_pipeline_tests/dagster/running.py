"""A simulated Torn City and the Dagster side of the pipeline in front of it, for tests that really run jobs."""

from __future__ import annotations

import json
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import yaml

from torn_pipeline import steps
from torn_pipeline.definitions import build_defs
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import Simulator, Size, World
from torn_pipeline.steps.aging import FIRST_SEEN_FILE, aged
from torn_pipeline_tests.ledger import know_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["ENDPOINTS", "ROOT", "Platform", "open_platform", "shipped_config", "write_config"]

ROOT = Path(__file__).parents[2]
SMALL = Size(members=12, crimes=40, items=12)
# Retries as always, but without the waits; more calls than any test makes.
QUICK = {"max_retries": 1, "retry_delay": "PT0.01S", "timeout": "PT10S", "rate_limit": 10_000}

Rows = list[dict[str, Any]]


def shipped_config() -> dict[str, Any]:
    """``config/pipeline.yaml`` as plain data."""
    return deepcopy(_shipped("config/pipeline.yaml"))


@cache
def _shipped(file: str) -> dict[str, Any]:
    config = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
    assert isinstance(config, dict)
    return config


ENDPOINTS = tuple(endpoint["name"] for endpoint in shipped_config()["endpoints"])


def write_config(
    folder: Path,
    *,
    accounts: Sequence[str] = ("default", "second"),
    defaults: Mapping[str, object] = QUICK,
    endpoints: Mapping[str, Mapping[str, object]] | None = None,
) -> Path:
    """The shipped config in a file of its own, with these accounts and defaults; ``endpoints`` changes fields by endpoint."""
    config = shipped_config()
    config["accounts"] = [{"name": name} for name in accounts]
    config["defaults"] = dict(defaults)
    for endpoint in config["endpoints"]:
        endpoint.update((endpoints or {}).get(endpoint["name"], {}))
    path = folder / "pipeline.json"
    path.write_text(json.dumps(config, indent=1), encoding="utf-8")
    return path


@dataclass(kw_only=True)
class Platform:
    """A world, the API in front of it, and the pipeline's definitions on a Dagster instance in memory."""

    world: World
    simulator: Simulator
    settings: Settings
    instance: dg.DagsterInstance
    defs: dg.Definitions = field(init=False)

    def __post_init__(self) -> None:
        """Build the definitions."""
        self.reload()

    def reload(self, **endpoints: Mapping[str, object]) -> None:
        """Build the definitions anew, from a config in which these endpoints have other fields."""
        if endpoints:
            write_config(self.settings.config.parent, endpoints=endpoints)
        self.defs = build_defs(self.settings)

    @property
    def pipeline(self) -> steps.Pipeline:
        """The same pipeline, without Dagster."""
        return steps.open_pipeline(self.settings)

    @property
    def checks(self) -> list[dg.AssetCheckSpec]:
        """All checks of the definitions."""
        return [spec for one in self.defs.assets or () if isinstance(one, dg.AssetsDefinition) for spec in one.check_specs]

    def run(self, endpoint: str, account: str = "default", **options: Any) -> dg.ExecuteInProcessResult:  # noqa: ANN401 - Dagster's own options
        """Run the job of an endpoint for an account, today; a failure is in the result."""
        job = self.defs.resolve_job_def(endpoint)
        partition = None if job.partitions_def is None else self.partition(job.partitions_def, account)
        return job.execute_in_process(instance=self.instance, partition_key=partition, raise_on_error=False, **options)

    def partition(self, partitions: dg.PartitionsDefinition, account: str = "default") -> str:
        """The partition of an account, today."""
        has_days = isinstance(partitions, dg.MultiPartitionsDefinition)
        return f"{account}|{datetime.now(UTC).date()}" if has_days else account

    def tags(self, result: dg.ExecuteInProcessResult) -> Mapping[str, str]:
        """The tags of a run, as they stand now."""
        run = self.instance.get_run_by_id(result.run_id)
        assert run is not None
        return run.tags

    def rows(self, table: str, account: str | None = None) -> Rows:
        """The rows of a table, in an order that only they decide."""
        rows: Rows = self.pipeline.warehouse.read(table, account=account).to_dicts()
        return sorted(rows, key=repr)

    def age(self, ago: timedelta) -> None:
        """Let every endpoint have been enabled for so long."""
        now = datetime.now(UTC)
        names = [f"{one.endpoint.name}|{one.state.account}" for one in aged(self.pipeline, now)]
        seen = dict.fromkeys(names, (now - ago).isoformat())
        (self.settings.data_dir / FIRST_SEEN_FILE).write_text(json.dumps(seen), encoding="utf-8")

    def tables(self, *names: str) -> dict[str, Rows]:
        """The rows of several tables."""
        return {name: self.rows(name) for name in names}


@contextmanager
def open_platform(folder: Path, *, size: Size = SMALL, **settings: Any) -> Iterator[Platform]:  # noqa: ANN401 - fields of Settings
    """A platform of two accounts, one a faction, in a folder of its own."""
    world = World(size=size)
    retries = {"run_retries": _shipped("dagster.yaml")["run_retries"]}
    with Simulator(world, calls_per_window=10_000) as simulator, dg.DagsterInstance.ephemeral(settings=retries) as instance:
        given: dict[str, Any] = {
            "api_url": simulator.url,
            "config": write_config(folder),
            "data_dir": folder / "data",
            "dagster_home": folder / "dagster",
            "rate_window": 0.01,
            "keys": {name: (key,) for name, key in zip(("default", "second"), world.keys, strict=True)},
        }
        know_keys(folder / "data", world)
        yield Platform(world=world, simulator=simulator, settings=Settings(**{**given, **settings}), instance=instance)
