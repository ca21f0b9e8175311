"""What the platform takes of a machine beside a bare Dagster with the same processes: a refresh, idling, an hour of a schedule."""

from __future__ import annotations

import json
import statistics
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bench.deployment import Deployment, deployed
from bench.figure import Figure
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import Simulator, Size, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["refresh"]

ROUNDS = 5
IDLE_SECONDS = 60.0
MEGABYTE = 10**6
SLOW = {"faction_basic": ("/faction/basic", "P1D")}


def refresh(folder: Path) -> Iterator[Figure]:
    """One refresh of one endpoint through the daemon against a run of one empty asset, and both of them idle."""
    world = World(size=Size(members=12, crimes=40, items=12))
    with Simulator(world, calls_per_window=10_000) as simulator, ExitStack() as stack:
        settings = settings_for(folder, simulator, world, SLOW)
        ours = stack.enter_context(deployed(folder / "ours", "torn_pipeline.definitions", settings.environment()))
        bare = stack.enter_context(deployed(folder / "bare", "bench.bare", {}))
        jobs: tuple[tuple[Deployment, str, dict[str, str]], ...]
        jobs = ((ours, "faction_basic", {"dagster/partition": "default"}), (bare, "bare", {}))
        seconds: tuple[list[float], list[float]] = ([], [])
        for turn in range(ROUNDS + 1):
            for (deployment, job, tags), spent in zip(jobs, seconds, strict=True):
                before = deployment.cpu_seconds()
                status = deployment.run(job, tags)
                if status != "SUCCESS":
                    message = f"{job} ended with {status}"
                    raise RuntimeError(message)
                time.sleep(1)  # until the run's process is gone, and counted
                if turn:  # the first warms up
                    spent.append(deployment.cpu_seconds() - before)
        mine, other = map(statistics.median, seconds)
        made_of = f"CPU {mine:.2f} s against {other:.2f} s, medians of {ROUNDS} in turn"
        yield Figure("a refresh through the daemon, against a run of one empty asset", mine / other, 1.3, made_of)
        memory = ours.memory() / MEGABYTE, bare.memory() / MEGABYTE
        yield Figure("memory of an idle platform", memory[0] / memory[1], 1.25, f"{memory[0]:.0f} MB against {memory[1]:.0f} MB")
        before_idle = ours.cpu_seconds(), bare.cpu_seconds()
        time.sleep(IDLE_SECONDS)
        idle = [(after - first) / IDLE_SECONDS for first, after in zip(before_idle, (ours.cpu_seconds(), bare.cpu_seconds()), strict=True)]
        yield Figure("CPU of an idle platform", idle[0], 0.1, f"{idle[0]:.1%} of one core against {idle[1]:.1%} of bare Dagster", "cores")


def settings_for(folder: Path, simulator: Simulator, world: World, endpoints: dict[str, tuple[str, str]]) -> Settings:
    """Settings of a platform with these endpoints (path and frequency by name), which asks a simulator."""
    config = folder / "pipeline.json"
    listed = [
        {"name": name, "path": path, "frequency": frequency, "storage_mode": "append"} for name, (path, frequency) in endpoints.items()
    ]
    config.write_text(json.dumps({"defaults": {"rate_limit": 10_000}, "endpoints": listed}), encoding="utf-8")
    return Settings(
        api_url=simulator.url,
        config=config,
        data_dir=folder / "data",
        dagster_home=folder / "ours",
        rate_window=1.0,
        keys={"default": (next(iter(world.keys)),)},
    )
