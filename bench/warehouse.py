"""The warehouses against their floor: what a table costs that is made from the same rows and never looked after."""

from __future__ import annotations

import json
import random
import shutil
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import polars as pl

from bench.figure import Figure, ratio_of_medians
from bench.warehouse_bigquery import bigquery
from bench.warehouse_rows import fetch_of, grow, load_of, rows_of
from torn_pipeline.warehouse.duckdb import DuckDBWarehouse
from torn_pipeline.warehouse.duckdb_file import DatabaseFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from torn_pipeline.landing import Fetch

__all__ = ["warehouse"]

ROWS = 1_000_000
TIMES = 10
KEYS = 1_000
ROUNDS = 5


def warehouse(folder: Path) -> Iterator[Figure]:
    """Writing and memory, upserts into a small and a large table, and BigQuery's loads."""
    home = folder / "warehouses"
    home.mkdir()
    yield from _writing(home)
    yield from _upserts(home)
    shutil.rmtree(home)
    yield from bigquery(folder)


def _writing(home: Path) -> Iterator[Figure]:
    """A load into a new file against ``CREATE TABLE AS`` into another one: same frame, settings of DuckDB, commit and checkpoint."""
    fetched = fetch_of(0, ROWS)
    frame = rows_of(fetched, range(ROWS))
    _loaded(home, fetched, frame)
    rounds = [(_loaded(home, fetched, frame), _created(home, frame)) for _ in range(ROUNDS)]
    ours, floor = zip(*rounds, strict=True)
    of = f"DuckDB, {ROWS:,} rows of {frame.width} columns"
    yield ratio_of_medians(f"{of}: writing", ours, floor, 1.3, ("load", "CREATE TABLE AS"))
    file = home / "frame.arrow"
    frame.write_ipc(file)
    runs = [_peak(home, file) for _ in range(3)]
    peak, size = statistics.median(runs) / 1e6, frame.estimated_size("b") / 1e6
    made_of = f"{peak:.0f} MB above idle, the frame's {size:.0f} MB among them"
    yield Figure(f"{of}: peak memory", peak / size, 2.5, made_of, "times the frame")


def _upserts(home: Path) -> Iterator[Figure]:
    """The newest keys again, then keys from anywhere; each time by a newer fetch."""
    small, large = grow(home / "small.duckdb", ROWS), grow(home / "large.duckdb", ROWS * TIMES)
    numbers = iter(range(1, 1_000))
    newest = [
        (
            _upserted(large, next(numbers), range(ROWS * TIMES - KEYS, ROWS * TIMES)),
            _upserted(small, next(numbers), range(ROWS - KEYS, ROWS)),
        )
        for _ in range(ROUNDS + 1)
    ]
    into_large, into_small = zip(*newest[1:], strict=True)
    what = (f"into {ROWS * TIMES:,} rows", f"into {ROWS:,} rows")
    yield ratio_of_medians(f"DuckDB, upsert of the {KEYS:,} newest keys", into_large, into_small, 3, what)
    anywhere = random.Random(4)  # noqa: S311 - no secret, and the same keys each time
    used = time.process_time()
    seconds = [_upserted(large, next(numbers), sorted(anywhere.sample(range(ROWS * TIMES), KEYS))) for _ in range(ROUNDS)]
    cpu = (time.process_time() - used) / ROUNDS  # the one absolute bound: says whether the machine was busy
    made_of = f"{min(seconds):.2f} to {max(seconds):.2f} s, median of {ROUNDS}; CPU {cpu:.2f} s each, its rows' making among it"
    yield Figure(f"DuckDB, upsert of {KEYS:,} random keys into {ROWS * TIMES:,} rows", statistics.median(seconds), 0.5, made_of, "s")


def _loaded(home: Path, fetched: Fetch, frame: pl.DataFrame) -> float:
    """Seconds of a load into a file that was not there."""
    path = home / "loaded.duckdb"
    path.unlink(missing_ok=True)
    load = load_of(fetched, frame)
    started = time.perf_counter()
    receipt = DuckDBWarehouse(path).load(load)
    seconds = time.perf_counter() - started
    _check(receipt.tables["events"].total, frame.height)
    return seconds


def _created(home: Path, frame: pl.DataFrame) -> float:
    """Seconds of the one statement into a file that was not there, opened as the warehouse opens its own."""
    path = home / "created.duckdb"
    path.unlink(missing_ok=True)
    started = time.perf_counter()
    with DatabaseFile(path, 60).writing() as session:
        rows = frame.to_arrow(compat_level=pl.CompatLevel.newest())
        session.run("CREATE TABLE warehouse.events AS FROM incoming", incoming=rows)
    return time.perf_counter() - started


def _upserted(large: DuckDBWarehouse, number: int, keys: Sequence[int]) -> float:
    fetched = fetch_of(number, len(keys))
    load = load_of(fetched, rows_of(fetched, keys))
    started = time.perf_counter()
    receipt = large.load(load)
    seconds = time.perf_counter() - started
    _check(receipt.tables["events"].deleted, len(keys))
    return seconds


def _check(found: int, expected: int) -> None:
    if found != expected:
        message = f"{found} rows instead of {expected} were written or replaced"
        raise RuntimeError(message)


def _peak(home: Path, file: Path) -> float:
    """Bytes at the peak of one load in a process of its own, above what it takes before it has the frame."""
    command = [sys.executable, "-m", "bench.warehouse_peak", str(home), str(file)]
    run = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return float(run["peak"] - run["idle"])
