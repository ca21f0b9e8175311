"""One load into a DuckDB file, inside a transaction that is open: what each storage mode leaves behind.

Rows are inserted as they come and settled at the end, when every key is known: one statement a table then
removes what the load replaces, so the cost does not grow with the number of batches. A row tells by
``_fetch_id`` whether it is the load's own; rows that the same fetch left earlier are set aside first.
"""

# ruff: noqa: S608 - names are quoted or fixed, values are bound

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import polars as pl

from torn_pipeline.errors import TooManyClosed, WarehouseError
from torn_pipeline.tables.table import MISSING_SINCE, ColumnType, Role, StorageMode
from torn_pipeline.warehouse import duckdb_meta as meta
from torn_pipeline.warehouse.duckdb_history import Histories
from torn_pipeline.warehouse.duckdb_schema import accept, add, ensure
from torn_pipeline.warehouse.duckdb_sql import identifier, qualified, same, temporary, within
from torn_pipeline.warehouse.nulls import as_text, null_counts
from torn_pipeline.warehouse.protocol import Receipt, TableReceipt, Window
from torn_pipeline.warehouse.windows import leaves_nothing, refuse_window

if TYPE_CHECKING:
    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse.duckdb_file import Session
    from torn_pipeline.warehouse.protocol import Load

__all__ = ["write"]

_GATHERED = 40_960  # rows: a statement for each batch of some thousand costs a third more, and a row group takes these


def write(session: Session, load: Load, *, rebuilding: bool = False) -> Receipt:
    """Write one load. A snapshot that lacks too many rows is refused; in a rebuild it is left out, and its receipt says why.

    Raises:
        WarehouseError: when the fetch is not complete, the mode is not the one that the tables were loaded in, or a
            frame does not fit its table.
        TooManyClosed: when a snapshot lacks too many of the rows that hold.
    """
    _refuse(session, load)
    writing = _Writing(session, load)
    skipped = writing.reason_to_skip()
    if skipped:
        meta.delete_quarantine(session, load.releases)
        return Receipt(skipped=skipped)
    try:
        return writing.run()
    except TooManyClosed as error:
        if not rebuilding:
            raise
        writing.take_back()
        return Receipt(refused=str(error))


def _refuse(session: Session, load: Load) -> None:
    fetch = load.fetch
    if not fetch.complete:
        message = f"fetch {fetch.fetch_id} of {fetch.endpoint} is not complete and is never loaded: fetch {fetch.endpoint} again"
        raise WarehouseError(message)
    refuse_window(load)
    other = meta.other_mode(session, load)
    if other is not None:
        table, mode = other
        message = (
            f"table {table} was loaded with storage_mode {mode} and {fetch.endpoint} now says {load.mode}: "
            f"rebuild it with `torn-pipeline replay {fetch.endpoint} --rebuild`, or set the mode back"
        )
        raise WarehouseError(message)


class _Writing:
    """The state of one load: its tables as they stand, and counts by table."""

    def __init__(self, session: Session, load: Load) -> None:
        self._session = session
        self._load = load
        self._fetch_id = load.fetch.fetch_id
        self._live = ensure(session, (*load.tables, *load.histories), load.run_id)
        self._tables = {table.name: table for table in load.tables}
        self._histories = Histories(session, load, self._live)
        self._roots = [table for table in load.tables if table.root == table.name]
        self._written = dict.fromkeys(self._tables, 0)
        self._deleted = dict.fromkeys(self._tables, 0)
        self._bytes = dict.fromkeys(self._tables, 0)
        self._nulls: dict[str, Counter[str]] = {name: Counter() for name in self._tables}
        self._waiting: dict[str, list[pl.DataFrame]] = {name: [] for name in self._tables}
        self._held: set[str] = set()
        self._filled: set[str] = set()
        self._without_null: set[str] = set()
        self._kept_newer = 0
        self._newer: list[Window] = []

    def reason_to_skip(self) -> str:
        """Why this load must change no table, or empty."""
        load = self._load
        if not load.partial and meta.loaded_version(self._session, load) == load.contract_version:
            return f"fetch {self._fetch_id} is already loaded under this contract"
        if load.mode in {StorageMode.REPLACE, StorageMode.SNAPSHOT}:
            for fetch_id, fetched_at, *bounds in meta.newer_fetches(self._session, load):
                window = Window(column=load.window_column, after=bounds[0], until=bounds[1])
                if leaves_nothing(window, load):
                    meta.record_fetch(self._session, load.fetch)
                    return f"a newer fetch is already loaded: {fetch_id} of {fetched_at:%Y-%m-%d %H:%M:%S} UTC"
                self._newer.append(window)
        return ""

    def run(self) -> Receipt:
        """Insert, settle, and write the ledger.

        Raises:
            TooManyClosed: when a snapshot lacks too many of the rows that hold.
        """
        load = self._load
        meta.record_fetch(self._session, load.fetch)
        self._set_aside()
        for batch in load.batches:
            for name, frame in batch.items():
                self._take(name, frame)
        for name in self._tables:
            self._insert(name)
        for root in self._roots:
            if self._needs_keys(root):
                self._note_keys(root)
            self._note_broken(root)
            self._put_back(root)
        if load.mode is StorageMode.SNAPSHOT:
            self._histories.write(self._roots)
        for root in self._roots:
            self._settle(root)
        self._mark_missing()
        meta.record_quarantine(self._session, load)
        receipts = {name: self._receipt(name) for name in self._live}
        if not load.partial:
            nulls = {name: as_text(counts) for name, counts in self._nulls.items()}
            written = {name: (receipt.rows, receipt.bytes, nulls.get(name)) for name, receipt in receipts.items()}
            meta.record_load(self._session, load, written)
        return Receipt(tables=receipts, kept_newer=self._kept_newer)

    def _mark_missing(self) -> None:
        """Say of rows that the API knows nothing of any more since when; a newer fetch may have brought them again."""
        if self._load.missing is None:
            return
        root, key = self._load.missing
        if MISSING_SINCE not in self._live[root.name].columns:
            add(self._session, self._live[root.name], MISSING_SINCE, ColumnType.TIMESTAMP, self._load.run_id)
        fetch, own = self._load.fetch, "_account = ? AND " if "_account" in root.root_key else ""
        self._session.run(
            f"UPDATE {qualified(root.name)} SET {MISSING_SINCE} = ? WHERE {own}{MISSING_SINCE} IS NULL AND _fetched_at < ? "
            f"AND list_contains(?, {identifier(key)})",
            [fetch.fetched_at, *([fetch.account] if own else []), fetch.fetched_at, list(fetch.missing)],
        )

    def take_back(self) -> None:
        """Remove the rows that were inserted; of a fetch that had left none before."""
        for name in self._tables:
            self._session.run(f"DELETE FROM {qualified(name)} WHERE _fetch_id = ?", [self._fetch_id])

    def _receipt(self, name: str) -> TableReceipt:
        total = self._session.run(f"SELECT count(*) FROM {qualified(name)}")[0][0]
        is_history = name not in self._tables
        return TableReceipt(
            rows=self._histories.opened[name] if is_history else self._written[name],
            deleted=self._histories.closed[name] if is_history else self._deleted[name],
            total=total,
            bytes=self._bytes.get(name, 0),
            changes=tuple(self._live[name].changes),
        )

    def _set_aside(self) -> None:
        """Move what this fetch left earlier into temporary tables, and note which tables have rows of other fetches."""
        for name in self._tables:
            table = qualified(name)
            if self._session.run(f"SELECT 1 FROM {table} WHERE _fetch_id = ? LIMIT 1", [self._fetch_id]):
                self._session.run(
                    f"CREATE OR REPLACE TEMP TABLE {temporary('held', name)} AS FROM {table} WHERE _fetch_id = ?", [self._fetch_id]
                )
                self._deleted[name] += self._count(f"DELETE FROM {table} WHERE _fetch_id = ?", [self._fetch_id])
                self._held.add(name)
            if self._session.run(f"SELECT 1 FROM {table} LIMIT 1"):
                self._filled.add(name)

    def _take(self, name: str, frame: pl.DataFrame) -> None:
        """Let a frame wait until there are enough rows for a statement, or until the frames' columns change."""
        if name not in self._tables:
            message = f"a batch of {self._load.fetch.endpoint} has rows for table {name}, which the load does not name"
            raise WarehouseError(message)
        waiting = self._waiting[name]
        if waiting and list(waiting[0].schema.items()) != list(frame.schema.items()):
            self._insert(name)
        waiting.append(frame)
        if sum(one.height for one in waiting) >= _GATHERED:
            self._insert(name)

    def _insert(self, name: str) -> None:
        """Insert the frames that wait."""
        waiting = self._waiting[name]
        if not waiting:
            return
        frame = pl.concat(waiting, rechunk=False)
        waiting.clear()
        sql = accept(self._session, self._live[name], frame, self._load.run_id)
        if not frame.height:
            return
        rows = frame.to_arrow(compat_level=pl.CompatLevel.newest())
        self._written[name] += self._session.run(sql, incoming=rows)[0][0]
        self._bytes[name] += rows.nbytes
        self._nulls[name].update(null_counts(frame))

    def _needs_keys(self, root: Table) -> bool:
        """Whether it matters which roots the batches brought: to note them costs a sixth of what it costs to insert them."""
        load = self._load
        if self._is_any(root, self._held):
            return True
        if load.mode is StorageMode.UPSERT:
            return self._is_any(root, self._filled)
        if load.mode is StorageMode.REPLACE:
            return load.partial or load.window is not None or bool(self._newer)
        return load.mode is StorageMode.SNAPSHOT

    def _note_keys(self, root: Table) -> None:
        """The keys of the roots that the batches brought, and whether their last column is ever null."""
        keys, table = ", ".join(map(identifier, root.root_key)) or "true AS present", temporary("keys", root.name)
        brought = f"SELECT DISTINCT {keys} FROM {qualified(root.name)} WHERE _fetch_id = ?"
        self._session.run(f"CREATE OR REPLACE TEMP TABLE {table} AS {brought}", [self._fetch_id])
        if root.root_key and not self._session.run(f"SELECT 1 FROM {table} WHERE {identifier(root.root_key[-1])} IS NULL LIMIT 1"):
            self._without_null.add(root.name)

    def _is_of(self, table: Table, root: Table) -> str:
        """The condition that a row ``t`` of a table is of a root ``k`` that the batches brought.

        A plain equation, true where there is no null, lets DuckDB pass over the row groups that have none of the keys.
        """
        match = same("t", table.root_key, "k", root.root_key)
        if root.name in self._without_null:
            match += f" AND t.{identifier(table.root_key[-1])} = k.{identifier(root.root_key[-1])}"
        return match

    def _note_broken(self, root: Table) -> None:
        """The keys of the roots that went to quarantine."""
        columns = [f"TRY_CAST({identifier(name)} AS {self._live[root.name].columns[name]}) AS {identifier(name)}" for name in root.root_key]
        keys = self._broken_keys(root)
        names = root.root_key or ("present",)
        rows = pl.DataFrame(keys, schema=dict.fromkeys(names, pl.String()), orient="row").to_arrow()
        selected = ", ".join(columns) or "present"
        self._session.run(
            f"CREATE OR REPLACE TEMP TABLE {temporary('broken', root.name)} AS SELECT DISTINCT {selected} FROM incoming",
            incoming=rows,
        )

    def _broken_keys(self, root: Table) -> list[tuple[str, ...]]:
        """As text, with what every row of the fetch has in common filled in."""
        fetch = self._load.fetch
        common: dict[str, object] = dict(fetch.path_ids)
        common |= {column.name: fetch.account for column in root.columns if column.role is Role.ACCOUNT}
        keys = []
        for item in self._load.quarantined:
            key = common | json.loads(item.key or "{}")
            if item.root == root.name and all(key.get(name) is not None for name in root.root_key):
                keys.append(tuple(str(key[name]) for name in root.root_key) or ("true",))
        return keys

    def _put_back(self, root: Table) -> None:
        """Bring back what was set aside of roots that the load did not replace.

        For a whole load these are the roots that are in quarantine now, for a partial one all others.
        """
        keys, broken = temporary("keys", root.name), temporary("broken", root.name)
        for table in self._group(root):
            if table.name not in self._held:
                continue
            held = temporary("held", table.name)
            where = f"NOT EXISTS (FROM {keys} k WHERE {same('h', table.root_key, 'k', root.root_key)})"
            if not self._load.partial:
                where += f" AND EXISTS (FROM {broken} b WHERE {same('h', table.root_key, 'b', root.root_key)})"
            sql = f"INSERT INTO {qualified(table.name)} BY NAME SELECT h.* FROM {held} h WHERE {where}"
            self._deleted[table.name] -= self._count(sql)

    def _settle(self, root: Table) -> None:
        if self._load.mode is StorageMode.APPEND:
            return
        if self._load.mode is StorageMode.UPSERT:
            if self._is_any(root, self._filled):
                self._drop_older_than_stored(root)
                self._delete_replaced(root)
            return
        if self._newer:
            self._drop_older_than_stored(root)
            self._drop_what_newer_windows_hold(root)
        if self._load.partial:
            self._delete_replaced(root, of_slice=True)
        else:
            self._delete_slice(root)

    def _drop_older_than_stored(self, root: Table) -> None:
        """Take back the rows of roots that a newer fetch has brought already."""
        fetched_at = self._load.fetch.fetched_at
        table = qualified(root.name)
        if not self._session.run(f"SELECT 1 FROM {table} WHERE _fetched_at > ? LIMIT 1", [fetched_at]):
            return
        self._drop(root, "t._fetched_at > ?", [fetched_at])

    def _drop_what_newer_windows_hold(self, root: Table) -> None:
        """Take back the rows of roots that newer fetches have asked for, and brought or found gone."""
        windows = [within(window, "t") for window in self._newer]
        inside = " OR ".join(f"({condition})" for condition, _ in windows)
        self._drop(root, f"t._fetch_id = ? AND ({inside})", [self._fetch_id, *(bound for _, bounds in windows for bound in bounds)])

    def _drop(self, root: Table, condition: str, values: list[object]) -> None:
        """Take back the rows of roots for which a row ``t`` of the same key meets the condition."""
        keys, newer = temporary("keys", root.name), temporary("newer", root.name)
        match = self._is_of(root, root)
        found = f"FROM {keys} k WHERE EXISTS (FROM {qualified(root.name)} t WHERE {condition} AND {match})"
        self._session.run(f"CREATE OR REPLACE TEMP TABLE {newer} AS {found}", values)
        for member in self._group(root):
            match = self._is_of(member, root)
            sql = f"DELETE FROM {qualified(member.name)} t USING {newer} k WHERE t._fetch_id = ? AND {match}"
            dropped = self._count(sql, [self._fetch_id])
            self._written[member.name] -= dropped
            if member is root:
                self._kept_newer += dropped
        self._session.run(f"DELETE FROM {keys} k USING {newer} n WHERE {same('k', root.root_key, 'n', root.root_key)}")

    def _delete_replaced(self, root: Table, *, of_slice: bool = False) -> None:
        """Remove other fetches' rows of the roots that this load brought."""
        keys = temporary("keys", root.name)
        fetches, values = meta.fetch_ids_of_slice(self._load) if of_slice else ("", [])
        within = f" AND t._fetch_id IN ({fetches})" if of_slice else ""
        for table in self._group(root):
            match = self._is_of(table, root)
            sql = f"DELETE FROM {qualified(table.name)} t USING {keys} k WHERE t._fetch_id <> ? AND {match}{within}"
            self._deleted[table.name] += self._count(sql, [self._fetch_id, *values])

    def _delete_slice(self, root: Table) -> None:
        """Remove older fetches' rows of this slice, or of its time window, but for the roots in quarantine."""
        fetches, values = meta.fetch_ids_of_slice(self._load)
        older, values = f"t._fetch_id <> ? AND t._fetch_id IN ({fetches}) AND t._fetched_at <= ?", [self._fetch_id, *values]
        values.append(self._load.fetch.fetched_at)
        broken, inside = temporary("broken", root.name), ""
        if self._load.window is not None:
            inside = f"AND EXISTS (FROM {temporary('inside', root.name)} i WHERE "
            self._note_inside(root, self._load.window, older, values)
        for table in self._group(root):
            kept = same("t", table.root_key, "b", root.root_key)
            where = inside and f"{inside}{same('t', table.root_key, 'i', root.root_key)})"
            sql = f"DELETE FROM {qualified(table.name)} t WHERE {older} AND NOT EXISTS (FROM {broken} b WHERE {kept}) {where}"
            self._deleted[table.name] += self._count(sql, values)

    def _note_inside(self, root: Table, window: Window, older: str, values: list[object]) -> None:
        """The keys of the roots of older fetches that lie in the window, or that this one brought from elsewhere."""
        inside, bounds = within(window, "t")
        keys = ", ".join(f"t.{identifier(name)}" for name in root.root_key)
        brought = f"EXISTS (FROM {temporary('keys', root.name)} k WHERE {same('t', root.root_key, 'k', root.root_key)})"
        sql = f"""CREATE OR REPLACE TEMP TABLE {temporary("inside", root.name)} AS
            SELECT DISTINCT {keys} FROM {qualified(root.name)} t WHERE {older} AND (({inside}) OR {brought})"""
        self._session.run(sql, [*values, *bounds])

    def _is_any(self, root: Table, names: set[str]) -> bool:
        """Whether one of the tables of a root's group is among these."""
        return any(table.name in names for table in self._group(root))

    def _group(self, root: Table) -> list[Table]:
        return [table for table in self._tables.values() if table.root == root.name]

    def _count(self, sql: str, values: list[object] | None = None) -> int:
        count: int = self._session.run(sql, values or [])[0][0]
        return count
