"""What is more urgent is taken from the queue first, and what can wait does while the machine is busy."""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import dagster as dg
import pytest

from torn_pipeline.ops import pressure
from torn_pipeline_tests.dagster.running import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_WORKSPACE = cast("Any", None)  # the queue needs none


@dg.job
def nothing() -> None:
    """A job that does nothing."""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance as `make dev` has it."""
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


def priority(instance: dg.DagsterInstance, tags: dict[str, str]) -> int:
    """The priority that a run with these tags is given on its way into the queue."""
    # One that has begun: Dagster puts none into the queue that does not come from a code server.
    run = instance.create_run_for_job(nothing, tags=tags, status=dg.DagsterRunStatus.STARTED)
    submitted = instance.run_coordinator.submit_run(dg.SubmitRunContext(run, NO_WORKSPACE))
    return int(submitted.tags["dagster/priority"])


def test_a_click_goes_before_a_schedule_and_that_before_a_backfill(instance: dg.DagsterInstance) -> None:
    click, schedule, sensor, backfill = (
        priority(instance, tags)
        for tags in (
            {"dagster/partition": "default"},
            {"dagster/schedule_name": "faction_crimes_schedule"},
            {"dagster/sensor_name": "faction_crimes_sensor"},
            {"dagster/backfill": "abcdefgh", "dagster/partition": "default"},
        )
    )
    assert click > schedule == sensor > backfill


def test_a_priority_that_somebody_gave_stays(instance: dg.DagsterInstance) -> None:
    assert priority(instance, {"dagster/backfill": "abcdefgh", "dagster/priority": "9"}) == 9


@dataclass
class Machine:
    """How busy a machine is, as the platform sees it."""

    memory: Path
    load: float = 0.5

    def has(self, megabytes: int) -> None:
        """So much memory is available."""
        self.memory.write_text(f"MemTotal:       16384000 kB\nMemAvailable:   {megabytes * 1000} kB\n", encoding="ascii")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine of two processors with nothing to do."""
    found = Machine(tmp_path / "meminfo")
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (found.load, 0.0, 0.0))
    monkeypatch.setattr(pressure, "_MEMORY", found.memory)
    found.has(4000)
    return found


def limits(instance: dg.DagsterInstance) -> dict[str, int]:
    """How many runs with a tag may be at work, as the daemon is told before it starts some."""
    queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    assert queue.max_concurrent_runs == 4
    return {limit["key"]: limit["limit"] for limit in queue.tag_concurrency_limits}


def test_on_a_busy_machine_a_backfill_waits_for_the_others_and_goes_on_alone(instance: dg.DagsterInstance, machine: Machine) -> None:
    assert limits(instance) == {"torn/work": 1, "dagster/backfill": 2}
    machine.load = 4.1
    assert limits(instance) == {"torn/work": 1, "dagster/backfill": 1}

    run = instance.create_run_for_job(nothing, status=dg.DagsterRunStatus.STARTED)
    assert limits(instance) == {"torn/work": 1, "dagster/backfill": 0}
    instance.report_run_failed(run)
    assert limits(instance)["dagster/backfill"] == 1

    machine.load = 3.9
    assert limits(instance)["dagster/backfill"] == 2


def test_so_it_does_where_memory_is_scarce_and_that_is_said_once(
    instance: dg.DagsterInstance, machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="dagster")
    machine.has(299)
    assert [limits(instance)["dagster/backfill"] for _ in range(3)] == [1, 1, 1]
    machine.has(300)
    assert [limits(instance)["dagster/backfill"] for _ in range(3)] == [2, 2, 2]

    assert [record.getMessage() for record in caplog.records if record.name == "dagster.torn_pipeline.queue"] == [
        "backfills wait for the other runs: 299 MB of memory are available",
        "backfills go on beside the other runs",
    ]


def test_where_nobody_tells_of_memory_the_load_alone_counts(instance: dg.DagsterInstance, machine: Machine) -> None:
    machine.memory.unlink()
    assert limits(instance)["dagster/backfill"] == 2
    machine.memory.write_text("MemTotal: 16384000 kB\n", encoding="ascii")
    assert limits(instance)["dagster/backfill"] == 2
