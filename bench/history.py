"""A backfill of 90 days of a busy faction, with the minute of the budget shortened: how much of the limit is used, at what cost."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING

from bench.figure import Figure
from torn_pipeline.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["history"]

DAYS = 90
A_DAY = 400  # attacks; of 36,000 each hundred is a page
LIMIT = 95  # calls in each window
WINDOW = 10.0  # seconds, in place of the minute


def history(folder: Path) -> Iterator[Figure]:
    """Fetch and load the history in a process of its own, and once more only a third of it, for the memory."""
    world = import_module("torn_pipeline_tests.busy").busy_world(DAYS + 1, A_DAY)
    with Simulator(world, calls_per_window=LIMIT + 5, window=WINDOW) as simulator:
        key = next(iter(world.keys))
        part = _backfill(folder / "part", simulator.url, key, DAYS // 3)
        time.sleep(WINDOW)  # the two do not know of each other's calls, and the server counts both
        whole = _backfill(folder / "whole", simulator.url, key, DAYS)
    calls, seconds = whole["calls"], whole["seconds"]
    # The first call of a window more tells how long those before it took.
    used = whole["windows"] * WINDOW / whole["windows_took"]
    made_of = f"{calls:.0f} calls in {seconds:.1f} s at {LIMIT} in {WINDOW:g} s, {whole['rows']:,.0f} attacks"
    yield Figure(f"backfill of {DAYS} days, share of the limit that is used", used, 0.9, made_of, "", at_least=True)
    fetching, loading, parsing = (whole[part] / calls * 1000 for part in ("fetching", "loading", "parsing"))
    made_of = f"{fetching:.1f} ms to ask, prove and land, {parsing:.1f} of them orjson.loads of the answer; {loading:.1f} ms more to load"
    yield Figure("its CPU a call beside parsing", fetching - parsing, 5, made_of, "ms")
    yield Figure("its peak memory against a third of the days", whole["peak"] / part["peak"], 1.15, f"{whole['peak']:.0f} MB")


def _backfill(folder: Path, url: str, key: str, days: int) -> dict[str, float]:
    """What a backfill of so many days took."""
    folder.mkdir()
    given = {"folder": str(folder), "url": url, "key": key, "days": days, "limit": LIMIT, "window": WINDOW}
    command = [sys.executable, "-m", "bench.history_backfill", json.dumps(given)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found
