"""Dagster's SQLite files and what processes wrote, below ``DAGSTER_HOME``: their sizes, what Dagster leaves in them, their shape.

::

    history/runs.db             runs
    history/runs/index.db       what of the events is asked for across runs: assets, checks, the status of runs
    history/runs/<run id>.db    all events of a run
    schedules/schedules.db      ticks
    storage/<run id>/           what the processes of a run wrote

Deleting a run takes its events out of its file, and leaves the file and what its checks said. Where Dagster's state is in
PostgreSQL only ``storage`` is there, and nothing else here does anything.
"""

from __future__ import annotations

import logging
import re
import shutil
import sqlite3
import struct
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["compact", "remove_run", "run_size", "sweep", "tick_size", "without_a_run"]

_log = logging.getLogger(__name__)

_RUN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PAGE = 512  # bytes: a run's file has 26 tables and indexes, nearly all of them empty, and each takes a page of 4096 otherwise
_QUIET_SECONDS = 3600.0  # a file that nobody has written to for so long is a run's that has ended
_WORTH = 0.25  # of a file that is free before it is written anew
_BUSY_SECONDS = 10.0
_AT_ONCE = 10_000  # rows in one transaction: others wait for it
_HEADER = 18  # bytes before the size of a page, which is two bytes long
_CHECKS_LEFT = """DELETE FROM asset_check_executions WHERE id IN (
    SELECT id FROM asset_check_executions WHERE run_id NOT IN (SELECT run_id FROM history.runs) LIMIT ?)"""


def run_size(home: Path, run_id: str) -> int:
    """The bytes of a run: its events' file, and what its processes wrote."""
    found = [*_shard(home, run_id), *(home / "storage" / run_id).rglob("*")]
    return sum(path.stat().st_size for path in found if path.is_file())


def without_a_run(home: Path) -> set[str]:
    """The ids of the runs that have a file of events, or of what their processes wrote, and that ``runs.db`` does not know."""
    folders = [path.name for path in (home / "storage").glob("*") if path.is_dir()]
    found = {name for name in [*(path.stem for path in (home / "history" / "runs").glob("*.db")), *folders] if _RUN.fullmatch(name)}
    runs = home / "history" / "runs.db"
    if not found or not runs.exists():
        return found
    with closing(_connect(runs)) as database:  # after the files were looked for, as a run is there before its files
        return found - {run_id for (run_id,) in database.execute("SELECT run_id FROM runs")}


def remove_run(home: Path, run_id: str) -> None:
    """Remove the files of a run that Dagster has deleted."""
    for path in _shard(home, run_id):
        path.unlink(missing_ok=True)
    shutil.rmtree(home / "storage" / run_id, ignore_errors=True)


def tick_size(home: Path, ticks: int) -> int:
    """About the bytes of so many ticks, by the mean of those there are; 0 where they are not in a file."""
    path = home / "schedules" / "schedules.db"
    if not path.exists():
        return 0
    with closing(_connect(path)) as database:
        (mean,) = database.execute("SELECT avg(length(tick_body)) FROM job_ticks").fetchone()
    return round((mean or 0) * ticks)


def sweep(home: Path) -> int:
    """Delete what the checks of runs said that Dagster has deleted; the number of rows."""
    runs, index, swept = home / "history" / "runs.db", home / "history" / "runs" / "index.db", 0
    if runs.exists() and index.exists():
        with closing(_connect(index)) as database:
            database.execute("ATTACH ? AS history", [str(runs)])
            while deleted := database.execute(_CHECKS_LEFT, [_AT_ONCE]).rowcount:
                swept += deleted
    return swept


def compact(home: Path, now: float, *, most: int) -> tuple[int, int]:
    """Write files anew that have much free room, and those of runs that have ended in smaller pages, ``most`` of these at once.

    ``now`` is in Unix seconds. Gives how many files became smaller, and by how many bytes. One that somebody uses stays as it is.
    """
    history = home / "history"
    roomy = [path for path in (history / "runs.db", history / "runs" / "index.db", home / "schedules" / "schedules.db") if _is_roomy(path)]
    ended = (path for path in sorted((history / "runs").glob("*.db")) if _RUN.fullmatch(path.stem) and _is_to_shrink(path, now))
    saved = [*(_rewrite(path) for path in roomy), *(_rewrite(path, _PAGE) for path in islice(ended, most))]
    return sum(size > 0 for size in saved), sum(saved)


def _is_roomy(path: Path) -> bool:
    if not path.exists():
        return False
    with closing(_connect(path)) as database:
        (free,), (pages,) = (database.execute(f"PRAGMA {name}").fetchone() for name in ("freelist_count", "page_count"))
    return bool(free > pages * _WORTH)


def _is_to_shrink(path: Path, now: float) -> bool:
    try:
        with path.open("rb") as file:
            (page,) = struct.unpack(">H", file.read(_HEADER)[-2:])
        return bool(page > _PAGE) and path.stat().st_mtime < now - _QUIET_SECONDS
    except (FileNotFoundError, struct.error):  # gone meanwhile, or just made
        return False


def _rewrite(path: Path, page: int | None = None) -> int:
    """Write a file anew; the bytes that it saved. SQLite does it in one transaction, so a kill leaves the old file or the new."""
    before = path.stat().st_size
    try:
        with closing(_connect(path)) as database:
            if page is not None:
                # The size of a page cannot change as long as the file has a log beside it.
                database.execute("PRAGMA journal_mode = DELETE")
                database.execute(f"PRAGMA page_size = {page}")
            database.execute("VACUUM")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError as error:
        _log.info("%s is not written anew this time: %s", path, error)
    return before - path.stat().st_size


def _shard(home: Path, run_id: str) -> list[Path]:
    return [home / "history" / "runs" / f"{run_id}.db{suffix}" for suffix in ("", "-wal", "-shm")]


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
