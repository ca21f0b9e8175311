"""``stats``: how much was done, how fast, and how much of it failed."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Command
from torn_pipeline.config.durations import parse_delay
from torn_pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.cli.session import Session
    from torn_pipeline.quality.service_level import ServiceLevel
    from torn_pipeline.steps import Pipeline
    from torn_pipeline.steps.service_levels import Level
    from torn_pipeline.steps.statistics import RunSeen, Statistics

__all__ = ["stats"]

_YEAR = 8_784  # hours
_RUNS = ("endpoint", "account", "runs", "succeeded", "failed", "canceled", "running", "queued", "retries", "success %", "runs/h")
_SECONDS = ("median s", "p95 s")
_FETCHES = ("endpoint", "account", "fetches", "incomplete", "calls", "rows", "bytes loaded", "rows/s", "s to load")
_FAILED = ("endpoint", "account", "failed last", "why")


class _Length(click.ParamType[timedelta]):
    """A length of time."""

    name = "length"

    def convert(self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The length; it is an ISO 8601 duration."""
        try:
            return parse_delay(value)
        except ValueError:
            self.fail(f"{str(value)!r} is no length of time: use an ISO 8601 duration, such as PT10M", param, ctx)


@click.command(cls=Command)
@click.option("--hours", type=click.IntRange(1, _YEAR), default=24, show_default=True, help="How far to look back.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--watch", type=click.IntRange(min=1), metavar="SECONDS", help="Show it again every so many seconds, until Ctrl-C.")
@click.option("--for", "length", type=_Length(), metavar="DURATION", help="With --watch: only for so long, such as PT10M.")
@click.pass_obj
def stats(session: Session, *, hours: int, form: str, watch: int | None, length: timedelta | None) -> int:
    """Show what runs and fetches of the last hours came to, by endpoint and account, and why the last failure was one.

    Runs count from when they were submitted, fetches from when they began. Seconds are those of runs that succeeded or failed. How much
    of the time a table was fresh is of the last 30 days, whatever the hours.
    """
    from torn_pipeline.cli.ui import until_ctrl_c

    if watch is None:
        if length is not None:
            message = "--for says how long to watch: give --watch SECONDS with it"
            raise UsageError(message)
        _show(session, hours, form)
        return 0
    until = None if length is None else time.monotonic() + length.total_seconds()
    with until_ctrl_c():
        _show(session, hours, form)
        while until is None or time.monotonic() + watch <= until:
            time.sleep(watch)
            session.say()
            _show(session, hours, form)
    return 0


def _show(session: Session, hours: int, form: str) -> None:
    """What it came to until now."""
    from torn_pipeline.steps import open_pipeline
    from torn_pipeline.steps.service_levels import service_levels
    from torn_pipeline.steps.statistics import fetches_since, statistics_of

    pipeline, until = open_pipeline(session.settings()), datetime.now(UTC)
    since = until - timedelta(hours=hours)
    runs, queued, running = _runs(session, pipeline, since)
    total, each = statistics_of(runs, fetches_since(pipeline, since), hours)
    levels = [_level(level, level.found) for level in service_levels(pipeline, until) if level.found]
    if form == "json":
        totals = {"since": since, "until": until, "queued_now": queued, "running_now": running, "total": asdict(total)}
        answer = totals | {"endpoints": [asdict(one) for one in each], "service_levels": levels}
        session.say(json.dumps(answer, indent=1, ensure_ascii=False, default=_moment))
        return
    _tell(session, total, each)
    if levels:
        session.table(list(levels[0]), [list(level.values()) for level in levels])
        session.say()
    session.say(f"{_moment(since)} to {_moment(until)}; runs queued now: {queued}, at work: {running}")


def _runs(session: Session, pipeline: Pipeline, since: datetime) -> tuple[list[RunSeen], int, int]:
    """The runs since a moment, how many wait now, and how many are at work now."""
    from torn_pipeline.automation.run_statistics import existing_instance, open_runs, runs_since

    with existing_instance(pipeline.settings) as instance:
        if instance is None:
            session.tell(f"there are no runs in {pipeline.settings.dagster_home} yet: torn-pipeline materialize or make dev starts some")
            return [], 0, 0
        plans = [pipeline.plan(endpoint.name) for endpoint in pipeline.config.endpoints]
        return list(runs_since(instance, plans, since)), *open_runs(instance)


def _tell(session: Session, total: Statistics, each: Sequence[Statistics]) -> None:
    """Three tables: of runs, of fetches, and of failures where there are any."""
    named = [*(((one.endpoint, one.account), one) for one in each), (("all", ""), total)]
    session.table((*_RUNS, *_SECONDS), [(*name, *_run_cells(one)) for name, one in named])
    session.say()
    session.table(_FETCHES, [(*name, *_fetch_cells(one)) for name, one in named])
    session.say()
    if failed := [one for one in each if one.last_failed is not None]:
        session.table(_FAILED, [(one.endpoint, one.account, _moment(one.last_failed), one.last_error) for one in failed])
        session.say()


def _run_cells(one: Statistics) -> tuple[float | None, ...]:
    runs = one.runs
    rate = None if runs.success_rate is None else 100 * runs.success_rate
    counts = (runs.submitted, runs.succeeded, runs.failed, runs.canceled, runs.running, runs.queued, runs.retries)
    return *counts, *map(_rounded, (rate, runs.runs_an_hour, runs.median_seconds, runs.p95_seconds))


def _fetch_cells(one: Statistics) -> tuple[float | None, ...]:
    fetches = one.fetches
    counts = (fetches.fetches, fetches.incomplete, fetches.calls, fetches.rows, fetches.loaded_bytes)
    return *counts, *map(_rounded, (fetches.rows_a_second, fetches.median_seconds_to_load))


def _level(level: Level, found: ServiceLevel) -> dict[str, str | float]:
    """A service level by the names that its asset has too; shares are from 0 to 1."""
    minute = timedelta(minutes=1)
    return {
        "endpoint": level.endpoint,
        "account": level.account,
        "fresh": round(found.share, 5),
        "objective": level.objective,
        "days": round(found.looked_at / timedelta(days=1), 1),
        "minutes_stale": round(found.stale / minute, 1),
        "minutes_left": round(found.left(level.objective) / minute, 1),
        "worst_gap_minutes": round(found.worst / minute, 1),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _moment(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
