"""When endpoints are run: a schedule each where cron lines can say it, else a sensor that remembers how far it is.

Dagster's scheduler makes up for the newest of the ticks that it missed and for no other, which is what ``none`` and ``latest``
need. So ``catch_up: all``, like a period that no cron line can keep, takes a sensor. Both start a run an account.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from torn_pipeline.assets import partition_key
from torn_pipeline.config.durations import format_duration
from torn_pipeline.config.ticks import CatchUp, decide
from torn_pipeline.resources import CAUGHT_UP, TICK, WORK
from torn_pipeline.resources.tags import RETRIED_ONCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster import UnresolvedAssetJobDefinition

    from torn_pipeline.config.ticks import Decision
    from torn_pipeline.plan import EndpointPlan

__all__ = ["endpoint_trigger", "trigger_name"]

_SECONDS = 30  # between two looks of a sensor
_ENDED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
_AT_WORK = [status for status in dg.DagsterRunStatus if status not in _ENDED]


def current_time() -> datetime:
    """Now, in UTC; tests put another clock in its place."""
    return datetime.now(UTC)


def endpoint_trigger(plan: EndpointPlan, job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition | dg.SensorDefinition:
    """What starts the runs of an endpoint, as its ``frequency`` and ``catch_up`` ask."""
    crons = _crons(plan)
    return _sensor(plan, job) if crons is None else _schedule(plan, job, crons)


def trigger_name(plan: EndpointPlan) -> str:
    """The name of what starts the runs of an endpoint."""
    return f"{plan.endpoint.name}_{'sensor' if _crons(plan) is None else 'schedule'}"


def _crons(plan: EndpointPlan) -> tuple[str, ...] | None:
    """The cron lines of an endpoint's schedule; ``None`` where it takes a sensor."""
    return None if plan.endpoint.catch_up is CatchUp.ALL else plan.endpoint.ticks.crons


# --- a schedule ------------------------------------------------------------------------------------------------


def _schedule(plan: EndpointPlan, job: UnresolvedAssetJobDefinition, crons: tuple[str, ...]) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=trigger_name(plan),
        job=job,
        cron_schedule=list(crons),
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=_description(plan),
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        tick, now = context.scheduled_execution_time.astimezone(UTC), current_time()
        decisions = {account: _at_tick(plan, account, tick, now, context.instance) for account in plan.endpoint.accounts}
        requests, notes = _requests(plan, decisions, now), _notes(decisions)
        if requests and notes:
            context.log.info(notes)
        return requests or dg.SkipReason(notes)

    return schedule


def _at_tick(plan: EndpointPlan, account: str, tick: datetime, now: datetime, instance: dg.DagsterInstance) -> Decision:
    """What to do for an account at a tick, the newest that is due."""
    ticks, handled = plan.endpoint.ticks, tick - plan.endpoint.frequency
    if ticks.is_missed(tick, now):
        # How many were missed is not Dagster's to tell: they are those since the last one that was run.
        handled = min(handled, _last_tick(plan, account, instance) or handled)
    return decide(ticks, plan.endpoint.catch_up, handled=handled, newest=tick, now=now, busy=_is_busy(plan, account, instance))


# --- a sensor --------------------------------------------------------------------------------------------------


def _sensor(plan: EndpointPlan, job: UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    @dg.sensor(
        name=trigger_name(plan),
        job=job,
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=_description(plan),
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now = current_time()
        begun = datetime.fromtimestamp(context.last_sensor_start_time or 0, UTC)
        handled = _read_cursor(plan, context.cursor, begun, now)
        decisions = {account: _up_to_now(plan, account, handled[account], now, context.instance) for account in plan.endpoint.accounts}
        requests, notes = _requests(plan, decisions, now), _notes(decisions)
        if requests and notes:
            context.log.info(notes)
        return dg.SensorResult(run_requests=requests, skip_reason=None if requests else notes, cursor=_write_cursor(plan, decisions))

    return sensor


def _up_to_now(plan: EndpointPlan, account: str, handled: datetime, now: datetime, instance: dg.DagsterInstance) -> Decision:
    """What to do for an account about the ticks since the last one that was dealt with."""
    ticks = plan.endpoint.ticks
    newest = ticks.until(now)
    busy = newest > handled and _is_busy(plan, account, instance)
    return decide(ticks, plan.endpoint.catch_up, handled=handled, newest=newest, now=now, busy=busy)


def _read_cursor(plan: EndpointPlan, cursor: str | None, begun: datetime, now: datetime) -> dict[str, datetime]:
    """The last tick that was dealt with, by account.

    What came before the sensor was turned on was not missed, nor by another frequency, nor for an account that is new.
    """
    ticks = plan.endpoint.ticks
    known = json.loads(cursor) if cursor else {}
    same = known.get("frequency") == format_duration(plan.endpoint.frequency)
    handled = known.get("handled", {}) if same else {}
    first = ticks.until(begun)
    return {
        account: max(datetime.fromisoformat(handled[account]), first) if account in handled else ticks.until(now)
        for account in plan.endpoint.accounts
    }


def _write_cursor(plan: EndpointPlan, decisions: Mapping[str, Decision]) -> str:
    handled = {account: decision.handled.isoformat() for account, decision in decisions.items()}
    return json.dumps({"frequency": format_duration(plan.endpoint.frequency), "handled": handled})


# --- both ------------------------------------------------------------------------------------------------------


def _description(plan: EndpointPlan) -> str:
    endpoint = plan.endpoint
    return (
        f"{endpoint.path} for {', '.join(endpoint.accounts)}, every {format_duration(endpoint.frequency)}; "
        f"of what is missed while nothing runs: {endpoint.catch_up.value}."
    )


def _work(plan: EndpointPlan, account: str) -> str:
    return f"{plan.endpoint.name}|{'' if plan.is_global else account}"


def _requests(plan: EndpointPlan, decisions: Mapping[str, Decision], now: datetime) -> list[dg.RunRequest]:
    return [_request(plan, account, decision, decision.tick, now) for account, decision in decisions.items() if decision.tick]


def _request(plan: EndpointPlan, account: str, decision: Decision, tick: datetime, now: datetime) -> dg.RunRequest:
    # The day is today's for a tick of yesterday too: its run is to bring all that is new.
    key, day = partition_key(plan, account, now.date()), now.date().isoformat()
    is_ahead = plan.by_day and now.date() != tick.date()
    return dg.RunRequest(
        run_key=f"{tick.isoformat()}|{'' if plan.is_global else account}",
        # A schedule knows no day after its tick, but takes its tags.
        partition_key=None if is_ahead else key,
        tags={
            TICK: tick.isoformat(),
            WORK: _work(plan, account),
            **RETRIED_ONCE,
            "dagster/max_runtime": f"{plan.endpoint.max_runtime.total_seconds():g}",
            **({CAUGHT_UP: "true"} if decision.is_late else {}),
            **({"dagster/partition": key or ""} if is_ahead else {}),
            **({"dagster/partition/account": account, "dagster/partition/day": day} if is_ahead and not plan.is_global else {}),
        },
    )


def _notes(decisions: Mapping[str, Decision]) -> str:
    """What is to be said of each account, together where it is the same."""
    accounts: dict[str, list[str]] = {}
    for account, decision in decisions.items():
        accounts.setdefault(decision.note, []).append(account)
    return "; ".join(f"{', '.join(names)}: {note}" for note, names in accounts.items() if note)


def _is_busy(plan: EndpointPlan, account: str, instance: dg.DagsterInstance) -> bool:
    """Whether a run for an earlier tick is at work, or waits for its turn."""
    return bool(instance.get_run_records(dg.RunsFilter(tags={WORK: _work(plan, account)}, statuses=_AT_WORK), limit=1))


def _last_tick(plan: EndpointPlan, account: str, instance: dg.DagsterInstance) -> datetime | None:
    """The last tick that was run."""
    records = instance.get_run_records(dg.RunsFilter(tags={WORK: _work(plan, account)}), limit=1)
    return datetime.fromisoformat(records[0].dagster_run.tags[TICK]) if records else None
