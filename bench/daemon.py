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
from torn_pipeline.simulator import ErrorCode, Simulator, Size, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["hour", "refresh"]

ROUNDS = 5
IDLE_SECONDS = 60.0
MEGABYTE = 10**6
SLOW = {"faction_basic": ("/faction/basic", "P1D")}
INTERVAL = 30.0  # seconds between two looks of the sensor of alerts
HOUR = 3600.0
DAY = 24 * HOUR
TICKS = 4  # of fifteen minutes in an hour
CORES = 2  # of the machine that the share is of
TWELVE = (
    "/faction/crimes",
    "/faction/members",
    "/faction/basic",
    "/faction/balance",
    "/faction/attacks",
    "/faction/news",
    "/faction/chains",
    "/faction/rankedwars",
    "/faction/raids",
    "/faction/territorywars",
    "/faction/revives",
    "/torn/items",
)
MODES = {"faction_basic": "append", "faction_balance": "append", "faction_members": "replace", "torn_items": "replace"}
NEWS = {"cat": "main,attack,crime,membership"}


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
        seconds_to_alert = _alert_seconds(ours, simulator, settings)
        yield Figure("from a run's failure to its alert", seconds_to_alert, INTERVAL, "the sensor looks every 30 s", "s")


def hour(folder: Path) -> Iterator[Figure]:
    """An hour of twelve endpoints every fifteen minutes: ticks, share of a machine of two cores, and what it leaves on the disk."""
    world = World(size=Size(members=30, crimes=40, items=50))
    with Simulator(world, calls_per_window=10_000) as simulator:
        endpoints = {path.strip("/").replace("/", "_"): (path, "PT15M") for path in TWELVE}
        settings = settings_for(folder, simulator, world, endpoints)
        with deployed(folder / "ours", "torn_pipeline.definitions", settings.environment()) as ours:
            before, bytes_before = ours.cpu_seconds(), _bytes(ours.home)
            time.sleep(HOUR)
            spent, grown = ours.cpu_seconds() - before, _bytes(ours.home) - bytes_before
            ticked = ours.ticks()
    due = TICKS * len(TWELVE)
    yield Figure("runs of twelve endpoints in an hour, every fifteen minutes", ticked, due, f"{due} are due", "runs", at_least=True)
    share = spent / (HOUR * CORES)
    yield Figure(
        "share of a machine of two cores",
        100 * share,
        9,
        f"{spent:.0f} s of CPU, {spent / max(ticked, 1):.1f} s a run, idling included",
        "%",
    )
    a_day = grown * DAY / HOUR / MEGABYTE
    yield Figure("Dagster's state, growing", a_day, 1000, f"{grown / max(ticked, 1) / 1000:.0f} kB a run; bounded by retention", "MB a day")


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _alert_seconds(ours: Deployment, simulator: Simulator, settings: Settings) -> float:
    """The seconds from the end of a run that failed to the alert about it."""
    simulator.faults.append(ErrorCode(code=7))
    status = ours.run("faction_basic", {"dagster/partition": "default"})
    ended = time.monotonic()
    if status != "FAILURE":
        message = f"the run that was to fail ended with {status}"
        raise RuntimeError(message)
    sent = settings.data_dir / "alerts.jsonl"
    while not (sent.exists() and "faction_basic" in sent.read_text(encoding="utf-8")):
        if time.monotonic() > ended + 10 * INTERVAL:
            message = "no alert came"
            raise RuntimeError(message)
        time.sleep(0.1)
    return time.monotonic() - ended


def settings_for(folder: Path, simulator: Simulator, world: World, endpoints: dict[str, tuple[str, str]]) -> Settings:
    """Settings of a platform with these endpoints (path and frequency by name), which asks a simulator."""
    config = folder / "pipeline.json"
    listed = [
        {
            "name": name,
            "path": path,
            "frequency": frequency,
            "storage_mode": MODES.get(name, "upsert"),
            "params": NEWS if name == "faction_news" else {},
        }
        for name, (path, frequency) in endpoints.items()
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
