"""Changes of tables in a DuckDB file that were asked for, the copies kept before them, and the way back."""

# ruff: noqa: S608 - names are quoted or fixed, values are bound

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from torn_pipeline.tables.table import ColumnType
from torn_pipeline.warehouse import duckdb_meta as meta
from torn_pipeline.warehouse import duckdb_schema as schema
from torn_pipeline.warehouse.changes import Change, Kind, columns_of_version, copies_among, copy_name, never_made
from torn_pipeline.warehouse.duckdb_sql import identifier, literal, qualified, same
from torn_pipeline.warehouse.protocol import SchemaVersion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse.duckdb_file import Session
    from torn_pipeline.warehouse.duckdb_schema import LiveTable

__all__ = ["apply", "roll_back", "versions"]


def apply(session: Session, changes: Sequence[Change], keep: int, run_id: str) -> None:
    """Make the changes, table by table, after a copy of each table that is rewritten.

    Raises:
        WarehouseError: when a change is one to another type, or would lose a value.
    """
    for table, of_table in groupby(changes, lambda change: change.table):
        wanted = list(of_table)
        if wanted[0].kind is Kind.CREATE:
            schema.ensure(session, [table], run_id)
            continue
        live = schema.live_table(session, table)
        if any(change.rewrites for change in wanted):
            _keep(session, table.name, keep)
        for change in wanted:
            _apply(session, live, change, run_id)


def _apply(session: Session, live: LiveTable, change: Change, run_id: str) -> None:
    name, column = live.table.name, change.column
    match change.kind:
        case Kind.ADD:
            schema.add(session, live, column, ColumnType(change.after), run_id)
        case Kind.WIDEN | Kind.NARROW:
            schema.retype(session, live, column, ColumnType(change.after), run_id)
        case Kind.DROP:
            schema.drop(session, live, column, run_id)
        case Kind.RELAX:
            session.run(f"ALTER TABLE {qualified(name)} ALTER COLUMN {identifier(column)} DROP NOT NULL")
        case Kind.DESCRIBE:
            what = f"COLUMN {qualified(name)}.{identifier(column)}" if column else f"TABLE {qualified(name)}"
            session.run(f"COMMENT ON {what} IS {literal(change.after)}")
        case _:
            raise never_made(change)


def versions(session: Session, table: str | None) -> list[SchemaVersion]:
    """Every change, oldest first; of one table when given."""
    kept = _copies(session)
    return [
        SchemaVersion(
            table=name,
            version=version,
            change=change,
            columns=columns,
            run_id=run_id,
            changed_at=changed_at,
            has_backup=version in kept.get(name, ()),
        )
        for name, version, change, columns, run_id, changed_at in meta.schema_versions(session, table)
    ]


def roll_back(session: Session, table: Table, version: int, keep: int, run_id: str) -> tuple[str, ...]:
    """Give a table the columns of a version back, and what was done; rows stay, dropped values come from the copy that was kept.

    Raises:
        WarehouseError: when there is no such version, or a value would be lost.
    """
    known = {number: columns for _, number, _, columns, *_ in meta.schema_versions(session, table.name)}
    wanted = columns_of_version(table.name, version, known)
    copy = min((number for number in _copies(session).get(table.name, ()) if number >= version), default=None)
    source = None if copy is None else _copy_of(table.name, copy)
    live = schema.live_table(session, table)
    _keep(session, table.name, keep, spare=copy)
    missing = [name for name in wanted if name not in live.columns]
    for name, word in wanted.items():
        if name in missing:
            schema.add(session, live, name, word, run_id)
        elif schema.word_of(live, name) != word:
            schema.retype(session, live, name, word, run_id)
    for name in set(live.columns) - set(wanted):
        schema.drop(session, live, name, run_id)
    if source is not None:
        _refill(session, table, missing, source)
    schema.note(session, live, f"rolled back to version {version}", run_id)
    return tuple(live.changes)


def _refill(session: Session, table: Table, columns: Sequence[str], source: str) -> None:
    """Take the values of columns from a copy, for the rows that stand in it."""
    (held,) = session.run(f"SELECT list(name) FROM pragma_table_info({literal(source)})")[0]
    found = [name for name in columns if name in held]
    if not found:
        return
    values = ", ".join(f"{identifier(name)} = b.{identifier(name)}" for name in found)
    row = list(dict.fromkeys([*table.key, "_fetch_id"]))
    session.run(f"UPDATE {qualified(table.name)} AS t SET {values} FROM {source} b WHERE {same('t', row, 'b', row)}")


def _keep(session: Session, table: str, keep: int, *, spare: int | None = None) -> None:
    """Copy a table as it is now; the oldest copies of it above ``keep`` go, but for the one to spare."""
    now = max((version for _, version, *_ in meta.schema_versions(session, table)), default=0)
    session.run(f"CREATE OR REPLACE TABLE {_copy_of(table, now)} AS FROM {qualified(table)}")
    for version in sorted(_copies(session)[table])[:-keep]:
        if version != spare:
            session.run(f"DROP TABLE {_copy_of(table, version)}")


def _copy_of(table: str, version: int) -> str:
    return f"warehouse.torn_meta.{identifier(copy_name(table, version))}"


def _copies(session: Session) -> dict[str, set[int]]:
    """The versions of each table that a copy is kept of."""
    sql = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'warehouse' AND schema_name = 'torn_meta'"
    return copies_among(name for (name,) in session.run(sql))
