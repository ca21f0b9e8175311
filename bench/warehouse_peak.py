"""One load of a frame in a warm process of its own: prints its memory in bytes before, and at the peak, as JSON."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import polars as pl
import psutil

from bench.warehouse_rows import fetch_of, load_of, rows_of
from torn_pipeline.warehouse.duckdb import DuckDBWarehouse

SAMPLED_EVERY = 0.002  # seconds


def main(folder: Path, file: Path) -> None:
    """Load the frame of an Arrow file and print ``{"idle": …, "peak": …}``; the frame is in the second and not in the first."""
    few = fetch_of(0, 1_000)
    _load(folder, rows_of(few, range(few.rows)))  # what is imported and set up once is not the load's
    process = psutil.Process()
    idle = peak = process.memory_info().rss
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(SAMPLED_EVERY):
            peak = max(peak, process.memory_info().rss)

    frame = pl.read_ipc(file)
    watcher = threading.Thread(target=watch)
    watcher.start()
    _load(folder, frame)
    done.set()
    watcher.join()
    sys.stdout.write(json.dumps({"idle": idle, "peak": peak}))


def _load(folder: Path, frame: pl.DataFrame) -> None:
    path = folder / "peak.duckdb"
    path.unlink(missing_ok=True)
    DuckDBWarehouse(path).load(load_of(fetch_of(0, frame.height), frame))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
