"""Dagster's own scheduler and sensor daemon over our schedules and sensors, for weeks, with the machine off for a day of them.

Their loops have no public door, nor has their clock. So what is private of Dagster is imported here, and nowhere else.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster._core.instance.runs.run_domain import RunDomain
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import launch_scheduled_runs

from torn_pipeline.automation import schedules
from torn_pipeline.config.durations import parse_period
from torn_pipeline.config.ticks import ticks_of
from torn_pipeline_tests.dagster.running import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dagster._core.workspace.context import WorkspaceProcessContext

pytestmark = pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning")  # that is Dagster's own

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
BEGIN = datetime(2026, 4, 29, 23, 0, 7, tzinfo=UTC)


@dataclass(frozen=True)
class Calendar:
    """The endpoints, by name with their period and way to catch up; when the machine is on: up to ``off``, and from ``on`` to ``end``."""

    endpoints: dict[str, tuple[str, str]]
    off: datetime
    end: datetime

    @property
    def on(self) -> datetime:
        """When the machine is on again: after a day."""
        return self.off + DAY

    def counted(self, name: str, after: datetime, until: datetime) -> list[datetime]:
        """The ticks of an endpoint after one moment up to another, found by looking at every minute."""
        ticks = ticks_of(name, parse_period(self.endpoints[name][0]))
        period, offset = ticks.period // MINUTE, ticks.offset // MINUTE
        minutes = range(int(after.timestamp()) // 60 + 1, int(until.timestamp()) // 60 + 1)
        return [datetime.fromtimestamp(minute * 60, UTC) for minute in minutes if (minute - offset) % period == 0]

    def turns(self) -> list[datetime]:
        """When the daemon has something to do while the machine is on: soon after each tick, and at once."""
        spans = (BEGIN, self.off), (self.on, self.end)
        seen = [tick for name in self.endpoints for begin, end in spans for tick in self.counted(name, begin, end)]
        return sorted({BEGIN, self.on, *(tick + timedelta(seconds=2) for tick in seen)})


def named(*periods: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """An endpoint for each period and way to catch up."""
    return {f"every_{period.lower()}_{catch_up}": (period, catch_up) for period, *ways in periods for catch_up in ways}


OFTEN = Calendar(
    named(("PT15M", "none", "latest"), ("PT45M", "latest", "all"), ("PT1H30M", "latest"), ("PT7M", "none", "latest", "all")),
    off=BEGIN + 31 * MINUTE,
    end=BEGIN + 31 * MINUTE + DAY + 45 * MINUTE,
)
"""Half an hour, a day without the machine, and three quarters of an hour over midnight."""

SELDOM = Calendar(named(("P1D", "none", "latest"), ("P2D", "latest")), off=BEGIN + 6 * DAY, end=BEGIN + 14 * DAY)
"""Two weeks, the seventh day of them without the machine."""

CODE = """
import dagster as dg
from torn_pipeline.definitions import build_defs

whole = build_defs()
defs = dg.Definitions(
    assets=whole.assets,
    jobs=whole.jobs,
    schedules=[one for one in whole.schedules if one.name.startswith("every_")],
    sensors=[one for one in whole.sensors if one.name.startswith("every_")],
    resources=whole.resources,
    executor=whole.executor,
)
"""


@dataclass
class Daemon:
    """Both loops of Dagster's daemon on a clock of ours; what it puts into the queue is over by the next turn."""

    context: WorkspaceProcessContext
    patch: pytest.MonkeyPatch
    logger: logging.Logger

    def turn(self, now: datetime) -> None:
        """One turn of each loop."""
        self.patch.setattr(schedules, "current_time", lambda: now)
        with freeze_time(now):
            turns = (
                launch_scheduled_runs(self.context, self.logger, now, iteration_times={}),
                execute_sensor_iteration(self.context, self.logger, None, None),
            )
            assert not [error for turn in turns for error in turn if error]
        for run in self.context.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])):
            self.context.instance.report_run_canceled(run)

    def runs(self, endpoint: str) -> list[dg.DagsterRun]:
        """The runs of an endpoint that were asked for, in order."""
        return list(self.context.instance.get_runs(dg.RunsFilter(job_name=endpoint)))[::-1]


@contextmanager
def daemon(folder: Path, patch: pytest.MonkeyPatch, calendar: Calendar) -> Iterator[Daemon]:
    """The daemon on a config with these endpoints."""
    endpoints = [
        {"name": name, "path": "/faction/basic", "frequency": period, "catch_up": catch_up}
        for name, (period, catch_up) in calendar.endpoints.items()
    ]
    config, code, home = folder / "pipeline.json", folder / "code.py", folder / "dagster"
    config.write_text(json.dumps({"endpoints": endpoints}), encoding="utf-8")
    code.write_text(CODE, encoding="utf-8")
    home.mkdir()
    shutil.copy(ROOT / "dagster.yaml", home)
    patch.setenv("TORN_CONFIG", str(config))
    patch.setenv("TORN_DATA_DIR", str(folder / "data"))
    origin = LoadableTargetOrigin(executable_path=sys.executable, python_file=str(code), attribute="defs")
    # A run is over before it makes anything, and to note in advance what it would make is most of what it costs.
    patch.setattr(RunDomain, "_log_asset_planned_events", lambda *_: None)
    target = InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(origin, location_name="torn_pipeline"))
    with dg.DagsterInstance.from_config(str(home)) as instance, create_test_daemon_workspace_context(target, instance) as context:
        yield Daemon(context, patch, logging.getLogger(__name__))


@pytest.mark.parametrize("calendar", [OFTEN, SELDOM], ids=["often", "seldom"])
def test_ticks_and_missed_ticks_are_run_as_the_config_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calendar: Calendar) -> None:
    off, on = calendar.off, calendar.on
    with daemon(tmp_path, monkeypatch, calendar) as dagster:
        for now in calendar.turns():
            dagster.turn(now)

        for name, (_, catch_up) in calendar.endpoints.items():
            before, missed, later = (calendar.counted(name, *span) for span in ((BEGIN, off), (off, on), (on, calendar.end)))
            on_time = [tick for tick in missed[-1:] if on - tick < 5 * MINUTE]
            runs = dagster.runs(name)
            ran = [datetime.fromisoformat(run.tags["torn/tick"]) for run in runs]
            made_up = {tick for run, tick in zip(runs, ran, strict=True) if "torn/caught_up" in run.tags}
            if catch_up == "all":  # one at each turn, until there is none left
                every = [*before, *missed, *later]
                assert ran == every[: len(before) + sum(now >= on for now in calendar.turns())], name
                assert made_up == {tick for tick in ran if tick in missed} - set(on_time), name
            else:
                newest = missed[-1:] if catch_up == "latest" else on_time
                assert ran == [*before, *newest, *later], name
                assert made_up == set(newest) - set(on_time), name
            assert {run.tags["dagster/priority"] for run in runs} == {"1"}, name


def test_two_weeks_have_the_ticks_that_they_should() -> None:
    ticks = {name: len(SELDOM.counted(name, BEGIN, SELDOM.end)) for name in SELDOM.endpoints}
    assert ticks == {"every_p1d_none": 14, "every_p1d_latest": 14, "every_p2d_latest": 7}
