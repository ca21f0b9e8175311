"""The ledger: what all processes that call the API must know together, in one SQLite file.

Here belongs how the file is opened, shared and closed, and which tables it has. What stands in them is the business
of the modules that count calls and rows, look after keys, and stay away when the API asks for it.
"""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING

from torn_pipeline.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Ledger"]

_VERSION = 2
# AUTOINCREMENT: the number of a call or of somebody who waits is never given to another one.
_TABLES = """
    DROP TABLE IF EXISTS calls;
    CREATE TABLE calls (id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, key TEXT NOT NULL,
        granted REAL NOT NULL, ends REAL NOT NULL);
    CREATE INDEX calls_account ON calls (account, ends);
    CREATE TABLE waiters (id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, rank INTEGER NOT NULL,
        for_address INTEGER NOT NULL, expires REAL NOT NULL);
    CREATE TABLE passed_over (account TEXT PRIMARY KEY, times INTEGER NOT NULL);
    CREATE TABLE reads (id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, kind TEXT NOT NULL,
        at REAL NOT NULL, rows INTEGER NOT NULL);
    CREATE TABLE breaker (id INTEGER PRIMARY KEY CHECK (id = 1), times INTEGER NOT NULL, opened REAL NOT NULL,
        until REAL NOT NULL, said TEXT NOT NULL, probe_until REAL NOT NULL);
    CREATE TABLE keys (key TEXT PRIMARY KEY, refused TEXT NOT NULL DEFAULT '', refused_at REAL, refused_until REAL,
        asked REAL, info_at REAL, level TEXT, owner INTEGER, faction INTEGER, selections TEXT);
    CREATE TABLE too_low (key TEXT NOT NULL, path TEXT NOT NULL, said TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (key, path));
"""
_BUSY_SECONDS = 30.0
_LOCKED_SECONDS = 0.01
_LOG_PAGES = 8000  # of a kilobyte, before what was written is put in its place, which waits for the disk

_inherited: list[sqlite3.Connection] = []
"""Connections of the process this one was forked from: SQLite wants them neither used nor closed here."""


class Ledger:
    """One SQLite file, open to any number of threads and processes of this machine.

    Connections are kept for the next transaction (opening one costs many times what it does) and closed by
    :meth:`close`, or when nobody has the ledger any more; one is used by one thread at a time, and none by a child
    process. A kill or a power failure leaves the file whole. It may be deleted whenever nothing is running: what it
    knew is then forgotten.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[tuple[int, sqlite3.Connection]] = []
        self._end = weakref.finalize(self, _close_all, self._idle)

    def close(self) -> None:
        """Close the connections that nobody uses; the next transaction opens a new one."""
        _close_all(self._idle)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other one overlaps; it is undone when the block raises.

        Raises:
            ConfigError: the file cannot be used.
        """
        with self.connection() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with, or for one statement that is a transaction of its own; reading waits for no writer.

        Raises:
            ConfigError: the file cannot be used.
        """
        try:
            database = self._kept() or self._open()
            try:
                yield database
            except sqlite3.Error:
                database.close()
                raise
            except BaseException:
                self._idle.append((os.getpid(), database))
                raise
            self._idle.append((os.getpid(), database))
        except (sqlite3.Error, OSError) as error:
            message = f"the count of calls in {self.path} cannot be used ({error}); make its folder writable, or delete the file"
            raise ConfigError(message) from error

    def _kept(self) -> sqlite3.Connection | None:
        while True:
            try:
                process, database = self._idle.pop()
            except IndexError:
                return None
            if process == os.getpid():
                return database
            _inherited.append(database)

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            database.execute("PRAGMA page_size = 1024")
            _write_ahead(database)
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
            if _version(database) != _VERSION:
                _create(database)
        except BaseException:
            database.close()
            raise
        return database


def _write_ahead(database: sqlite3.Connection) -> None:
    """Let readers and a writer not wait for each other; nobody else may be opening the file just then, so try for a while."""
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_LOCKED_SECONDS)
        else:
            return


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _create(database: sqlite3.Connection) -> None:
    database.execute("BEGIN IMMEDIATE")
    if _version(database) != _VERSION:
        for statement in _TABLES.split(";"):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {_VERSION}")
    database.execute("COMMIT")


def _close_all(idle: list[tuple[int, sqlite3.Connection]]) -> None:
    while idle:
        process, database = idle.pop()
        if process == os.getpid():
            database.close()
        else:
            _inherited.append(database)
