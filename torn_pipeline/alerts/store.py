"""The file that incidents and messages are kept in: how it is opened, and its tables.

Here belongs SQLite. What stands in the tables, and why, is the business of the modules that read and write them.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from filelock import FileLock

from torn_pipeline.durable import sync_folder
from torn_pipeline.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["STORE_FILE", "Store", "moment", "stamp"]

STORE_FILE = "alerts.sqlite"
"""The file's name in the data directory."""

_BUSY_SECONDS = 30.0
# A member is a thing that is, or was, wrong as part of an incident: from `began` until `ended`, both by the observations. It ended
# as `right_title` says, or because nobody looks at it any more (`gone`).
# A route is a rule by which a channel hears of a member. A telling is that a channel hears of an incident, until all that it
# `heard` of is right: how bad it was told, and whether anything about it may have reached the channel. A row of the outbox is a
# message to be sent, not before `due`; its words (`body`) are settled when it is first sent, and never change from then on. One
# that is told by another message has that one's number in `within`. Those that are to be sent are `waiting`, those that nobody
# has tried to send yet are `unsaid`. A channel is in `channels` for as long as it fails. The rules that were right last are `kept`.
_TABLES = """
    PRAGMA journal_mode = WAL;
    PRAGMA user_version = 1;
    CREATE TABLE incidents (id TEXT PRIMARY KEY, cause TEXT NOT NULL, opened TEXT NOT NULL, closed TEXT, acknowledged TEXT,
        acknowledged_by TEXT);
    CREATE UNIQUE INDEX open_causes ON incidents (cause) WHERE closed IS NULL AND cause != '';
    CREATE TABLE members (id INTEGER PRIMARY KEY AUTOINCREMENT, incident TEXT NOT NULL REFERENCES incidents ON DELETE CASCADE,
        key TEXT NOT NULL, kind TEXT NOT NULL, severity TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL, link TEXT NOT NULL,
        began TEXT NOT NULL, seen TEXT NOT NULL, ended TEXT, right_title TEXT NOT NULL DEFAULT '',
        gone INTEGER NOT NULL DEFAULT 0);
    CREATE UNIQUE INDEX open_members ON members (key) WHERE ended IS NULL;
    CREATE INDEX members_key ON members (key);
    CREATE INDEX members_incident ON members (incident);
    CREATE TABLE routes (member INTEGER NOT NULL REFERENCES members ON DELETE CASCADE, channel TEXT NOT NULL, rule TEXT NOT NULL,
        escalates INTEGER NOT NULL, PRIMARY KEY (member, channel, rule, escalates)) WITHOUT ROWID;
    CREATE TABLE tellings (number INTEGER PRIMARY KEY AUTOINCREMENT, incident TEXT NOT NULL REFERENCES incidents ON DELETE CASCADE,
        channel TEXT NOT NULL, severity TEXT NOT NULL, reached INTEGER NOT NULL, ended INTEGER NOT NULL DEFAULT 0);
    CREATE UNIQUE INDEX open_tellings ON tellings (incident, channel) WHERE NOT ended;
    CREATE TABLE heard (telling INTEGER NOT NULL REFERENCES tellings ON DELETE CASCADE, member INTEGER NOT NULL,
        PRIMARY KEY (telling, member)) WITHOUT ROWID;
    CREATE TABLE outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, incident TEXT NOT NULL REFERENCES incidents ON DELETE CASCADE,
        channel TEXT NOT NULL, kind TEXT NOT NULL, manner TEXT NOT NULL, severity TEXT NOT NULL, telling INTEGER,
        due TEXT NOT NULL, body TEXT, attempts INTEGER NOT NULL DEFAULT 0, refused TEXT, said TEXT NOT NULL DEFAULT '',
        sent TEXT, given_up TEXT, within INTEGER);
    CREATE INDEX outbox_waiting ON outbox (channel, number) WHERE sent IS NULL AND given_up IS NULL AND within IS NULL;
    CREATE VIEW waiting AS SELECT * FROM outbox WHERE sent IS NULL AND given_up IS NULL AND within IS NULL;
    CREATE VIEW unsaid AS SELECT * FROM waiting WHERE attempts = 0;
    CREATE INDEX outbox_incident ON outbox (incident);
    CREATE TABLE channels (name TEXT PRIMARY KEY, since TEXT NOT NULL, failures INTEGER NOT NULL, rests_until TEXT NOT NULL);
    CREATE TABLE cursors (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE kept (rules TEXT NOT NULL);
"""


class Store:
    """One SQLite file, open to any number of threads and processes of this machine.

    What a transaction has committed is on the disk: neither a kill nor a power failure takes it back.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other one overlaps; it is undone when the block raises.

        Raises:
            ConfigError: the file cannot be used.
        """
        try:
            with closing(self._open()) as database:
                database.execute("BEGIN IMMEDIATE")
                try:
                    yield database
                except BaseException:
                    database.execute("ROLLBACK")
                    raise
                database.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            message = f"the alerts in {self.path} cannot be used ({error}); make its folder writable, or move the file away to begin anew"
            raise ConfigError(message) from error

    def _open(self) -> sqlite3.Connection:
        if not self.path.exists():
            self._create()
        return _connect(self.path)

    def _create(self) -> None:
        """Make the file whole before it gets its name, so that nobody ever finds half of it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_suffix(".lock"), timeout=_BUSY_SECONDS):
            if self.path.exists():
                return
            new = self.path.with_suffix(".new")
            for left in new.parent.glob(f"{new.name}*"):  # by somebody who was killed
                left.unlink()
            with closing(_connect(new)) as database:
                database.executescript(_TABLES)
            new.rename(self.path)
            sync_folder(new.parent)


def stamp(at: datetime) -> str:
    """A moment as it is stored: texts (UTC) that sort as the moments do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    """A moment as it was stored."""
    return datetime.fromisoformat(text)


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    database.row_factory = sqlite3.Row
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA foreign_keys = ON")
    return database
