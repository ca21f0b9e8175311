"""Endpoints as assets: ``raw/<endpoint>``, what the API answered, and ``torn/<table>``, the normalised tables.

Endpoints may share their tables, by ``table:`` in the config; then one definition has the tables of all of them.

Dagster looks at the annotations of what it decorates, so they are not postponed here.
"""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from torn_pipeline.assets.descriptions import API_DOCUMENTATION, column_schema, describe_answer, describe_table
from torn_pipeline.assets.partitions import asked_days, materialized_besides, partitions_of
from torn_pipeline.checks import check_specs, loaded_results, nothing_checked, validation_results
from torn_pipeline.errors import PipelineError, UsageError
from torn_pipeline.resources import PipelineResource, TableLoad, preview_of_answer, table_metadata, told_to_dagster
from torn_pipeline.resources.tags import BACKFILL

if TYPE_CHECKING:
    from datetime import date

    from torn_pipeline.landing import Fetch
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps import Pipeline
    from torn_pipeline.tables.table import Table

__all__ = ["endpoint_assets", "raw_key", "table_key"]

_BETWEEN_NEWS = 5.0  # seconds
_TOGETHER = 100  # fetches that one transaction loads

_FULL = """\
Fetch all that the API has, not only what is new since the last complete fetch. It changes nothing for an endpoint that tells only how \
things are now."""


class _Wanted(dg.Config):
    """What somebody may ask of a run in the launchpad."""

    full: bool = Field(default=False, description=_FULL)


def raw_key(endpoint: str) -> dg.AssetKey:
    """The asset of what the API answered."""
    return dg.AssetKey(["raw", endpoint])


def table_key(table: str) -> dg.AssetKey:
    """The asset of a normalised table."""
    return dg.AssetKey(["torn", table])


def endpoint_assets(plans: "Sequence[EndpointPlan]", warehouse: str) -> list[dg.AssetsDefinition]:
    """The raw asset of each of some endpoints with the same tables, and one definition with these, which are written together.

    ``warehouse`` is the kind of the warehouse they are written to, such as ``duckdb``.
    """
    partitions = partitions_of(plans)
    with warnings.catch_warnings():
        # That a backfill is one run and not one a day is beta in Dagster, and costs a fraction.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return [*(_raw_asset(plan, partitions) for plan in plans), _table_assets(plans, warehouse, partitions)]


def _backfill_policy(plan: "EndpointPlan") -> dg.BackfillPolicy | None:
    """Days that are chosen together are fetched by one run."""
    return dg.BackfillPolicy.single_run() if plan.by_day else None


def _owners(plan: "EndpointPlan") -> list[str]:
    return [plan.endpoint.owner]


def _tags(plan: "EndpointPlan") -> dict[str, str]:
    return {"section": plan.endpoint.section, "storage_mode": plan.endpoint.storage_mode.value, "access": plan.contract.access}


def _raw_asset(plan: "EndpointPlan", partitions: dg.PartitionsDefinition | None) -> dg.AssetsDefinition:
    endpoint = plan.endpoint

    @dg.asset(
        key=raw_key(endpoint.name),
        description=describe_answer(plan),
        partitions_def=partitions,
        backfill_policy=_backfill_policy(plan),
        group_name="raw",
        kinds={"api", "json"},
        metadata=_request(plan),
        deps=[table_key(plan.source[0])] if plan.endpoint.ids_from else [],
        owners=_owners(plan),
        tags=_tags(plan),
        code_version=plan.version,
    )
    def raw(context: dg.AssetExecutionContext, config: _Wanted, pipeline: PipelineResource) -> dg.MaterializeResult[None]:
        with told_to_dagster():
            opened = pipeline.open(context.run.tags)
            fetches = list(_fetches(opened, plan, context, full=config.full))
        for event in materialized_besides(context, raw_key(endpoint.name)):
            context.log_event(event)
        metadata = _fetch_metadata(opened, plan, fetches[-1]) if fetches else {}
        if plan.is_windowed:
            metadata["window"] = _window(fetches)
        return dg.MaterializeResult(metadata=metadata | ({"fetches": len(fetches)} if plan.has_many_fetches else {}))

    return raw


def _fetches(pipeline: "Pipeline", plan: "EndpointPlan", context: dg.AssetExecutionContext, *, full: bool) -> "Iterator[Fetch]":
    """Fetch what the run is for, account by account. A backfill takes what has landed first, and nothing that is complete."""
    from torn_pipeline.steps import asked_spans, fetch, fetch_ids, fetch_span, landed_first

    endpoint, now, tell = plan.endpoint, datetime.now(UTC).replace(microsecond=0), _progress(context)
    for account, days in asked_days(plan, context).items():
        if account not in endpoint.accounts:
            message = f"the account {account} is not among those of {endpoint.name} in the config; choose the partition of another"
            raise UsageError(message)
        if endpoint.ids_from:
            yield from fetch_ids(pipeline, plan, account)
        elif plan.is_windowed:
            resume = _resumes(context) and not full
            spans = asked_spans(pipeline, plan, account, days, now, full=full, resume=resume)
            landed, spans = landed_first(pipeline, plan, account, spans) if resume else ([], spans)
            yield from landed
            for span in spans:
                context.log.info("%s: after %s up to %s", account, span.after, span.until)
                yield from fetch_span(pipeline, endpoint.name, account, span, tell=tell)
        elif not days or now.date() in days:  # of a day before nothing can be asked any more
            yield fetch(pipeline, endpoint.name, account, tell=tell)


def _resumes(context: dg.AssetExecutionContext) -> bool:
    """Whether the run is a part of a backfill, which goes on where it, or the one before it, was stopped."""
    return BACKFILL in context.run.tags


def _window(fetches: "Sequence[Fetch]") -> str:
    """From when to when the rows are that were fetched, for people."""
    bounds = [(one.window_from, one.window_to) for one in fetches if one.window_from and one.window_to]
    if not bounds:
        return "nothing: what was asked for is complete"
    return f"after {min(after for after, _ in bounds):%Y-%m-%d %H:%M:%S} up to {max(until for _, until in bounds):%Y-%m-%d %H:%M:%S} UTC"


def _request(plan: "EndpointPlan") -> dict[str, Any]:
    """What is asked for, as the config has it."""
    endpoint = plan.endpoint
    asked = {"path": endpoint.path, "accounts": ", ".join(endpoint.accounts)}
    if endpoint.params:
        asked["params"] = "&".join(f"{name}={value}" for name, value in endpoint.params.items())
    return {**asked, "documentation": dg.MetadataValue.url(API_DOCUMENTATION)}


def _progress(context: dg.AssetExecutionContext) -> "Callable[[Fetch], None]":
    """Says how far a fetch is, every few seconds: each line is an event that Dagster keeps."""
    told = time.monotonic()

    def tell(fetched: "Fetch") -> None:
        nonlocal told
        if time.monotonic() - told >= _BETWEEN_NEWS:
            told = time.monotonic()
            context.log.info("page %d: %d rows so far", len(fetched.pages), fetched.rows)

    return tell


def _fetch_metadata(pipeline: "Pipeline", plan: "EndpointPlan", fetched: "Fetch") -> dict[str, Any]:
    folder = pipeline.landing.folder(fetched)
    return {
        "rows": fetched.rows,
        "rows_repeated": fetched.repeated,
        "pages": len(fetched.pages),
        "bytes": sum(page.size for page in fetched.pages),
        "seconds": round((fetched.ended_at - fetched.fetched_at).total_seconds(), 3),
        "preview": dg.MetadataValue.md(preview_of_answer(pipeline.landing.get(fetched.pages[0]), plan.root_key)),
        "fetched_at": dg.MetadataValue.timestamp(fetched.fetched_at),
        "fetch_id": fetched.fetch_id,
        "landing": dg.MetadataValue.path(str(folder)),
    }


def _table_assets(plans: "Sequence[EndpointPlan]", warehouse: str, partitions: dg.PartitionsDefinition | None) -> dg.AssetsDefinition:
    first = plans[0]

    @dg.multi_asset(
        name=f"{first.endpoint.name}_tables",
        outs={table.name: _out(plans, table, warehouse) for table in first.all_tables},
        deps=[raw_key(plan.endpoint.name) for plan in plans],
        check_specs=check_specs(plans),
        partitions_def=partitions,
        backfill_policy=_backfill_policy(first),
    )
    def tables(context: dg.AssetExecutionContext, pipeline: PipelineResource) -> Iterator[dg.Output[Any] | dg.AssetCheckResult]:
        with told_to_dagster():
            opened = pipeline.open()
            landed = _landed(opened, plans, context)
            if not landed:
                opened.warehouse.prepare(first.all_tables, context.run.run_id)
                yield from nothing_checked(check_specs(plans))
                return
            *before, (plan, fetched) = landed
            _load_before(opened, [earlier for _, earlier in before], context)
        yield from _load(opened, plans, plan, fetched, context)
        for event in materialized_besides(context, *(table_key(table.name) for table in first.all_tables)):
            context.log_event(event)

    return tables


def _landed(pipeline: "Pipeline", plans: "Sequence[EndpointPlan]", context: dg.AssetExecutionContext) -> "list[tuple[EndpointPlan, Fetch]]":
    """What the run is to load, oldest first; the assets tell of the last.

    That is the latest fetch of the endpoint whose job this is, or of each endpoint where somebody asked for the tables. Of an
    endpoint with a history, or one that is asked by id, it is every fetch that landed since the last load.
    """
    from torn_pipeline.steps import latest_fetch

    chosen = [plan for plan in plans if plan.endpoint.name == context.job_name] or list(plans)
    found = []
    for plan in chosen:
        for account, days in asked_days(plan, context).items():
            waiting = _waiting(pipeline, plan, account, days, context)
            try:
                found += [(plan, one) for one in waiting or [latest_fetch(pipeline, plan.endpoint.name, account)]]
            except UsageError:
                if plan is chosen[-1] and not found and not plan.endpoint.ids_from:
                    raise
    return sorted(found, key=lambda one: one[1].fetched_at)


def _waiting(
    pipeline: "Pipeline", plan: "EndpointPlan", account: str, days: "Sequence[date]", context: dg.AssetExecutionContext
) -> "list[Fetch]":
    """What has landed since the last load; for a backfill also what has landed before and is not loaded."""
    from torn_pipeline.steps import asked_spans, landed_first, pending

    waiting = pending(pipeline, plan, account) if plan.has_many_fetches else []
    if plan.is_windowed and _resumes(context):
        spans = asked_spans(pipeline, plan, account, days, datetime.now(UTC).replace(microsecond=0), resume=True)
        waiting += landed_first(pipeline, plan, account, spans)[0]
    return list({one.fetch_id: one for one in waiting}.values())


def _load_before(pipeline: "Pipeline", fetches: "Sequence[Fetch]", context: dg.AssetExecutionContext) -> None:
    """Load what came before the newest fetch, of which the assets tell; one that is refused does not keep the others back."""
    from torn_pipeline.steps import load_together

    for start in range(0, len(fetches), _TOGETHER):
        for fetched, outcome in load_together(pipeline, fetches[start : start + _TOGETHER], run_id=context.run.run_id):
            if isinstance(outcome, PipelineError):
                context.log.error("%s", outcome)
            else:
                context.log.info("%s: %s", fetched.endpoint, outcome.skipped or f"fetch {fetched.fetch_id} is loaded")


def _load(
    opened: "Pipeline", plans: "Sequence[EndpointPlan]", plan: "EndpointPlan", fetched: "Fetch", context: dg.AssetExecutionContext
) -> Iterator[dg.Output[Any] | dg.AssetCheckResult]:
    from torn_pipeline.steps import load, too_many, validate

    with told_to_dagster():
        prepared = validate(opened, fetched)
    with prepared:
        if too_many(plan, prepared):
            # Refused here and not by the IO manager: the checks would be lost with its error.
            yield from validation_results(plan, fetched, prepared)
            with told_to_dagster():
                load(opened, fetched, prepared, run_id=context.run.run_id)
        group = TableLoad(opened, fetched, prepared)
        root, *others = plan.all_tables
        yield dg.Output(group, output_name=root.name)
        for table in others:
            yield dg.Output(None, output_name=table.name, metadata=table_metadata(group, table.name))
        yield from validation_results(plan, fetched, prepared)
        yield from loaded_results(opened, plans, plan, fetched, datetime.now(UTC))


def _out(plans: "Sequence[EndpointPlan]", table: "Table", warehouse: str) -> dg.AssetOut:
    plan = plans[0]
    is_root = table is plan.root
    return dg.AssetOut(
        key=table_key(table.name),
        description=describe_table(plans, table),
        dagster_type=dg.Any if is_root else dg.Nothing,
        is_required=not plan.endpoint.ids_from,
        io_manager_key="warehouse",
        group_name=plan.endpoint.name,
        kinds={"table", warehouse},
        metadata={"dagster/column_schema": column_schema(plan, table), "dagster/table_name": f"torn.{table.name}"},
        owners=_owners(plan),
        tags=_tags(plan),
        code_version=plan.version,
    )
