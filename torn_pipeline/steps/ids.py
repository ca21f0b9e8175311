"""Endpoints that are asked by id: which ids there are, which are done, and fetching the others one by one."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from torn_pipeline.errors import IdRefused, UsageError
from torn_pipeline.steps.fetching import fetch
from torn_pipeline.steps.windows import landed_besides, loaded_fetches
from torn_pipeline.tables.naming import path_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torn_pipeline.landing import Fetch
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps.context import Pipeline, Tell

__all__ = ["fetch_ids", "ids_due"]

_log = logging.getLogger(__name__)


def ids_due(pipeline: Pipeline, plan: EndpointPlan, account: str) -> list[int | str]:
    """The ids to ask for, in order: those of the source table that were not asked for since their answer has been final.

    Raises:
        UsageError: when the table that has them is not there, or lacks the column.
    """
    table, column = plan.source
    shape = pipeline.warehouse.shapes([table]).get(table)
    if shape is None or column not in shape.columns:
        message = (
            f"{plan.endpoint.name} takes its ids from {plan.endpoint.ids_from}, which is not in the {pipeline.warehouse.label}: run "
            f"torn-pipeline materialize {table} first, or correct ids_from"
        )
        raise UsageError(message)
    final_at = plan.contract.final_at if plan.contract.final_at in shape.columns else ""
    own = account if "_account" in shape.columns and not plan.is_global else None
    rows = pipeline.warehouse.read(table, columns=[column, final_at] if final_at else [column], account=own).unique().rows()
    asked = _asked(pipeline, plan, account)
    due = {row[0] for row in rows if row[0] is not None and not _is_done(asked.get(str(row[0])), row[1] if final_at else None)}
    return sorted(due, key=lambda one: (isinstance(one, str), one))


def fetch_ids(pipeline: Pipeline, plan: EndpointPlan, account: str, *, tell: Tell | None = None) -> Iterator[Fetch]:
    """Ask for every id that is due; each fetch is landed and complete when it is yielded. An id that the API refuses is left out.

    Raises:
        PipelineError: as :func:`fetch`; the fetches before it stay landed, and are not made again.
    """
    (name,) = path_ids(plan.endpoint.path)
    for one in ids_due(pipeline, plan, account):
        try:
            fetched = fetch(pipeline, plan.endpoint.name, account, path_ids={name: one}, tell=tell)
        except IdRefused as error:
            _log.warning("%s", error)
        else:
            yield fetched


def _is_done(asked: datetime | None, final: object) -> bool:
    return asked is not None and isinstance(final, datetime) and asked > final


def _asked(pipeline: Pipeline, plan: EndpointPlan, account: str) -> dict[str, datetime]:
    """When each id was last asked for, by what is loaded or has landed since."""
    loaded = loaded_fetches(pipeline, plan, account)
    found: dict[str, datetime] = {}
    for ids, began in [
        *((orjson.loads(row["path_ids"]), row["started"]) for row in loaded),
        *((one.path_ids, one.fetched_at) for one in landed_besides(pipeline, plan, account, loaded)),
    ]:
        for value in ids.values():
            found[str(value)] = max(began.astimezone(UTC), found.get(str(value), began.astimezone(UTC)))
    return found
