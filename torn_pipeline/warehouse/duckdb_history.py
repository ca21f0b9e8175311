"""The histories of a snapshot in a DuckDB file: which versions of the rows a fetch opens and closes.

A version is open while ``_valid_to`` is null; the open ones are what the tables hold. Rows of another endpoint,
account or path ids in the same table are another slice, and no business of this fetch.
"""

# ruff: noqa: S608 - names are quoted or fixed, values are bound

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.warehouse import duckdb_meta as meta
from torn_pipeline.warehouse.duckdb_schema import follow
from torn_pipeline.warehouse.duckdb_sql import qualified, same, temporary
from torn_pipeline.warehouse.snapshots import WORTH_A_DOUBT, compared, too_many_closed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse.duckdb_file import Session
    from torn_pipeline.warehouse.duckdb_schema import LiveTable
    from torn_pipeline.warehouse.protocol import Load

__all__ = ["Histories"]

_SLICE = "temp.slice"


class Histories:
    """The history tables of one load, whose rows stand in the tables beside those of other fetches.

    Of each root table the temporary tables ``keys`` and ``broken`` hold the roots that came and those in quarantine.
    """

    def __init__(self, session: Session, load: Load, live: Mapping[str, LiveTable]) -> None:
        self._session = session
        self._load = load
        self._live = live
        self._history = {table.name: history.name for table, history in zip(load.tables, load.histories, strict=False)}
        self.opened = dict.fromkeys(self._history.values(), 0)
        self.closed = dict.fromkeys(self._history.values(), 0)

    def write(self, roots: Sequence[Table]) -> None:
        """Bring the histories up to this fetch; what it left in them before is taken back first.

        Raises:
            TooManyClosed: when too many of the open rows of a root table are absent; the histories are as they were before
                the fetch.
        """
        fetches, values = meta.fetch_ids_of_slice(self._load)
        self._session.run(f"CREATE OR REPLACE TEMP TABLE {_SLICE} AS {fetches}", values)
        groups = [(root, [table for table in self._load.tables if table.root == root.name]) for root in roots]
        for root, tables in groups:
            for table in tables:
                follow(self._session, self._live[table.name], self._live[self._history[table.name]], self._load.run_id)
                self._undo(root, table)
        for root in roots:
            self._doubt(root)
        for root, tables in groups:
            for table in tables:
                self._close(root, table)
                self._open(table)

    def _undo(self, root: Table, table: Table) -> None:
        """Take back what an earlier load of this fetch opened and closed, of the roots that this one is about."""
        history, concerned = qualified(self._history[table.name]), self._concerns(root, table)
        fetch = self._load.fetch
        self._session.run(f"DELETE FROM {history} h WHERE h._fetch_id = ? AND {concerned}", [fetch.fetch_id])
        self._session.run(
            f"UPDATE {history} AS h SET _valid_to = NULL WHERE h._valid_to = ? AND h._fetch_id IN (FROM {_SLICE}) AND {concerned}",
            [fetch.fetched_at],
        )

    def _doubt(self, root: Table) -> None:
        if self._load.partial:
            return
        missing = f"NOT EXISTS (FROM {temporary('keys', root.name)} k WHERE {same('h', root.root_key, 'k', root.root_key)})"
        sql = f"""SELECT count(*), count(*) FILTER (WHERE {missing} AND {self._concerns(root, root)})
            FROM {qualified(self._history[root.name])} h WHERE {self._is_open()}"""
        there, absent = self._session.run(sql)[0]
        if there >= WORTH_A_DOUBT and absent > there * self._load.max_closed:
            raise too_many_closed(self._load, root.name, there, absent)

    def _close(self, root: Table, table: Table) -> None:
        """End the versions that this fetch does not bring again as they are."""
        columns = compared(table, self._live[table.name].columns)
        again = f"FROM {qualified(table.name)} t WHERE t._fetch_id = ? AND {same('h', columns, 't', columns)}"
        history = self._history[table.name]
        sql = f"""UPDATE {qualified(history)} AS h SET _valid_to = ?
            WHERE {self._is_open()} AND {self._concerns(root, table)} AND NOT EXISTS ({again})"""
        self.closed[history] += self._session.run(sql, [self._load.fetch.fetched_at, self._load.fetch.fetch_id])[0][0]

    def _open(self, table: Table) -> None:
        """Begin a version for each row of this fetch whose key has none that is open."""
        history = self._history[table.name]
        is_there = f"FROM {qualified(history)} h WHERE {self._is_open()} AND {same('h', table.key, 't', table.key)}"
        sql = f"""INSERT INTO {qualified(history)} BY NAME
            SELECT t.*, CAST(? AS TIMESTAMPTZ) AS _valid_from, CAST(NULL AS TIMESTAMPTZ) AS _valid_to
            FROM {qualified(table.name)} t WHERE t._fetch_id = ? AND NOT EXISTS ({is_there})"""
        self.opened[history] += self._session.run(sql, [self._load.fetch.fetched_at, self._load.fetch.fetch_id])[0][0]

    def _concerns(self, root: Table, table: Table) -> str:
        """The condition that a version ``h`` is of a root that this load says something about."""
        if self._load.partial:
            return f"EXISTS (FROM {temporary('keys', root.name)} k WHERE {same('h', table.root_key, 'k', root.root_key)})"
        return f"NOT EXISTS (FROM {temporary('broken', root.name)} b WHERE {same('h', table.root_key, 'b', root.root_key)})"

    @staticmethod
    def _is_open() -> str:
        return f"h._valid_to IS NULL AND h._fetch_id IN (FROM {_SLICE})"
