"""One endpoint as assets: ``raw/<endpoint>``, what the API answered, and ``torn/<table>``, its normalised tables.

Dagster looks at the annotations of what it decorates, so they are not postponed here.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from torn_pipeline.checks import check_results, check_specs
from torn_pipeline.resources import PipelineResource, TableLoad, table_metadata, told_to_dagster

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


def endpoint_assets(plan: "EndpointPlan") -> list[dg.AssetsDefinition]:
    """The raw asset of an endpoint, and one definition with all its tables, which are written together."""
    return [_raw_asset(plan), _table_assets(plan)]


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
        description=f"{plan.contract.description} What `{endpoint.path}` answered, byte for byte, in the landing; asks for a key of level "
        f"{plan.contract.access}.",
        partitions_def=partitions_of(plan),
        group_name="raw",
        kinds={"api", "json"},
        metadata={"path": endpoint.path, "accounts": list(endpoint.accounts), "params": dict(endpoint.params)},
        owners=_owners(plan),
        tags=_tags(plan),
        code_version=plan.version,
    )
    def raw(context: dg.AssetExecutionContext, pipeline: PipelineResource) -> dg.MaterializeResult[None]:
        from torn_pipeline.steps import fetch

        with told_to_dagster():
            opened = pipeline.open()
            fetched = fetch(opened, endpoint.name, _account(plan, context), tell=lambda so_far: _progress(context, so_far))
        return dg.MaterializeResult(metadata=_fetch_metadata(opened, fetched))

    return raw


def _progress(context: dg.AssetExecutionContext, fetched: "Fetch") -> None:
    context.log.info("page %d: %d rows so far", len(fetched.pages), fetched.rows)


def _fetch_metadata(pipeline: "Pipeline", fetched: "Fetch") -> dict[str, Any]:
    folder = pipeline.landing.folder(fetched)
    return {
        "fetch_id": fetched.fetch_id,
        "landing": dg.MetadataValue.path(str(folder)),
        "pages": len(fetched.pages),
        "rows": fetched.rows,
        "repeated": fetched.repeated,
        "bytes": sum(page.size for page in fetched.pages),
        "seconds": (fetched.ended_at - fetched.fetched_at).total_seconds(),
    }


def _table_assets(plan: "EndpointPlan") -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"{plan.endpoint.name}_tables",
        outs={table.name: _out(plan, table) for table in plan.tables},
        deps=[raw_key(plan.endpoint.name)],
        check_specs=check_specs(plan.tables),
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
                yield from check_results(plan.tables, fetched, prepared)
                with told_to_dagster():
                    load(opened, fetched, prepared, run_id=context.run.run_id)
            group = TableLoad(opened, fetched, prepared)
            root, *others = plan.tables
            yield dg.Output(group, output_name=root.name)
            for table in others:
                yield dg.Output(None, output_name=table.name, metadata=table_metadata(group, table.name))
            with told_to_dagster():
                for finding in broken_references(opened, fetched):
                    prepared.findings.add(finding)
            yield from check_results(plan.tables, fetched, prepared)

    return tables


def _out(plan: "EndpointPlan", table: "Table") -> dg.AssetOut:
    is_root = table is plan.tables[0]
    return dg.AssetOut(
        key=table_key(table.name),
        description=f"{table.description} Rows are at `{table.json_path}` of `{plan.endpoint.path}`; key: {', '.join(table.key)}.",
        dagster_type=dg.Any if is_root else dg.Nothing,
        io_manager_key="warehouse",
        group_name=plan.endpoint.name,
        kinds={"table"},
        metadata={"dagster/column_schema": _column_schema(table), "dagster/table_name": f"torn.{table.name}"},
        owners=_owners(plan),
        tags=_tags(plan),
        code_version=plan.version,
    )


def _column_schema(table: "Table") -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type.value,
                description=" ".join(part for part in (column.description, f"[{column.unit}]" if column.unit else "") if part),
                constraints=dg.TableColumnConstraints(nullable=column.name not in table.key),
            )
            for column in table.columns
        ]
    )
