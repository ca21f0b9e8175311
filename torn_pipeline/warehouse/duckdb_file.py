"""One DuckDB file, opened for a short while: who may hold it when, and how it is opened.

DuckDB lets one process write, or several read, and gives a process's locks away when any of its handles
closes. So the threads of this process share one reading instance, writers have the file to themselves
and queue on a lock file beside it, and readers try again while another process writes.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
from filelock import FileLock, Timeout

from torn_pipeline.errors import WarehouseBusy, WarehouseError
from torn_pipeline.warehouse.duckdb_instances import give_back, instance
from torn_pipeline.warehouse.duckdb_sql import literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pyarrow as pa

    Values = list[Any] | dict[str, Any] | tuple[()]

__all__ = ["DatabaseFile", "Session", "transaction"]

# A third of the default: what a load of some ten thousand rows brings is then compressed as it comes, not all at the commit.
_WRITTEN = "(ROW_GROUP_SIZE 40960)"
_PAUSE = 0.05  # seconds between two tries to open a file that another process holds
_PATIENCE = 1.5  # seconds of waiting after which it is said for whom
_THREAD = "another thread of this process is using it"
_PROCESS = "another process is loading into it"
_HOLDER = re.compile(r"lock is held in (?P<program>.*?) \(PID (?P<pid>\d+)")

_log = logging.getLogger(__name__)


class Session:
    """An open database; every statement goes through :meth:`run`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def run(self, sql: str, values: Values = (), *, incoming: pa.Table | None = None) -> list[tuple[Any, ...]]:  # noqa: ARG002 - DuckDB finds it by its name in this frame
        """Run one statement and fetch its rows; the SQL may read ``incoming`` like a table of that name.

        ``incoming`` is not registered: a registered table is kept alive until the transaction ends.
        """
        return self._connection.execute(sql, values).fetchall()

    def arrow(self, sql: str, values: Values = ()) -> pa.Table:
        """The answer to one reading statement."""
        relation = self._connection.sql(sql, params=values or None)
        try:
            return relation.to_arrow_table()
        finally:
            del relation  # an error's traceback would keep it, and the file open with it

    def plan(self, sql: str) -> None:
        """Let DuckDB plan a query: unlike :meth:`arrow`, its errors then say in which line a name is wrong."""
        if self._connection.extract_statements(sql)[0].type == duckdb.StatementType.SELECT:
            self._connection.execute(f"EXPLAIN {sql}").fetchall()

    def is_one_query(self, sql: str) -> bool:
        """Whether the text is exactly one statement that only reads."""
        statements = self._connection.extract_statements(sql)
        return len(statements) == 1 and statements[0].type in {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}


class _Shared:
    """What the threads of this process know of one file."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.reading: duckdb.DuckDBPyConnection | None = None
        self.readers = 0
        self.failed = False
        self.writing = False


_FILES: dict[Path, _Shared] = {}


@dataclass(slots=True)
class _Wait:
    """One wait for a file: until when, and whether it was said yet that there is something to wait for."""

    path: Path
    deadline: float
    patience: float
    is_told: bool = False

    @property
    def left(self) -> float:
        """Seconds."""
        return max(0.0, self.deadline - time.monotonic())

    @property
    def quietly(self) -> float:
        """Seconds in which nothing needs to be said."""
        return max(0.0, min(self.deadline, self.patience) - time.monotonic())

    def tell(self, who: str) -> None:
        """Say once, and not at once, for whom it waits."""
        if not self.is_told and self.left and not self.quietly:
            self.is_told = True
            _log.warning("waiting for the warehouse %s, up to %.0f s: %s", self.path, self.left, who)


class DatabaseFile:
    """A DuckDB file that is opened for each use. ``lock_timeout`` is how many seconds to wait for it."""

    def __init__(self, path: Path, lock_timeout: float) -> None:
        self.path = path.absolute()
        self._timeout = lock_timeout
        self._shared = _FILES.setdefault(self.path.resolve(), _Shared())

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """The database, read only. The file must exist.

        Raises:
            WarehouseBusy: when another process writes for longer than the timeout.
            WarehouseError: when the file is no database, or DuckDB refuses a statement.
        """
        connection = self._join_readers()
        failed = True
        try:
            with self._sentences():
                connection.execute("SET TimeZone = 'UTC'")
                connection.execute("SET python_enable_replacements = false")
                yield Session(connection)
            failed = False
        finally:
            connection.close()
            self._leave_readers(failed=failed)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """The database for one writer alone; the file and its folder are created when missing.

        Raises:
            WarehouseBusy: when others use the file for longer than the timeout.
            WarehouseError: when the file cannot be written or is no database, or DuckDB refuses a statement.
        """
        wait = self._wait()
        with self._alone(wait), self._sentences(), self._closing(self._open_to_write(wait)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET threads = 1")  # two threads do a third more work and are hardly faster
            connection.execute("SET write_buffer_row_group_count = 1")  # keeps memory flat: full row groups go to disk at once
            yield Session(connection)

    @contextmanager
    def alone(self) -> Iterator[Callable[[], None]]:
        """The file by itself: nobody of ours uses it, and it is closed. The result makes it whole, with no log beside it.

        Raises:
            WarehouseBusy: when others use the file for longer than the timeout.
            WarehouseError: when its folder cannot be written; the result raises it when the file is no database.
        """
        wait = self._wait()

        def settle() -> None:
            with self._sentences(), self._closing(self._open_to_write(wait)) as connection:
                connection.execute("CHECKPOINT warehouse")

        with self._alone(wait):
            yield settle

    def _wait(self) -> _Wait:
        now = time.monotonic()
        return _Wait(self.path, now + self._timeout, now + _PATIENCE)

    @contextmanager
    def _alone(self, wait: _Wait) -> Iterator[None]:
        shared = self._shared

        def is_free() -> bool:
            return not shared.writing and not shared.readers

        with shared.changed:
            if not shared.changed.wait_for(is_free, wait.quietly):
                wait.tell(_THREAD)
                if not shared.changed.wait_for(is_free, wait.left):
                    raise self._busy(_THREAD)
            shared.writing = True
        try:
            with self._lock(wait):
                yield
        finally:
            with shared.changed:
                shared.writing = False
                shared.changed.notify_all()

    @contextmanager
    def _lock(self, wait: _Wait) -> Iterator[None]:
        lock = FileLock(f"{self.path}.lock")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=wait.quietly)
            except Timeout:
                wait.tell(self._writer())
                lock.acquire(timeout=wait.left)
        except Timeout as error:
            raise self._busy(self._writer()) from error
        except OSError as error:
            message = f"the warehouse {self.path} cannot be written: {error.strerror or error}; check the folder and its permissions"
            raise WarehouseError(message) from error
        try:
            yield
        finally:
            lock.release()

    def _writer(self) -> str:
        """Who holds the lock file: DuckDB knows it while that process has the database open."""
        if self.path.exists():
            try:
                self._detach(self._attach(self.path, options="(READ_ONLY)"))
            except duckdb.Error as error:
                if _HOLDER.search(str(error)):
                    return _holder(error)
        return _PROCESS

    def _open_to_write(self, wait: _Wait) -> duckdb.DuckDBPyConnection:
        if not self.path.exists():
            self._create()
        while True:
            try:
                return self._attach(self.path, options=_WRITTEN)
            except duckdb.Error as error:
                self._check_worth_waiting(error, wait)
            time.sleep(_PAUSE)

    def _create(self) -> None:
        """Make an empty database under another name first: a kill must not leave half of one under this name."""
        new = self.path.with_name(f"{self.path.name}.new")
        for leftover in (new, new.with_name(f"{new.name}.wal")):
            leftover.unlink(missing_ok=True)
        self._detach(self._attach(new, options=_WRITTEN))
        new.replace(self.path)

    def _join_readers(self) -> duckdb.DuckDBPyConnection:
        wait, shared = self._wait(), self._shared
        with shared.changed:
            while shared.writing or shared.reading is None:
                if not shared.writing:
                    try:
                        shared.reading, shared.failed = self._attach(self.path, options="(READ_ONLY)"), False
                        break
                    except duckdb.Error as error:
                        self._check_worth_waiting(error, wait)
                elif wait.left:
                    wait.tell(_THREAD)
                else:
                    raise self._busy(_THREAD)
                shared.changed.wait(_PAUSE)
            shared.readers += 1
            return shared.reading.cursor()

    def _leave_readers(self, *, failed: bool) -> None:
        shared = self._shared
        with shared.changed:
            shared.readers -= 1
            shared.failed |= failed
            if not shared.readers and shared.reading is not None:
                self._detach(shared.reading, failed=shared.failed)
                shared.reading = None
            shared.changed.notify_all()

    @contextmanager
    def _closing(self, connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
        """A session of an open database, which is closed with it."""
        failed = True
        try:
            with closing(connection.cursor()) as session:
                yield session
            failed = False
        finally:
            self._detach(connection, failed=failed)

    def _attach(self, path: Path, options: str = "") -> duckdb.DuckDBPyConnection:
        """Open the file under one fixed name, so that a file called ``torn.duckdb`` does not hide the schema ``torn``."""
        connection = instance(self._temporary)
        try:
            connection.execute(f"ATTACH {literal(str(path))} AS warehouse {options}")
        except duckdb.IOException:  # most likely another process has the file, and it will be tried again
            give_back(connection)
            raise
        except BaseException:
            connection.close()
            raise
        return connection

    def _detach(self, connection: duckdb.DuckDBPyConnection, *, failed: bool = False) -> None:
        """Close the file. The instance ends too when a statement failed in it, or when it has temporary files to remove."""
        if failed or self._temporary.exists():
            connection.close()
            return
        try:
            connection.execute("DETACH warehouse")
        except duckdb.Error:
            connection.close()
        else:
            give_back(connection)

    @property
    def _temporary(self) -> Path:
        return self.path.with_name(f"{self.path.name}.tmp")

    def _check_worth_waiting(self, error: duckdb.Error, wait: _Wait) -> None:
        """Return when another try may help, raise what the error means otherwise."""
        text = str(error)
        held = isinstance(error, duckdb.IOException) and "Could not set lock" in text
        if not held and "already attached" not in text:
            if "not a valid DuckDB database" in text:
                message = f"{self.path} is not a DuckDB database; move it away, or name another file in TORN_WAREHOUSE"
            else:
                message = f"the warehouse {self.path} cannot be opened: {_first_line(error)}"
            raise WarehouseError(message) from error
        if not wait.left:
            raise self._busy(_holder(error)) from error
        wait.tell(_holder(error))

    def _busy(self, who: str) -> WarehouseBusy:
        return WarehouseBusy(f"the warehouse {self.path} was not free within {self._timeout:g} s: {who}; wait until it ends, or end it")

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            message = f"the warehouse {self.path} refused a statement: {_first_line(error)}"
            raise WarehouseError(message) from error


@contextmanager
def transaction(session: Session) -> Iterator[None]:
    """All statements inside, or none of them."""
    session.run("BEGIN TRANSACTION")
    try:
        yield
        session.run("COMMIT")
    except BaseException:
        with suppress(duckdb.Error):  # the transaction may have ended already, with the error or with the commit
            session.run("ROLLBACK")
        raise


def _holder(error: duckdb.Error) -> str:
    """Who has the file open, as DuckDB says."""
    holder = _HOLDER.search(str(error))
    return f"process {holder['pid']} ({holder['program']}) has it open" if holder else "other code of this process has it open"


def _first_line(error: duckdb.Error) -> str:
    """What DuckDB says is wrong, without its hints and the quoted statement."""
    return str(error).strip().split("\n", 1)[0]
