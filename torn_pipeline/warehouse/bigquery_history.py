"""The histories of a snapshot in BigQuery: what a load says in its transaction of the versions that it opens and closes.

A version is open while ``_valid_to`` is null; the open ones are what the tables hold. Rows of another endpoint,
account or path ids in the same table are another slice, and no business of this fetch. Histories are partitioned by the
day of ``_valid_to``, so that a load reads the open versions and those that this fetch may have closed, however many
there are by now.
"""

# ruff: noqa: S608 - names are quoted or fixed, values are bound

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import TYPE_CHECKING

from torn_pipeline.tables.table import VALID_FROM, VALID_TO, ColumnType
from torn_pipeline.warehouse import bigquery_meta as meta
from torn_pipeline.warehouse.bigquery_sql import identifier, key_of
from torn_pipeline.warehouse.bigquery_staging import LOAD
from torn_pipeline.warehouse.bigquery_tables import SQL_TYPES
from torn_pipeline.warehouse.snapshots import WORTH_A_DOUBT, compared, too_many_closed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torn_pipeline.errors import TooManyClosed
    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse.bigquery_settle import Incoming, Script
    from torn_pipeline.warehouse.bigquery_tables import LiveTable
    from torn_pipeline.warehouse.protocol import Load

__all__ = ["Histories", "closed_too_many", "follow"]

_RAISED = re.compile(r"torn closed (\[\d+, \d+, \d+, \d+\])")


class Histories:
    """The history tables of one load, of which it has some if it is a snapshot.

    ``opened``, ``closed`` and ``undone`` have by table the counters of versions.
    """

    def __init__(self, script: Script, incoming: Incoming, live: Mapping[str, LiveTable]) -> None:
        self._script = script
        self._incoming = incoming
        self._load = incoming.load
        self._live = live
        self._history = {table.name: history.name for table, history in zip(self._load.tables, self._load.histories, strict=False)}
        self.opened: dict[str, str] = {}
        self.closed: dict[str, str] = {}
        self.undone: dict[str, str] = {}

    def write(self, filled: set[str]) -> None:
        """Bring the histories up to this fetch; ``filled`` are the tables that may have rows already.

        What the fetch left in them before is taken back first. The script ends with an error that :func:`closed_too_many`
        understands when too many of the open rows of a root table are absent.
        """
        if not self._history:
            return
        roots = [(number, table) for number, table in enumerate(self._load.tables) if table.root == table.name]
        members = [(root, table) for _, root in roots for table in self._load.tables if table.root == root.name]
        there = [(root, table) for root, table in members if self._history[table.name] in filled]
        self._undo(there)
        for number, root in roots:
            if (root, root) in there and not self._load.partial and self._load.max_closed < 1:
                self._doubt(number, root)
        for root, table in there:
            self._close(root, table)
        for root, table in members:
            if table.name in self._incoming.staged:
                self._open(table, is_first=(root, table) not in there)

    def _undo(self, there: Sequence[tuple[Table, Table]]) -> None:
        """Take back what an earlier load of this fetch opened and closed, of the roots that this one is about."""
        incoming = self._incoming
        own = f"h._fetch_id = {incoming.fetch_id} AND (h.{VALID_TO} IS NULL OR h.{VALID_TO} >= {incoming.fetched_at})"
        ended = f"h.{VALID_TO} = {incoming.fetched_at} AND {self._of_slice}"
        found, undone = [], []
        for root, table in there:
            concerned, name, counter = self._concerns(root, table), self._name(table), self._script.counter()
            self.undone[self._history[table.name]] = counter
            found.append(f"EXISTS (SELECT 1 FROM {self._live[self._history[table.name]].whole(name)} h WHERE ({own}) OR ({ended}))")
            undone.append(
                f"DELETE FROM {name} h WHERE {own} AND {concerned};\nSET {counter} = @@row_count;\n"
                f"UPDATE {name} h SET {VALID_TO} = NULL WHERE {ended} AND {concerned};\n"
            )
        if there:
            self._script.run(f"IF {' OR '.join(found)} THEN {''.join(undone)}END IF")

    def _doubt(self, number: int, root: Table) -> None:
        """End the script when more is absent than may be."""
        incoming, values, found = self._incoming, self._script.values, self._script.declare("STRUCT<there INT64, absent INT64>")
        missing = f"{key_of('h', root.root_key)} NOT IN ({incoming.keys(root)})" if root.name in incoming.staged else "TRUE"
        gone = f"SELECT {missing} AND {self._concerns(root, root)} AS gone FROM {self._name(root)} h WHERE {self._is_open}"
        there, absent = f"(SELECT {found}.there)", f"(SELECT {found}.absent)"
        says = f"FORMAT('torn closed [{incoming.number}, {number}, %d, %d]', {there}, {absent})"
        self._script.run(
            f"SET {found} = (SELECT AS STRUCT COUNT(*) AS there, COUNTIF(gone) AS absent FROM ({gone}))",
            f"IF {there} >= {WORTH_A_DOUBT} AND {absent} > {there} * {values.bind(self._load.max_closed)} "
            f"THEN RAISE USING MESSAGE = {says};\nEND IF",
        )

    def _close(self, root: Table, table: Table) -> None:
        """End the versions that this fetch does not bring again as they are."""
        columns = [
            name for name in compared(table, self._live[table.name].columns) if name in self._live[self._history[table.name]].columns
        ]
        again = ""
        if table.name in self._incoming.staged:
            again = f" AND {key_of('h', columns)} NOT IN (SELECT {key_of('s', columns)} FROM ({self._rows(table, columns)}) s)"
        counter = self.closed[self._history[table.name]] = self._script.counter()
        self._script.run(
            f"UPDATE {self._name(table)} h SET {VALID_TO} = {self._incoming.fetched_at} "
            f"WHERE {self._is_open} AND {self._concerns(root, table)}{again}",
            f"SET {counter} = @@row_count",
        )

    def _open(self, table: Table, *, is_first: bool) -> None:
        """Begin a version for each row of this fetch whose key has none that is open."""
        staged, name = self._incoming.staged[table.name], self._name(table)
        names = self._incoming.columns(table.name)
        columns = ", ".join(map(identifier, [*names, VALID_FROM]))
        selected = ", ".join([*(self._incoming.column(table.name, "s", name) for name in names), self._incoming.fetched_at])
        is_new = (
            f" AND {self._incoming.key(table, 's', table.key)} NOT IN (SELECT {key_of('h', table.key)} FROM {name} h WHERE {self._is_open})"
        )
        counter = self.opened[self._history[table.name]] = self._script.counter()
        self._script.run(
            f"INSERT INTO {name} ({columns}) SELECT {selected} FROM {staged.name} s "
            f"WHERE s.{LOAD} = {self._incoming.number}{'' if is_first else is_new}",
            f"SET {counter} = @@row_count",
        )

    def _rows(self, table: Table, columns: Sequence[str]) -> str:
        """The rows that come for a table, with columns of these names; null where they do not come."""
        staged, types = self._incoming.staged[table.name], self._live[table.name].columns
        there = set(self._incoming.columns(table.name))
        selected = [
            self._incoming.column(table.name, "r", name) if name in there else f"CAST(NULL AS {SQL_TYPES[ColumnType(types[name])]})"
            for name in columns
        ]
        named = ", ".join(f"{value} AS {identifier(name)}" for value, name in zip(selected, columns, strict=True))
        return f"SELECT {named} FROM {staged.name} r WHERE r.{LOAD} = {self._incoming.number}"

    def _concerns(self, root: Table, table: Table) -> str:
        """The condition that a version ``h`` is of a root that this load says something about."""
        key = key_of("h", table.root_key)
        if self._load.partial:
            return f"{key} IN ({self._incoming.keys(root)})" if root.name in self._incoming.staged else "FALSE"
        return f"{key} NOT IN ({self._incoming.broken(root)})" if self._incoming.is_any_broken else "TRUE"

    @cached_property
    def _of_slice(self) -> str:
        return f"h._fetch_id IN ({meta.fetch_ids_of_slice(self._incoming.place, self._load, self._script.values)})"

    @property
    def _is_open(self) -> str:
        return f"h.{VALID_TO} IS NULL AND {self._of_slice}"

    def _name(self, table: Table) -> str:
        return self._incoming.place.table(self._history[table.name])


def follow(live: Mapping[str, LiveTable], load: Load) -> None:
    """Give the histories room for the columns, and the wider types, that their tables have gained."""
    for table, history in zip(load.tables, load.histories, strict=False):
        for name, kind in live[table.name].columns.items():
            if isinstance(kind, ColumnType):
                live[history.name].make_room(name, kind)


def closed_too_many(said: str, loads: Sequence[Load]) -> TooManyClosed | None:
    """What a script that ended with an error says of one of the loads, if that is why it ended."""
    raised = _RAISED.search(said)
    if raised is None:
        return None
    number, place, there, absent = json.loads(raised[1])
    return too_many_closed(loads[number], loads[number].tables[place].name, there, absent)
