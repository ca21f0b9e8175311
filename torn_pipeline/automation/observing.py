"""What Dagster has seen, as observations: runs that ended, their checks, and whether schedules and sensors still work."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from heapq import merge
from typing import TYPE_CHECKING, Final, NamedTuple

import dagster as dg

from torn_pipeline.alerts import Kind, Observation, Severity
from torn_pipeline.assets import KEYS
from torn_pipeline.assets.runs import asked_account, why_failed
from torn_pipeline.checks.specs import CONTRACT, QUARANTINE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

__all__ = ["Watched", "automations", "ended_runs"]

_ENDS: Final = (dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_SUCCESS)
_MOST = 200  # ends of runs of each kind that one look takes
_ROWS = 5  # offending rows that a message shows
_DESCRIBED = "findings"  # the table of a check's result that its description tells
_CAUSES = {
    "ApiUnavailable": "the API is in trouble",
    "ApiClosed": "the API is in trouble",
    "StayAway": "the API is in trouble",
    "RateLimited": "the API is in trouble",
    "LedgerUnavailable": "the count of calls cannot be kept",
    "DayIsFull": "the rows a day of {account} are used up",
    "KeyRefused": "the key of {account} cannot be used",
    "KeyDone": "the key of {account} cannot be used",
    "KeyDoneForToday": "the key of {account} cannot be used",
    "WarehouseBusy": "the warehouse is in trouble",
    "WarehouseError": "the warehouse is in trouble",
    "LandingError": "the landing is in trouble",
    "TooManyQuarantined": "rows of {table} for {account} cannot be read",
}
"""What makes many endpoints fail at once, by the error that each of them fails with."""
_UNREADABLE = _CAUSES["TooManyQuarantined"]
_GRACE = timedelta(minutes=10)
_UNDECIDED = timedelta(minutes=1)  # as long as Dagster may take to say of a run that failed whether it is tried again
_RETRIED = "dagster/will_retry"


class Watched(NamedTuple):
    """What a job or an automation is about: the keys of its assets, whose they are, and the account that it asks with first."""

    assets: tuple[str, ...]
    owners: tuple[str, ...]
    account: str = ""


_NOTHING = Watched((), ())


def ended_runs(
    instance: dg.DagsterInstance, cursor: str, watched: Mapping[str, Watched], now: datetime, ui_url: str = ""
) -> tuple[list[Observation], str]:
    """The runs that have ended since a cursor and what their checks said, in the order they ended, and the cursor after them.

    Without a cursor there are none: what was before anybody looked is no news. A run that is tried again has not ended. ``watched``
    says by job what it is about, ``now`` (UTC) when it is looked, ``ui_url`` where Dagster's UI is.
    """
    after: dict[str, int] = json.loads(cursor) if cursor else {kind.value: _newest(instance, kind) for kind in _ENDS}
    found: list[Sequence[dg.EventLogRecord]] = []
    horizon = float("inf")
    for kind in _ENDS:
        newer = dg.RunStatusChangeRecordsFilter(event_type=kind, after_storage_id=after[kind.value])
        records = instance.fetch_run_status_changes(newer, limit=_MOST, ascending=True).records
        found.append(records)
        if len(records) == _MOST:
            horizon = min(horizon, max(record.timestamp for record in records))
    observations: list[Observation] = []
    for record in merge(*found, key=lambda one: one.timestamp):  # of each kind as they were stored, so that a cursor passes none
        if record.timestamp > horizon:
            break
        run = instance.get_run_by_id(record.run_id)
        if run is not None and run.tags.get(_RETRIED) != "true":
            if _is_undecided(instance, run, record, now):
                break  # the next look finds it, and what ended after it
            observations += (replace(one, link=f"{ui_url}{one.link}" if ui_url else "") for one in _run(instance, run, record, watched))
        after[record.event_log_entry.get_dagster_event().event_type_value] = record.storage_id
    return observations, json.dumps(after)


def automations(
    instance: dg.DagsterInstance, watched: Mapping[str, tuple[Watched, timedelta]], now: datetime, since: datetime
) -> Iterator[Observation]:
    """Whether schedules and sensors work: switched on, their last tick no failure and not long ago.

    ``watched`` says by name what each is about, and how often it ticks; those that Dagster has never seen are left out. ``since``
    (UTC) is when the daemon was up again after a break, in which nothing could tick.
    """
    for name, state in _states(instance, watched).items():
        about, period = watched[name]
        silence = now.timestamp() - max(state.ticked, since.timestamp())
        problem = state.problem
        if not problem and state.ticked and silence > (2 * period + _GRACE).total_seconds():
            problem = f"has not ticked since {datetime.fromtimestamp(state.ticked, UTC):%Y-%m-%d %H:%M} UTC; is the daemon up?"
        yield Observation(
            kind=Kind.AUTOMATION_DEAD,
            subject=name,
            ok=not problem,
            at=now,
            severity=Severity.ERROR,
            title=f"{name} {problem.partition(';')[0]}" if problem else f"{name} works",
            text=problem.partition("; ")[2],
            assets=about.assets,
            owners=about.owners,
        )


class _State(NamedTuple):
    """What Dagster remembers of a schedule or a sensor: when it ticked last (0: never), and what is wrong with it, if anything."""

    ticked: float
    problem: str


def _states(instance: dg.DagsterInstance, names: Collection[str]) -> dict[str, _State]:
    """What Dagster remembers by name. What another code location has left under a name is older, and forgotten."""
    found: dict[str, _State] = {}
    for state in instance.all_instigator_state():
        if state.name not in names:
            continue
        # The newest tick may be at work just now; that says nothing yet.
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=2)
        tick = next((one for one in ticks if one.status.value != "STARTED"), None)
        problem = ""
        if state.status.value == "STOPPED":
            problem = "is switched off; switch it on in the UI, or say `enabled: false` in the config"
        elif tick is not None and tick.status.value == "FAILURE":
            problem = f"failed: {tick.error.message.strip() if tick.error else 'see its ticks in the UI'}"
        seen = _State(tick.timestamp if tick else 0.0, problem)
        if state.name not in found or seen.ticked > found[state.name].ticked:
            found[state.name] = seen
    return found


def _newest(instance: dg.DagsterInstance, kind: dg.DagsterEventType) -> int:
    return next((record.storage_id for record in instance.fetch_run_status_changes(kind, limit=1).records), 0)


def _is_undecided(instance: dg.DagsterInstance, run: dg.DagsterRun, record: dg.EventLogRecord, now: datetime) -> bool:
    """Whether Dagster, which says so a moment after the end, has not said yet whether the run is tried again."""
    is_young = now.timestamp() - record.timestamp < _UNDECIDED.total_seconds()
    return run.is_failure and instance.run_retries_enabled and _RETRIED not in run.tags and is_young


def _run(
    instance: dg.DagsterInstance, run: dg.DagsterRun, record: dg.EventLogRecord, watched: Mapping[str, Watched]
) -> Iterator[Observation]:
    about, at = watched.get(run.job_name, _NOTHING), datetime.fromtimestamp(record.timestamp, UTC)
    account = asked_account(run)
    ok = run.is_success
    sentence, error = ("", "") if ok else why_failed(instance, run.run_id)
    name = f"{run.job_name} for {account}" if account else run.job_name
    events = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    checks = [event.event_log_entry.get_dagster_event().asset_check_evaluation_data for event in events]
    table = next((check.asset_key.path[-1] for check in checks if check.check_name == QUARANTINE), run.job_name)
    common = {"account": account or about.account, "table": table}
    yield Observation(
        kind=Kind.RUN_FAILED,
        subject=f"{run.job_name}|{account}",
        ok=ok,
        at=at,
        severity=Severity.ERROR,
        title=f"{name} {'succeeded' if ok else 'failed'}",
        text=f"{sentence} (run {run.run_id})" if sentence else f"run {run.run_id}",
        assets=about.assets,
        owners=about.owners,
        cause=_CAUSES.get(error, "").format(**common),
        link=f"/runs/{run.run_id}",
    )
    for check in checks:
        if check.asset_key != KEYS:  # every look asks about the keys; this asset would tell of them again, and hours late
            yield replace(_check(check, account, about.owners, at), cause=_UNREADABLE.format(**common) if _is_unreadable(check) else "")


def _is_unreadable(check: dg.AssetCheckEvaluation) -> bool:
    """Whether rows were left out: then the table of the value says so, the root's ``quarantine``, and the run if they are too many."""
    is_error = check.severity is dg.AssetCheckSeverity.ERROR
    return not check.passed and (check.check_name == QUARANTINE or (check.check_name == CONTRACT and is_error))


def _check(check: dg.AssetCheckEvaluation, account: str, owners: tuple[str, ...], at: datetime) -> Observation:
    asset = check.asset_key.to_user_string()
    said = check.metadata.get("account")
    account = str(said.value) if said else account
    is_error = check.severity is dg.AssetCheckSeverity.ERROR
    return Observation(
        kind=Kind.CHECK_FAILED,
        subject=f"{asset}|{check.check_name}|{account}",
        ok=check.passed,
        at=at,
        severity=Severity.ERROR if is_error else Severity.WARNING,
        title=f"check {check.check_name} of {asset}{f' for {account}' if account else ''} {'passed' if check.passed else 'failed'}",
        text="" if check.passed else "\n".join((check.description or "", *_rows(check))).strip(),
        assets=(asset,),
        owners=owners,
        link=f"/assets/{asset}?view=checks&checkDetail={check.check_name}",
    )


def _rows(check: dg.AssetCheckEvaluation) -> Iterator[str]:
    """The first of the rows that a check's result shows."""
    for name, value in check.metadata.items():
        if isinstance(value, dg.TableMetadataValue) and name != _DESCRIBED:
            columns = [column.name for column in value.schema.columns]
            yield from (_row(columns, record.data) for record in value.records[:_ROWS])


def _row(columns: Sequence[str], cells: Mapping[str, object]) -> str:
    named = [f"{name} {cells[name]}" for name in columns if cells.get(name) not in {None, ""}]
    return f"- {', '.join(named)}"
