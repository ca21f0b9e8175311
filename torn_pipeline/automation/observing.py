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
from torn_pipeline.assets.runs import asked_accounts, why_failed
from torn_pipeline.automation.wording import check_text, check_title
from torn_pipeline.checks.specs import CONTRACT, QUARANTINE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

__all__ = ["Watched", "automations", "ended_runs"]

_ENDS: Final = (dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_SUCCESS)
_TOLD: Final = {
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_START,
    dg.DagsterEventType.STEP_SUCCESS,
}
_MOST = 200  # ends of runs of each kind that one look takes
_UNREADABLE = "TooManyQuarantined"
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
    _UNREADABLE: "rows of {table} for {account} cannot be read",
}
"""What makes many endpoints fail at once, by the error that each of them fails with."""
_GRACE = timedelta(minutes=10)
_UNDECIDED = timedelta(minutes=1)  # as long as Dagster may take to say of a run that failed whether it is tried again
_RETRIED = "dagster/will_retry"


class Watched(NamedTuple):
    """What runs make: an endpoint's tables, a KPI, what is about the platform itself.

    ``assets`` are the keys of its assets, its own before those that it may share; ``owners`` are theirs, ``job`` is the job that makes
    them, ``steps`` are Dagster's names of what the job does for them. ``accounts`` are those that it is made for one by one, ``account``
    the one that it asks with first.
    """

    assets: tuple[str, ...]
    owners: tuple[str, ...]
    job: str
    steps: tuple[str, ...] = ()
    account: str = ""
    accounts: tuple[str, ...] = ()


def ended_runs(
    instance: dg.DagsterInstance,
    cursor: str,
    watched: Mapping[str, Watched],
    now: datetime,
    *,
    ui_url: str = "",
    checks: Sequence[dg.AssetCheckSpec] = (),
) -> tuple[list[Observation], str]:
    """The runs that have ended since a cursor and what their checks said, in the order they ended, and the cursor after them.

    Without a cursor there are none: what was before anybody looked is no news. A run that is tried again has not ended. ``watched``
    says by name what runs make, and nothing is told of what is none of it; ``now`` (UTC) is when it is looked, ``ui_url`` where
    Dagster's UI is. ``checks`` say of themselves what to do when they fail.
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
            told = _run(instance, run, datetime.fromtimestamp(record.timestamp, UTC), watched, checks)
            observations += (replace(one, link=f"{ui_url}{one.link}" if ui_url else "") for one in told)
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


class _Made(NamedTuple):
    """A thing that a run was to make, and when the run ended; ``table`` is where its rows are."""

    name: str
    about: Watched
    table: str
    at: datetime

    def cause(self, error: str, account: str) -> str:
        """What else fails with such an error."""
        return _CAUSES.get(error, "").format(account=account or self.about.account, table=self.table)


def _run(
    instance: dg.DagsterInstance, run: dg.DagsterRun, at: datetime, watched: Mapping[str, Watched], specs: Sequence[dg.AssetCheckSpec]
) -> Iterator[Observation]:
    """How each thing went that a run was to make, and what its checks said."""
    events = [record.event_log_entry.get_dagster_event() for record in instance.get_records_for_run(run.run_id, of_type=_TOLD).records]
    checks = [event.asset_check_evaluation_data for event in events if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION]
    told = {KEYS}  # every look asks about the keys; this asset would tell of them again, and hours late
    for name, ok in _outcomes(run, events, watched):
        about = watched[name]
        own = [check for check in checks if check.asset_key.to_user_string() in about.assets and check.asset_key not in told]
        told.update(check.asset_key for check in own)
        made = _Made(name, about, next((check.asset_key.path[-1] for check in own if check.check_name == QUARANTINE), name), at)
        accounts = asked_accounts(run, about.accounts) if about.accounts else ("",)
        if ok is not None:
            why = ("", "") if ok else why_failed(instance, run.run_id, about.steps)
            yield from (_ended(run, made, account, why, ok=ok) for account in accounts)
        for check in own:
            description = next((spec.description for spec in specs if spec.key == check.asset_check_key), None)
            yield _check(check, made, accounts[0], description or "")


def _ended(run: dg.DagsterRun, made: _Made, account: str, why: tuple[str, str], *, ok: bool) -> Observation:
    sentence, error = why
    return Observation(
        kind=Kind.RUN_FAILED,
        subject=f"{made.name}|{account}",
        ok=ok,
        at=made.at,
        severity=Severity.ERROR,
        title=f"{made.name}{f' for {account}' if account else ''} {'succeeded' if ok else 'failed'}",
        text=f"{sentence} (run {run.run_id})" if sentence else f"run {run.run_id}",
        assets=made.about.assets,
        owners=made.about.owners,
        cause=made.cause(error, account),
        link=f"/runs/{run.run_id}",
    )


def _check(check: dg.AssetCheckEvaluation, made: _Made, account: str, description: str) -> Observation:
    asset = check.asset_key.to_user_string()
    said = check.metadata.get("account")
    account = str(said.value) if said else account
    is_error = check.severity is dg.AssetCheckSeverity.ERROR
    return Observation(
        kind=Kind.CHECK_FAILED,
        subject=f"{asset}|{check.check_name}|{account}",
        ok=check.passed,
        at=made.at,
        severity=Severity.ERROR if is_error else Severity.WARNING,
        title=check_title(check, account),
        text=check_text(check, description),
        assets=(asset,),
        owners=made.about.owners,
        cause=made.cause(_UNREADABLE, account) if _is_unreadable(check) else "",
        link=f"/assets/{asset}?view=checks&checkDetail={check.check_name}",
    )


def _outcomes(run: dg.DagsterRun, events: Sequence[dg.DagsterEvent], watched: Mapping[str, Watched]) -> Iterator[tuple[str, bool | None]]:
    """Whether each thing that a run was to make went well; ``None`` where the run does not say so.

    It does not where it came to nothing of the thing because something else failed, nor where all went well that somebody had
    chosen of it, but that was not all of it: the rest may still be wrong.
    """
    chosen = {key.to_user_string() for key in run.asset_selection or ()}
    of_job = {name: about for name, about in watched.items() if about.job == run.job_name}
    names = _chosen(chosen, of_job or watched) if chosen else list(of_job)
    done = {event.step_key for event in events if event.event_type is dg.DagsterEventType.STEP_SUCCESS}
    broken = {event.step_key for event in events if event.step_key} - done
    for name in names:
        about = watched[name]
        is_whole = not chosen or chosen.issuperset(about.assets)
        if run.is_success:
            yield name, True if is_whole else None
        elif len(names) == 1 or not broken.isdisjoint(about.steps) or not (broken or done.issuperset(about.steps)):
            yield name, False
        else:
            yield name, True if is_whole and done.issuperset(about.steps) else None


def _chosen(assets: Collection[str], watched: Mapping[str, Watched]) -> list[str]:
    """The things that assets are of: those whose own asset is among them, and of a table besides, the first that has it."""
    own = [name for name, about in watched.items() if about.assets[0] in assets]
    covered = {asset for name in own for asset in watched[name].assets}
    others = (next((name for name, about in watched.items() if asset in about.assets), "") for asset in sorted(set(assets) - covered))
    return list(dict.fromkeys((*own, *filter(None, others))))


def _is_unreadable(check: dg.AssetCheckEvaluation) -> bool:
    """Whether rows were left out: then the table of the value says so, the root's ``quarantine``, and the run if they are too many."""
    is_error = check.severity is dg.AssetCheckSeverity.ERROR
    return not check.passed and (check.check_name == QUARANTINE or (check.check_name == CONTRACT and is_error))
