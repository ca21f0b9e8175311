"""Pieces of work that are stopped at each of their steps, the same in every warehouse."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import polars as pl

from torn_pipeline.tables.table import StorageMode
from torn_pipeline.warehouse import Measurement
from torn_pipeline_tests.conformance.warehouse_loads import THINGS, Things, fetch, frames
from torn_pipeline_tests.conformance.warehouse_loads import load as load_into

if TYPE_CHECKING:
    from collections.abc import Callable

    from torn_pipeline.landing import Fetch
    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse import Load, Warehouse

__all__ = [
    "SCENES",
    "TABLES",
    "Scene",
    "Work",
    "first_load",
    "load",
    "measure_again",
    "rebuild",
    "replace_again",
    "snapshot_again",
    "upsert",
]

TABLES = tuple(
    replace(table, columns=tuple(replace(column, description="", unit="") if column.name != "id" else column for column in table.columns))
    for table in THINGS
)
"""One described column is enough: in DuckDB each costs a statement."""
load = partial(load_into, tables=TABLES)
APPEND, REPLACE, SNAPSHOT = StorageMode.APPEND, StorageMode.REPLACE, StorageMode.SNAPSHOT


@dataclass(frozen=True)
class Work:
    """What a worker does: loads in one transaction, after emptying the tables of the endpoints in ``rebuild``; or measurements."""

    loads: tuple[Load, ...] = ()
    rebuild: dict[str, tuple[Table, ...]] = field(default_factory=dict)
    measurements: tuple[Measurement, ...] = ()

    def do(self, warehouse: Warehouse) -> None:
        """Do it."""
        if self.measurements:
            warehouse.record_measurements(self.measurements)
        elif self.rebuild:
            warehouse.load_all(self.loads, rebuild=self.rebuild)
        else:
            (one,) = self.loads
            warehouse.load(one)


def with_column(of: Fetch, things: Things, value: object) -> dict[str, pl.DataFrame]:
    """A batch whose things have a column besides those of the contract."""
    batch = frames(of, things)
    kind = pl.String if isinstance(value, str) else pl.Int64
    return {**batch, "things": batch["things"].with_columns(pl.lit(value, kind).alias("colour"))}


def first_load(_warehouse: Warehouse) -> Work:
    """Into a warehouse that is not there yet."""
    return Work((load(fetch(1), {1: ("a", "b"), 2: ()}, broken=[3]),))


def upsert(warehouse: Warehouse) -> Work:
    """Rows replaced, added and kept as newer, a new column in the second batch, quarantine filled and released."""
    warehouse.load(load(fetch(1), {1: ("a",), 2: ("b", "c"), 3: ()}, broken=[9]))
    warehouse.load(load(fetch(3), {3: ("newer",)}))
    of = fetch(2)
    batches = [frames(of, {1: ("A", "B"), 3: ("old",)}), with_column(of, {4: ("d",)}, "red")]
    releases = tuple(row.quarantine_id for row in warehouse.quarantined())
    return Work((load(of, {}, batches=batches, broken=[2], releases=releases),))


def replace_again(warehouse: Warehouse) -> Work:
    """The same fetch under a mended contract: one root is broken now, a column is widened, the slice is replaced."""
    warehouse.load(load(fetch(1), {1: ("a",), 5: ("z",)}, mode=REPLACE))
    of = fetch(2)
    warehouse.load(load(of, {}, mode=REPLACE, batches=[with_column(of, {1: ("b",), 2: ("c", "d"), 3: ()}, 7)]))
    return Work((load(of, {}, mode=REPLACE, version="2", batches=[with_column(of, {1: ("B",), 3: ()}, "red")], broken=[2]),))


def snapshot_again(warehouse: Warehouse) -> Work:
    """Versions are taken back, ended and begun; one root is broken, one is gone."""
    warehouse.load(load(fetch(1), {1: ("a",), 2: ("b",), 3: ("c",)}, mode=SNAPSHOT))
    warehouse.load(load(fetch(2), {1: ("A",), 2: ("b",)}, mode=SNAPSHOT))
    return Work((load(fetch(2), {2: ("B", "b2"), 4: ()}, mode=SNAPSHOT, version="2", broken=[1]),))


def rebuild(warehouse: Warehouse) -> Work:
    """Two fetches in another mode, into tables that are dropped and made anew."""
    for number in (1, 2):
        warehouse.load(load(fetch(number), {1: ("a",), number: ("b",)}, broken=[8]))
    return Work(tuple(load(fetch(number), {1: ("A",), number: ("B",)}, mode=APPEND) for number in (1, 2)), {"things": TABLES})


def measure_again(warehouse: Warehouse) -> Work:
    """Some of what is measured takes the place of what was measured before, the rest is new."""
    warehouse.load(load(fetch(1), {1: ("a",)}))
    warehouse.record_measurements([_measured("contract", 1.0), _measured("rules", 0.5)])
    return Work(measurements=(_measured("rules", 1.0), *(_measured(f"other {number}", 0.0) for number in range(3))))


def _measured(check: str, value: float) -> Measurement:
    return Measurement(kind="check", subject=f"things.{check}", value=value, met=value == 1, run_id="a run", measured_at=fetch(1).ended_at)


Scene: TypeAlias = "Callable[[Warehouse], Work]"
"""Fills a warehouse and gives the work that follows."""

SCENES: tuple[Scene, ...] = (first_load, upsert, replace_again, snapshot_again, rebuild, measure_again)
