"""Two processes that write one warehouse at the same time: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import TYPE_CHECKING

from torn_pipeline.tables.table import StorageMode
from torn_pipeline.warehouse.bigquery import BigQueryWarehouse
from torn_pipeline.warehouse.duckdb import DuckDBWarehouse
from torn_pipeline_tests.conformance.test_warehouse_snapshots import snapshot, versions
from torn_pipeline_tests.conformance.warehouse_loads import THINGS, contents, fetch, load, meta

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.synchronize import Barrier

    from torn_pipeline.warehouse import Load, Receipt, Warehouse
    from torn_pipeline.warehouse.bigquery_service import Place

PATIENCE = 120.0  # seconds


def at_once(warehouse: Warehouse, *of_each: Sequence[Load]) -> list[list[Receipt]]:
    """What processes, one for each list of loads, receive that begin together; another error than ours fails."""
    place = _place_of(warehouse)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", __name__])  # so that they import nothing themselves, which takes seconds
    barrier = context.Barrier(len(of_each))
    workers = []
    for loads in of_each:
        here, there = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(place, list(loads), barrier, there))
        worker.start()
        workers.append((worker, here))
    answers = []
    for worker, here in workers:
        answers.append(here.recv() if here.poll(PATIENCE) else [])
        worker.join(PATIENCE)
        assert worker.exitcode == 0
    return answers


def _place_of(warehouse: Warehouse) -> Place | Path:
    if isinstance(warehouse, BigQueryWarehouse):
        return warehouse.place
    assert isinstance(warehouse, DuckDBWarehouse)
    return warehouse.path


def _work(place: Place | Path, loads: Sequence[Load], barrier: Barrier, answers: Connection) -> None:
    warehouse: Warehouse = DuckDBWarehouse(place) if isinstance(place, Path) else BigQueryWarehouse(place)
    barrier.wait(PATIENCE)
    answers.send([warehouse.load(one) for one in loads])


def test_different_fetches_of_two_processes_all_arrive(warehouse: Warehouse) -> None:
    numbers = range(1, 5)
    loads = [load(fetch(number), {0: ("shared",), number: ("own", "other")}) for number in numbers]
    warehouse.prepare(THINGS, "a run")
    receipts = at_once(warehouse, loads[0::2], loads[1::2])
    assert not any(receipt.skipped for of_one in receipts for receipt in of_one)
    expected: dict[tuple[str, int, str], tuple[str, ...]] = {("default", 0, "0 by things-default-4 v1"): ("shared",)}
    expected |= {("default", number, f"{number} by things-default-{number} v1"): ("own", "other") for number in numbers}
    assert contents(warehouse) == expected
    ledger = [(row["table_name"], row["load_id"]) for row in meta(warehouse, "loads")]
    assert len(ledger) == len(set(ledger)) == 2 * len(numbers)
    assert sorted(row["_fetch_id"] for row in meta(warehouse, "fetches")) == [f"things-default-{number}" for number in numbers]


def test_the_same_fetch_of_two_processes_is_loaded_once(warehouse: Warehouse) -> None:
    again = [load(fetch(number), {number: ("part",)}, mode=StorageMode.APPEND) for number in (1, 2)]
    warehouse.prepare(THINGS, "a run")
    receipts = at_once(warehouse, again, again)
    for first, second in zip(*receipts, strict=True):
        assert sorted(["already loaded" in first.skipped, "already loaded" in second.skipped]) == [False, True]
    assert list(contents(warehouse).values()) == [("part",), ("part",)]
    assert len(meta(warehouse, "loads")) == 4
    assert len(meta(warehouse, "fetches")) == 2


def test_snapshots_of_two_accounts_by_two_processes_keep_every_version(warehouse: Warehouse) -> None:
    of_default = [snapshot(fetch(number), {1: name}) for number, name in ((1, "a"), (3, "b"))]
    of_friend = [snapshot(fetch(number, account="friend"), {1: name}) for number, name in ((2, "x"), (4, "y"))]
    warehouse.prepare((*THINGS, *of_default[0].histories), "a run")
    at_once(warehouse, of_default, of_friend)
    assert versions(warehouse) == {(1,): [("a", 1, 3), ("b", 3, None)], ("friend", 1): [("x", 2, 4), ("y", 4, None)]}
