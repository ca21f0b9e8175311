"""``mart/<name>``: the config's KPIs, each a number that is found once a day.

Dagster looks at the annotations of what it decorates, so they are not postponed here.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from torn_pipeline.assets.endpoints import table_key
from torn_pipeline.resources import PipelineResource, told_to_dagster

if TYPE_CHECKING:
    from torn_pipeline.config import Kpi
    from torn_pipeline.plan import EndpointPlan

__all__ = ["kpi_asset", "kpi_key", "kpi_owner"]

_TARGET = "target"
_DESCRIPTION = """\
{description}

- **Comes** from the query below, once a day. Each value is kept for years in `torn_meta.measurements`, as `kpi` of `{name}`.
- **On the console**: `torn-pipeline check --queries` asks it once, and keeps nothing.

```sql
{sql}
```
"""
_ABOUT = """\
Is the value as wanted: {target}?

- **Passed**: yes, or the query says null, so that there is nothing to judge.
- **Warning**: no. Ask for the rows behind it with `torn-pipeline sql`; if the target is not right, change it in the section `kpis` of \
the config.
"""


def kpi_key(kpi: "Kpi") -> dg.AssetKey:
    """The asset of a KPI."""
    return dg.AssetKey(["mart", kpi.name])


def kpi_owner(kpi: "Kpi", plans: "Sequence[EndpointPlan]") -> str:
    """Whose a KPI is: the owner of the endpoint that writes its table; ``plans`` are those of all endpoints."""
    return next(plan.endpoint.owner for plan in plans if kpi.table in {table.name for table in plan.all_tables})


def kpi_asset(kpi: "Kpi", plans: "Sequence[EndpointPlan]") -> dg.AssetsDefinition:
    """The asset of a KPI; ``plans`` are those of all endpoints."""
    key = kpi_key(kpi)
    about = _ABOUT.format(target=kpi.target)
    description = kpi.description or f"A number drawn from {kpi.table}."

    @dg.asset(
        key=key,
        description=_DESCRIPTION.format(description=description, name=kpi.name, sql=kpi.sql),
        group_name="mart",
        kinds={"sql"},
        metadata={"unit": kpi.unit, _TARGET: kpi.target},
        deps=[table_key(kpi.table)],
        owners=[kpi_owner(kpi, plans)],
        check_specs=[dg.AssetCheckSpec(name=_TARGET, asset=key, description=about)] if kpi.target else [],
    )
    def value(context: dg.AssetExecutionContext, pipeline: PipelineResource) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        from torn_pipeline.steps.wishes import kpi_value, record_kpi

        with told_to_dagster():
            opened = pipeline.open(context.run.tags)
            found = kpi_value(opened, kpi)
            record_kpi(opened, kpi, found, run_id=context.run.run_id)
        yield dg.MaterializeResult(metadata={**_value(found), "unit": kpi.unit, _TARGET: kpi.target})
        if kpi.target:
            yield _judged(kpi, found)

    return value


def _value(found: float | None) -> dict[str, Any]:
    return {"value": dg.MetadataValue.null() if found is None else dg.MetadataValue.float(found)}


def _judged(kpi: "Kpi", found: float | None) -> dg.AssetCheckResult:
    """The check ``target``."""
    if found is None:
        description = "there is no value, so there is nothing to hold against what is wanted"
    else:
        description = f"{found:g}{f' {kpi.unit}' if kpi.unit else ''}, and {kpi.target} is wanted"
    return dg.AssetCheckResult(
        asset_key=kpi_key(kpi),
        check_name=_TARGET,
        passed=kpi.is_met(found) is not False,
        severity=dg.AssetCheckSeverity.WARN,
        description=description,
        metadata=_value(found),
    )
