"""The same crimes into the same DuckDB tables, by us and by dlt: time, memory, and whether the tables hold the same."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import duckdb
import psutil

from bench.crimes import land_crimes, open_pipeline
from bench.figure import Figure
from bench.peer_clock import DATABASE, PAGES, READY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from torn_pipeline.landing import Fetch

__all__ = ["lacking", "peer"]

CRIMES = 20_000
ROUNDS = 3
SAMPLED_EVERY = 0.1  # seconds
OURS = ("peer_ours",)
PLAIN = ("peer_dlt",)
TUNED = ("peer_dlt", "parquet", "50")  # what dlt's documentation recommends for speed: Parquet, pages of some thousand rows, and:
TUNING = {
    "NORMALIZE__WORKERS": str(os.cpu_count() or 1),
    "EXTRACT__DATA_WRITER__FILE_MAX_ITEMS": "5000",  # a worker takes a file at a time
    "DATA_WRITER__BUFFER_MAX_ITEMS": "50000",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
}
ORIGIN = {"_account", "_fetch_id", "_fetched_at", "_raw_id"}
# What our tables are called there, and the columns with another name than by the rule; theirs to ours.
TABLES = {
    "faction_crimes": ("crimes", {}),
    "faction_crimes_slots": ("crimes__slots", {"_dlt_list_idx": "_index"}),
    "faction_crimes_rewards_items": ("crimes__rewards__items", {"_dlt_list_idx": "_index", "id": "item_id"}),
}


@dataclass(frozen=True, slots=True)
class Run:
    """One load: its seconds, its CPU seconds, and the megabytes it took at the peak above those of the warm process."""

    seconds: float
    cpu: float
    memory: float


def lacking() -> str:
    """Why dlt cannot be measured here; empty when it can."""
    try:
        version("dlt")
    except PackageNotFoundError:
        return "dlt is not installed, and the benchmark `peer` measures against it: run `make bench`, which installs it"
    return ""


def peer(folder: Path) -> Iterator[Figure]:
    """How many times as long dlt takes, tuned and as it comes, and how much memory; the tables must be the same."""
    home = folder / "peer"
    home.mkdir()
    _write_pages(home, land_crimes(open_pipeline(home), CRIMES))
    rounds = [(_run(home, OURS), _run(home, TUNED)) for _ in range(ROUNDS)]
    ours, tuned = zip(*rounds, strict=True)
    of = f"{CRIMES:,} crimes, dlt {version('dlt')}"
    yield _ratio(f"{of}, tuned: Parquet, {TUNING['NORMALIZE__WORKERS']} processes, large buffers", tuned, ours, 10)
    yield _memory(f"{of}, tuned: peak memory", tuned, ours)
    plain = [_run(home, PLAIN)]
    yield _ratio(f"{of}, as it comes", plain, ours, 20)


def _ratio(name: str, theirs: Sequence[Run], ours: Sequence[Run], bound: float) -> Figure:
    they, we = _median(run.seconds for run in theirs), _median(run.seconds for run in ours)
    cpu = f"CPU {_median(run.cpu for run in theirs):.1f} and {_median(run.cpu for run in ours):.2f} s"
    made_of = f"dlt {they:.1f} s, ours {we:.2f} s, {cpu}, medians of {len(theirs)} and {len(ours)}; same rows, same values"
    return Figure(name, they / we, bound, made_of, at_least=True)


def _memory(name: str, theirs: Sequence[Run], ours: Sequence[Run]) -> Figure:
    they, we = _median(run.memory for run in theirs), _median(run.memory for run in ours)
    return Figure(name, they / we, 1, f"dlt {they:.0f} MB, ours {we:.0f} MB above idle", at_least=True)


def _median(values: Iterable[float]) -> float:
    return statistics.median(list(values))


def _write_pages(home: Path, fetched: Fetch) -> None:
    """The landed bodies as plain files, so that dlt need not unpack them."""
    landing = open_pipeline(home).landing
    (home / PAGES).mkdir()
    for number, page in enumerate(fetched.pages):
        (home / PAGES / f"{number:05}.json").write_bytes(landing.get(page))


def _run(home: Path, way: tuple[str, ...]) -> Run:
    """One load in a process of its own; what dlt wrote is compared with what we wrote last."""
    module, *options = way
    run = home / module
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir()
    command = [sys.executable, "-m", f"bench.{module}", str(home), str(run), *options]
    settings = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL", "DLT_PROJECT_DIR": str(run)}
    environment = os.environ | settings | (TUNING if way == TUNED else {})
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        if process.stdin is None or process.stdout is None or process.stdout.readline().strip() != READY:
            message = f"the load `{' '.join(command)}` did not start"
            raise RuntimeError(message)
        idle = _held_by(process.pid)
        process.stdin.write("\n")
        process.stdin.flush()
        peak = _peak_of(process)
        seconds, cpu = map(float, process.stdout.read().split())
    if way != OURS:
        _compare(home / OURS[0] / f"{DATABASE}.duckdb", run / f"{DATABASE}.duckdb")
    return Run(seconds, cpu, (peak - idle) / 1e6)


def _peak_of(process: subprocess.Popen[str]) -> int:
    peak = 0
    while process.poll() is None:
        peak = max(peak, _held_by(process.pid))
        time.sleep(SAMPLED_EVERY)
    return peak


def _held_by(pid: int) -> int:
    """Bytes that a process and its children hold for themselves."""
    held = 0
    try:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            held += one.memory_full_info().uss
    except psutil.Error:  # one of them has just ended
        return held
    return held


def _compare(ours: Path, theirs: Path) -> None:
    """Hold every column of our tables against dlt's, row by row.

    Raises:
        RuntimeError: when a table has more rows in one, or a column other values.
    """
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{ours}' AS ours (READ_ONLY)")
        connection.execute(f"ATTACH '{theirs}' AS theirs (READ_ONLY)")
        for table, (other, renamed) in TABLES.items():
            differences = _differences(connection, f"ours.torn.{table}", f"theirs.torn.{other}", renamed)
            if differences:
                message = f"{table} is not what dlt made of the same crimes: {differences}"
                raise RuntimeError(message)


def _differences(connection: duckdb.DuckDBPyConnection, ours: str, theirs: str, renamed: dict[str, str]) -> dict[str, int]:
    """By column, in how many rows the values differ; under an empty name how many rows have no other.

    dlt makes no column of what is null in every row, and keeps the origin in another way.
    """
    columns = {renamed.get(name, name.replace("__", "_")): name for (name, *_) in connection.execute(f"DESCRIBE {theirs}").fetchall()}
    names = [name for (name, *_) in connection.execute(f"DESCRIBE {ours}").fetchall() if name not in ORIGIN]
    key = [name for name in ("id", "crime_id", "_index") if name in names]
    matched = " AND ".join(f'o."{name}" = t."{columns[name]}"' for name in key)
    counted = ", ".join(
        f'count_if(o."{name}" IS DISTINCT FROM t."{columns[name]}")' if name in columns else f'count(o."{name}")' for name in names
    )
    joined = f"{ours} o FULL JOIN {theirs} t ON {matched}"
    lonely = f'count_if(o."{key[0]}" IS NULL OR t."{columns[key[0]]}" IS NULL)'
    counts = connection.execute(f"SELECT {lonely}, {counted} FROM {joined}").fetchall()[0]  # noqa: S608  # names of our own
    return {name: count for name, count in zip(("", *names), counts, strict=True) if count}
