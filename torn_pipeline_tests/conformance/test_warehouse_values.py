"""Values and columns as they come: every one arrives as it was sent, in every warehouse."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from torn_pipeline_tests.conformance.warehouse_loads import THINGS, fetch, frames, load

if TYPE_CHECKING:
    from torn_pipeline.warehouse import Warehouse

MOMENT = pl.Datetime("us", "UTC")


@pytest.mark.parametrize(
    ("column", "sent", "dtype"),
    [
        ("score", [0.1, -0.0, 1e308, 5e-324], pl.Float64()),
        ("score", [float("nan"), float("inf"), float("-inf"), None], pl.Float64()),
        ("name", ["", " ", "\x00nul", "é\u0301 🦊 \u202e", "line\nbreak\ttab\r"], pl.String()),
        ("name", [None, "null", "NULL", "'\"\\`"], pl.String()),
        ("is_old", [True, False, None], pl.Boolean()),
        (
            "seen_at",
            [
                datetime(1970, 1, 1, tzinfo=UTC),
                datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC),
                datetime(9999, 12, 31, 23, tzinfo=UTC),
                None,
            ],
            MOMENT,
        ),
    ],
    ids=["floats", "odd floats", "texts", "quotes", "booleans", "moments"],
)
def test_a_value_arrives_as_it_was_sent(warehouse: Warehouse, column: str, sent: list[Any], dtype: pl.DataType) -> None:
    of = fetch(1)
    batch = frames(of, dict.fromkeys(range(len(sent)), ()))
    series = pl.Series(column, sent, dtype=dtype)
    warehouse.load(load(of, {}, batches=[{**batch, "things": batch["things"].with_columns(series)}]))
    frame = warehouse.read("things").sort("id")
    assert frame.schema[column] == dtype
    assert frame[column].equals(series, null_equal=True)


def test_the_largest_integers_arrive_whole(warehouse: Warehouse) -> None:
    ids = [2**63 - 1, -(2**63), 2**53 + 1]
    warehouse.load(load(fetch(1), dict.fromkeys(ids, ("a",))))
    assert sorted(warehouse.read("things")["id"].to_list()) == sorted(ids)
    assert sorted(warehouse.read("things_parts")["thing_id"].to_list()) == sorted(ids)


def test_columns_go_by_their_names(warehouse: Warehouse) -> None:
    of = fetch(1)
    batch = frames(of, {1: ("a",), 7: ()})
    backwards = {name: frame.select(reversed(frame.columns)) for name, frame in batch.items()}
    warehouse.load(load(of, {}, batches=[backwards]))
    for one in THINGS:
        assert warehouse.read(one.name).sort(pl.all()).equals(batch[one.name].sort(pl.all()))


def test_a_column_that_is_missing_is_null(warehouse: Warehouse) -> None:
    of = fetch(1)
    batch = frames(of, {1: ()})
    warehouse.load(load(of, {}, batches=[{**batch, "things": batch["things"].drop("score", "seen_at")}]))
    (row,) = warehouse.read("things").to_dicts()
    assert (row["score"], row["seen_at"], row["id"]) == (None, None, 1)
