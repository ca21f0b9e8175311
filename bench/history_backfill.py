"""One backfill, in a process of its own; prints what it took as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from torn_pipeline import steps
from torn_pipeline.settings import Settings

_KILOBYTES = 1024 if sys.platform != "darwin" else 1024**2


def backfill(given: dict[str, Any]) -> dict[str, float]:
    """Fetch and load the days before today.

    Calls, rows, seconds, how many windows of the budget were filled and how long that took, seconds of CPU of each part, the
    peak in MB.
    """
    folder, now = Path(given["folder"]), datetime.now(UTC)
    since, until = ((now - timedelta(days=days)).date() for days in (given["days"], 1))
    endpoint = {"name": "faction_attacks", "path": "/faction/attacks", "frequency": "PT15M", "storage_mode": "upsert"}
    config = {"defaults": {"rate_limit": given["limit"], "since": since.isoformat()}, "endpoints": [endpoint]}
    (folder / "pipeline.json").write_text(json.dumps(config))
    settings = Settings(
        api_url=given["url"],
        config=folder / "pipeline.json",
        data_dir=folder / "data",
        keys={"default": (given["key"],)},
        rate_window=given["window"],
    )
    pipeline = steps.open_pipeline(settings)
    plan = pipeline.plan("faction_attacks")
    (gap,) = steps.missing(pipeline, plan, "default", since, until, now=now)
    fetches, loading, started, cpu = [], 0.0, time.monotonic(), time.process_time()
    for fetched in steps.fetch_span(pipeline, "faction_attacks", "default", gap):
        before = time.process_time()
        steps.load_together(pipeline, [fetched])
        loading += time.process_time() - before
        fetches.append(fetched)
    seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KILOBYTES
    received = [page.received_at for fetched in fetches for page in fetched.pages]
    windows = (len(received) - 1) // given["limit"]
    bodies = [pipeline.landing.get(page) for fetched in fetches for page in fetched.pages]
    parsing = time.process_time()
    for body in bodies:
        orjson.loads(body)
    return {
        "calls": len(bodies),
        "rows": sum(fetched.rows - fetched.repeated for fetched in fetches),
        "seconds": seconds,
        "windows": windows,
        "windows_took": (received[windows * given["limit"]] - received[0]).total_seconds(),
        "fetching": cpu - loading,
        "loading": loading,
        "parsing": time.process_time() - parsing,
        "peak": peak,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(backfill(json.loads(sys.argv[1]))))
