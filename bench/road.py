"""Normalise, validate and load crimes from landed bytes: how fast, how it grows, how much memory it takes."""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time
import uuid
from typing import TYPE_CHECKING

import orjson

from bench.crimes import land_crimes, open_pipeline
from bench.figure import Figure, ratio_of_medians
from torn_pipeline import steps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torn_pipeline.landing import Fetch

__all__ = ["growth", "load_into_new_warehouse", "memory", "speed"]

CRIMES = 20_000
TIMES = 10
ROUNDS = 5


def speed(folder: Path) -> Iterator[Figure]:
    """The road against the floor: decoding the same bytes with orjson, and nothing else."""
    fetched = _landed(folder, CRIMES)
    load_into_new_warehouse(folder, fetched)
    rounds = [(load_into_new_warehouse(folder, fetched), _floor(folder, fetched)) for _ in range(ROUNDS)]
    ours, floor = zip(*rounds, strict=True)
    yield ratio_of_medians(
        f"normalise + validate + load of {CRIMES:,} crimes, {_megabytes(fetched):.0f} MB", ours, floor, 8, ("road", "orjson.loads")
    )


def growth(folder: Path) -> Iterator[Figure]:
    """Ten times the crimes against one time."""
    small, large = _landed(folder, CRIMES), _landed(folder, CRIMES * TIMES)
    load_into_new_warehouse(folder, small)
    rounds = [(load_into_new_warehouse(folder, large), load_into_new_warehouse(folder, small)) for _ in range(3)]
    times, once = zip(*rounds, strict=True)
    yield ratio_of_medians(f"{TIMES} times the crimes", times, once, 11.5, (f"{CRIMES * TIMES:,}", f"{CRIMES:,}"))


def memory(folder: Path) -> Iterator[Figure]:
    """Peak memory above that of the idle process, in a process of its own each time."""
    peaks = {count: _peak(folder, _landed(folder, count)) for count in (CRIMES, CRIMES * TIMES)}
    size = _megabytes(_landed(folder, CRIMES))
    small, large = peaks[CRIMES], peaks[CRIMES * TIMES]
    yield Figure(
        f"peak memory for {CRIMES:,} crimes", small / size, 6, f"{small:.0f} MB above idle, {size:.0f} MB of JSON", "times the bytes"
    )
    yield Figure(f"peak memory for {TIMES} times the crimes", large / small, 2, f"{large:.0f} MB and {small:.0f} MB above idle")


def load_into_new_warehouse(folder: Path, fetched: Fetch) -> float:
    """Seconds from landed bytes to loaded tables; the tables are there and empty, as after a first run without rows."""
    pipeline = open_pipeline(folder, f"warehouse-{uuid.uuid4().hex}")
    pipeline.warehouse.prepare(pipeline.plan("faction_crimes").tables, "")
    started = time.perf_counter()
    with steps.validate(pipeline, fetched) as prepared:
        receipt = steps.load(pipeline, fetched, prepared)
    seconds = time.perf_counter() - started
    if receipt.tables["faction_crimes"].total != fetched.rows:
        message = f"{receipt.tables['faction_crimes'].total} of {fetched.rows} crimes were loaded"
        raise RuntimeError(message)
    for file in folder.glob("warehouse-*"):
        file.unlink()
    return seconds


def _floor(folder: Path, fetched: Fetch) -> float:
    """Seconds to decode the same bytes, one page after another, each result dropped, without garbage collection."""
    landing = open_pipeline(folder).landing
    bodies = [landing.get(page) for page in fetched.pages]
    gc.collect()
    gc.disable()
    started = time.perf_counter()
    for body in bodies:
        orjson.loads(body)
    seconds = time.perf_counter() - started
    gc.enable()
    return seconds


def _landed(folder: Path, count: int) -> Fetch:
    pipeline = open_pipeline(folder)
    for fetched in pipeline.landing.fetches("faction_crimes"):
        if fetched.rows == count:
            return fetched
    return land_crimes(pipeline, count)


def _megabytes(fetched: Fetch) -> float:
    return sum(page.size for page in fetched.pages) / 1e6


def _peak(folder: Path, fetched: Fetch) -> float:
    """Megabytes at the peak of one load, above what the process takes when it has imported everything; median of three."""
    command = [sys.executable, "-m", "bench.peak", str(folder), fetched.fetch_id]
    runs = [json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(3)]
    return statistics.median(float(run["peak"] - run["idle"]) for run in runs) / 1e6
