"""Runs of endpoint jobs in this process, for whoever wants to wait for them: the console script."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from torn_pipeline.assets import partition_key, raw_key, table_key
from torn_pipeline.automation.jobs import OPS
from torn_pipeline.ops.home import make_home
from torn_pipeline.ops.summary import AssetOutcome, Checks, RunOutcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from torn_pipeline.plan import EndpointPlan

__all__ = ["dagster_instance", "run_endpoint", "run_ops"]

_QUIET, _LOUD = "CRITICAL", "DEBUG"


@contextmanager
def dagster_instance(home: Path, template: Path) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance below ``home``, with the ``dagster.yaml`` at ``template`` unless somebody has put another one there.

    Raises:
        ConfigError: when the folder cannot be made.
    """
    make_home(home, template)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def run_endpoint(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    plan: EndpointPlan,
    account: str,
    day: date | None = None,
    *,
    full: bool = False,
    verbose: bool = False,
) -> RunOutcome:
    """Run the job of an endpoint for one account; a failure is told in the outcome, Ctrl-C goes through.

    Of an endpoint with a history it is for a day (UTC), today unless given, or with ``full`` for all that the API has.
    ``verbose`` lets Dagster log to stderr, tracebacks included.
    """
    name = plan.endpoint.name
    result = definitions.resolve_job_def(name).execute_in_process(
        instance=instance,
        partition_key=partition_key(plan, account, day or datetime.now(UTC).date()),
        raise_on_error=False,
        run_config={"ops": {raw_key(name).to_python_identifier(): {"config": {"full": full}}}} | _logging(verbose=verbose),
    )
    return _outcome(name, account, [raw_key(name), *(table_key(table.name) for table in plan.all_tables)], result)


def run_ops(definitions: dg.Definitions, instance: dg.DagsterInstance, *, verbose: bool = False) -> Iterator[RunOutcome]:
    """Run the jobs that look after the platform itself; a failure is told in the outcome."""
    for key in OPS:
        name = "_".join(key.path)
        job = definitions.resolve_job_def(name)
        result = job.execute_in_process(instance=instance, raise_on_error=False, run_config=_logging(verbose=verbose))
        yield _outcome(name, "", [key], result)


def _logging(*, verbose: bool) -> dict[str, Any]:
    return {"loggers": {"console": {"config": {"log_level": _LOUD if verbose else _QUIET}}}}


def _outcome(name: str, account: str, keys: Sequence[dg.AssetKey], result: dg.ExecuteInProcessResult) -> RunOutcome:
    return RunOutcome(
        endpoint=name,
        account=account,
        run_id=result.run_id,
        assets=tuple(_assets(keys, result)),
        error="" if result.success else _error(result),
    )


def _assets(keys: Sequence[dg.AssetKey], result: dg.ExecuteInProcessResult) -> Iterator[AssetOutcome]:
    said = {event.asset_key: event.materialization.metadata for event in result.get_asset_materialization_events()}
    seconds = _seconds(result)
    for key in keys:
        metadata = said.get(key, {})
        yield AssetOutcome(
            key=key.to_user_string(),
            written=key in said,
            checks=_checks(key, result),
            fetched=_number(metadata, "rows_in_fetch" if key in keys[1:] else "rows"),
            total=_number(metadata, "dagster/row_count"),
            seconds=seconds.get(key),
        )


def _seconds(result: dg.ExecuteInProcessResult) -> dict[dg.AssetKey, float]:
    """The time of each step, under the first asset that it made."""
    first: dict[str, dg.AssetKey] = {}
    for event in result.get_asset_materialization_events():
        if event.step_key and event.asset_key:
            first.setdefault(event.step_key, event.asset_key)
    return {
        first[event.step_key]: event.step_success_data.duration_ms / 1000
        for event in result.all_events
        if event.is_step_success and event.step_key in first
    }


def _checks(key: dg.AssetKey, result: dg.ExecuteInProcessResult) -> Checks:
    counts = Counter(
        "passed" if check.passed else "failed" if check.severity is dg.AssetCheckSeverity.ERROR else "warned"
        for check in result.get_asset_check_evaluations()
        if check.asset_key == key
    )
    return Checks(**counts)


def _number(metadata: Mapping[str, dg.MetadataValue[Any]], name: str) -> int | None:
    value = metadata.get(name)
    return value.value if value is not None and isinstance(value.value, int) else None


def _error(result: dg.ExecuteInProcessResult) -> str:
    """One sentence: a failure's own, or which exception it was and where to read on.

    Raises:
        KeyboardInterrupt: when it was Ctrl-C, which Dagster makes a failure of the step.
    """
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            if failure.user_failure_data and failure.user_failure_data.description:
                return failure.user_failure_data.description
            if failure.error is not None:
                error = failure.error
                while error.cause is not None:
                    error = error.cause
                if error.cls_name == dg.DagsterExecutionInterruptedError.__name__:
                    raise KeyboardInterrupt
                return (
                    f"{event.step_key} failed in a way that nobody expected ({error.cls_name}); "
                    f"see run {result.run_id} in the UI, or run it again with --debug"
                )
    return f"run {result.run_id} did not succeed; see it in the UI, or run it again with --debug"
