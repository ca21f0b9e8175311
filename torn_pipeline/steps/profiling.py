"""A look at every table that is loaded, once a day: what its columns hold, and how many rows each day has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from torn_pipeline.config import StorageMode
from torn_pipeline.errors import WarehouseError
from torn_pipeline.quality.profile import days_until
from torn_pipeline.quality.score import Grade, Graded
from torn_pipeline.steps.aging import aged
from torn_pipeline.torn import day_span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps.aging import Aged
    from torn_pipeline.steps.context import Pipeline
    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse import TableProfile

__all__ = ["PROFILED_DAYS", "Profiled", "fresh_now", "plans_by_table", "profiled"]

PROFILED_DAYS = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiled:
    """A table and the endpoints that share it: its profile, or why there is none, and the rows of each of the last 28 days.

    ``days`` is empty where rows have no moment of their own.
    """

    table: Table
    plans: Sequence[EndpointPlan]
    profile: TableProfile | None
    problem: str = ""
    days: Sequence[int] = ()
    last_day: date | None = None


def plans_by_table(pipeline: Pipeline) -> list[list[EndpointPlan]]:
    """The enabled endpoints, those that share their tables together."""
    groups: dict[str, list[EndpointPlan]] = {}
    for endpoint in pipeline.config.endpoints:
        if endpoint.enabled:
            groups.setdefault(endpoint.table, []).append(pipeline.plan(endpoint.name))
    return list(groups.values())


def profiled(pipeline: Pipeline, now: datetime) -> Iterator[Profiled]:
    """The tables of all enabled endpoints, without their histories: a query of each, and one more of those whose rows have a moment.

    A table that may not be read for what it costs is told without a profile, and so is one that is not there.

    Raises:
        WarehouseBusy: when another process holds the warehouse for too long.
    """
    there = pipeline.warehouse.shapes()
    for plans in plans_by_table(pipeline):
        for table in plans[0].tables:
            if table.name not in there:
                yield Profiled(table=table, plans=plans, profile=None, problem="nothing was loaded yet")
                continue
            try:
                profile = pipeline.warehouse.profile(table)
                days = _days(pipeline, plans[0], table, now)
            except WarehouseError as error:
                yield Profiled(table=table, plans=plans, profile=None, problem=str(error))
            else:
                yield Profiled(table=table, plans=plans, profile=profile, days=days, last_day=now.date())


def fresh_now(pipeline: Pipeline, now: datetime) -> dict[str, Graded | None]:
    """How fresh each enabled endpoint is at ``now``, for the account that waits longest.

    It is ``None`` of what is not due yet: nothing was ever loaded, and it is not enabled for so long that anything had to be. What is
    asked by id is there only as long as it is not due.

    Raises:
        WarehouseError: when the warehouse cannot be read.
        WarehouseBusy: when another process holds it for too long.
    """
    by_endpoint: dict[str, list[Aged]] = {}
    for one in aged(pipeline, now):
        by_endpoint.setdefault(one.endpoint.name, []).append(one)
    found: dict[str, Graded | None] = {}
    for name, each in by_endpoint.items():
        if all(one.is_waiting for one in each):
            found[name] = None
        elif not each[0].endpoint.ids_from:
            stale = [one for one in each if not one.found.ok]
            found[name] = _stale(min(stale, key=lambda one: one.since)) if stale else Graded(Grade.PASSED)
    return found


def _stale(one: Aged) -> Graded:
    last = f"{one.state.data_at:%Y-%m-%d %H:%M} UTC" if one.state.data_at else "never"
    return Graded(Grade.FAILED, f"what was last loaded of {one.state.account} was fetched: {last}")


def _days(pipeline: Pipeline, plan: EndpointPlan, table: Table, now: datetime) -> list[int]:
    """The rows of each day, by the moment that the endpoint's history goes by, else by when they were fetched where all are kept."""
    column = plan.window_column or ("_fetched_at" if plan.endpoint.storage_mode is StorageMode.APPEND else "")
    if table is not plan.root or not column:
        return []
    today = now.date()
    since = day_span(today - timedelta(days=PROFILED_DAYS - 1)).after
    return days_until(today, pipeline.warehouse.rows_by_day(table.name, column, since=since), PROFILED_DAYS)
