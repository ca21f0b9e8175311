"""A change of a table's shape that fails at any statement leaves the table, and what is kept of it, as they were."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from torn_pipeline.errors import WarehouseError
from torn_pipeline.tables.table import ColumnType
from torn_pipeline.warehouse import changes_of
from torn_pipeline.warehouse.duckdb import DuckDBWarehouse
from torn_pipeline_tests.conformance.warehouse_loads import fetch, frames
from torn_pipeline_tests.exhaustive import EXHAUSTIVE
from torn_pipeline_tests.faults.warehouse_worker import dump, watched
from torn_pipeline_tests.faults.warehouse_works import TABLES, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def fill(warehouse: DuckDBWarehouse) -> None:
    """A table with a column that its contract does not have, and numbers in one that it does."""
    of = fetch(1)
    batch = frames(of, {1: ("a",), 2: ()})
    warehouse.load(load(of, {}, batches=[{**batch, "things": batch["things"].with_columns(colour=pl.lit("red"))}]))


def change(warehouse: DuckDBWarehouse) -> None:
    """A column is dropped, one added, one widened."""
    root = TABLES[0]
    columns = tuple(replace(column, type=ColumnType.TEXT) if column.name == "score" else column for column in root.columns)
    wanted = replace(root, columns=(*columns, replace(columns[2], name="weight", type=ColumnType.FLOAT)))
    warehouse.change(changes_of([wanted], warehouse.shapes(["things"])), keep_backups=1, run_id="by hand")


def roll_back(warehouse: DuckDBWarehouse) -> None:
    """What was dropped comes back."""
    warehouse.roll_back(TABLES[0], 2, keep_backups=1, run_id="back")


@pytest.mark.parametrize("work", [change, roll_back])
def test_an_error_at_any_statement_of_a_change_leaves_before_or_after(work: Callable[[DuckDBWarehouse], None], tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    fill(DuckDBWarehouse(path))
    if work is roll_back:
        change(DuckDBWarehouse(path))
    before, moments = dump(path), list[str]()
    ended = tmp_path / "ended.duckdb"
    shutil.copy(path, ended)
    with watched(lambda moment, sql: moments.append(f"{moment} {sql}")):
        work(DuckDBWarehouse(ended))
    after = dump(ended)
    assert before != after
    commit = moments.index("after COMMIT")
    for place in range(len(moments)):
        if place % 2 and abs(place - commit) > 2 and not EXHAUSTIVE:
            continue  # what stands after a statement stands before the next one, which is tried
        here = tmp_path / f"{place}.duckdb"
        shutil.copy(path, here)
        left = iter(range(place, -1, -1))

        def fail(_moment: str, sql: str, left: Any = left) -> None:  # noqa: ANN401 - an iterator of this round
            if next(left, 1) == 0:
                raise OSError(sql)

        with watched(fail), pytest.raises((OSError, WarehouseError)):
            work(DuckDBWarehouse(here))
        committed = place >= commit
        assert dump(here) == (after if committed else before), f"failed {moments[place]}"
        if not committed and place % 5 == 0:
            work(DuckDBWarehouse(here))
            assert dump(here) == after
