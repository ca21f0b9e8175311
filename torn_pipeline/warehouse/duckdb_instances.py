"""Instances of DuckDB in memory, in which files are opened: to start one takes ten times as long as to open a file in it.

So one that has no file open is kept for the next use. Not here: who may open which file when (``duckdb_file``).
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import duckdb

from torn_pipeline.warehouse.duckdb_sql import literal

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["give_back", "instance"]

_IDLE: list[duckdb.DuckDBPyConnection] = []  # one at most, with no file open


def instance(temporary: Path) -> duckdb.DuckDBPyConnection:
    """An instance with no file open, in which nothing was set but the folder for its temporary files."""
    while _IDLE:
        with suppress(IndexError):  # another thread was faster
            idle = _IDLE.pop()
            if _is_ready(idle, temporary):
                return idle
            idle.close()
    return duckdb.connect(":memory:", config={"temp_directory": str(temporary)})


def give_back(connection: duckdb.DuckDBPyConnection) -> None:
    """Keep an instance that has no file open, or end it when there is one already."""
    if _IDLE:
        connection.close()
    else:
        _IDLE.append(connection)


def _is_ready(idle: duckdb.DuckDBPyConnection, temporary: Path) -> bool:
    """Whether it can be used once more: not after a fatal error, nor when it has temporary files elsewhere."""
    try:
        idle.execute("SET temp_directory = " + literal(str(temporary)))
        idle.execute("RESET threads")
        idle.execute("RESET write_buffer_row_group_count")
    except duckdb.Error:
        return False
    return True


def _end_idle() -> None:
    while _IDLE:
        with suppress(IndexError):
            _IDLE.pop().close()


if sys.platform != "win32":
    os.register_at_fork(before=_end_idle)  # an instance has threads, which a fork leaves behind
