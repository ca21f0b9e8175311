"""The BigQuery warehouse: a dataset, and ``<dataset>_meta`` beside it for the platform's own tables."""

# ruff: noqa: S608 - names are quoted, values are bound

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from torn_pipeline.errors import QueryRefused, UsageError, WarehouseError
from torn_pipeline.warehouse import bigquery_backup as copies
from torn_pipeline.warehouse import bigquery_changes as changing
from torn_pipeline.warehouse import bigquery_measurements as measuring
from torn_pipeline.warehouse import bigquery_meta as meta
from torn_pipeline.warehouse import profiling
from torn_pipeline.warehouse.bigquery_accounts import rename_account
from torn_pipeline.warehouse.bigquery_load import writing
from torn_pipeline.warehouse.bigquery_quarantine import purge
from torn_pipeline.warehouse.bigquery_query import what_is_wrong
from torn_pipeline.warehouse.bigquery_rebuild import rebuild as rebuilt
from torn_pipeline.warehouse.bigquery_service import Place, Service
from torn_pipeline.warehouse.bigquery_sql import Values, identifier, logical, physical
from torn_pipeline.warehouse.bigquery_sql import within as inside
from torn_pipeline.warehouse.bigquery_tables import shapes, whole
from torn_pipeline.warehouse.protocol import Unmatched
from torn_pipeline.warehouse.spelling import Spelling

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    import pyarrow as pa

    from torn_pipeline.landing.fetch import Fetch
    from torn_pipeline.tables.contract import Reference
    from torn_pipeline.tables.table import StorageMode, Table
    from torn_pipeline.warehouse.changes import Change, Shape
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

__all__ = ["BigQueryWarehouse"]

_SCHEMAS = re.compile(r"\b(from|join)(\s+)(torn_meta|torn)\s*\.\s*", re.IGNORECASE)
_DIALECT = profiling.Dialect(identifier, seconds="UNIX_MICROS({}) / 1000000", quantiles=f"APPROX_QUANTILES({{}}, {profiling.QUANTILES})")
_COLUMNS = re.compile(r"\b(from|join)(\s+)information_schema\.columns\b", re.IGNORECASE)


class BigQueryWarehouse:
    """A warehouse in one dataset of BigQuery."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._service = Service(place)
        self._exists = False

    @property
    def place(self) -> Place:
        """Where it is."""
        return self._place

    @property
    def label(self) -> str:
        """Where it is, for people."""
        return f"BigQuery dataset {self._place.project}.{self._place.dataset} ({self._place.location})"

    @property
    def spelling(self) -> Spelling:
        """How SQL is spelt by which others ask the dataset."""
        return Spelling(kind="bigquery", identifier=identifier, table=self._place.table, moment="TIMESTAMP")

    def load(self, load: Load) -> Receipt:
        """Write a fetch in one transaction: tables, quarantine, ledger, schema versions and the fetch's row.

        Raises:
            WarehouseBusy: when others write the same tables for too long, or BigQuery is in trouble.
            WarehouseError: when the load cannot be written as it must; the tables are as they were.
        """
        with self._service.metered() as usage, writing(self._service) as work:
            work.add(load)
            receipt = work.write(early=True)[0]
        return replace(receipt, bytes_billed=usage.bytes_billed, slot_milliseconds=usage.slot_milliseconds)

    def load_all(self, loads: Iterable[Load], *, rebuild: Mapping[str, Sequence[Table]] | None = None, run_id: str = "") -> list[Receipt]:
        """Write several fetches in one transaction; the tables of the endpoints in ``rebuild`` are emptied first.

        Raises:
            WarehouseBusy: when others write the same tables for too long, or BigQuery is in trouble.
            WarehouseError: when a load cannot be written as it must; the tables are as they were.
        """
        if rebuild is not None:
            return rebuilt(self._service, loads, rebuild, run_id)
        with writing(self._service, run_id=run_id) as work:
            for load in loads:
                work.add(load)
                work.drain()
            return work.write()

    def prepare(self, tables: Sequence[Table], run_id: str) -> None:
        """Create the tables that are missing, typed and empty, and the columns that are missing in others."""
        with writing(self._service, tables, run_id) as work:
            work.write()

    def quarantine(self, load: Load) -> None:
        """Write only the fetch's row and its quarantine, in one transaction."""
        with writing(self._service) as work:
            work.take_quarantine(load)
            work.write_quarantine()

    def purge_quarantine(self, ids: Sequence[str]) -> int:
        """Take roots out of the quarantine, in one transaction; how many were there. They stay in the landing.

        Raises:
            WarehouseBusy: when loads write the quarantine all the time, or BigQuery is in trouble.
        """
        return purge(self._service, ids) if ids and self._has_meta() else 0

    def record_fetch(self, fetch: Fetch) -> None:
        """Write or rewrite the row of a fetch in ``torn_meta.fetches``."""
        if not self._has_meta():
            meta.migrate(self._service)
        meta.record_fetch(self._service, fetch)

    def record_measurements(self, measurements: Sequence[Measurement]) -> None:
        """Write measurements by one statement; of two with the same moment, kind, subject and account the later one stays.

        Raises:
            WarehouseBusy: when others write measurements all the time, or BigQuery is in trouble.
        """
        if measurements:
            if not self._has_meta():
                meta.migrate(self._service)
            measuring.record(self._service, measurements)

    def measurements(self, kind: str | None = None, *, since: datetime | None = None) -> list[Measurement]:
        """What was measured, oldest first; of one kind, and from a moment on, when given. Empty before the first was written."""
        return measuring.recorded(self._service, kind, since) if self._has_meta() else []

    def unmatched(self, table: Table, reference: Reference, fetch_id: str, *, limit: int) -> Unmatched:
        """The rows that a fetch left in ``table`` with a value that the reference's target lacks, the first ``limit`` by their key."""
        self._check_exists()
        if self._service.table(self._place.dataset, reference.target) is None:
            return Unmatched()
        column, target, values = identifier(reference.column), self._rows_of(reference.target), Values()
        of_account, of_row = (", t._account", ", r._account") if reference.within_account else ("", "")
        where = f"_fetch_id = {values.bind(fetch_id)} AND {column} IS NOT NULL AND ({reference.where})"
        rows = f"SELECT * FROM {self._rows_of(table.name)} WHERE {where}"
        known = f"SELECT TO_JSON_STRING(STRUCT(t.{identifier(reference.target_column)} AS v{of_account})) FROM {target} t"
        lacking = f"TO_JSON_STRING(STRUCT(r.{column} AS v{of_row})) NOT IN ({known}) AND EXISTS (SELECT 1 FROM {target})"
        names = list(dict.fromkeys((*table.key, reference.column)))
        keys = ", ".join(f"r.{identifier(name)}" for name in names)
        found = self._service.rows(
            f"SELECT {keys}, COUNT(*) OVER () AS n_ FROM ({rows}) r WHERE {lacking} ORDER BY {keys} LIMIT {limit}", values
        )
        return Unmatched(count=found[0]["n_"] if found else 0, rows=tuple({name: row[physical(name)] for name in names} for row in found))

    def profile(self, table: Table) -> TableProfile:
        """What the rows of a table are like, found by one query that reads all of it.

        Raises:
            WarehouseError: when there is no such table, nothing was loaded yet, or it costs more than ``maximum_bytes_billed``.
        """
        self._check_exists()
        (row,) = self._service.rows(profiling.question(table, self._rows_of(table.name), _DIALECT))
        return profiling.answer(table, row)

    def rows_by_day(self, table: str, column: str, *, since: datetime, account: str | None = None) -> Mapping[date, int]:
        """How many rows of a table, one account's when given, fall on each day (UTC) by a moment later than ``since``."""
        self._check_exists()
        values, moment = Values(), f"t.{identifier(column)}"
        where = f"{moment} > {values.moment(since)}" + ("" if account is None else f" AND t._account = {values.bind(account)}")
        sql = f"SELECT DATE({moment}) AS day, COUNT(*) AS n FROM {self._rows_of(table)} t WHERE {where} GROUP BY day ORDER BY day"
        return {row["day"]: row["n"] for row in self._service.rows(sql, values)}

    def rename_account(self, old: str, new: str) -> int:
        """Let every row of an account follow its new name, in one transaction; the number of rows of normalised tables.

        Raises:
            WarehouseError: when both names have rows in one table.
        """
        return rename_account(self._service, old, new) if self._has_meta() else 0

    def read(self, table: str, *, columns: Sequence[str] = (), account: str | None = None, within: Window | None = None) -> pl.DataFrame:
        """The rows of a table, all columns unless some are named, one account's and those in a time window when given.

        Raises:
            WarehouseError: when there is no such table or column, or nothing was loaded yet.
        """
        self._check_exists()
        values = Values()
        conditions = [] if account is None else [f"t._account = {values.bind(account)}"]
        conditions += [] if within is None else [inside(within, "t", values)]
        selected = ", ".join(f"t.{identifier(name)}" for name in columns) or "*"
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return _frame(self._service.arrow(f"SELECT {selected} FROM {self._rows_of(table)} t{where}", values))

    def query(self, sql: str) -> pa.Table:
        """The answer to one reading query; tables stand in the dataset, or, by the names of every warehouse, in ``torn``.

        Raises:
            QueryRefused: when it is no single query, or BigQuery finds it wrong.
            WarehouseError: when nothing was loaded yet.
        """
        self._check_exists()
        own = self._own_names(sql)
        try:
            if not sql.strip() or self._service.statement_type(own) != "SELECT":
                message = "only a SELECT may be asked, and one at a time: give a single SELECT"
                raise QueryRefused(message)
            return self._service.arrow(own)
        except WarehouseError as error:
            if (wrong := what_is_wrong(self._service, error.__cause__, sql, own)) is not None:
                raise QueryRefused(wrong) from error
            raise

    def fetches(self, endpoint: str | None = None) -> pl.DataFrame:
        """``torn_meta.fetches``, oldest first; of one endpoint when given. Empty before the first load."""
        if not self._has_meta():
            return pl.DataFrame()
        values = Values()
        where = "" if endpoint is None else f"WHERE endpoint = {values.bind(endpoint)}"
        return _frame(self._service.arrow(f"SELECT * FROM {self._place.meta_table('fetches')} {where} ORDER BY started, _fetch_id", values))

    def quarantined(self, endpoint: str | None = None) -> list[QuarantineRow]:
        """What could not be loaded, oldest fetch first; of one endpoint when given."""
        return meta.quarantined(self._service, endpoint) if self._has_meta() else []

    def status(self) -> list[EndpointStatus]:
        """Where every endpoint stands, by endpoint and account. Empty before the first load."""
        return meta.status(self._service) if self._has_meta() else []

    def recorded_mode(self, table: str) -> StorageMode | None:
        """The storage mode that the rows of a table were loaded in, ``None`` when there was no load."""
        return meta.recorded_mode(self._service, table) if self._has_meta() else None

    def shapes(self, tables: Sequence[str] | None = None) -> Mapping[str, Shape]:
        """How tables stand now, all of them unless some are named; those that are not there are left out."""
        if not self._has_meta():
            return {}
        return shapes(self._service, self._service.tables() if tables is None else tables)

    def schema_versions(self, table: str | None = None) -> list[SchemaVersion]:
        """Every change of the tables' shapes, oldest first; of one table when given."""
        return changing.versions(self._service, table) if self._has_meta() else []

    def change(self, changes: Sequence[Change], *, groups: Sequence[Sequence[Table]] = (), keep_backups: int, run_id: str = "") -> None:
        """Apply changes, record them, and keep a copy of each table that is rewritten; table by table, as BigQuery knows no other way.

        Raises:
            WarehouseError: when a change would lose a value, or is one to a type that the values cannot become; then none is made.
            WarehouseBusy: when others write the same tables all the time, or BigQuery is in trouble.
        """
        changing.apply(self._service, changes, groups, keep_backups, run_id)

    def roll_back(
        self, table: Table, version: int, *, beside: Sequence[Table] = (), keep_backups: int, run_id: str = ""
    ) -> tuple[str, ...]:
        """Give a table the columns back that it had in a version, and what was done to it; the rows since then stay.

        Raises:
            WarehouseError: when there is no such version, or a value would be lost.
            WarehouseBusy: when others write the same tables all the time, or BigQuery is in trouble.
        """
        self._check_exists()
        return changing.roll_back(self._service, table, version, beside, keep_backups, run_id)

    def backup(self, folder: Path | None = None, *, keep: int) -> Backup:
        """Copy both datasets as they are now, within the platform's own; of its copies the newest ``keep`` stay.

        Raises:
            UsageError: when a folder is named.
            WarehouseError: when nothing was loaded yet.
            WarehouseBusy: when loads come all the time.
        """
        _refuse_folder(folder)
        self._check_exists()
        return copies.backup(self._service, keep)

    def backups(self, folder: Path | None = None) -> list[Backup]:
        """The copies that are there, oldest first."""
        _refuse_folder(folder)
        return copies.backups(self._service) if self._has_meta() else []

    def restore(self, backup: Backup, folder: Path | None = None, *, keep: int) -> Backup:
        """Put a copy in the place of what is there, which becomes a copy itself first; table by table, and not all at once.

        Raises:
            UsageError: when a folder is named.
            WarehouseError: when the copy is gone; nothing is changed.
            WarehouseBusy: when loads come all the time; nothing is changed.
        """
        _refuse_folder(folder)
        self._check_exists()
        return copies.restore(self._service, backup, keep)

    def _own_names(self, sql: str) -> str:
        """A query that names tables as in every warehouse, with their names here."""
        place = self._place
        schemas = {"torn": f"`{place.project}`.`{place.dataset}`.", "torn_meta": f"`{place.project}`.`{place.meta}`."}
        columns = f"(SELECT * REPLACE ('torn' AS table_schema) FROM `{place.project}`.`{place.dataset}`.INFORMATION_SCHEMA.COLUMNS)"
        sql = _COLUMNS.sub(lambda found: f"{found[1]}{found[2]}{columns}", sql)
        return _SCHEMAS.sub(lambda found: f"{found[1]}{found[2]}{schemas[found[3].lower()]}", sql)

    def _rows_of(self, table: str) -> str:
        """What a statement reads all rows of a table from."""
        return whole(self._service, table)

    def _has_meta(self) -> bool:
        self._exists = self._exists or self._service.table(self._place.meta, "version") is not None
        return self._exists

    def _check_exists(self) -> None:
        if not self._has_meta():
            message = f"nothing was loaded into {self._place.project}.{self._place.dataset} yet: run `torn-pipeline materialize` first"
            raise WarehouseError(message)


def _refuse_folder(folder: Path | None) -> None:
    if folder is not None:
        message = "a copy of BigQuery stays in BigQuery, among the platform's own tables: name no folder"
        raise UsageError(message)


def _frame(rows: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(rows)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table never becomes a Series
    return frame.rename(logical)
