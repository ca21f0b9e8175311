"""Work on a DuckDB warehouse that can be stopped before and after each of its statements.

Processes are forked from a server that has imported this module and nothing of Dagster, so one costs
some hundredths of a second.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from torn_pipeline.errors import PipelineError
from torn_pipeline.warehouse.duckdb import DuckDBWarehouse
from torn_pipeline.warehouse.duckdb_file import DatabaseFile, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.context import ForkServerContext
    from multiprocessing.synchronize import Event
    from pathlib import Path

    from torn_pipeline_tests.faults.warehouse_works import Scene, Work

__all__ = [
    "NO_ROOM",
    "Stage",
    "dump",
    "hold",
    "kill",
    "opened",
    "processes",
    "stage",
    "statements_of",
    "watched",
    "work_and_die",
    "work_on_a_full_disk",
    "work_through",
]

CLOCKS = {"applied_at", "changed_at", "loaded_at", "quarantined_at"}
TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK")
NO_ROOM = 3
"""The exit status of a worker whose work ended with one of our errors."""


@contextmanager
def watched(hook: Callable[[str, str], None], *, atomic: bool = True) -> Iterator[None]:
    """Call ``hook(moment, statement)`` before and after each statement and each opening of the file.

    Without ``atomic`` the warehouse is a careless one, which commits every statement by itself.
    """
    run, attach = Session.run, DatabaseFile._attach

    def watched_run(self: Session, sql: str, values: Any = (), **rest: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - handed on as they are
        hook("before", sql)
        careless = not atomic and sql.startswith(TRANSACTION)
        rows = [] if careless else run(self, sql, values, **rest)
        hook("after", sql)
        return rows

    def watched_attach(self: DatabaseFile, *given: Any, **options: Any) -> duckdb.DuckDBPyConnection:  # noqa: ANN401 - handed on as they are
        hook("before", "ATTACH")
        connection = attach(self, *given, **options)
        try:
            hook("after", "ATTACH")
        except BaseException:
            connection.close()
            raise
        return connection

    Session.run, DatabaseFile._attach = watched_run, watched_attach  # type: ignore[method-assign] # the point of this function
    try:
        yield
    finally:
        Session.run, DatabaseFile._attach = run, attach  # type: ignore[method-assign] # as above


def opened(path: Path, patience: float = 20) -> DuckDBWarehouse:
    """The warehouse in a file."""
    return DuckDBWarehouse(path, lock_timeout=patience)


def statements_of(work: Work, path: Path, *, atomic: bool = True) -> list[tuple[str, str]]:
    """Do the work and list the moments that the hook saw."""
    moments: list[tuple[str, str]] = []
    with watched(lambda moment, sql: moments.append((moment, sql)), atomic=atomic):
        work.do(opened(path))
    return moments


# --- what a process of its own does ------------------------------------------------------------------------------


def work_and_die(work: Work, path: Path, place: int, atomic: bool) -> None:  # noqa: FBT001 - a process takes no keywords well
    """Do the work up to the moment of that number, and be killed there."""
    _check_light()
    left = iter(range(place, -1, -1))

    def hook(_moment: str, _sql: str) -> None:
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    with watched(hook, atomic=atomic):
        work.do(opened(path))


def work_on_a_full_disk(work: Work, path: Path, size: int) -> None:
    """Do the work where no file gets larger than so many bytes: what lies beyond is refused as on a disk that is full."""
    _check_light()
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        work.do(opened(path))
    except PipelineError:
        os._exit(NO_ROOM)  # at once: nothing that could still be written is


def work_through(works: Sequence[Work], path: Path) -> None:
    """Do one work after the other."""
    for work in works:
        work.do(opened(path))


def hold(path: Path, is_held: Event, may_end: Event) -> None:
    """Keep a file open as another program would, until told to end."""
    _check_light()
    with duckdb.connect(str(path)):
        is_held.set()
        may_end.wait(60)


def _check_light() -> None:
    """Processes are many: they must not load what takes seconds."""
    assert "dagster" not in sys.modules


def processes() -> ForkServerContext:
    """Where worker processes come from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", __name__, "torn_pipeline_tests.faults.warehouse_works"])
    return context


# --- before and after --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """A warehouse before a work, the moments at which the work can be stopped, and what it leaves behind.

    ``moments`` come in twos, before and after a statement.
    """

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

    @property
    def commit(self) -> int:
        """The moment from which on the work is done."""
        return self.moments.index(("after", "COMMIT"))

    def expected(self, place: int) -> dict[str, Any]:
        """What stands there when the work is stopped at that moment: nothing of it up to the commit, all of it after."""
        return self.after if place >= self.commit else self.before

    def found(self, path: Path) -> dict[str, Any]:
        """What stands in a copy; it is not read again when not one byte of it has changed."""
        if self.start.exists() and not path.with_name(f"{path.name}.wal").exists() and path.read_bytes() == self.start.read_bytes():
            return self.before
        return dump(path)


def stage(scene: Scene, folder: Path, *, atomic: bool = True) -> Stage:
    """Prepare a piece of work, and do it once to see its statements and its end."""
    path = folder / "start" / "warehouse.duckdb"
    work = scene(DuckDBWarehouse(path))
    before = dump(path)
    ended = folder / "ended.duckdb"
    if path.exists():
        shutil.copy(path, ended)
    moments = statements_of(work, ended, atomic=atomic)
    return Stage(work, path, moments, before, dump(ended))


def kill(on: Stage, path: Path, place: int, *, atomic: bool = True) -> None:
    """Have a process do the work, and be killed at that moment."""
    worker = processes().Process(target=work_and_die, args=(on.work, path, place, atomic))
    worker.start()
    worker.join(120)
    assert worker.exitcode == -signal.SIGKILL


def dump(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, sorted, without the columns that hold the time of writing; nothing when there is no file."""
    if not path.exists():
        return {}
    with duckdb.connect(str(path), read_only=True) as connection:
        columns = connection.execute(
            "SELECT schema_name || '.' || table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() "
            "WHERE NOT internal GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        return {
            table: sorted(connection.execute(f"SELECT {', '.join(n for n in names if n not in CLOCKS)} FROM {table}").fetchall(), key=repr)  # noqa: S608 - names of the catalog
            for table, names in columns
        }
