"""A load into DuckDB that fails, is killed, or finds the disk full or the file held leaves the warehouse as before or as after."""

from __future__ import annotations

import os
import random
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from torn_pipeline.errors import WarehouseBusy, WarehouseError
from torn_pipeline_tests.conformance.warehouse_loads import Things, fetch, frames
from torn_pipeline_tests.emulator import EXHAUSTIVE
from torn_pipeline_tests.faults.fault_pairs import AT_LEAST, Pair, check_count
from torn_pipeline_tests.faults.warehouse_worker import (
    NO_ROOM,
    Stage,
    dump,
    hold,
    kill,
    opened,
    processes,
    stage,
    watched,
    work_on_a_full_disk,
    work_through,
)
from torn_pipeline_tests.faults.warehouse_works import SCENES, TABLES, Scene, Work, load, upsert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torn_pipeline.warehouse.duckdb import DuckDBWarehouse

ERROR_BEFORE, ERROR_AFTER, KILLED = "error before", "error after", "killed before"
FULL_DISK, HELD = "full disk", "held lock"
AGAIN = 5  # of so many works that were stopped before they were done, one is done again


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where files need no disk, if there is such a place: a case is a file of some megabytes, written and thrown away."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as found:
        yield Path(found)


@contextmanager
def case(on: Stage, folder: Path) -> Iterator[Path]:
    """A copy of the warehouse before the work."""
    path = on.copy(folder / "case")
    yield path
    shutil.rmtree(path.parent)


def chosen(on: Stage, scene: Scene) -> list[Pair]:
    """The moments at which the work is stopped, and how: in one piece of work each statement once or twice, in others each once."""
    last = len(on.moments) - 1
    pairs = [(place, kind) for place in range(0, last, 2) for kind in (ERROR_BEFORE, KILLED)]
    pairs += [(place, ERROR_AFTER) for place in range(1, last + 1, 2)]
    every = 1 if EXHAUSTIVE else 2 if scene is upsert else 3
    kinds = [ERROR_BEFORE, KILLED, ERROR_AFTER]
    kept = [(place, kind) for place, kind in pairs if (place // 2 + kinds.index(kind)) % every == 0 or on.commit - 1 <= place <= on.commit]
    return [*kept, (last, KILLED)]


def stop(on: Stage, path: Path, place: int, kind: str) -> None:
    """Do the work up to a moment."""
    if kind == KILLED:
        kill(on, path, place)
        return
    left = iter(range(place, -1, -1))

    def fail(_moment: str, sql: str) -> None:
        if next(left, 1) == 0:
            raise OSError(sql)

    with watched(fail), pytest.raises((OSError, WarehouseError)):
        on.work.do(opened(path))


def stop_everywhere(on: Stage, folder: Path, pairs: list[Pair]) -> Iterator[Pair]:
    for number, (place, kind) in enumerate(pairs):
        with case(on, folder) as path:
            stop(on, path, place, kind)
            assert on.found(path) == on.expected(place), f"{kind}: {on.moments[place]}"
            if place >= on.commit or number % AGAIN == 0:
                do_again(on, path, f"{kind}: {on.moments[place]}")
        yield place, kind


def do_again(on: Stage, path: Path, what: str) -> None:
    on.work.do(opened(path))
    assert without_versions(dump(path)) == without_versions(on.after), f"tried again after {what}"


def without_versions(found: dict[str, Any]) -> dict[str, Any]:
    """All but the versions of the tables' shapes: tables that are rebuilt twice have been created twice."""
    return {table: rows for table, rows in found.items() if table != "torn_meta.schema_versions"}


def fill_the_disk(on: Stage, folder: Path) -> Iterator[Pair]:
    """No room for the log's beginning, for its end, or, when all is in the log, for what is moved from there into the file."""
    outcomes = set()
    for size in (1, 100, 2500, 4096, 65_536, (folder / "ended.duckdb").stat().st_size - 1):
        with case(on, folder) as path:
            worker = processes().Process(target=work_on_a_full_disk, args=(on.work, path, size))
            worker.start()
            worker.join(120)
            outcomes.add(worker.exitcode)
            done = {0: on.after, NO_ROOM: on.before}[worker.exitcode or 0]
            assert on.found(path) == done, f"no room beyond {size}"
            do_again(on, path, f"there was no room beyond {size}")
        yield size, FULL_DISK
    assert outcomes == {0, NO_ROOM}


def hold_the_file(on: Stage, folder: Path) -> Iterator[Pair]:
    """Another program has the file open: the work waits for it, and in the end says so."""
    if not on.start.exists():
        return
    with case(on, folder) as path:
        context = processes()
        is_held, may_end = context.Event(), context.Event()
        holder = context.Process(target=hold, args=(path, is_held, may_end))
        holder.start()
        assert is_held.wait(60)
        with pytest.raises(WarehouseBusy):
            on.work.do(opened(path, 0.2))
        may_end.set()
        holder.join(60)
        assert on.found(path) == on.before
        on.work.do(opened(path))
        assert dump(path) == on.after
    yield 0, HELD


@pytest.mark.parametrize("scene", SCENES)
def test_a_fault_anywhere_leaves_before_or_after(scene: Scene, folder: Path, record_property: Callable[[str, object], None]) -> None:
    on = stage(scene, folder)
    assert on.before != on.after
    tried = [*stop_everywhere(on, folder, chosen(on, scene)), *fill_the_disk(on, folder), *hold_the_file(on, folder)]
    check_count("duckdb", scene.__name__, tried, record_property)


def test_many_distinct_faults_are_tried_whenever_the_suite_runs() -> None:
    assert sum(count for works in AT_LEAST.values() for count in works.values()) >= 200
    assert all(set(works) == {scene.__name__ for scene in SCENES} for works in AT_LEAST.values())


def test_a_careless_writer_is_caught(folder: Path) -> None:
    """The harness itself: a writer that commits every statement by itself does leave half a load."""
    on = stage(upsert, folder, atomic=False)
    torn = 0
    for place in range(0, len(on.moments), 8):
        with case(on, folder) as path:
            kill(on, path, place, atomic=False)
            torn += on.found(path) not in (on.before, on.after)
    assert torn > 3


def test_a_kill_at_any_time_leaves_before_or_after(folder: Path) -> None:
    """Also inside a statement, or while the file is closed."""
    many: Things = dict.fromkeys(range(1500), ("a", "b", "c"))

    def scene(warehouse: Any) -> Work:  # noqa: ANN401 - any warehouse
        warehouse.load(load(fetch(1), many, batches=[frames(fetch(1), many)]))
        return Work((load(fetch(2), {}, batches=[frames(fetch(2), many)]),))

    on = stage(scene, folder)
    chance = random.Random(7)  # noqa: S311 - not for secrets
    for _ in range(8):
        with case(on, folder) as path:
            worker = processes().Process(target=work_through, args=((on.work,), path))
            worker.start()
            worker.join(chance.uniform(0.05, 0.4))
            worker.kill()
            worker.join(60)
            assert on.found(path) in (on.before, on.after)
            on.work.do(opened(path))
            assert dump(path) == on.after


def test_two_processes_write_at_once_and_a_reader_sees_whole_fetches(folder: Path) -> None:
    path = folder / "warehouse.duckdb"
    warehouse: DuckDBWarehouse = opened(path)
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
