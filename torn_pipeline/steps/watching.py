"""What can be seen to be wrong without Dagster: the disk, the keys, the budget, and data that is no longer fresh."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from torn_pipeline.alerts import Kind, Observation, Severity
from torn_pipeline.config.budget import calls_a_minute
from torn_pipeline.ops.disk import LEAST_FREE, free_bytes
from torn_pipeline.steps.aging import aged
from torn_pipeline.steps.asking import busy_minutes, daily_rows, key_states, seen_calls
from torn_pipeline.torn.keys import USABLE
from torn_pipeline.torn.reads import MOST_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from torn_pipeline.steps.aging import Aged
    from torn_pipeline.steps.context import Pipeline

__all__ = ["DAEMON", "service_observation", "watch_machine", "watch_tables"]

DAEMON = "daemon"
"""The process of Dagster's that starts everything else."""

_NEARLY = 0.9  # of a limit: what is above it is nearly spent
_MOST_BUSY = 30  # of the minutes of an hour
_OPS = ("team:ops",)
_LONGEST_WITHOUT = timedelta(hours=1)
_WHILE_STALE = timedelta(minutes=5)


def service_observation(name: str, problem: str, now: datetime) -> Observation:
    """Whether a process of Dagster's works; ``problem`` is what is wrong with it, empty when nothing is."""
    return Observation(
        kind=Kind.DAEMON_GONE,
        subject=name,
        ok=not problem,
        at=now,
        severity=Severity.CRITICAL,
        title=f"the {name} {'is gone' if problem else 'works'}",
        text=problem,
        owners=_OPS,
    )


def watch_machine(pipeline: Pipeline, now: datetime) -> Iterator[Observation]:
    """The disks, what is known of the keys, the rows that Torn gives one user in a day, and the calls of the last hour.

    Nothing of it costs a call or a query.

    Raises:
        PipelineError: what is known of the keys cannot be read.
    """
    yield from _disks(pipeline, now)
    for state in key_states(pipeline):
        ok = state.state == USABLE
        yield Observation(
            kind=Kind.KEY_DONE,
            subject=f"{state.account}|{state.place}",
            ok=ok,
            at=now,
            severity=Severity.ERROR,
            title=f"{state.place} of account {state.account} {'can be used' if ok else 'cannot be used'}",
            text="" if ok else f"{state.state}; put another key into its variable, `torn-pipeline keys` shows all of them",
            assets=("ops/keys",),
            owners=_OPS,
            cause=f"the key of {state.account} cannot be used",
        )
    for (account, kind), rows in daily_rows(pipeline).items():
        what = f"rows of {kind} that Torn gives account {account} in 24 hours ({rows:,} of {MOST_ROWS:,})"
        yield _budget(f"{account}|{kind}", now, rows / MOST_ROWS, what)
    for account, minutes in busy_minutes(pipeline, _NEARLY).items():
        yield _used(account, minutes, pipeline.config.defaults.rate_limit, now)


def watch_tables(pipeline: Pipeline, now: datetime) -> tuple[list[Observation], datetime]:
    """Whether every enabled endpoint is fresh for each of its accounts, and whether the calls that the schedules need are there.

    Asks the warehouse, so it comes with the moment before which it need not be asked again: when the first of them will be too old,
    an hour at most; five minutes while one is. What was never loaded is too old once it is enabled for so long. What is asked by id is
    left out: it is asked when there is something to ask for.

    Raises:
        PipelineError: the warehouse cannot be read.
    """
    found, again = [], now + _LONGEST_WITHOUT
    for one in aged(pipeline, now):
        if not one.endpoint.ids_from:
            found.append(_freshness(one, now))
            again = min(again, one.until if one.found.ok else now + _WHILE_STALE)
    limit = pipeline.config.defaults.rate_limit
    for account, calls in calls_a_minute(pipeline.config, seen_calls(pipeline.warehouse, pipeline.config)).items():
        what = f"calls a minute that account {account} may make, for the schedules alone ({calls:.3g} of {limit})"
        found.append(_budget(f"{account}|calls", now, calls / limit, what))
    return found, again


def _disks(pipeline: Pipeline, now: datetime) -> Iterator[Observation]:
    for place, free in free_bytes(pipeline.settings.data_dir, pipeline.landing.root).items():
        yield Observation(
            kind=Kind.DISK_LOW,
            subject=str(place),
            ok=free >= LEAST_FREE,
            at=now,
            severity=Severity.CRITICAL,
            title=f"the disk of {place} has {free / 10**6:,.0f} MB left",
            text="" if free >= LEAST_FREE else "make room, or move TORN_DATA_DIR; `torn-pipeline prune --dry-run` shows what may go",
            owners=_OPS,
            cause="a disk is nearly full",
        )


def _freshness(one: Aged, now: datetime) -> Observation:
    """Whether an endpoint is fresh for an account."""
    ok, state = one.found.ok, one.state
    if state.data_at is None:
        how = "is not due yet" if ok else "was never loaded"
        said = f"it is enabled since {_moment(one.since)} at least, and nothing was loaded"
    else:
        how = "is fresh" if ok else "is no longer fresh"
        said = f"the last fetch that was loaded began {_moment(state.data_at)}"
    if state.unloaded_at:
        said += f"; the fetch of {_moment(state.unloaded_at)} is complete and was not loaded: torn-pipeline load {state.endpoint}"
    return Observation(
        kind=Kind.STALE,
        subject=f"{state.endpoint}|{state.account}",
        ok=ok,
        at=now,
        severity=Severity.ERROR,
        title=f"{state.endpoint} for {state.account} {how}",
        text="" if ok else f"{said}; see its runs in the UI, and whether its schedule is on",
        assets=(f"torn/{one.endpoint.table}",),
        owners=(one.endpoint.owner,),
    )


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _budget(subject: str, now: datetime, share: float, what: str) -> Observation:
    ok = share < _NEARLY
    return Observation(
        kind=Kind.BUDGET_LOW,
        subject=subject,
        ok=ok,
        at=now,
        severity=Severity.WARNING,
        title=f"{share:.0%} of the {what} are used",
        text="" if ok else "choose longer periods; `torn-pipeline plan` shows the budget",
        owners=_OPS,
    )


def _used(account: str, minutes: int, limit: int, now: datetime) -> Observation:
    """Whether there is room for more calls, by those that were made."""
    ok = minutes <= _MOST_BUSY
    told = "in most minutes" if not ok else f"in {minutes} of the 60 minutes" if minutes else "in no minute"
    return Observation(
        kind=Kind.BUDGET_LOW,
        subject=f"{account}|used",
        ok=ok,
        at=now,
        severity=Severity.WARNING,
        title=f"account {account} made more than {_NEARLY:.0%} of its {limit} calls a minute {told} of the last hour",
        text="" if ok else "choose longer periods, or run backfills one after another: torn-pipeline keys shows the calls, plan the budget",
        owners=_OPS,
    )
