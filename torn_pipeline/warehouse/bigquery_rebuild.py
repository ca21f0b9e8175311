"""The tables of endpoints once more, from all their fetches, in one transaction.

There may be years of fetches, and a transaction takes a second and more for each statement. So the fetches settle in
a DuckDB file on this machine first, by its own writer, and what they leave behind is loaded here as a whole.
"""

# ruff: noqa: S608 - names are quoted or fixed, values are bound

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import duckdb
import polars as pl

from torn_pipeline.errors import WarehouseError
from torn_pipeline.tables.table import StorageMode
from torn_pipeline.warehouse.bigquery_load import Writing, writing
from torn_pipeline.warehouse.bigquery_service import Stale
from torn_pipeline.warehouse.bigquery_settle import Script, Staged
from torn_pipeline.warehouse.bigquery_sql import Values, identifier, key_of
from torn_pipeline.warehouse.bigquery_tables import SQL_TYPES, LiveTable, clauses, shape
from torn_pipeline.warehouse.duckdb import DuckDBWarehouse
from torn_pipeline.warehouse.duckdb_sql import identifier as quoted
from torn_pipeline.warehouse.layouts import layout, partitions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse.bigquery_service import Service
    from torn_pipeline.warehouse.layouts import Layout
    from torn_pipeline.warehouse.protocol import Load, Receipt

__all__ = ["rebuild"]

_PIECE = 65_536  # rows in memory at once
_META_TABLES = ("fetches", "loads", "quarantine")


def rebuild(service: Service, loads: Iterable[Load], endpoints: Mapping[str, Sequence[Table]], run_id: str) -> list[Receipt]:
    """Empty the tables of the endpoints and write the loads into them; readers see the old tables until all is written.

    A table with a column of another type now is replaced in a statement of its own just before the transaction. One that is laid out
    in another way is made anew there with the rows that it has; where other endpoints have rows in it, it stays laid out as it is.

    Raises:
        WarehouseError: when a load cannot be written as it must; the tables are as they were.
        WarehouseBusy: when others write the same tables all the time, or BigQuery is in trouble.
    """
    tables = {table.name: table for group in endpoints.values() for table in group}
    with writing(service, tuple(tables.values()), run_id) as work:
        path = work.folder / "rebuild.duckdb"
        upserted: set[str] = set()
        receipts = _settle(path, loads, endpoints, run_id, upserted)
        _stage(work, path, tables)
        for attempt in work.attempts():
            with attempt:
                _Rebuild(service, work, endpoints, upserted).write()
        return receipts


def _settle(path: Path, loads: Iterable[Load], endpoints: Mapping[str, Sequence[Table]], run_id: str, upserted: set[str]) -> list[Receipt]:
    """Write the loads into a file; ``upserted`` then has the tables whose keys tell rows apart, whichever endpoint brings them."""

    def known() -> Iterator[Load]:
        for load in loads:
            if load.fetch.endpoint not in endpoints:
                message = f"{load.fetch.endpoint} is not among the endpoints that are rebuilt: load it by itself"
                raise WarehouseError(message)
            if load.mode is StorageMode.UPSERT:
                upserted.update(table.name for table in load.tables)
            yield load

    return DuckDBWarehouse(path).load_all(known(), rebuild=endpoints, run_id=run_id)


def _stage(work: Writing, path: Path, tables: Mapping[str, Table]) -> None:
    names = {f"torn.{name}": name for name in tables} | {f"torn_meta.{name}": f"torn_meta.{name}" for name in _META_TABLES}
    with closing(duckdb.connect(str(path), read_only=True)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for source, name in names.items():
            schema, table = source.split(".", 1)
            contract = {column.name: column.type for column in tables[name].columns} if name in tables else {}
            for batch in connection.sql(f"FROM {schema}.{quoted(table)}").to_arrow_reader(_PIECE):
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a batch never becomes a Series
                work.file(name, contract).add(frame, 0)


class _Rebuild:
    """One try."""

    def __init__(self, service: Service, work: Writing, endpoints: Mapping[str, Sequence[Table]], upserted: set[str]) -> None:
        self._service = service
        self._place = service.place
        self._work = work
        self._names = sorted(endpoints)
        self._tables = {table.name: table for group in endpoints.values() for table in group}
        self._script = Script()
        self._upserted = upserted
        self._staged: dict[str, Staged] = {}

    def write(self) -> None:
        """Write what is staged.

        Raises:
            Stale: when tables had to be replaced first: then there is another try.
        """
        live = self._work.look(strict=False)
        self._work.make_room(live)
        self._work.upload(live)
        self._staged = self._work.staged()
        shared = self._shared()
        for one in live.values():
            if one.misfits and one.table.name in shared:
                raise WarehouseError(one.misfits[0])
        moved = [one for one in live.values() if one.misfits or self._is_laid_out_poorly(one, shared)]
        if moved:
            statements = [self._replaced(one) if one.misfits else self._laid_out(one) for one in moved]
            self._service.run(";\n".join(statements), None, self._work.lane(), f"{self._work.call[:16]}-replace")
            raise Stale
        shape(self._service, live)
        self._work.record(self._script, live)
        for one in live.values():
            self._refill(one, among_others=one.table.name in shared)
        self._fill_ledger()
        self._service.run(self._script.text(), self._script.values, self._work.lane(), self._work.call)

    def _is_laid_out_poorly(self, live: LiveTable, shared: set[str]) -> bool:
        """Whether a table has another layout than it should, and no rows of other endpoints, which would have to move with it."""
        return live.there is not None and live.table.name not in shared and not live.layout.covers(self._wanted(live))

    def _wanted(self, live: LiveTable) -> Layout:
        return layout(live.table, partitions(list(self._tables.values()))[live.table.name])

    def _shared(self) -> set[str]:
        """The tables that other endpoints were loaded into too."""
        values = Values()
        sql = f"""SELECT DISTINCT table_name FROM {self._place.meta_table("loads")} l
            JOIN {self._place.meta_table("fetches")} f ON l._fetch_id = f._fetch_id
            WHERE table_name IN UNNEST({values.texts(list(self._tables))}) AND endpoint NOT IN UNNEST({values.texts(self._names)})"""
        return {row["table_name"] for row in self._service.rows(sql, values)}

    def _replaced(self, live: LiveTable) -> str:
        """A statement that makes a table anew, of the contract's types and layout, with the rows that are staged."""
        table, staged = live.table, self._staged.get(live.table.name)
        name, places = self._place.table(table.name), staged.places if staged else {}
        columns = {column.name: column.type for column in table.columns}
        columns |= {column: kind for column, kind in self._work.file(table.name, {}).types.items() if column not in columns}
        selected = ", ".join(
            f"{places.get(column, f'CAST(NULL AS {SQL_TYPES[kind]})')} AS {identifier(column)}" for column, kind in columns.items()
        )
        wanted = self._wanted(live)
        source = f"FROM {staged.name}" if staged else "FROM (SELECT 1) WHERE FALSE"
        dropped = "" if wanted == live.layout else f"DROP TABLE {name};\n"
        return f"{dropped}CREATE OR REPLACE TABLE {name} {clauses(*wanted)} AS SELECT {selected} {source}"

    def _laid_out(self, live: LiveTable) -> str:
        """Statements that lay a table out anew with the rows that it has: what is rebuilt takes their place in the transaction alone."""
        name, kept = self._place.table(live.table.name), identifier(f"kept_{live.table.name}")
        return f"""CREATE TEMP TABLE {kept} AS SELECT * FROM {live.whole(name)};
DROP TABLE {name};
CREATE TABLE {name} {clauses(*self._wanted(live))} AS SELECT * FROM {kept}"""

    def _refill(self, live: LiveTable, *, among_others: bool) -> None:
        table = live.table
        name, staged = self._place.table(table.name), self._staged.get(table.name)
        if not among_others:
            self._script.run(f"DELETE FROM {name} t WHERE TRUE{live.every('t')}")
        else:
            self._script.run(f"DELETE FROM {name} t WHERE t._fetch_id IN ({self._own_fetches()}){live.every('t')}")
            self._give_way(live)
        if staged:
            columns, places = ", ".join(map(identifier, staged.places)), ", ".join(staged.places.values())
            self._script.run(f"INSERT INTO {name} ({columns}) SELECT {places} FROM {staged.name}")

    def _give_way(self, live: LiveTable) -> None:
        """Of a root that another endpoint has upserted too, only the newer stays; other modes tell fetches or slices apart."""
        table = live.table
        root = self._tables[table.root]
        if root.name not in self._staged or root.name not in self._upserted:
            return
        staged = self._staged[root.name]
        own = key_of("s", [staged.places[column] for column in root.root_key])
        if table is root:
            newer = f"{key_of('t', root.root_key)} = {own} AND t._fetched_at > s.{staged.places['_fetched_at']}"
            self._script.run(
                f"DELETE FROM {staged.name} s WHERE EXISTS (SELECT 1 FROM {live.whole(self._place.table(root.name))} t WHERE {newer})"
            )
        elif table.name in self._staged:
            child = self._staged[table.name]
            key = key_of("c", [child.places[column] for column in table.root_key])
            self._script.run(f"DELETE FROM {child.name} c WHERE {key} NOT IN (SELECT {own} FROM {staged.name} s)")
        brought = f"{key_of('t', table.root_key)} IN (SELECT {own} FROM {staged.name} s)"
        self._script.run(f"DELETE FROM {self._place.table(table.name)} t WHERE {brought}{live.every('t')}")

    def _fill_ledger(self) -> None:
        values, own = self._script.values, self._own_fetches()
        fetches, loads, quarantine = (self._place.meta_table(name) for name in _META_TABLES)
        self._script.run(
            f"DELETE FROM {loads} WHERE table_name IN UNNEST({values.texts(list(self._tables))}) AND _fetch_id IN ({own})",
            f"DELETE FROM {quarantine} WHERE endpoint IN UNNEST({values.texts(self._names)})",
        )
        for table, name in zip((fetches, loads, quarantine), _META_TABLES, strict=True):
            staged = self._staged.get(f"torn_meta.{name}")
            if staged is None:
                continue
            if name == "fetches":
                known = f"SELECT {staged.places['_fetch_id']} FROM {staged.name}"
                self._script.run(f"DELETE FROM {table} WHERE _fetch_id IN ({known})")
            columns = ", ".join(map(identifier, staged.places))
            places = ", ".join(
                f"{place} + {self._work.ledger.sequence}" if column == "load_id" else place for column, place in staged.places.items()
            )
            self._script.run(f"INSERT INTO {table} ({columns}) SELECT {places} FROM {staged.name}")

    def _own_fetches(self) -> str:
        fetches = self._place.meta_table("fetches")
        return f"SELECT _fetch_id FROM {fetches} WHERE endpoint IN UNNEST({self._script.values.texts(self._names)})"
