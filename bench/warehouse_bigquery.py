"""A load into BigQuery against its floor, on the local server of the tests.

The floor is what the client alone needs to add a fetch's rows, never some of them and never twice: one load job of a Parquet
file that is there already, and one transaction that takes out what the same fetch has left before and inserts the rows. A
load of ours begins with frames, so it has the Parquet to write as well; and it asks the ledger, looks at the table, makes a
staged table that expires and drops it, and writes the ledger in the same transaction. Writing and asking take no time of
their own where a core is free for them, as the server has the first rows while the rest are written; the others take the
same time however many rows there are. What is the same in all rows of a fetch is not in our files, so the server reads less.
The second figure adds to the floor the time in which its file was written.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from importlib import import_module
from typing import TYPE_CHECKING

from google.cloud import bigquery as service

from bench.figure import ratio_of_medians
from bench.warehouse_rows import EVENTS, fetch_of, load_of, rows_of
from torn_pipeline.tables.table import StorageMode
from torn_pipeline.warehouse.bigquery_service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import polars as pl

    from bench.figure import Figure
    from torn_pipeline.landing import Fetch
    from torn_pipeline.warehouse.bigquery import BigQueryWarehouse

__all__ = ["bigquery"]

ROWS = 1_000_000
ROUNDS = 5


def bigquery(folder: Path) -> Iterator[Figure]:
    """A load that appends against the same rows' Parquet, uploaded by the client and inserted by one transaction.

    Where the server cannot run it is left out, and stderr says why.
    """
    # The server is the tests': it tells pytest, which is not imported for the other benchmarks, that it cannot run.
    pytest, emulator = import_module("pytest"), import_module("torn_pipeline_tests.emulator")
    with ExitStack() as stack:
        try:
            warehouse = stack.enter_context(emulator.bigquery())
        except pytest.skip.Exception as reason:
            sys.stderr.write(f"no figure for BigQuery: {reason}\n")
            return
        yield from _figures(warehouse, folder / "rows.parquet")


def _figures(warehouse: BigQueryWarehouse, parquet: Path) -> Iterator[Figure]:
    """The first round, with few rows, makes the tables and is not counted."""
    ours, written, inserted = [], [], []
    for number, count in enumerate((10, *[ROWS] * ROUNDS)):
        fetched = fetch_of(number, count)
        frame = rows_of(fetched, range(count))
        ours.append(_loaded(warehouse, fetched, frame))
        written.append(_written(frame, parquet))
        inserted.append(_inserted(warehouse, parquet, fetched, is_first=not number))
    name = f"BigQuery's emulator, load of {ROWS:,} rows of {len(EVENTS.columns)} columns"
    yield ratio_of_medians(name, ours[1:], inserted[1:], 1.2, ("load", "client alone, its Parquet written before"))
    both = [one + other for one, other in zip(written, inserted, strict=True)]
    yield ratio_of_medians(f"{name}, and the file", ours[1:], both[1:], 1.2, ("load", "client alone and writing its Parquet"))


def _loaded(warehouse: BigQueryWarehouse, fetched: Fetch, frame: pl.DataFrame) -> float:
    """Seconds of a load that adds the rows."""
    load = load_of(fetched, frame, StorageMode.APPEND)
    started = time.perf_counter()
    warehouse.load(load)
    return time.perf_counter() - started


def _written(frame: pl.DataFrame, parquet: Path) -> float:
    """Seconds to write the rows as Parquet."""
    started = time.perf_counter()
    frame.write_parquet(parquet)
    return time.perf_counter() - started


def _inserted(warehouse: BigQueryWarehouse, parquet: Path, fetched: Fetch, *, is_first: bool) -> float:
    """Seconds of the client alone: one load job into a staging table, one transaction that replaces the fetch's rows by them."""
    client, place = Service(warehouse.place).client, warehouse.place
    table = client.get_table(f"{place.project}.{place.dataset}.{EVENTS.name}")
    target, staged = f"{place.dataset}.floor", f"{place.dataset}.staged"
    if is_first:
        own = service.Table(f"{place.project}.{target}", schema=table.schema)
        own.time_partitioning, own.clustering_fields = table.time_partitioning, table.clustering_fields
        client.create_table(own)
    config = service.LoadJobConfig(source_format="PARQUET", schema=table.schema, write_disposition="WRITE_TRUNCATE")
    columns = ", ".join(f"`{field.name}`" for field in table.schema)
    script = f"""BEGIN TRANSACTION;
        DELETE FROM {target} WHERE _fetched_at = @at AND _fetch_id = @id;
        INSERT INTO {target} ({columns}) SELECT {columns} FROM {staged};
        COMMIT TRANSACTION;"""  # noqa: S608 - our own names
    values = [
        service.ScalarQueryParameter("at", "TIMESTAMP", fetched.fetched_at),
        service.ScalarQueryParameter("id", "STRING", fetched.fetch_id),
    ]
    started = time.perf_counter()
    with parquet.open("rb") as content:
        client.load_table_from_file(content, f"{place.project}.{staged}", job_config=config).result()
    client.query_and_wait(script, job_config=service.QueryJobConfig(query_parameters=values))
    return time.perf_counter() - started
