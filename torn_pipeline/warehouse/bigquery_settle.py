"""What a load says in its transaction: which rows go, which come, what the ledger says of it.

The rules are those of every warehouse. Rows of the load are staged; ``keys`` below are the keys of the roots among them,
``broken`` those of the roots in quarantine:

- what the same fetch left earlier goes, but for roots that are broken now (for a partial load: for all roots but those it brings);
- ``upsert``: rows with one of the keys go; staged roots that a newer fetch has brought already do not come;
- ``replace`` and ``snapshot``: rows of the same slice go, but for broken roots; of a partial load those with one of the keys.
"""

# ruff: noqa: S608 - names are quoted or fixed, values are bound

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from torn_pipeline.tables.table import MISSING_SINCE, ColumnType, StorageMode
from torn_pipeline.warehouse import bigquery_meta as meta
from torn_pipeline.warehouse.bigquery_sql import Values, identifier, key_from, key_of, key_of_texts, within
from torn_pipeline.warehouse.bigquery_staging import LOAD
from torn_pipeline.warehouse.bigquery_tables import SQL_TYPES, LiveTable
from torn_pipeline.warehouse.layouts import partitions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse.bigquery_meta import Ledger
    from torn_pipeline.warehouse.bigquery_service import Place
    from torn_pipeline.warehouse.protocol import Load, Window

__all__ = ["BROKEN", "QUARANTINE", "Incoming", "Script", "Settlement", "Staged"]

QUARANTINE = "quarantine"
"""The name under which the rows of the quarantine are staged."""
BROKEN = "_broken"
"""The staged column that has the key of a broken root, as a JSON array of texts."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A staged table: its full name, quoted, what its columns are called there, and by load its rows and the values that all have."""

    name: str
    places: Mapping[str, str]
    rows: Mapping[int, int]
    common: Mapping[int, Mapping[str, object]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Variables: a struct with the number of rows found, and the first and the last moment of them."""

    found: str
    first: str
    last: str


@dataclass(slots=True)
class Script:
    """The statements of a transaction, and the variables that count what they do."""

    values: Values = field(default_factory=Values)
    statements: list[str] = field(default_factory=list)
    counters: list[str] = field(default_factory=list)
    _declared: dict[str, list[str]] = field(default_factory=dict)

    def run(self, *statements: str) -> None:
        """Add statements."""
        self.statements += statements

    def declare(self, kind: str) -> str:
        """A new variable of this type."""
        name = f"v{sum(map(len, self._declared.values()))}"
        self._declared.setdefault(kind, []).append(name)
        return name

    def counter(self) -> str:
        """A new variable that begins at 0, and whose value the script ends with."""
        name = self.declare("INT64 DEFAULT 0")
        self.counters.append(name)
        return name

    def text(self) -> str:
        """The whole script; it answers one row with the counters, if there are any."""
        declared = [f"DECLARE {', '.join(names)} {kind}" for kind, names in self._declared.items()]
        answer = [f"SELECT [{', '.join(self.counters)}] AS counters"] if self.counters else []
        return ";\n".join([*declared, "BEGIN TRANSACTION", *self.statements, "COMMIT TRANSACTION", *answer])

    def counted(self, answer: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """What each counter ended with."""
        return dict(zip(self.counters, answer[0]["counters"], strict=True)) if self.counters else {}


class Incoming:
    """The rows of one load as they are staged, and what its fetch is called in a script."""

    def __init__(
        self, script: Script, place: Place, load: Load, number: int, live: Mapping[str, LiveTable], staged: Mapping[str, Staged]
    ) -> None:
        self._script = script
        self._live = live
        self.place = place
        self.load = load
        self.number = number
        self.staged = {name: one for name, one in staged.items() if one.rows.get(number)}
        self.fetch_id = script.values.bind(load.fetch.fetch_id)
        self.fetched_at = script.values.moment(load.fetch.fetched_at)
        self._common: dict[str, str] = {}  # how the values that all rows have are called in the script

    @property
    def is_any_broken(self) -> bool:
        """Whether roots are in quarantine."""
        return QUARANTINE in self.staged

    def columns(self, table: str) -> list[str]:
        """The columns that come for a table."""
        return [*self.staged[table].places, *self.staged[table].common.get(self.number, {})]

    def column(self, table: str, alias: str, column: str) -> str:
        """A column of a staged row."""
        place = self.staged[table].places.get(column)
        if place is not None:
            return f"{alias}.{place}"
        if column not in self._common:
            value = self.staged[table].common[self.number][column]
            self._common[column] = self._script.values.moment(value) if isinstance(value, datetime) else self._script.values.bind(value)
        return self._common[column]

    def key(self, table: Table, alias: str, columns: Sequence[str]) -> str:
        """A key of a staged row."""
        return key_from([self.column(table.name, alias, column) for column in columns])

    def keys(self, root: Table) -> str:
        """A query for the keys of the roots that came."""
        return f"SELECT {self.key(root, 'r', root.root_key)} FROM {self.staged[root.name].name} r WHERE r.{LOAD} = {self.number}"

    def broken(self, root: Table) -> str:
        """A query for the keys of the roots that are in quarantine."""
        one = self.staged[QUARANTINE]
        types = [SQL_TYPES[ColumnType(self._live[root.name].columns[column])] for column in root.root_key]
        broken, of_root = one.places[BROKEN], one.places["root_table"]
        return (
            f"SELECT {key_of_texts(f'q.{broken}', types)} FROM {one.name} q WHERE q.{LOAD} = {self.number} "
            f"AND q.{broken} IS NOT NULL AND q.{of_root} = {self._script.values.bind(root.name)}"
        )


class Settlement:
    """One load's part of a script; afterwards ``deleted``, ``dropped`` and ``written`` say where its counts stand."""

    def __init__(self, script: Script, incoming: Incoming, live: Mapping[str, LiveTable]) -> None:
        self._script = script
        self._incoming = incoming
        self._place = incoming.place
        self._load = incoming.load
        self._number = incoming.number
        self._live = live
        self._staged = incoming.staged
        self._fetch_id = incoming.fetch_id
        self._fetched_at = incoming.fetched_at
        self._times = partitions(incoming.load.tables)
        self.deleted: dict[str, str] = {}
        self.dropped: dict[str, list[str]] = {}

    def rows(self, filled: set[str], newer_windows: Sequence[Window], *, newer_possible: bool) -> None:
        """Settle the rows of every table; ``filled`` are the tables that may have rows already.

        ``newer_windows`` are those of newer fetches, where those are of time windows and this load fills what they leave.
        """
        for root in self._load.tables:
            if root.root != root.name:
                continue
            group = [table for table in self._load.tables if table.root == root.name]
            if root.name in filled and (newer_windows or (self._load.mode is StorageMode.UPSERT and newer_possible)):
                self._drop_older_than_stored(root)
            if newer_windows:
                self._drop_what_newer_windows_hold(root, newer_windows)
            if root.name in self.dropped:
                self._drop_children(root, group)
            self._delete(root, [table for table in group if table.name in filled])
            for table in group:
                self._insert(table)

    def missing(self) -> None:
        """Say of rows that the API knows nothing of any more since when; a newer fetch may have brought them again."""
        if self._load.missing is None:
            return
        root, key = self._load.missing
        keys = self._script.values.texts([str(one) for one in self._load.fetch.missing])
        self._script.run(
            f"UPDATE {self._table(root)} t SET {MISSING_SINCE} = {self._fetched_at} WHERE t.{MISSING_SINCE} IS NULL "
            f"AND t._fetched_at < {self._fetched_at} AND CAST(t.{identifier(key)} AS STRING) IN UNNEST({keys})"
            f"{self._of_account(root)}{self._live[root.name].every('t')}"
        )

    def quarantine(self, ledger: Ledger) -> None:
        """Write the quarantine in place of what is there of the same fetch (of the same values, for a partial load)."""
        script, table = self._script, self._place.meta_table("quarantine")
        gone = list(self._load.releases)
        if self._load.partial:
            gone += [str(row["quarantine_id"]) for row in meta.quarantine_rows(self._load)]
        elif self._load.fetch.fetch_id in ledger.quarantined:
            script.run(f"DELETE FROM {table} WHERE _fetch_id = {self._fetch_id}")
        if gone:
            script.run(f"DELETE FROM {table} WHERE quarantine_id IN UNNEST({script.values.texts(gone)})")
        if self._incoming.is_any_broken:
            names = list(meta.QUARANTINE)
            script.run(self._insertion(table, QUARANTINE, names))
            ledger.quarantined.add(self._load.fetch.fetch_id)

    def release(self) -> None:
        """Take out of the quarantine what the load settles: all that a load that is skipped does."""
        if self._load.releases:
            ids = self._script.values.texts(self._load.releases)
            self._script.run(f"DELETE FROM {self._place.meta_table('quarantine')} WHERE quarantine_id IN UNNEST({ids})")

    def fetch(self, ledger: Ledger) -> None:
        """Write the row of the fetch, unless it is there as it should be."""
        fetch = self._load.fetch
        if not ledger.knows(fetch):
            known = fetch.fetch_id in ledger.fetches
            self._script.run(*meta.fetch_written(self._place, fetch, self._script.values, known=known))

    def ledger(self, ledger: Ledger, sizes: Mapping[str, int], nulls: Mapping[str, str], opened: Mapping[str, str]) -> None:
        """Write a row for each table, in place of one for the same fetch and contract version.

        ``nulls`` are the counts of nulls as JSON, ``opened`` counts the versions by history table.
        """
        load, values, table = self._load, self._script.values, self._place.meta_table("loads")
        names = [one.name for one in (*load.tables, *load.histories)]
        version = values.bind(load.contract_version)
        if any((load.fetch.fetch_id, name, load.contract_version) in ledger.loaded for name in names):
            self._script.run(
                f"DELETE FROM {table} WHERE _fetch_id = {self._fetch_id} AND contract_version = {version} "
                f"AND table_name IN UNNEST({values.texts(names)})"
            )
        endpoint, account, _ = meta.slice_of(load)
        where = values.bind(meta.canonical({"endpoint": endpoint, "account": account, "path_ids": dict(load.fetch.path_ids)}))
        mode, run, now = values.bind(load.mode.value), values.bind(load.run_id), values.moment(datetime.now(UTC))
        rows = [
            f"({ledger.sequence + place}, {self._fetch_id}, {values.bind(name)}, {where}, {version}, {self._fetched_at}, {mode}, "
            f"{opened.get(name) or self.written(name)}, {sizes.get(name, 0)}, {run}, {now}, "
            f"{values.bind(nulls[name]) if name in nulls else 'NULL'})"
            for place, name in enumerate(names, start=1)
        ]
        self._script.run(
            f"INSERT INTO {table} (load_id, _fetch_id, table_name, slice, contract_version, _fetched_at, mode, `rows`, bytes, run_id, "
            f"loaded_at, nulls) VALUES {', '.join(rows)}"
        )

    def written(self, table: str) -> str:
        """How many rows the load brings to a table, as SQL."""
        staged = self._staged.get(table)
        count = staged.rows[self._number] if staged else 0
        return " - ".join([str(count), *self.dropped.get(table, ())])

    def _drop_older_than_stored(self, root: Table) -> None:
        """Take the roots that a newer fetch has brought already out of what is staged."""
        if root.name in self._staged:
            stored = f"SELECT {key_of('t', root.root_key)} FROM {self._whole(root)} t WHERE t._fetched_at > {self._fetched_at}"
            self._prune(root, f"{self._incoming.key(root, 's', root.root_key)} IN ({stored}{self._of_account(root)})")

    def _drop_what_newer_windows_hold(self, root: Table, windows: Sequence[Window]) -> None:
        """Take the roots out that newer fetches have asked for, and brought or found gone."""
        column = self._staged[root.name].places.get(self._load.window_column) if root.name in self._staged else None
        if column is not None:
            staged = [replace(window, column=column) for window in windows]
            self._prune(root, " OR ".join(f"({within(window, 's', self._script.values)})" for window in staged))

    def _drop_children(self, root: Table, group: Sequence[Table]) -> None:
        for table in group:
            if table is not root and table.name in self._staged:
                self._prune(table, f"{self._incoming.key(table, 's', table.root_key)} NOT IN ({self._incoming.keys(root)})")

    def _prune(self, table: Table, condition: str) -> None:
        counter = self._script.counter()
        self.dropped.setdefault(table.name, []).append(counter)
        name = self._staged[table.name].name
        self._script.run(f"DELETE FROM {name} s WHERE s.{LOAD} = {self._number} AND ({condition})", f"SET {counter} = @@row_count")

    def _delete(self, root: Table, tables: Sequence[Table]) -> None:
        conditions = {table: condition for table in tables if (condition := self._goes(table, root))}
        if not conditions:
            return
        time = self._live[root.name].partition
        bounds = None
        if self._load.mode is StorageMode.UPSERT and time is not None and time == self._times[root.name] and root in conditions:
            bounds = self._bounds(root, time, conditions[root])
        for table, condition in reversed(conditions.items()):  # the root last: what goes of its children is looked up in it
            counter = self.deleted[table.name] = self._script.counter()
            name, where, worth = self._table(table), condition, ""
            if bounds:
                where, worth = condition + self._within(table, bounds), f"(SELECT {bounds.found}.n) > 0"
            elif self._load.mode is StorageMode.APPEND:
                worth = f"EXISTS (SELECT 1 FROM {self._whole(table)} t WHERE t._fetch_id = {self._fetch_id} AND {self._same_day})"
            delete = f"DELETE FROM {name} t WHERE ({where}){self._live[table.name].every('t')};\nSET {counter} = @@row_count"
            self._script.run(f"IF {worth} THEN {delete};\nEND IF" if worth else delete)

    def _bounds(self, root: Table, time: str, condition: str) -> _Bounds:
        """Find the days that the roots to be replaced stand in: a deletion that knows its days reads no others.

        The days are those of the stored rows, so that it is right even when the moment changed. Only the key's columns
        and the moment are read of the whole table.
        """
        found = self._script.declare("STRUCT<first TIMESTAMP, last TIMESTAMP, n INT64>")
        first, last = self._script.declare("TIMESTAMP"), self._script.declare("TIMESTAMP")
        column = f"t.{identifier(time)}"
        self._script.run(
            f"SET {found} = (SELECT AS STRUCT MIN({column}) AS first, MAX({column}) AS last, COUNT(*) AS n "
            f"FROM {self._whole(root)} t WHERE {condition})",
            f"SET {first} = (SELECT {found}.first)",
            f"SET {last} = (SELECT {found}.last)",
        )
        return _Bounds(found, first, last)

    def _within(self, table: Table, bounds: _Bounds) -> str:
        column = self._live[table.name].partition
        if column is None or column != self._times[table.name]:
            return ""
        return f" AND (t.{identifier(column)} BETWEEN {bounds.first} AND {bounds.last} OR t.{identifier(column)} IS NULL)"

    def _goes(self, table: Table, root: Table) -> str:
        """Which rows of a table the load removes, as a condition over ``t``; empty when none can be."""
        mode, partial = self._load.mode, self._load.partial
        key = key_of("t", table.root_key)
        brought = f"{key} IN ({self._incoming.keys(root)})" if root.name in self._staged else ""
        broken = f"{key} NOT IN ({self._incoming.broken(root)})" if self._incoming.is_any_broken else "TRUE"
        own = f"t._fetch_id = {self._fetch_id}"
        if partial:
            if not brought:
                return ""
            if mode is StorageMode.UPSERT:
                return brought + self._of_account(root)
            return f"{brought} AND {f'{own} AND {self._same_day}' if mode is StorageMode.APPEND else self._in_slice()}"
        again = own
        if self._incoming.is_any_broken:
            again = f"{own} AND ({broken}{f' OR {brought}' if brought else ''})"
        if mode is StorageMode.APPEND:
            return f"{self._same_day} AND {again}"
        if mode in {StorageMode.REPLACE, StorageMode.SNAPSHOT}:
            return f"({self._older('t')} AND {broken}{self._in_window(table, root)}) OR ({again})"
        return f"(({again}){f' OR {brought}' if brought else ''}){self._of_account(root)}"

    @property
    def _same_day(self) -> str:
        return f"t._fetched_at = {self._fetched_at}"

    def _in_slice(self) -> str:
        fetches = meta.fetch_ids_of_slice(self._place, self._load, self._script.values)
        return f"(t._fetch_id = {self._fetch_id} OR t._fetch_id IN ({fetches}))"

    def _older(self, row: str) -> str:
        fetches = meta.fetch_ids_of_slice(self._place, self._load, self._script.values)
        return f"{row}._fetch_id <> {self._fetch_id} AND {row}._fetched_at <= {self._fetched_at} AND {row}._fetch_id IN ({fetches})"

    def _in_window(self, table: Table, root: Table) -> str:
        """Of roots of older fetches only those that lie in the fetch's time window, or that this one brought from elsewhere."""
        window = self._load.window
        if window is None:
            return ""
        inside = within(window, "i", self._script.values)
        if root.name in self._staged:
            inside = f"({inside}) OR {key_of('i', root.root_key)} IN ({self._incoming.keys(root)})"
        roots = f"SELECT {key_of('i', root.root_key)} FROM {self._whole(root)} i WHERE {self._older('i')} AND ({inside})"
        return f" AND {key_of('t', table.root_key)} IN ({roots})"

    def _of_account(self, root: Table) -> str:
        """Keeps BigQuery to the account's blocks where tables are clustered by it."""
        return f" AND t._account = {self._script.values.bind(self._load.fetch.account)}" if "_account" in root.root_key else ""

    def _insert(self, table: Table) -> None:
        if table.name in self._staged:
            self._script.run(self._insertion(self._table(table), table.name, self._incoming.columns(table.name)))

    def _insertion(self, table: str, staged: str, columns: Sequence[str]) -> str:
        one = self._staged[staged]
        names, values = ", ".join(map(identifier, columns)), ", ".join(self._incoming.column(staged, "s", column) for column in columns)
        return f"INSERT INTO {table} ({names}) SELECT {values} FROM {one.name} s WHERE s.{LOAD} = {self._number}"

    def _table(self, table: Table) -> str:
        return self._place.table(table.name)

    def _whole(self, table: Table) -> str:
        return self._live[table.name].whole(self._table(table))
