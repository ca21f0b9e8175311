"""Dagster's runs as plain data, for statistics; nothing here changes anything."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import dagster as dg

from torn_pipeline.assets.runs import asked_account, asset_owners, endpoint_of, why_failed
from torn_pipeline.steps.asking import ledger_of
from torn_pipeline.steps.statistics import RunSeen, RunState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.settings import Settings

__all__ = ["existing_instance", "failed_last", "open_runs", "runs_since"]

_PAGE = 500  # runs that are read at a time
_RETRY = "dagster/retry_number"
_ENDED: Final = {
    dg.DagsterRunStatus.SUCCESS: RunState.SUCCEEDED,
    dg.DagsterRunStatus.FAILURE: RunState.FAILED,
    dg.DagsterRunStatus.CANCELED: RunState.CANCELED,
}
_QUEUED: Final = (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.QUEUED)
_RUNNING: Final = tuple(status for status in dg.DagsterRunStatus if status not in {*_ENDED, *_QUEUED})
_STATES: Final = _ENDED | dict.fromkeys(_QUEUED, RunState.QUEUED) | dict.fromkeys(_RUNNING, RunState.RUNNING)


@contextmanager
def existing_instance(settings: Settings) -> Iterator[dg.DagsterInstance | None]:
    """The Dagster instance of the settings as it is, ``None`` where there is none yet.

    Raises:
        PipelineError: its database cannot be reached.
    """
    # In a database it is beside Dagster's own tables, and tells in a sentence, at once, when that cannot be reached.
    ledger_of(settings).exists()
    if not (settings.dagster_home / "dagster.yaml").exists():
        yield None
        return
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        yield instance


def runs_since(instance: dg.DagsterInstance, plans: Sequence[EndpointPlan], since: datetime) -> Iterator[RunSeen]:
    """The runs that were submitted after ``since`` (UTC), newest first, read in pages as they are asked for.

    A run of assets that a person chose goes by their endpoint, what is no endpoint's by its job. Why a run failed is told of the
    last of each endpoint and account alone, as it costs a look into its events.
    """
    owners, firsts = asset_owners(plans), {plan.endpoint.name: plan.endpoint.accounts[0] for plan in plans}
    told: set[tuple[str, str]] = set()
    for record in _records(instance, since):
        run = record.dagster_run
        endpoint = endpoint_of(run, owners)
        pair = endpoint, asked_account(run) or firsts.get(endpoint, "")
        is_news = run.is_failure and pair not in told
        if is_news:
            told.add(pair)
        yield RunSeen(
            endpoint=endpoint,
            account=pair[1],
            state=_STATES[run.status],
            started=_moment(record.start_time),
            ended=_moment(record.end_time),
            is_retry=_RETRY in run.tags,
            error=why_failed(instance, run.run_id)[0] if is_news else "",
        )


def failed_last(
    instance: dg.DagsterInstance, plans: Sequence[EndpointPlan], pairs: Collection[tuple[str, str]], since: datetime
) -> set[tuple[str, str]]:
    """Those of these endpoints and accounts whose last run that has ended, of those submitted after ``since`` (UTC), failed."""
    last: dict[tuple[str, str], RunState] = {}
    wanted = set(pairs)
    for run in runs_since(instance, plans, since):
        if run.state in _ENDED.values():
            last.setdefault((run.endpoint, run.account), run.state)
        if wanted <= last.keys():
            break
    return {pair for pair in wanted if last.get(pair) is RunState.FAILED}


def open_runs(instance: dg.DagsterInstance) -> tuple[int, int]:
    """How many runs wait in the queue now, and how many are at work, whenever they were submitted."""
    queued, running = (instance.get_runs_count(dg.RunsFilter(statuses=statuses)) for statuses in (_QUEUED, _RUNNING))
    return queued, running


def _records(instance: dg.DagsterInstance, since: datetime) -> Iterator[dg.RunRecord]:
    cursor = None
    while records := instance.get_run_records(dg.RunsFilter(created_after=since), limit=_PAGE, cursor=cursor):
        yield from records
        cursor = records[-1].dagster_run.run_id


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
