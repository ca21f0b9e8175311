"""Work on a DuckDB warehouse that can be stopped before and after each of its statements.

Processes are forked from a server that has imported this module and nothing of Dagster, so one costs
some hundredths of a second.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb

from torn_pipeline.warehouse.duckdb import DuckDBWarehouse
from torn_pipeline.warehouse.duckdb_file import DatabaseFile, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.context import ForkServerContext
    from pathlib import Path

    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse import Load

__all__ = ["Work", "dump", "processes", "statements_of", "watched", "work_and_die", "work_through"]

CLOCKS = {"applied_at", "changed_at", "loaded_at", "quarantined_at"}
TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK")


@dataclass(frozen=True)
class Work:
    """What a worker does: loads in one transaction, after emptying the tables of the endpoints in ``rebuild``."""

    loads: tuple[Load, ...]
    rebuild: dict[str, tuple[Table, ...]] = field(default_factory=dict)

    def do(self, path: Path) -> None:
        """Do it."""
        DuckDBWarehouse(path, lock_timeout=20).load_all(self.loads, rebuild=self.rebuild)


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


def statements_of(work: Work, path: Path, *, atomic: bool = True) -> list[tuple[str, str]]:
    """Do the work and list the moments that the hook saw."""
    moments: list[tuple[str, str]] = []
    with watched(lambda moment, sql: moments.append((moment, sql)), atomic=atomic):
        work.do(path)
    return moments


def work_and_die(work: Work, path: Path, place: int, atomic: bool) -> None:  # noqa: FBT001 - a process takes no keywords well
    """Do the work up to the moment of that number, and be killed there."""
    left = iter(range(place, -1, -1))

    def hook(_moment: str, _sql: str) -> None:
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    with watched(hook, atomic=atomic):
        work.do(path)


def work_through(works: Sequence[Work], path: Path) -> None:
    """Do one work after the other."""
    for work in works:
        work.do(path)


def processes() -> ForkServerContext:
    """Where worker processes come from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", __name__])
    return context


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
