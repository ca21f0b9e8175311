"""A snapshot that is killed at any statement leaves tables and histories as they were before or as they are after."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from torn_pipeline.tables.table import StorageMode
from torn_pipeline_tests.conformance.warehouse_loads import fetch
from torn_pipeline_tests.faults.test_warehouse_kills import kill, load, stage
from torn_pipeline_tests.faults.warehouse_worker import Work, dump

if TYPE_CHECKING:
    from pathlib import Path

    from torn_pipeline.warehouse.duckdb import DuckDBWarehouse

SNAPSHOT = StorageMode.SNAPSHOT


def snapshot_again(warehouse: DuckDBWarehouse) -> Work:
    """Versions are taken back, ended and begun; one root is broken, one is gone."""
    warehouse.load(load(fetch(1), {1: ("a",), 2: ("b",), 3: ("c",)}, mode=SNAPSHOT))
    warehouse.load(load(fetch(2), {1: ("A",), 2: ("b",)}, mode=SNAPSHOT))
    return Work((load(fetch(2), {2: ("B", "b2"), 4: ()}, mode=SNAPSHOT, version="2", broken=[1]),))


def test_a_kill_at_any_statement_of_a_snapshot_leaves_before_or_after(tmp_path: Path) -> None:
    on = stage(snapshot_again, tmp_path)
    assert on.before["torn.things_history"] != on.after["torn.things_history"]
    for place in on.places():
        path = on.copy(tmp_path / str(place))
        kill(on, path, place)
        assert dump(path) == on.expected(place), f"killed {on.moments[place]}"
        if place % 3 == 0 and on.expected(place) is on.before:
            on.work.do(path)
            assert dump(path) == on.after, f"tried again after being killed {on.moments[place]}"
        shutil.rmtree(path.parent)
