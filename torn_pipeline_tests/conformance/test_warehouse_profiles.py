"""What every warehouse says of the rows of a table: what leads nowhere, profiles, rows by day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from torn_pipeline.tables.contract import Reference
from torn_pipeline.tables.table import ColumnType
from torn_pipeline_tests.conformance.warehouse_loads import THINGS, fetch, frames, load

if TYPE_CHECKING:
    from torn_pipeline.warehouse import Warehouse

BEGAN = datetime(2026, 3, 1, 22, tzinfo=UTC)


def test_rows_that_lead_nowhere_are_counted_and_the_first_are_shown(warehouse: Warehouse) -> None:
    parts, reference = THINGS[1], Reference(
        name="things", table="parts", description="", column="part", target="others", target_column="name", within_account=True
    )  # fmt: skip
    others = replace(THINGS[0], name="others", root="others")
    warehouse.load(load(fetch(1), {3: ("x", "y"), 4: ("x",), 5: ("1 by others-default-1 v1",)}))
    assert warehouse.unmatched(parts, reference, "things-default-1", limit=2).count == 0  # there is no such table
    warehouse.load(
        load(fetch(1, endpoint="others"), {1: ()}, tables=(others, replace(parts, name="others_parts", root="others", parent="others")))
    )
    found = warehouse.unmatched(parts, reference, "things-default-1", limit=2)
    assert found.count == 3
    assert found.rows == (
        {"_account": "default", "thing_id": 3, "_index": 0, "part": "x"},
        {"_account": "default", "thing_id": 3, "_index": 1, "part": "y"},
    )
    assert warehouse.unmatched(parts, replace(reference, where="_index > 0"), "things-default-1", limit=2).count == 1
    assert warehouse.unmatched(parts, reference, "things-default-2", limit=2).count == 0


def test_a_profile_says_what_the_values_of_each_column_are_like(warehouse: Warehouse) -> None:
    of = fetch(1)
    batch = frames(of, dict.fromkeys(range(101), ()))
    seen = pl.Series([BEGAN + timedelta(hours=number) for number in range(101)]).dt.cast_time_unit("us")
    batch["things"] = batch["things"].with_columns(
        seen_at=seen,
        name=pl.when(pl.col("id") < 40).then(None).otherwise(pl.lit("a name")),
        is_old=pl.lit(None, pl.Boolean),
    )
    warehouse.load(load(of, {}, batches=[batch]))
    found = warehouse.profile(THINGS[0])
    assert (found.table, found.rows) == ("things", 101)
    columns = {column.name: column for column in found.columns}
    assert list(columns) == ["_account", "id", "name", "score", "is_old", "seen_at"]
    assert (columns["name"].nulls, columns["name"].distinct, columns["name"].least, columns["name"].quantiles) == (40, 1, "a name", ())
    assert (columns["is_old"].nulls, columns["is_old"].distinct, columns["is_old"].greatest) == (101, 0, None)
    score = columns["score"]
    assert (score.type, score.nulls, score.least, score.greatest, len(score.quantiles)) == (ColumnType.FLOAT, 0, 0.0, 50.0, 21)
    assert all(isinstance(value, float) and abs(value - 2.5 * place) <= 1 for place, value in enumerate(score.quantiles))
    assert 90 <= score.distinct <= 101
    middle = columns["seen_at"].quantiles[10]
    assert isinstance(middle, datetime)
    assert abs(middle - BEGAN - timedelta(hours=50)) <= timedelta(hours=2)


def test_a_table_without_rows_has_a_profile(warehouse: Warehouse) -> None:
    warehouse.prepare(THINGS, "a run")
    found = warehouse.profile(THINGS[1])
    assert found.rows == 0
    assert {(column.nulls, column.distinct, column.least, column.quantiles) for column in found.columns} == {(0, 0, None, ())}


def test_rows_are_counted_by_day(warehouse: Warehouse) -> None:
    for account, hours in (("default", 30), ("other", 3)):
        of = fetch(1, account=account)
        batch = frames(of, dict.fromkeys(range(hours), ()))
        seen = pl.Series([BEGAN + timedelta(hours=number) for number in range(hours)]).dt.cast_time_unit("us")
        warehouse.load(load(of, {}, batches=[{**batch, "things": batch["things"].with_columns(seen_at=seen)}]))
    days = [date(2026, 3, day) for day in (1, 2, 3)]
    assert warehouse.rows_by_day("things", "seen_at", since=BEGAN, account="default") == dict(zip(days, (1, 24, 4), strict=True))
    every = warehouse.rows_by_day("things", "seen_at", since=BEGAN - timedelta(seconds=1))
    assert every == dict(zip(days, (4, 25, 4), strict=True))
