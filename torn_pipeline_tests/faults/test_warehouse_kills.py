"""A load that is killed, or fails, at any statement leaves the warehouse as it was before or as it is after."""

from __future__ import annotations

import random
import shutil
import signal
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from torn_pipeline.errors import WarehouseError
from torn_pipeline.tables.table import StorageMode
from torn_pipeline.warehouse.duckdb import DuckDBWarehouse
from torn_pipeline_tests.conformance.warehouse_loads import THINGS, Things, fetch, frames
from torn_pipeline_tests.conformance.warehouse_loads import load as load_into
from torn_pipeline_tests.faults.warehouse_worker import Work, dump, processes, statements_of, watched, work_and_die, work_through

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torn_pipeline.landing import Fetch

TABLES = tuple(
    replace(table, columns=tuple(replace(column, description="", unit="") if column.name != "id" else column for column in table.columns))
    for table in THINGS
)
"""One described column is enough: each costs a statement."""
load = partial(load_into, tables=TABLES)
APPEND, REPLACE = StorageMode.APPEND, StorageMode.REPLACE


def with_column(of: Fetch, things: Things, value: object) -> dict[str, pl.DataFrame]:
    batch = frames(of, things)
    return {
        **batch,
        "things": batch["things"].with_columns(pl.lit(value, pl.String if isinstance(value, str) else pl.Int64).alias("colour")),
    }


def first_load(_warehouse: DuckDBWarehouse) -> Work:
    """Into a file that is not there yet."""
    return Work((load(fetch(1), {1: ("a", "b"), 2: ()}, broken=[3]),))


def upsert(warehouse: DuckDBWarehouse) -> Work:
    """Rows replaced, added and kept as newer, a new column in the second batch, quarantine filled and released."""
    warehouse.load(load(fetch(1), {1: ("a",), 2: ("b", "c"), 3: ()}, broken=[9]))
    warehouse.load(load(fetch(3), {3: ("newer",)}))
    of = fetch(2)
    batches = [frames(of, {1: ("A", "B"), 3: ("old",)}), with_column(of, {4: ("d",)}, "red")]
    releases = tuple(row.quarantine_id for row in warehouse.quarantined())
    return Work((load(of, {}, batches=batches, broken=[2], releases=releases),))


def replace_again(warehouse: DuckDBWarehouse) -> Work:
    """The same fetch under a mended contract: one root is broken now, a column is widened, the slice is replaced."""
    warehouse.load(load(fetch(1), {1: ("a",), 5: ("z",)}, mode=REPLACE))
    of = fetch(2)
    warehouse.load(load(of, {}, mode=REPLACE, batches=[with_column(of, {1: ("b",), 2: ("c", "d"), 3: ()}, 7)]))
    return Work((load(of, {}, mode=REPLACE, version="2", batches=[with_column(of, {1: ("B",), 3: ()}, "red")], broken=[2]),))


def rebuild(warehouse: DuckDBWarehouse) -> Work:
    """Two fetches in another mode, into tables that are dropped and made anew."""
    for number in (1, 2):
        warehouse.load(load(fetch(number), {1: ("a",), number: ("b",)}, broken=[8]))
    return Work(tuple(load(fetch(number), {1: ("A",), number: ("B",)}, mode=APPEND) for number in (1, 2)), {"things": TABLES})


@dataclass(frozen=True)
class Stage:
    """A warehouse before a work, the moments at which the work can be stopped, and what it leaves behind."""

    work: Work
    start: Path
    moments: list[tuple[str, str]]
    before: dict[str, Any]
    after: dict[str, Any]

    def copy(self, folder: Path) -> Path:
        """The warehouse before the work, in a folder of its own."""
        folder.mkdir()
        path = folder / "warehouse.duckdb"
        if self.start.exists():
            shutil.copy(self.start, path)
        return path

    def places(self) -> list[int]:
        """Every boundary: before each statement, which is after the one before it, and after the last."""
        last = len(self.moments) - 1
        return [place for place, (moment, _) in enumerate(self.moments) if moment == "before" or place == last]

    def expected(self, place: int) -> dict[str, Any]:
        """What stands there when the work is stopped at that moment: nothing of it up to the commit, all of it after."""
        commit = self.moments.index(("after", "COMMIT"))
        return self.after if place >= commit else self.before


def stage(scene: Callable[[DuckDBWarehouse], Work], folder: Path, *, atomic: bool = True) -> Stage:
    path = folder / "start" / "warehouse.duckdb"
    work = scene(DuckDBWarehouse(path))
    before = dump(path)
    ended = folder / "ended.duckdb"
    if path.exists():
        shutil.copy(path, ended)
    moments = statements_of(work, ended, atomic=atomic)
    return Stage(work, path, moments, before, dump(ended))


def kill(on: Stage, path: Path, place: int, *, atomic: bool = True) -> None:
    worker = processes().Process(target=work_and_die, args=(on.work, path, place, atomic))
    worker.start()
    worker.join(60)
    assert worker.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("scene", [first_load, upsert, replace_again, rebuild])
def test_a_kill_at_any_statement_leaves_before_or_after(scene: Callable[[DuckDBWarehouse], Work], tmp_path: Path) -> None:
    on = stage(scene, tmp_path)
    assert on.before != on.after
    assert len(on.places()) > 30
    for place in on.places():
        path = on.copy(tmp_path / str(place))
        kill(on, path, place)
        assert dump(path) == on.expected(place), f"killed {on.moments[place]}"
        if place % 3 == 0 and on.expected(place) is on.before:
            on.work.do(path)
            assert dump(path) == on.after, f"tried again after being killed {on.moments[place]}"
        shutil.rmtree(path.parent)


def test_an_error_at_any_statement_leaves_before_or_after(tmp_path: Path) -> None:
    on = stage(upsert, tmp_path)
    for place in on.places():
        path, moment = on.copy(tmp_path / str(place)), on.moments[place]
        left = iter(range(place, -1, -1))

        def fail(_moment: str, sql: str, left: Any = left) -> None:  # noqa: ANN401 - an iterator of this round
            if next(left, 1) == 0:
                raise OSError(sql)

        with watched(fail), pytest.raises((OSError, WarehouseError)):
            on.work.do(path)
        assert dump(path) == on.expected(place), f"failed {moment}"
        on.work.do(path)
        assert dump(path) == on.after, f"tried again after it failed {moment}"
        shutil.rmtree(path.parent)


def test_a_careless_writer_is_caught(tmp_path: Path) -> None:
    """The harness itself: a writer that commits every statement by itself does leave half a load."""
    on = stage(upsert, tmp_path, atomic=False)
    torn = 0
    for place in range(0, len(on.moments), 4):
        path = on.copy(tmp_path / str(place))
        kill(on, path, place, atomic=False)
        torn += dump(path) not in (on.before, on.after)
    assert torn > 5


def test_a_kill_at_any_time_leaves_before_or_after(tmp_path: Path) -> None:
    """Also inside a statement, or while the file is closed."""
    many: Things = dict.fromkeys(range(1500), ("a", "b", "c"))

    def scene(warehouse: DuckDBWarehouse) -> Work:
        warehouse.load(load(fetch(1), many, batches=[frames(fetch(1), many)]))
        return Work((load(fetch(2), {}, batches=[frames(fetch(2), many)]),))

    on = stage(scene, tmp_path)
    chance = random.Random(7)  # noqa: S311 - not for secrets
    for place in range(12):
        path = on.copy(tmp_path / str(place))
        worker = processes().Process(target=work_through, args=((on.work,), path))
        worker.start()
        worker.join(chance.uniform(0.05, 0.4))
        worker.kill()
        worker.join(60)
        assert dump(path) in (on.before, on.after)
        on.work.do(path)
        assert dump(path) == on.after


def test_two_processes_write_at_once_and_a_reader_sees_whole_fetches(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    warehouse = DuckDBWarehouse(path)
    warehouse.prepare(TABLES, "a run")
    things: Things = dict.fromkeys(range(60), ("a", "b"))

    def works(account: str) -> list[Work]:
        return [
            Work((load(fetch(number, account=account), {}, batches=[frames(fetch(number, account=account), things)]),))
            for number in range(8)
        ]

    workers = [processes().Process(target=work_through, args=(works(account), path)) for account in ("default", "friend")]
    for worker in workers:
        worker.start()
    seen = set()
    while any(worker.is_alive() for worker in workers):
        answer = warehouse.query(
            "SELECT _account, _fetch_id, count(*), (SELECT count(*) FROM things_parts p WHERE p._fetch_id = t._fetch_id) "
            "FROM things t GROUP BY ALL"
        )
        rows = [tuple(row.values()) for row in answer.to_pylist()]
        assert len({row[0] for row in rows}) == len(rows)
        assert all(row[2:] == (60, 120) for row in rows)
        seen |= {row[1] for row in rows}
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(seen) > 1
    assert {row["_fetch_id"] for row in warehouse.query("SELECT DISTINCT _fetch_id FROM things").to_pylist()} == {
        "things-default-7",
        "things-friend-7",
    }
