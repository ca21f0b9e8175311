"""Who waits for the DuckDB file is told for whom, once, and waits no longer than a load's own writing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from torn_pipeline.errors import WarehouseBusy
from torn_pipeline.warehouse import duckdb_file
from torn_pipeline.warehouse.duckdb import DuckDBWarehouse
from torn_pipeline_tests.conformance.warehouse_loads import THINGS, fetch, frames, load
from torn_pipeline_tests.unit.warehouse.test_duckdb import held

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import polars as pl


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DuckDBWarehouse:
    monkeypatch.setattr(duckdb_file, "_PATIENCE", 0.1)
    warehouse = DuckDBWarehouse(tmp_path / "warehouse.duckdb", lock_timeout=0.5)
    warehouse.prepare(THINGS, "a run")
    return warehouse


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("waiting for the warehouse")]


def test_a_reader_is_told_which_process_it_waits_for(warehouse: DuckDBWarehouse, caplog: pytest.LogCaptureFixture) -> None:
    with held(warehouse.path, "write") as pid, pytest.raises(WarehouseBusy):
        warehouse.read("things")
    (message,) = told(caplog)
    assert f"process {pid} (" in message
    assert str(warehouse.path) in message


def test_a_writer_is_told_which_process_it_waits_for(warehouse: DuckDBWarehouse, caplog: pytest.LogCaptureFixture) -> None:
    with held(warehouse.path, "read") as pid, pytest.raises(WarehouseBusy):
        warehouse.prepare(THINGS, "a run")
    (message,) = told(caplog)
    assert f"process {pid} (" in message


def test_a_writer_that_waits_for_the_lock_file_is_told_who_writes(warehouse: DuckDBWarehouse, caplog: pytest.LogCaptureFixture) -> None:
    with FileLock(f"{warehouse.path}.lock"), held(warehouse.path, "write") as pid, pytest.raises(WarehouseBusy, match=f"process {pid}"):
        warehouse.prepare(THINGS, "a run")
    (message,) = told(caplog)
    assert f"process {pid} (" in message


def test_a_thread_is_told_that_another_thread_writes(warehouse: DuckDBWarehouse, caplog: pytest.LogCaptureFixture) -> None:
    started, ended = threading.Event(), threading.Event()

    def slow() -> Iterator[dict[str, pl.DataFrame]]:
        started.set()
        ended.wait(20)
        yield frames(fetch(1), {1: ("a",)})

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(warehouse.load, load(fetch(1), {}, batches=slow()))
        started.wait(20)
        for use in (lambda: warehouse.read("things"), lambda: warehouse.prepare(THINGS, "a run")):
            with pytest.raises(WarehouseBusy):
                use()
        ended.set()
        writing.result()
    assert [message.partition(": ")[2] for message in told(caplog)] == ["another thread of this process is using it"] * 2


def test_who_waits_only_shortly_is_told_nothing(warehouse: DuckDBWarehouse, caplog: pytest.LogCaptureFixture) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}))
    assert warehouse.read("things").height == 1
    assert told(caplog) == []
