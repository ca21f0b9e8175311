"""A backfill that is killed again and again ends with every row, once."""

from __future__ import annotations

import json
import signal
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from torn_pipeline import steps
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import Delay, Simulator
from torn_pipeline_tests.busy import FACTION, busy_world
from torn_pipeline_tests.emulator import EXHAUSTIVE
from torn_pipeline_tests.faults.history_worker import MOMENTS, backfill_and_die, processes
from torn_pipeline_tests.ledger import know_keys

if TYPE_CHECKING:
    from pathlib import Path

A_DAY, LATENCY = (10_000, 0.2) if EXHAUSTIVE else (700, 0.02)
KILLS = [(moment, number) for number in (3, 1, 2) for moment in MOMENTS][:10]


def test_a_backfill_that_is_killed_ten_times_ends_whole(tmp_path: Path) -> None:
    world = busy_world(4, A_DAY)
    today = datetime.now(UTC).date()
    days = today - timedelta(days=3), today - timedelta(days=1)
    config = {
        "defaults": {"max_retries": 0, "rate_limit": 100_000, "since": days[0].isoformat()},
        "endpoints": [{"name": "faction_attacks", "path": "/faction/attacks", "frequency": "PT15M", "storage_mode": "upsert"}],
    }
    (tmp_path / "pipeline.json").write_text(json.dumps(config))
    with Simulator(world, calls_per_window=100_000) as simulator:
        simulator.faults.append(Delay(seconds=LATENCY, times=1_000_000))
        settings = Settings(
            api_url=simulator.url,
            config=tmp_path / "pipeline.json",
            data_dir=tmp_path / "data",
            keys={"default": (next(iter(world.keys)),)},
            rate_window=0.01,
        )
        know_keys(settings.data_dir, world)
        for moment, number in [*KILLS, ("before a call", 0)]:
            worker = processes().Process(target=backfill_and_die, args=(settings, "faction_attacks", days, moment, number))
            worker.start()
            worker.join(300)
            assert worker.exitcode == (-signal.SIGKILL if number else 0), (moment, number)
    pipeline = steps.open_pipeline(settings)
    begin, end = (int(datetime.combine(day, datetime.min.time(), UTC).timestamp()) for day in (days[0], today))
    wanted = sorted((attack["id"], attack["ended"]) for attack in world.faction(FACTION).attacks if begin <= attack["ended"] < end)
    rows = pipeline.warehouse.read("faction_attacks", columns=["id", "ended"]).rows()
    assert sorted((number, int(ended.timestamp())) for number, ended in rows) == wanted
    assert len(wanted) > 2.9 * A_DAY
    assert not steps.missing(pipeline, pipeline.plan("faction_attacks"), "default", *days, now=datetime.now(UTC))
    windows = pipeline.warehouse.fetches("faction_attacks").filter(complete=True).sort("window_from").rows(named=True)
    assert all(one["window_to"] <= other["window_from"] for one, other in pairwise(windows)), "a window was fetched twice"


def test_workers_import_nothing_of_dagster() -> None:
    worker = processes().Process(target=_assert_no_dagster)
    worker.start()
    worker.join(60)
    assert worker.exitcode == 0


def _assert_no_dagster() -> None:
    assert not [name for name in sys.modules if name.partition(".")[0] == "dagster"]
