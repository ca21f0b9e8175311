"""Rows that should have come and that the API knows nothing of any more are marked, and stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from torn_pipeline.tables.table import StorageMode
from torn_pipeline.warehouse import changes_of
from torn_pipeline_tests.conformance.warehouse_loads import THINGS, Things, fetch, load

if TYPE_CHECKING:
    from torn_pipeline.warehouse import Load, Warehouse

Marks = dict[int, datetime | None]


def without(number: int, things: Things, *missing: int, account: str = "default") -> Load:
    """A load whose fetch found that the API does not know these things any more."""
    return load(replace(fetch(number, account=account), missing=missing), things)


def marks(warehouse: Warehouse, account: str = "default") -> Marks:
    rows = warehouse.read("things", columns=["id", "_missing_since"], account=account).rows()
    return {thing: moment and moment.astimezone(fetch(0).fetched_at.tzinfo) for thing, moment in rows}


def test_a_missing_row_stays_and_says_since_when(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",), 2: (), 3: ()}))
    assert "_missing_since" not in warehouse.read("things").columns
    receipt = warehouse.load(without(2, {1: ("b",)}, 2))
    assert marks(warehouse) == {1: None, 2: fetch(2).fetched_at, 3: None}
    assert receipt.tables["things"].changes == ("added _missing_since timestamp",)
    warehouse.load(without(3, {}, 2, 3))
    assert marks(warehouse) == {1: None, 2: fetch(2).fetched_at, 3: fetch(3).fetched_at}, "the first fetch that missed it counts"
    assert not [change for change in changes_of(THINGS, warehouse.shapes(["things", "things_parts"])) if "_missing_since" in str(change)]


def test_a_row_that_comes_again_is_missing_no_more(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: (), 2: ()}))
    warehouse.load(without(2, {}, 1, 2))
    warehouse.load(load(fetch(3), {1: ("back",)}))
    assert marks(warehouse) == {1: None, 2: fetch(2).fetched_at}


def test_an_older_fetch_says_nothing_of_newer_rows_or_of_other_accounts(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(3), {1: ()}))
    warehouse.load(load(fetch(1, account="second"), {1: ()}))
    warehouse.load(without(2, {2: ()}, 1))
    assert marks(warehouse) == {1: None, 2: None}
    assert marks(warehouse, "second") == {1: None}


@pytest.mark.parametrize("mode", [StorageMode.APPEND, StorageMode.REPLACE])
def test_only_rows_that_stay_are_marked(warehouse: Warehouse, mode: StorageMode) -> None:
    warehouse.load(load(fetch(1), {1: (), 2: ()}, mode=mode))
    warehouse.load(load(replace(fetch(2), missing=(2,)), {1: ()}, mode=mode))
    assert "_missing_since" not in warehouse.read("things").columns
