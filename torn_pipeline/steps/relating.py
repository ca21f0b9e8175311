"""What a fetch's rows say about other tables: references that lead nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torn_pipeline.landing import Fetch
    from torn_pipeline.steps.context import Pipeline
    from torn_pipeline.tables.contract import Reference
    from torn_pipeline.warehouse import Unmatched

__all__ = ["Related", "related"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """A reference of a table, and the rows that it leads nowhere of."""

    table: str
    reference: Reference
    unmatched: Unmatched


def related(pipeline: Pipeline, fetched: Fetch, *, limit: int) -> list[Related]:
    """The contract's references, each held against the rows of a loaded fetch; ``limit`` is how many of the rows are told.

    Raises:
        WarehouseError: when the warehouse refuses.
        WarehouseBusy: when another process holds it for too long.
    """
    plan = pipeline.plan(fetched.endpoint)
    found = []
    for reference in plan.contract.references:
        name = "_".join(filter(None, (plan.root.name, reference.table)))
        table = next(one for one in plan.tables if one.name == name)
        unmatched = pipeline.warehouse.unmatched(table, reference, fetched.fetch_id, limit=limit)
        found.append(Related(table=name, reference=reference, unmatched=unmatched))
    return found
