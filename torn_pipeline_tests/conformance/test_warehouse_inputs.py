"""Inputs: only the columns and rows that are asked for, and, when it is lazy, only when they are needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from torn_pipeline.errors import WarehouseError
from torn_pipeline.warehouse import Window
from torn_pipeline.warehouse.inputs import read_part, scan_part
from torn_pipeline_tests.conformance.warehouse_loads import BEGAN, fetch, frames, load

if TYPE_CHECKING:
    from torn_pipeline.warehouse import Warehouse


def fill(warehouse: Warehouse) -> None:
    """Nine things of two accounts, one of them seen at no time."""
    for number, account, things in ((1, "default", range(1, 6)), (2, "friend", range(6, 10))):
        of = fetch(number, account=account)
        batch = frames(of, dict.fromkeys(things, ("a",)))
        days = pl.Series([at(thing) if thing != 9 else None for thing in things], dtype=pl.Datetime("us", "UTC"))
        warehouse.load(load(of, {}, batches=[{**batch, "things": batch["things"].with_columns(seen_at=days)}]))


def at(day: int) -> datetime:
    return BEGAN + timedelta(days=day)


def ids(frame: pl.DataFrame | pl.LazyFrame) -> list[int]:
    return sorted(frame.lazy().select("id").collect()["id"])


ASKED: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ({"accounts": ["friend"]}, [6, 7, 8, 9]),
    ({"accounts": ["friend", "default"]}, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ({"accounts": ["nobody"]}, []),
    ({"within": Window(column="seen_at", after=at(2), until=at(4))}, [3, 4]),
    ({"within": Window(column="seen_at", after=at(7))}, [8]),
    ({"within": Window(column="seen_at", until=at(2))}, [1, 2]),
    ({"within": Window(column="seen_at")}, [1, 2, 3, 4, 5, 6, 7, 8]),
    ({"accounts": ["default"], "within": Window(column="seen_at", after=at(4), until=at(8))}, [5]),
    ({"columns": ["id"], "accounts": ["friend"], "within": Window(column="seen_at", after=at(7))}, [8]),
]


def test_only_the_rows_that_are_asked_for(warehouse: Warehouse) -> None:
    fill(warehouse)
    for asked, expected in ASKED:
        assert ids(read_part(warehouse, "things", **asked)) == expected
        assert ids(scan_part(warehouse, "things", **asked)) == expected


def test_only_the_columns_that_are_asked_for_in_their_order(warehouse: Warehouse) -> None:
    fill(warehouse)
    assert read_part(warehouse, "things", columns=["name", "id"]).columns == ["name", "id"]
    assert scan_part(warehouse, "things", columns=["name", "id"]).collect().columns == ["name", "id"]


def test_a_lazy_input_is_the_same_as_an_eager_one(warehouse: Warehouse) -> None:
    fill(warehouse)
    eager, lazy = read_part(warehouse, "things"), scan_part(warehouse, "things")
    assert lazy.collect_schema() == eager.schema
    assert lazy.collect().sort("id").equals(eager.sort("id"))


def test_a_lazy_input_reads_only_what_its_query_needs(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(warehouse)
    read, asked = warehouse.read, []

    def watched(table: str, **options: Any) -> pl.DataFrame:  # noqa: ANN401 - handed on as they are
        asked.append(sorted(options["columns"]))
        return read(table, **options)

    monkeypatch.setattr(warehouse, "read", watched)
    lazy = scan_part(warehouse, "things")
    assert asked == []
    found = lazy.filter(pl.col("score") > 2).select(pl.col("id").sum()).collect()
    assert found.item() == 5 + 6 + 7 + 8 + 9
    assert lazy.head(2).collect().height == 2
    assert asked[0] == ["id", "score"]
    assert lazy.select(pl.len()).collect().item() == 9


def test_a_lazy_input_holds_nothing_open(warehouse: Warehouse) -> None:
    fill(warehouse)
    lazy = scan_part(warehouse, "things")
    warehouse.load(load(fetch(3), {99: ()}))
    assert 99 in ids(lazy)


def test_what_is_not_there_is_named(warehouse: Warehouse) -> None:
    fill(warehouse)
    for wrong in ({"table": "nothing"}, {"table": "things", "columns": ["weight"]}):
        for part in (read_part, scan_part):
            with pytest.raises(WarehouseError, match=r"nothing|weight"):
                part(warehouse, **wrong)
    with pytest.raises(WarehouseError, match="weight"):
        read_part(warehouse, "things", within=Window(column="weight", after=at(1)))


def test_odd_names_are_only_names(warehouse: Warehouse) -> None:
    fill(warehouse)
    odd = 'a"b; DROP TABLE things --'
    of = fetch(3)
    batch = frames(of, {50: ()})
    batch["things"] = batch["things"].with_columns(pl.lit(at(1)).cast(pl.Datetime("us", "UTC")).alias(odd))
    warehouse.load(replace(load(of, {}), batches=[batch]))
    assert ids(read_part(warehouse, "things", within=Window(column=odd, until=at(1)))) == [50]
