"""The checks that ask the warehouse once a fetch is loaded: two small queries, besides those of references, gaps and own rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.checks.completeness import completeness_result
from torn_pipeline.checks.relations import relation_results
from torn_pipeline.checks.specs import CONTRACT, QUARANTINE, RULES, check_specs
from torn_pipeline.checks.telling import SHOWN, result
from torn_pipeline.checks.usual import freshness_result, nulls_result, volume_result
from torn_pipeline.checks.wanted import rule_result
from torn_pipeline.errors import WarehouseBusy, WarehouseError
from torn_pipeline.quality.volume import Counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    import dagster as dg

    from torn_pipeline.landing import Fetch
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps import Loaded, Pipeline
    from torn_pipeline.torn import Span

__all__ = ["loaded_results"]


def loaded_results(
    pipeline: Pipeline, plans: Sequence[EndpointPlan], plan: EndpointPlan, fetched: Fetch, now: datetime
) -> list[dg.AssetCheckResult]:
    """The results for a fetch of the endpoint ``plan`` that is loaded, at ``now``; ``plans`` are those that share its tables.

    A warehouse that refuses is a warning, one that others hold is none: the rows are loaded, and the next run looks again.
    """
    rules = {rule.name for rule in plan.rules}
    try:
        found = list(_results(pipeline, plans, plan, fetched, now))
    except WarehouseError as error:
        found = [one for one in _not_looked_at(plans, fetched, f"could not be looked at: {error}", "") if one.check_name not in rules]
    except WarehouseBusy as error:
        return _not_looked_at(plans, fetched, "", str(error))
    known = {(spec.asset_key, spec.name) for spec in check_specs(plans)}
    found += [rule_result(pipeline, rule, fetched) for rule in plan.rules]
    return [one for one in found if (one.asset_key, one.check_name) in known]


def _results(
    pipeline: Pipeline, plans: Sequence[EndpointPlan], plan: EndpointPlan, fetched: Fetch, now: datetime
) -> Iterator[dg.AssetCheckResult]:
    from torn_pipeline.steps import loads_so_far, missing, related

    yield from relation_results(fetched, related(pipeline, fetched, limit=SHOWN))
    yield freshness_result(plan, fetched, now)
    loads = loads_so_far(pipeline, fetched)
    yield from (nulls_result(table, fetched, loads) for table in plan.tables)
    windowed = [one for one in plans if one.is_windowed and fetched.account in one.endpoint.accounts]
    gaps = [(one, gap) for one in windowed for gap in missing(pipeline, one, fetched.account, one.endpoint.since, now.date(), now=now)]
    if plan.by_day:
        yield completeness_result(fetched, gaps, [one for one in plans if one.is_windowed])
    yield from _volumes(pipeline, plan, fetched, loads, [gap for one, gap in gaps if one is plan], now)


def _volumes(
    pipeline: Pipeline, plan: EndpointPlan, fetched: Fetch, loads: Sequence[Loaded], gaps: Sequence[Span], now: datetime
) -> Iterator[dg.AssetCheckResult]:
    from torn_pipeline.steps import rows_by_day

    if plan.is_windowed:
        yield volume_result(plan.root, fetched, rows_by_day(pipeline, plan, fetched.account, gaps, now), by_day=True)
        return
    for table in plan.tables:
        if table.parent is None:
            yield volume_result(table, fetched, _rows_of(table.name, loads), by_day=False)


def _rows_of(table: str, loads: Sequence[Loaded]) -> list[Counted]:
    return [Counted(one.fetched_at, one.rows) for one in loads if one.table == table]


def _not_looked_at(plans: Sequence[EndpointPlan], fetched: Fetch, problem: str, note: str) -> list[dg.AssetCheckResult]:
    """A result for every check that asks the warehouse."""
    return [
        result(spec.asset_key.path[-1], spec.name, fetched, problem, {"not_looked_at": note} if note else {})
        for spec in check_specs(plans)
        if spec.name not in {CONTRACT, RULES, QUARANTINE}
    ]
