"""What a faction wants of its own data, asked of the warehouse: its rules and its KPIs."""

# ruff: noqa: S608 - the queries are the config's own, and the warehouse only reads for them

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from torn_pipeline.errors import QueryRefused, WarehouseError
from torn_pipeline.warehouse import Measurement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torn_pipeline.config import BusinessRule, Kpi
    from torn_pipeline.steps.context import Pipeline

__all__ = ["Broken", "broken", "kpi_value", "record_kpi"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """How many rows break a rule, and the first of them."""

    count: int
    rows: tuple[Mapping[str, object], ...] = ()


def broken(pipeline: Pipeline, rule: BusinessRule, *, limit: int) -> Broken:
    """The rows that break a rule, the first ``limit`` of them told. It is one query, and a second one where there are any.

    Raises:
        WarehouseError: when the warehouse refuses the query.
        WarehouseBusy: when another process holds it for too long.
    """
    # The query begins in the line of the one around it, so that the lines of an error are its own; it may end with a comment.
    within = f"({rule.sql}\n) AS broken"
    (count,) = pipeline.warehouse.query(f"SELECT COUNT(*) AS n FROM {within}").column(0).to_pylist()
    if not count:
        return Broken(count=0)
    rows = pipeline.warehouse.query(f"SELECT * FROM {within} LIMIT {limit}").to_pylist()
    return Broken(count=count, rows=tuple(rows))


def kpi_value(pipeline: Pipeline, kpi: Kpi) -> float | None:
    """What a KPI comes to now; ``None`` where its query says null.

    Raises:
        QueryRefused: when the query is wrong, or its answer is not one row of one column with a number or null.
        WarehouseError: when the warehouse refuses it for another reason.
        WarehouseBusy: when another process holds it for too long.
    """
    try:
        answer = pipeline.warehouse.query(f"SELECT * FROM ({kpi.sql}\n) AS kpi LIMIT 2")
    except WarehouseError as error:
        message = f"the KPI {kpi.name} could not be asked: {error}"
        raise type(error)(message) from error
    if (answer.num_rows, answer.num_columns) != (1, 1):
        rows = "more than one row" if answer.num_rows > 1 else f"{answer.num_rows} rows"
        found = rows if answer.num_rows != 1 else f"{answer.num_columns} columns"
        message = f"the KPI {kpi.name} is one number, and its query answers with {found}: let it answer with one row of one column"
        raise QueryRefused(message)
    value = answer.column(0)[0].as_py()
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not math.isfinite(value):
        shown = repr(value) if isinstance(value, float | bool) else f"a value of the type {answer.schema.types[0]}"
        message = f"the KPI {kpi.name} is one number, and its query answers with {shown}: let it answer with a number or null"
        raise QueryRefused(message)
    return float(value)


def record_kpi(pipeline: Pipeline, kpi: Kpi, value: float | None, *, run_id: str) -> None:
    """Keep the value of a KPI for years.

    Raises:
        WarehouseError: when the warehouse refuses it.
        WarehouseBusy: when another process holds it for too long.
    """
    measured = Measurement(
        kind="kpi",
        subject=kpi.name,
        value=value,
        unit=kpi.unit,
        met=kpi.is_met(value),
        said=kpi.target,
        run_id=run_id,
        measured_at=datetime.now(UTC),
    )
    pipeline.warehouse.record_measurements([measured])
