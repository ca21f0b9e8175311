"""The DuckDB warehouse: schema ``torn`` and schema ``torn_meta`` of one file."""

# ruff: noqa: S608 - names are quoted or fixed, values are bound

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb
import polars as pl

from torn_pipeline.errors import QueryRefused, WarehouseError
from torn_pipeline.warehouse import duckdb_backup as backups
from torn_pipeline.warehouse import duckdb_changes as changing
from torn_pipeline.warehouse import duckdb_measurements as measuring
from torn_pipeline.warehouse import duckdb_meta as meta
from torn_pipeline.warehouse import duckdb_schema as schema
from torn_pipeline.warehouse import profiling
from torn_pipeline.warehouse.duckdb_file import DatabaseFile, transaction
from torn_pipeline.warehouse.duckdb_load import write
from torn_pipeline.warehouse.duckdb_query import what_is_wrong
from torn_pipeline.warehouse.duckdb_sql import identifier, qualified
from torn_pipeline.warehouse.duckdb_sql import within as inside
from torn_pipeline.warehouse.protocol import Unmatched
from torn_pipeline.warehouse.spelling import Spelling

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    import pyarrow as pa

    from torn_pipeline.landing.fetch import Fetch
    from torn_pipeline.tables.contract import Reference
    from torn_pipeline.tables.table import StorageMode, Table
    from torn_pipeline.warehouse.changes import Change, Shape
    from torn_pipeline.warehouse.duckdb_file import Session
    from torn_pipeline.warehouse.protocol import (
        Backup,
        EndpointStatus,
        Load,
        Measurement,
        QuarantineRow,
        Receipt,
        SchemaVersion,
        TableProfile,
        Window,
    )

__all__ = ["DuckDBWarehouse"]

_PARTS = ", ".join(str(part / profiling.QUANTILES) for part in range(profiling.QUANTILES + 1))
_DIALECT = profiling.Dialect(identifier, seconds="epoch({})", quantiles=f"approx_quantile({{}}::DOUBLE, [{_PARTS}])")


class DuckDBWarehouse:
    """A warehouse in one DuckDB file, opened by each method for as long as it runs.

    Args:
        path: the file; it and its folder are created by the first write.
        lock_timeout: seconds to wait while other threads or processes use the file.
    """

    def __init__(self, path: Path, *, lock_timeout: float = 60.0) -> None:
        self._file = DatabaseFile(path, lock_timeout)

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    @property
    def label(self) -> str:
        """Where it is, for people."""
        return f"DuckDB file {self.path}"

    @property
    def spelling(self) -> Spelling:
        """How SQL is spelt by which others ask the file, which stands under a name of its own there."""
        return Spelling(kind="duckdb", identifier=identifier, table=lambda name: f"torn.{identifier(name)}", moment="TIMESTAMPTZ")

    def load(self, load: Load) -> Receipt:
        """Write a fetch in one transaction: tables, histories, quarantine, ledger, schema versions and the fetch's row.

        Raises:
            TooManyClosed: when a snapshot lacks too many of the rows that hold; the tables are as they were.
            WarehouseBusy: when others use the file for too long.
            WarehouseError: when the load cannot be written as it must; the tables are as they were.
        """
        return self.load_all([load])[0]

    def load_all(self, loads: Iterable[Load], *, rebuild: Mapping[str, Sequence[Table]] | None = None, run_id: str = "") -> list[Receipt]:
        """Write several fetches in one transaction; the tables of the endpoints in ``rebuild`` are emptied first.

        All endpoints are emptied before the first table is made anew, so that several may change a table they share.

        Raises:
            TooManyClosed: when, without a rebuild, a snapshot lacks too many of the rows that hold.
            WarehouseBusy: when others use the file for too long.
            WarehouseError: when a load cannot be written as it must; the tables are as they were.
        """
        with self._transaction() as session:
            for endpoint, tables in (rebuild or {}).items():
                schema.empty(session, endpoint, tables, run_id)
            for tables in (rebuild or {}).values():
                schema.ensure(session, tables, run_id)
            return [write(session, load, rebuilding=rebuild is not None) for load in loads]

    def prepare(self, tables: Sequence[Table], run_id: str) -> None:
        """Create the tables that are missing, typed and empty, and the columns that are missing in others."""
        with self._transaction() as session:
            schema.ensure(session, tables, run_id)

    def quarantine(self, load: Load) -> None:
        """Write only the fetch's row and its quarantine, in one transaction."""
        with self._transaction() as session:
            meta.record_fetch(session, load.fetch)
            meta.record_quarantine(session, load)

    def purge_quarantine(self, ids: Sequence[str]) -> int:
        """Take roots out of the quarantine, in one transaction; how many were there. They stay in the landing.

        Raises:
            WarehouseBusy: when others use the file for too long.
        """
        if not ids or not self.path.exists():
            return 0
        with self._transaction() as session:
            return meta.delete_quarantine(session, ids)

    def record_fetch(self, fetch: Fetch) -> None:
        """Write or rewrite the row of a fetch in ``torn_meta.fetches``."""
        with self._transaction() as session:
            meta.record_fetch(session, fetch)

    def record_measurements(self, measurements: Sequence[Measurement]) -> None:
        """Write measurements in one transaction; of two with the same moment, kind, subject and account the later one stays."""
        if measurements:
            with self._transaction() as session:
                measuring.record(session, measurements)

    def measurements(self, kind: str | None = None, *, since: datetime | None = None) -> list[Measurement]:
        """What was measured, oldest first; of one kind, and from a moment on, when given. Empty before the first was written."""
        with self._reading_meta() as session:
            return [] if session is None else measuring.recorded(session, kind, since)

    def unmatched(self, table: Table, reference: Reference, fetch_id: str, *, limit: int) -> Unmatched:
        """The rows that a fetch left in ``table`` with a value that the reference's target lacks, the first ``limit`` by their key."""
        column, target = identifier(reference.column), qualified(reference.target)
        same = f"t.{identifier(reference.target_column)} = r.{column}"
        if reference.within_account:
            same += " AND t._account = r._account"
        exists = "SELECT 1 FROM duckdb_tables() WHERE database_name = 'warehouse' AND schema_name = 'torn' AND table_name = ?"
        rows = f"SELECT * FROM {qualified(table.name)} WHERE _fetch_id = ? AND {column} IS NOT NULL AND ({reference.where})"
        names = list(dict.fromkeys((*table.key, reference.column)))
        keys = ", ".join(f"r.{identifier(name)}" for name in names)
        lacking = f"FROM ({rows}) r WHERE NOT EXISTS (SELECT 1 FROM {target} t WHERE {same})"
        sql = f"SELECT count(*) OVER (), {keys} {lacking} ORDER BY {keys} LIMIT {limit}"
        with self._reading() as session:
            if not session.run(exists, [reference.target]) or not session.run(f"SELECT 1 FROM {target} LIMIT 1"):
                return Unmatched()
            found = session.run(sql, [fetch_id])
        return Unmatched(count=found[0][0] if found else 0, rows=tuple(dict(zip(names, row, strict=True)) for _, *row in found))

    def profile(self, table: Table) -> TableProfile:
        """What the rows of a table are like, found by one query that reads all of it.

        Raises:
            WarehouseError: when there is no such table, or nothing was loaded yet.
        """
        with self._reading() as session:
            (row,) = session.arrow(profiling.question(table, qualified(table.name), _DIALECT)).to_pylist()
        return profiling.answer(table, row)

    def rows_by_day(self, table: str, column: str, *, since: datetime, account: str | None = None) -> Mapping[date, int]:
        """How many rows of a table, one account's when given, fall on each day (UTC) by a moment later than ``since``."""
        moment = f"t.{identifier(column)}"
        sql = f"""SELECT ({moment} AT TIME ZONE 'UTC')::DATE, count(*) FROM {qualified(table)} t
            WHERE {moment} > ? AND (? IS NULL OR t._account = ?) GROUP BY ALL ORDER BY ALL"""
        with self._reading() as session:
            return dict(session.run(sql, [since, account, account]))

    def rename_account(self, old: str, new: str) -> int:
        """Let every row of an account follow its new name, in one transaction; the number of rows of normalised tables.

        Raises:
            WarehouseError: when both names have rows in one table.
        """
        with self._transaction() as session:
            found = session.run(
                """SELECT table_name FROM duckdb_columns()
                    WHERE database_name = 'warehouse' AND schema_name = 'torn' AND column_name = '_account'"""
            )
            tables = [qualified(name) for (name,) in found]
            for table in tables:
                (held,) = session.run(
                    f"SELECT count(*) FILTER (WHERE _account = ?), count(*) FILTER (WHERE _account = ?) FROM {table}", [old, new]
                )
                if all(held):
                    message = f"{table} has rows of both {old!r} and {new!r}: two accounts cannot become one, choose another name"
                    raise WarehouseError(message)
            meta.rename_account(session, old, new)
            return sum(session.run(f"UPDATE {table} SET _account = ? WHERE _account = ?", [new, old])[0][0] for table in tables)

    def read(self, table: str, *, columns: Sequence[str] = (), account: str | None = None, within: Window | None = None) -> pl.DataFrame:
        """The rows of a table, all columns unless some are named, one account's and those in a time window when given.

        Raises:
            WarehouseError: when there is no such table or column, or nothing was loaded yet.
        """
        selected = ", ".join(map(identifier, columns)) or "*"
        conditions: list[str] = []
        values: list[str | datetime] = []
        if account is not None:
            conditions.append("t._account = ?")
            values.append(account)
        if within is not None:
            condition, bounds = inside(within, "t")
            conditions.append(condition)
            values += bounds
        sql = f"SELECT {selected} FROM {qualified(table)} t" + (f" WHERE {' AND '.join(conditions)}" if conditions else "")
        with self._reading() as session:
            return _frame(session.arrow(sql, values))

    def query(self, sql: str) -> pa.Table:
        """The answer to one reading query; the tables' schema is on the search path.

        Raises:
            QueryRefused: when it is no single query, or DuckDB finds it wrong.
            WarehouseError: when nothing was loaded yet.
        """
        with self._reading() as session:
            session.run("SET search_path = 'warehouse.torn'")
            try:
                if not session.is_one_query(sql):
                    message = "only a SELECT may be asked, and one at a time: give a single SELECT"
                    raise QueryRefused(message)
                session.plan(sql)
                return session.arrow(sql)
            except (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError) as error:
                raise QueryRefused(what_is_wrong(error, sql)) from error

    def fetches(self, endpoint: str | None = None) -> pl.DataFrame:
        """``torn_meta.fetches``, oldest first; of one endpoint when given. Empty before the first load."""
        sql = "FROM warehouse.torn_meta.fetches WHERE coalesce(endpoint = ?, true) ORDER BY started, _fetch_id"
        with self._reading_meta() as session:
            return pl.DataFrame() if session is None else _frame(session.arrow(sql, [endpoint]))

    def quarantined(self, endpoint: str | None = None) -> list[QuarantineRow]:
        """What could not be loaded, oldest fetch first; of one endpoint when given."""
        with self._reading_meta() as session:
            return [] if session is None else meta.quarantined(session, endpoint)

    def status(self) -> list[EndpointStatus]:
        """Where every endpoint stands, by endpoint and account. Empty before the first load."""
        with self._reading_meta() as session:
            return [] if session is None else meta.status(session)

    def recorded_mode(self, table: str) -> StorageMode | None:
        """The storage mode that the rows of a table were loaded in, ``None`` when there was no load."""
        with self._reading_meta() as session:
            return None if session is None else meta.recorded_mode(session, table)

    def shapes(self, tables: Sequence[str] | None = None) -> Mapping[str, Shape]:
        """How tables stand now, all of them unless some are named; those that are not there are left out."""
        with self._reading_meta() as session:
            return {} if session is None else schema.shapes(session, tables)

    def change(
        self,
        changes: Sequence[Change],
        *,
        groups: Sequence[Sequence[Table]] = (),  # noqa: ARG002 - a transaction has the whole file
        keep_backups: int,
        run_id: str = "",
    ) -> None:
        """Apply changes in one transaction, record them, and keep a copy of each table that is rewritten.

        Raises:
            WarehouseError: when a change would lose a value, or is one to a type that the values cannot become.
        """
        with self._transaction() as session:
            changing.apply(session, changes, keep_backups, run_id)

    def schema_versions(self, table: str | None = None) -> list[SchemaVersion]:
        """Every change of the tables' shapes, oldest first; of one table when given."""
        with self._reading_meta() as session:
            return [] if session is None else changing.versions(session, table)

    def roll_back(
        self,
        table: Table,
        version: int,
        *,
        beside: Sequence[Table] = (),  # noqa: ARG002 - as above
        keep_backups: int,
        run_id: str = "",
    ) -> tuple[str, ...]:
        """Give a table the columns back that it had in a version, and what was done to it; the rows since then stay.

        Raises:
            WarehouseError: when there is no such version, or a value would be lost.
        """
        with self._transaction() as session:
            return changing.roll_back(session, table, version, keep_backups, run_id)

    def backup(self, folder: Path | None = None, *, keep: int) -> Backup:
        """Copy the file as it is now into a folder, ``backups`` beside it; of its copies there the newest ``keep`` stay.

        Raises:
            WarehouseError: when nothing was loaded yet, or the folder cannot be written.
        """
        if not self.path.exists():
            raise WarehouseError(self._nothing_yet())
        return backups.backup(self._file, folder, keep)

    def backups(self, folder: Path | None = None) -> list[Backup]:
        """The copies of the file in a folder, oldest first."""
        return backups.backups(self._file, folder)

    def restore(self, backup: Backup, folder: Path | None = None, *, keep: int) -> Backup | None:
        """Put a copy in the file's place, which becomes a copy itself first; ``None`` where there was none.

        Raises:
            WarehouseError: when the copy is gone or damaged, or the disk refuses; the file is as it was.
        """
        return backups.restore(self._file, backup, folder, keep)

    def _nothing_yet(self) -> str:
        return f"nothing was loaded into {self.path} yet: run `torn-pipeline materialize` first"

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with self._file.writing() as session, transaction(session):
            meta.migrate(session)
            yield session

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with self._reading_meta() as session:
            if session is None:
                raise WarehouseError(self._nothing_yet())
            yield session

    @contextmanager
    def _reading_meta(self) -> Iterator[Session | None]:
        """``None`` when nothing was ever written."""
        if not self.path.exists():
            yield None
            return
        with self._file.reading() as session:
            yield session if meta.exists(session) else None


def _frame(rows: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(rows)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table never becomes a Series
    return frame
