"""What the ledger keeps of nulls, in every warehouse."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl

from torn_pipeline_tests.conformance.warehouse_loads import fetch, frames, load, meta

if TYPE_CHECKING:
    from torn_pipeline.warehouse import Warehouse


def test_the_ledger_counts_the_nulls_of_each_column_over_all_batches(warehouse: Warehouse) -> None:
    of = fetch(1)
    batches = [frames(of, {number: ("a",), number + 1: ()}) for number in (1, 3, 5)]
    for batch in batches[1:]:
        batch["things"] = batch["things"].with_columns(score=pl.lit(None, pl.Float64), colour=pl.Series([None, "red"]))
    warehouse.load(load(of, {}, batches=batches))
    warehouse.load(load(fetch(2), {1: ()}))
    found = {(row["table_name"], row["_fetch_id"]): json.loads(row["nulls"]) for row in meta(warehouse, "loads")}
    assert found == {
        ("things", "things-default-1"): {"score": 4, "colour": 2},
        ("things_parts", "things-default-1"): {},
        ("things", "things-default-2"): {},
        ("things_parts", "things-default-2"): {},
    }
