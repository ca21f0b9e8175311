"""What is more urgent is taken from the queue first."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, cast

import dagster as dg
import pytest

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
