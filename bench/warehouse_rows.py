"""Rows of fifteen columns, as frames and as tables that many loads have left: made by DuckDB, cheaply, and always the same."""

# ruff: noqa: S608 - names and values of our own

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import duckdb
import polars as pl

from torn_pipeline.landing import Fetch, new_fetch_id
from torn_pipeline.tables.normalise import BATCH
from torn_pipeline.tables.table import Column, ColumnType, Role, StorageMode, Table
from torn_pipeline.warehouse import Load
from torn_pipeline.warehouse.duckdb import DuckDBWarehouse
from torn_pipeline.warehouse.duckdb_file import DatabaseFile, transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["BEGAN", "EVENTS", "fetch_of", "grow", "load_of", "rows_of"]

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
A_FETCH = 1_000  # rows that one fetch has left in a grown table, a quarter of an hour after the one before
INTEGER, FLOAT, BOOLEAN, TEXT, TIMESTAMP = (
    ColumnType.INTEGER,
    ColumnType.FLOAT,
    ColumnType.BOOLEAN,
    ColumnType.TEXT,
    ColumnType.TIMESTAMP,
)
# The columns, their types and how DuckDB makes them of a row's number; some values repeat, some are null, the newest stand last.
VALUES = {
    "_account": (TEXT, "'default'"),
    "id": (INTEGER, "i"),
    "name": (TEXT, "'Event ' || hash(i) % 5000"),
    "status": (TEXT, "list_extract(['Successful', 'Failure', 'Expired'], CAST(1 + hash(i, 1) % 3 AS BIGINT))"),
    "difficulty": (INTEGER, "CAST(hash(i, 2) % 10 AS BIGINT)"),
    "user_id": (INTEGER, "CASE WHEN hash(i, 3) % 10 > 2 THEN CAST(1000000 + hash(i, 4) % 2000000 AS BIGINT) END"),
    "money": (INTEGER, "CAST(hash(i, 5) % 50000000 AS BIGINT)"),
    "respect": (FLOAT, "CAST(hash(i, 6) % 100000 AS DOUBLE) / 997"),
    "pass_rate": (FLOAT, "CAST(hash(i, 7) % 10000 AS DOUBLE) / 100"),
    "is_available": (BOOLEAN, "hash(i, 8) % 2 = 0"),
    "created_at": (TIMESTAMP, "make_timestamptz((1600000000 + i * 10) * 1000000)"),
    "executed_at": (TIMESTAMP, "CASE WHEN hash(i, 9) % 4 > 0 THEN make_timestamptz((1600086400 + i * 10) * 1000000) END"),
    "_fetch_id": (TEXT, "fetch_id"),
    "_fetched_at": (TIMESTAMP, "fetched_at"),
    "_raw_id": (TEXT, "'events/default/' || i // 100 || '.json.zst'"),
}
ROLES = {"_account": Role.ACCOUNT, "_fetch_id": Role.FETCH_ID, "_fetched_at": Role.FETCHED_AT, "_raw_id": Role.RAW_ID}
EVENTS = Table(
    name="events",
    root="events",
    parent=None,
    key=("_account", "id"),
    root_key=("_account", "id"),
    columns=tuple(Column(name=name, type=kind, role=ROLES.get(name, Role.OWN)) for name, (kind, _) in VALUES.items()),
)


def fetch_of(number: int, rows: int) -> Fetch:
    """A complete fetch, as many quarters of an hour after :data:`BEGAN` as its number says."""
    began = BEGAN + timedelta(minutes=15 * number)
    return Fetch(
        fetch_id=new_fetch_id(began),
        endpoint="events",
        account="default",
        path="/faction/events",
        fetched_at=began,
        ended_at=began,
        pages=(),
        rows=rows,
        complete=True,
    )


def rows_of(fetched: Fetch, numbers: Sequence[int]) -> pl.DataFrame:
    """The rows of these numbers, which are their ids."""
    source = "SELECT i, $fetch_id AS fetch_id, $fetched_at AS fetched_at FROM numbers"
    with closing(duckdb.connect(config={"threads": 1})) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("numbers", pl.DataFrame({"i": numbers}, schema={"i": pl.Int64}).to_arrow())
        values = {"fetch_id": fetched.fetch_id, "fetched_at": fetched.fetched_at}
        frame = pl.from_arrow(connection.sql(_selected(source), params=values).to_arrow_table())
    if not isinstance(frame, pl.DataFrame):
        message = "DuckDB answered with something else than a table"
        raise TypeError(message)
    return frame


def load_of(fetched: Fetch, frame: pl.DataFrame, mode: StorageMode = StorageMode.UPSERT) -> Load:
    """A load of the rows, in batches of as many as normalising hands on."""
    return Load(
        fetch=fetched,
        mode=mode,
        shared_scope=False,
        tables=(EVENTS,),
        contract_version="1",
        batches=[{EVENTS.name: frame.slice(start, BATCH)} for start in range(0, frame.height, BATCH)],
        quarantined=(),
        run_id="bench",
    )


def grow(path: Path, rows: int) -> DuckDBWarehouse:
    """A warehouse with so many rows, and the ledger, as if one fetch after the other had brought its :data:`A_FETCH`.

    The last of them began before :data:`BEGAN`.
    """
    warehouse = DuckDBWarehouse(path)
    warehouse.prepare((EVENTS,), "bench")
    fetches = rows // A_FETCH
    first = BEGAN - timedelta(minutes=15 * fetches)
    began = "($first + to_minutes(15 * n))"
    fetch_id = f"strftime({began} AT TIME ZONE 'UTC', '%Y%m%dT%H%M%S%fZ') || '-' || format('{{:08x}}', n)"
    source = f"SELECT i, {fetch_id} AS fetch_id, {began} AS fetched_at FROM (SELECT range AS i, range // {A_FETCH} AS n FROM range({rows}))"
    ledger = f"SELECT n, {fetch_id} AS fetch_id, {began} AS began FROM (SELECT range AS n FROM range({fetches}))"
    with DatabaseFile(path, 60).writing() as session, transaction(session):
        values = {"first": first}
        session.run(f"INSERT INTO warehouse.torn.events BY NAME {_selected(source)}", values)
        session.run(
            f"""INSERT INTO warehouse.torn_meta.fetches BY NAME SELECT fetch_id AS _fetch_id, 'events' AS endpoint, 'default' AS account,
                '/faction/events' AS path, '{{}}' AS params, '{{}}' AS path_ids, 1 AS pages, {A_FETCH} AS "rows", 0 AS repeated,
                true AS complete, began AS started, began AS ended, '' AS error, '[]' AS _raw_ids FROM ({ledger})""",
            values,
        )
        session.run(
            f"""INSERT INTO warehouse.torn_meta.loads BY NAME SELECT n + 1 AS load_id, fetch_id AS _fetch_id, 'events' AS table_name,
                '{{"account": "default", "endpoint": "events", "path_ids": {{}}}}' AS slice, '1' AS contract_version,
                began AS _fetched_at, 'upsert' AS mode, {A_FETCH} AS "rows", {A_FETCH * 160} AS bytes, 'bench' AS run_id,
                began AS loaded_at FROM ({ledger})""",
            values,
        )
    return warehouse


def _selected(source: str) -> str:
    return f"SELECT {', '.join(f'{value} AS {name}' for name, (_, value) in VALUES.items())} FROM ({source})"
