"""What Dagster remembers of a run: which it is, whose endpoint's, for which account, and why it failed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import dagster as dg

from torn_pipeline.assets.endpoints import raw_key, table_key
from torn_pipeline.assets.partitions import account_of
from torn_pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from torn_pipeline.plan import EndpointPlan

__all__ = ["asked_account", "asked_accounts", "asset_owners", "endpoint_of", "find_run", "steps_of", "why_failed"]

_MOST = 20  # of the last events of a run: its end is among them
_LAST_WORDS: Final = {
    dg.DagsterEventType.ENGINE_EVENT,
    dg.DagsterEventType.RUN_CANCELING,
    dg.DagsterEventType.RUN_FAILURE,
}
_FEWER = "let fewer runs be at work at once: `max_concurrent_runs` in dagster.yaml"
_BECAME = {
    r"signal (9) |exit code -(9)\b": f"its process was killed (signal {{}}): memory may have run out; give the machine more, or {_FEWER}",
    r"signal (\d+) \(|exit code -(\d+)\b": (
        "its process was ended by signal {}: somebody stopped it, or the machine went down; if it is not run again by itself, start it "
        "once more in the UI"
    ),
    r"exited with code (\d+)|exit code (\d+)\b": (
        "its process ended with code {} and told Dagster no more; the log of the code server says why, and `torn-pipeline check` whether "
        "config and environment are right"
    ),
    r"[Mm]aximum runtime of (\d+) ": (
        "it took longer than the {} seconds that it may, and was ended; look on its page what it waited for, or raise `max_runtime` of the "
        "endpoint in the config"
    ),
    r"longer than (\d+) seconds to start": f"it had not started after {{}} seconds, as the machine may be too busy; {_FEWER}",
    r"while dequeuing the run()|reach the user code server()": (
        "it could not be started, as the code server does not answer or could not read the config; `torn-pipeline check` says whether "
        "that is right"
    ),
}
"""What became of a run whose process said nothing itself, by what Dagster says of it, and what to do."""
_SEVERAL = "several endpoints"
_FIRST, _LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def asked_account(run: dg.DagsterRun) -> str:
    """The account that a run is for; empty where its endpoint has no accounts, and for what is no endpoint's."""
    return account_of(run.tags.get("dagster/partition") or run.tags.get(_FIRST, ""))


def asked_accounts(run: dg.DagsterRun, accounts: tuple[str, ...]) -> tuple[str, ...]:
    """Those of an endpoint's accounts that a run is for: more than one where a person chose days of several."""
    first, last = account_of(run.tags.get(_FIRST, "")), account_of(run.tags.get(_LAST, ""))
    if first in accounts and last in accounts:
        return accounts[accounts.index(first) : accounts.index(last) + 1]
    return (asked_account(run),)


def steps_of(plans: Sequence[EndpointPlan]) -> dict[str, tuple[str, ...]]:
    """The steps in which Dagster makes the assets of each endpoint; those that share tables have the step of these in common."""
    firsts: dict[str, str] = {}
    for plan in plans:
        firsts.setdefault(plan.root.name, plan.endpoint.name)
    return {plan.endpoint.name: (raw_key(plan.endpoint.name).to_python_identifier(), f"{firsts[plan.root.name]}_tables") for plan in plans}


def asset_owners(plans: Sequence[EndpointPlan]) -> Mapping[dg.AssetKey, str]:
    """The endpoint that makes each asset; of a table that two share, the first."""
    found: dict[dg.AssetKey, str] = {}
    for plan in plans:
        for key in (raw_key(plan.endpoint.name), *(table_key(table.name) for table in plan.all_tables)):
            found.setdefault(key, plan.endpoint.name)
    return found


def endpoint_of(run: dg.DagsterRun, owners: Mapping[dg.AssetKey, str]) -> str:
    """The endpoint that a run was for, by the owners of its assets where a person chose these; else the name of its job."""
    if raw_key(run.job_name) in owners:
        return run.job_name
    found = {owners[key] for key in run.asset_selection or () if key in owners}
    return found.pop() if len(found) == 1 else _SEVERAL if found else run.job_name


def find_run(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    """The run of an id, or of what an id begins with, as the UI shows it.

    Raises:
        UsageError: when there is none, or several begin so.
    """
    known = [run_id] if instance.has_run(run_id) else [one for one in instance.get_run_ids() if one.startswith(run_id)]
    run = instance.get_run_by_id(known[0]) if len(known) == 1 else None
    if run is None:
        many = f"{len(known)} runs begin with {run_id!r}: give more of the id"
        message = many if known else f"there is no run {run_id!r}, or no longer: the page Runs of Dagster's UI shows those there are"
        raise UsageError(message)
    return run


def why_failed(instance: dg.DagsterInstance, run_id: str, steps: Collection[str] = ()) -> tuple[str, str]:
    """Why a run failed: the sentence of the first step that did, of ``steps`` where some are given, and the name of its error.

    Of a run whose process was ended from outside, or never came to its steps, the sentence says what became of it and what to do.
    """
    for record in instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records:
        event = record.event_log_entry.get_dagster_event()
        if steps and event.step_key not in steps:
            continue
        failure = event.step_failure_data
        if (user := failure.user_failure_data) and user.description:
            error = user.metadata.get("error")
            return user.description, str(error.value) if error else ""
        if failure.error is not None and failure.error.cls_name != dg.DagsterExecutionInterruptedError.__name__:
            return f"{failure.error.cls_name or 'an error'} that nobody expected", ""
    return _what_became(instance, run_id), ""


def _what_became(instance: dg.DagsterInstance, run_id: str) -> str:
    """What became of a run that no step failed: what Dagster says of its process, as far as it is known, or else as it says it."""
    records = instance.get_records_for_run(run_id, of_type=_LAST_WORDS, limit=_MOST, ascending=False).records
    events = [record.event_log_entry.get_dagster_event() for record in records]
    for event in events:
        error = event.engine_event_data.error if event.event_type is dg.DagsterEventType.ENGINE_EVENT else None
        words = f"{event.message} {error.to_string() if error else ''}"
        for pattern, sentence in _BECAME.items():
            if found := re.search(pattern, words):
                return sentence.format(found[found.lastindex or 0])
    return next((event.message or "" for event in events if event.event_type is dg.DagsterEventType.RUN_FAILURE), "")
