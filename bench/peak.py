"""One load in a warm process of its own: prints its memory in bytes before, and at the peak, as JSON."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import psutil

from bench.crimes import PAGE, land_crimes, open_pipeline
from bench.road import load_into_new_warehouse

SAMPLED_EVERY = 0.002  # seconds


def main(folder: Path, fetch_id: str) -> None:
    """Load a landed fetch and print ``{"idle": …, "peak": …}``."""
    pipeline = open_pipeline(folder)
    (fetched,) = (one for one in pipeline.landing.fetches("faction_crimes") if one.fetch_id == fetch_id)
    load_into_new_warehouse(folder, land_crimes(pipeline, PAGE))  # what is imported and set up once is not the load's
    process = psutil.Process()
    idle = peak = process.memory_info().rss
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(SAMPLED_EVERY):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    load_into_new_warehouse(folder, fetched)
    done.set()
    watcher.join()
    sys.stdout.write(json.dumps({"idle": idle, "peak": peak}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
