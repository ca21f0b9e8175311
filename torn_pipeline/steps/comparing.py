"""A fetch beside those before it: the rows and the nulls of each load, and the rows of each day."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from torn_pipeline.quality.nulls import NullCounts
from torn_pipeline.quality.volume import Counted
from torn_pipeline.torn import Span, day_span, days_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torn_pipeline.landing import Fetch
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps.context import Pipeline

__all__ = ["Loaded", "loads_so_far", "rows_by_day"]

_WEEKS = timedelta(weeks=8)
_OF_A_DAY = 8  # loads of each day that are looked at, the newest: so that a weekday has its past, whatever the frequency


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What one load brought to one table; ``nulls`` is ``None`` where the ledger does not say."""

    table: str
    fetch_id: str
    fetched_at: datetime
    contract_version: str
    rows: int
    nulls: NullCounts | None


def loads_so_far(pipeline: Pipeline, fetched: Fetch) -> list[Loaded]:
    """What the fetch brought to each table, and what those of the same endpoint and account brought in the eight weeks before it.

    Of each day the newest eight loads are told. It is one query of the ledger.

    Raises:
        WarehouseError: when the warehouse refuses.
        WarehouseBusy: when another process holds it for too long.
    """
    since = fetched.fetched_at.astimezone(UTC) - _WEEKS
    # The names are such as the config allows, and the fetch's id is made of these.
    sql = f"""SELECT * FROM (
        SELECT l.table_name, l._fetch_id, l._fetched_at, l.contract_version, l.rows AS n, l.nulls, l.load_id,
            ROW_NUMBER() OVER (PARTITION BY l.table_name, CAST(l._fetched_at AS DATE) ORDER BY l._fetched_at DESC, l.load_id DESC) AS place
        FROM torn_meta.loads l JOIN torn_meta.fetches f ON l._fetch_id = f._fetch_id
        WHERE f.endpoint = '{fetched.endpoint}' AND f.account = '{fetched.account}'
            AND l._fetched_at >= TIMESTAMP '{since:%Y-%m-%d %H:%M:%S}+00') x
        WHERE place <= {_OF_A_DAY} OR _fetch_id = '{fetched.fetch_id}' ORDER BY load_id"""  # noqa: S608 - as above
    found: dict[tuple[str, str], Loaded] = {}
    for row in pipeline.warehouse.query(sql).to_pylist():
        began = row["_fetched_at"].astimezone(UTC)
        if began <= fetched.fetched_at:
            found[row["table_name"], row["_fetch_id"]] = Loaded(
                table=row["table_name"],
                fetch_id=row["_fetch_id"],
                fetched_at=began,
                contract_version=row["contract_version"],
                rows=row["n"],
                nulls=None if row["nulls"] is None else NullCounts(row["n"], json.loads(row["nulls"])),
            )
    return sorted(found.values(), key=lambda one: one.fetched_at)


def rows_by_day(pipeline: Pipeline, plan: EndpointPlan, account: str, gaps: Iterable[Span], now: datetime) -> list[Counted]:
    """The rows of an endpoint with a history by day, oldest first: eight weeks up to the newest day to which nothing can be added.

    Days that lack something (``gaps``) are left out, and those before the first row. It is one query of the root table.

    Raises:
        WarehouseError: when the warehouse refuses.
        WarehouseBusy: when another process holds it for too long.
    """
    newest = (now - plan.late).date() - timedelta(days=1)
    first = max(plan.endpoint.since, newest - _WEEKS)
    if not plan.window_column or first > newest:
        return []
    of_account = None if plan.is_global else account
    counts = pipeline.warehouse.rows_by_day(plan.root.name, plan.window_column, since=day_span(first).after, account=of_account)
    lacking = {day for gap in gaps for day in days_of(gap)}
    days = _days(min(counts, default=newest), newest)
    return [Counted(day, counts.get(day, 0)) for day in days if day not in lacking]


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
