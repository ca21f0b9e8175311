"""One endpoint as assets: ``raw/<endpoint>``, what the API answered, and ``torn/<table>``, its normalised tables.

Dagster looks at the annotations of what it decorates, so they are not postponed here.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from torn_pipeline.assets.descriptions import API_DOCUMENTATION, column_schema, describe_answer, describe_table
from torn_pipeline.checks import check_results, check_specs
from torn_pipeline.resources import PipelineResource, TableLoad, preview_of_answer, table_metadata, told_to_dagster

if TYPE_CHECKING:
    from torn_pipeline.landing import Fetch
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps import Pipeline
    from torn_pipeline.tables.table import Table

__all__ = ["endpoint_assets", "partitions_of", "raw_key", "table_key"]


def raw_key(endpoint: str) -> dg.AssetKey:
    """The asset of what the API answered."""
    return dg.AssetKey(["raw", endpoint])


def table_key(table: str) -> dg.AssetKey:
    """The asset of a normalised table."""
    return dg.AssetKey(["torn", table])


def partitions_of(plan: "EndpointPlan") -> dg.StaticPartitionsDefinition | None:
    """A partition an account; none for a global endpoint, whose rows belong to no account."""
    return None if plan.is_global else dg.StaticPartitionsDefinition(list(plan.endpoint.accounts))


def endpoint_assets(plan: "EndpointPlan", warehouse: str) -> list[dg.AssetsDefinition]:
    """The raw asset of an endpoint, and one definition with all its tables, which are written together.

    ``warehouse`` is the kind of the warehouse they are written to, such as ``duckdb``.
    """
    return [_raw_asset(plan), _table_assets(plan, warehouse)]


def _account(plan: "EndpointPlan", context: dg.AssetExecutionContext) -> str:
    return context.partition_key if context.has_partition_key else plan.endpoint.accounts[0]


def _owners(plan: "EndpointPlan") -> list[str]:
    return [f"team:{_section(plan)}"]


def _tags(plan: "EndpointPlan") -> dict[str, str]:
    return {"section": _section(plan), "storage_mode": plan.endpoint.storage_mode.value, "access": plan.contract.access}


def _section(plan: "EndpointPlan") -> str:
    return plan.endpoint.path.split("/")[1]


def _raw_asset(plan: "EndpointPlan") -> dg.AssetsDefinition:
    endpoint = plan.endpoint

    @dg.asset(
        key=raw_key(endpoint.name),
        description=describe_answer(plan),
        partitions_def=partitions_of(plan),
        group_name="raw",
        kinds={"api", "json"},
        metadata=_request(plan),
        owners=_owners(plan),
        tags=_tags(plan),
        code_version=plan.version,
    )
    def raw(context: dg.AssetExecutionContext, pipeline: PipelineResource) -> dg.MaterializeResult[None]:
        from torn_pipeline.steps import fetch

        with told_to_dagster():
            opened = pipeline.open()
            fetched = fetch(opened, endpoint.name, _account(plan, context), tell=lambda so_far: _progress(context, so_far))
        return dg.MaterializeResult(metadata=_fetch_metadata(opened, plan, fetched))

    return raw


def _request(plan: "EndpointPlan") -> dict[str, Any]:
    """What is asked for, as the config has it."""
    endpoint = plan.endpoint
    asked = {"path": endpoint.path, "accounts": ", ".join(endpoint.accounts)}
    if endpoint.params:
        asked["params"] = "&".join(f"{name}={value}" for name, value in endpoint.params.items())
    return {**asked, "documentation": dg.MetadataValue.url(API_DOCUMENTATION)}


def _progress(context: dg.AssetExecutionContext, fetched: "Fetch") -> None:
    context.log.info("page %d: %d rows so far", len(fetched.pages), fetched.rows)


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


def _table_assets(plan: "EndpointPlan", warehouse: str) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"{plan.endpoint.name}_tables",
        outs={table.name: _out(plan, table, warehouse) for table in plan.all_tables},
        deps=[raw_key(plan.endpoint.name)],
        check_specs=check_specs(plan),
        partitions_def=partitions_of(plan),
    )
    def tables(context: dg.AssetExecutionContext, pipeline: PipelineResource) -> Iterator[dg.Output[Any] | dg.AssetCheckResult]:
        from torn_pipeline.steps import broken_references, latest_fetch, load, too_many, validate

        with told_to_dagster():
            opened = pipeline.open()
            fetched = latest_fetch(opened, plan.endpoint.name, _account(plan, context))
            prepared = validate(opened, fetched)
        with prepared:
            if too_many(plan, prepared):
                # Refused here and not by the IO manager: the checks would be lost with its error.
                yield from check_results(plan, fetched, prepared)
                with told_to_dagster():
                    load(opened, fetched, prepared, run_id=context.run.run_id)
            group = TableLoad(opened, fetched, prepared)
            root, *others = plan.all_tables
            yield dg.Output(group, output_name=root.name)
            for table in others:
                yield dg.Output(None, output_name=table.name, metadata=table_metadata(group, table.name))
            with told_to_dagster():
                for finding in broken_references(opened, fetched):
                    prepared.findings.add(finding)
            yield from check_results(plan, fetched, prepared)

    return tables


def _out(plan: "EndpointPlan", table: "Table", warehouse: str) -> dg.AssetOut:
    is_root = table is plan.root
    return dg.AssetOut(
        key=table_key(table.name),
        description=describe_table(plan, table),
        dagster_type=dg.Any if is_root else dg.Nothing,
        io_manager_key="warehouse",
        group_name=plan.endpoint.name,
        kinds={"table", warehouse},
        metadata={"dagster/column_schema": column_schema(plan, table), "dagster/table_name": f"torn.{table.name}"},
        owners=_owners(plan),
        tags=_tags(plan),
        code_version=plan.version,
    )
