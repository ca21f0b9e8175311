"""Copies of a whole warehouse: what they bring back, how many stay, and how loads go on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl
import pytest

from torn_pipeline.errors import WarehouseError
from torn_pipeline_tests.conformance.warehouse_loads import contents, fetch, frames, load, meta, things_tables

if TYPE_CHECKING:
    from torn_pipeline.warehouse import Warehouse

OTHERS = things_tables("others")


def fill(warehouse: Warehouse, number: int = 1) -> None:
    warehouse.load(load(fetch(number), {1: ("a",), number: ("a", "b")}))


def state(warehouse: Warehouse) -> tuple[object, ...]:
    """All that can be told of a warehouse."""
    ledger = sorted(
        (row["_fetch_id"], row["table_name"], row["load_id"]) for row in meta(warehouse, "loads WHERE table_name LIKE 'things%'")
    )
    return contents(warehouse), ledger, warehouse.status(), warehouse.schema_versions(), warehouse.shapes()


def test_a_copy_brings_back_what_was_there_which_is_a_copy_then(warehouse: Warehouse) -> None:
    fill(warehouse)
    at_first, began = state(warehouse), datetime.now(UTC)
    first = warehouse.backup(keep=3)
    assert began <= first.moment <= datetime.now(UTC)
    assert first.size > 0
    fill(warehouse, 2)
    sized = frames(fetch(3), {5: ()})
    sized["things"] = sized["things"].with_columns(pl.lit("large").alias("size"))
    warehouse.load(load(fetch(3), {}, batches=[sized]))
    warehouse.load(load(fetch(4, endpoint="others"), {1: ()}, tables=OTHERS))
    at_second = state(warehouse)
    second = warehouse.restore(first, keep=3)
    assert second is not None
    assert state(warehouse)[:4] == at_first[:4]
    assert set(warehouse.shapes()) == {"things", "things_parts"}
    assert "size" not in warehouse.shapes()["things"].columns
    assert warehouse.backups() == [first, second]
    warehouse.restore(second, keep=3)
    assert state(warehouse)[:4] == at_second[:4]
    assert len(contents(warehouse, OTHERS)) == 1


def test_loads_go_on_after_a_copy_came_back(warehouse: Warehouse) -> None:
    fill(warehouse)
    first = warehouse.backup(keep=3)
    fill(warehouse, 2)
    warehouse.restore(first, keep=3)
    receipt = warehouse.load(load(fetch(2), {1: ("a",), 2: ("a", "b")}))
    assert (receipt.skipped, receipt.tables["things"].rows) == ("", 2)
    assert set(contents(warehouse)) == {("default", 1, "1 by things-default-2 v1"), ("default", 2, "2 by things-default-2 v1")}
    assert warehouse.load(load(fetch(1), {1: ("a", "b")})).skipped


def test_the_newest_copies_stay_and_the_one_that_came_back(warehouse: Warehouse) -> None:
    fill(warehouse)
    made = [warehouse.backup(keep=2) for _ in range(3)]
    assert warehouse.backups() == made[1:]
    before = warehouse.restore(made[1], keep=1)
    assert warehouse.backups() == [made[1], before]
    with pytest.raises(WarehouseError, match=r"No such file|there is no copy"):
        warehouse.restore(made[0], keep=1)
    assert len(contents(warehouse)) == 1


def test_there_is_nothing_to_copy_before_the_first_load(warehouse: Warehouse) -> None:
    assert warehouse.backups() == []
    with pytest.raises(WarehouseError, match="nothing was loaded into"):
        warehouse.backup(keep=3)
