"""What a fetch's rows say about other tables: references that lead nowhere."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from torn_pipeline.errors import WarehouseBusy
from torn_pipeline.tables.findings import Finding, Kind
from torn_pipeline.tables.values import show

if TYPE_CHECKING:
    from torn_pipeline.landing import Fetch
    from torn_pipeline.steps.context import Pipeline

__all__ = ["broken_references"]

_log = logging.getLogger(__name__)


def broken_references(pipeline: Pipeline, fetched: Fetch) -> list[Finding]:
    """The contract's references that rows of a loaded fetch break; a busy warehouse leaves the rest untold."""
    plan = pipeline.plan(fetched.endpoint)
    found = []
    for reference in plan.contract.references:
        table = next(one for one in plan.tables if one.name == "_".join(filter(None, (plan.root.name, reference.table))))
        try:
            broken = pipeline.warehouse.unmatched(table, reference, fetched.fetch_id, limit=1)
        except WarehouseBusy as error:
            _log.warning("the references of %s are not looked at: %s", fetched.fetch_id, error)
            break
        example = next((show({reference.column: row[reference.column]}) for row in broken.rows), "")
        found.append(Finding(Kind.RULE, table.name, reference.name, "", broken.count, example))
    return found
