"""The ledger: what all processes that call the API must know together, in one SQLite file or one PostgreSQL database.

Here belongs what a ledger is, which tables it has, and how the file is opened, shared and closed. What stands in the
tables is the business of the modules that count calls and rows, look after keys, and stay away when the API asks for it.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
import weakref
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from torn_pipeline.errors import ConfigError, Transient

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

__all__ = ["TABLES", "VERSION", "Database", "Ledger", "LedgerUnavailable", "Rows", "SqliteLedger", "ledger_at", "spared"]

_log = logging.getLogger(__name__)

VERSION = 4
"""Of the tables; a ledger of another version is brought to this one when it is opened."""

# The types are of both dialects. {number}: the number of a call or of somebody who waits is never given to another one.
TABLES = """
    DROP TABLE IF EXISTS breaker;
    CREATE TABLE IF NOT EXISTS calls (id {number}, account TEXT NOT NULL, key TEXT NOT NULL,
        granted DOUBLE PRECISION NOT NULL, ends DOUBLE PRECISION NOT NULL);
    CREATE INDEX IF NOT EXISTS calls_account ON calls (account, ends);
    CREATE TABLE IF NOT EXISTS minutes (account TEXT NOT NULL, key TEXT NOT NULL, minute BIGINT NOT NULL, calls INTEGER NOT NULL,
        PRIMARY KEY (account, key, minute));
    CREATE TABLE IF NOT EXISTS waiters (id {number}, account TEXT NOT NULL, rank INTEGER NOT NULL,
        for_address INTEGER NOT NULL, expires DOUBLE PRECISION NOT NULL);
    CREATE TABLE IF NOT EXISTS passed_over (account TEXT PRIMARY KEY, times INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS reads (id {number}, account TEXT NOT NULL, kind TEXT NOT NULL,
        at DOUBLE PRECISION NOT NULL, rows INTEGER NOT NULL);
    CREATE TABLE breaker (times INTEGER NOT NULL, until DOUBLE PRECISION NOT NULL, said TEXT NOT NULL,
        newest BIGINT NOT NULL, probe_until DOUBLE PRECISION NOT NULL);
    CREATE TABLE IF NOT EXISTS keys (key TEXT PRIMARY KEY, refused TEXT NOT NULL DEFAULT '', refused_at DOUBLE PRECISION,
        refused_until DOUBLE PRECISION, asked DOUBLE PRECISION, info_at DOUBLE PRECISION, level TEXT, owner BIGINT, faction BIGINT,
        selections TEXT);
    CREATE TABLE IF NOT EXISTS too_low (key TEXT NOT NULL, path TEXT NOT NULL, said TEXT NOT NULL, at DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (key, path))
"""
_NUMBER = "INTEGER PRIMARY KEY AUTOINCREMENT"
_BUSY_SECONDS = 30.0
_LOCKED_SECONDS = 0.01
_LOG_PAGES = 8000  # of a kilobyte, before what was written is put in its place, which waits for the disk

_inherited: list[_SqliteDatabase] = []
"""Connections of the process this one was forked from: SQLite wants them neither used nor closed here."""


class LedgerUnavailable(Transient):
    """The database that counts the calls does not answer; no call is made without it."""


class Rows(Protocol):
    """The answer to a statement."""

    def fetchone(self) -> Any:  # noqa: ANN401 - a row of whatever the statement asks for
        """The next row, ``None`` after the last."""

    def fetchall(self) -> list[Any]:
        """The rows that are left."""


class Database(Protocol):
    """A connection to a ledger. Its SQL is of both dialects, with ``?`` for parameters; ``seconds()`` in it is :meth:`now`."""

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Rows:
        """Run one statement."""

    def insert(self, sql: str, parameters: Sequence[object]) -> int:
        """Run one that inserts into a table with numbers: the number of the new row, 0 where there is none."""

    def now(self) -> float:
        """The time in seconds by the clock that calls are counted with, whose beginning means nothing."""

    def time(self) -> float:
        """The time in Unix seconds, as all who share the ledger see it."""


class Ledger(Protocol):
    """What threads and processes share, in a file or a database."""

    def close(self) -> None:
        """Close the connections that nobody uses; the next transaction opens a new one."""

    def exists(self) -> bool:
        """Whether there is anything to read; nothing is made."""

    def transaction(self) -> AbstractContextManager[Database]:
        """A transaction that no other one overlaps; it is undone when the block raises.

        Raises:
            ConfigError: the ledger cannot be used.
            LedgerUnavailable: it cannot be used now.
        """

    def connection(self) -> AbstractContextManager[Database]:
        """A connection to read with, or for one statement that is a transaction of its own; reading waits for no writer.

        Raises:
            ConfigError: the ledger cannot be used.
            LedgerUnavailable: it cannot be used now.
        """

    def insert_alone(self, sql: str, parameters: Sequence[object]) -> int:
        """As a transaction with one ``insert`` and nothing else, but cheaper.

        Raises:
            ConfigError: the ledger cannot be used.
            LedgerUnavailable: it cannot be used now.
        """


def ledger_at(place: Path | str) -> Ledger:
    """The ledger in a file, or in the database that a PostgreSQL URL names.

    Raises:
        ConfigError: the URL is none.
    """
    if isinstance(place, Path):
        return SqliteLedger(place)
    from torn_pipeline.torn.ledger_postgres import PostgresLedger

    return PostgresLedger(place)


@contextmanager
def spared(what: str) -> Iterator[None]:
    """Go on where the block could not reach the ledger; for what is counted all the same, only more carefully."""
    try:
        yield
    except LedgerUnavailable as error:
        _log.warning("%s could not be written down: %s", what, error)


class SqliteLedger:
    """One SQLite file, open to any number of threads and processes of this machine.

    Connections are kept for the next transaction (opening one costs many times what it does) and closed by
    :meth:`close`, or when nobody has the ledger any more; one is used by one thread at a time, and none by a child
    process. A kill or a power failure leaves the file whole. It may be deleted whenever nothing is running: what it
    knew is then forgotten.

    Calls are counted with the system's monotonic clock, which all processes share and nobody can set; it starts again when
    the machine does.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[tuple[int, _SqliteDatabase]] = []
        self._end = weakref.finalize(self, _close_all, self._idle)

    def close(self) -> None:
        """Close the connections that nobody uses; the next transaction opens a new one."""
        _close_all(self._idle)

    def exists(self) -> bool:
        """Whether the file is there."""
        return self.path.exists()

    @contextmanager
    def transaction(self) -> Iterator[Database]:
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
    def connection(self) -> Iterator[Database]:
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

    def insert_alone(self, sql: str, parameters: Sequence[object]) -> int:
        """A transaction with one ``insert``: as it writes, no other one overlaps it.

        Raises:
            ConfigError: the file cannot be used.
        """
        with self.connection() as database:
            return database.insert(sql, parameters)

    def _kept(self) -> _SqliteDatabase | None:
        while True:
            try:
                process, database = self._idle.pop()
            except IndexError:
                return None
            if process == os.getpid():
                return database
            _inherited.append(database)

    def _open(self) -> _SqliteDatabase:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            database.execute("PRAGMA page_size = 1024")
            _write_ahead(database)
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
            if _version(database) != VERSION:
                _create(database)
        except BaseException:
            database.close()
            raise
        return _SqliteDatabase(database)


class _SqliteDatabase:
    """A connection to the file."""

    def __init__(self, database: sqlite3.Connection) -> None:
        database.create_function("seconds", 0, self.now)
        self._database = database
        self.execute = database.execute
        self.close = database.close

    def insert(self, sql: str, parameters: Sequence[object]) -> int:
        cursor = self.execute(sql, parameters)
        return (cursor.lastrowid or 0) if cursor.rowcount else 0

    @staticmethod
    def now() -> float:
        return time.monotonic()

    @staticmethod
    def time() -> float:
        return time.time()


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
    if _version(database) != VERSION:
        for statement in TABLES.format(number=_NUMBER).split(";"):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {VERSION}")
    database.execute("COMMIT")


def _close_all(idle: list[tuple[int, _SqliteDatabase]]) -> None:
    while idle:
        process, database = idle.pop()
        if process == os.getpid():
            database.close()
        else:
            _inherited.append(database)
