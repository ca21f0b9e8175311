"""The shape of the tables in a DuckDB file: created, widened, described, never narrowed."""

# ruff: noqa: S608 - names are quoted or fixed, values are bound

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from torn_pipeline.errors import WarehouseError
from torn_pipeline.tables.table import ColumnType
from torn_pipeline.warehouse import duckdb_meta as meta
from torn_pipeline.warehouse.changes import LiveColumn, Shape, description_of, value_lost
from torn_pipeline.warehouse.duckdb_sql import identifier, literal, qualified

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse.duckdb_file import Session

__all__ = ["LiveTable", "accept", "add", "drop", "empty", "ensure", "follow", "live_table", "note", "retype", "shapes", "word_of"]

_TYPES = {
    ColumnType.INTEGER: "BIGINT",
    ColumnType.FLOAT: "DOUBLE",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.TEXT: "VARCHAR",
    ColumnType.TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
}
_POLARS: Mapping[pl.DataType, str] = {
    pl.Int64(): "BIGINT",
    pl.Float64(): "DOUBLE",
    pl.Boolean(): "BOOLEAN",
    pl.String(): "VARCHAR",
    pl.Datetime("us", "UTC"): "TIMESTAMP WITH TIME ZONE",
}
_WORDS = {duckdb_type: column_type.value for column_type, duckdb_type in _TYPES.items()}


@dataclass(slots=True)
class LiveTable:
    """A table as it stands in the file: its columns' DuckDB types by name, and what this load changed."""

    table: Table
    columns: dict[str, str] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)


def ensure(session: Session, tables: Sequence[Table], run_id: str) -> dict[str, LiveTable]:
    """Create what is missing of the tables, describe them, and tell how they stand.

    Raises:
        WarehouseError: when a column of a contract has another type in the file.
    """
    columns = _columns(session, [table.name for table in tables])
    live = {}
    for table in tables:
        found = columns.get(table.name, {})
        live[table.name] = one = LiveTable(table, {name: duckdb_type for name, (duckdb_type, *_) in found.items()})
        _create_or_extend(session, one, run_id)
        _describe(session, table, {name: comment for name, (_, comment, _) in found.items()})
    return live


def live_table(session: Session, table: Table) -> LiveTable:
    """How a table that is there stands."""
    columns = _columns(session, [table.name])[table.name]
    return LiveTable(table, {name: data_type for name, (data_type, *_) in columns.items() if name})


def shapes(session: Session, names: Sequence[str] | None) -> dict[str, Shape]:
    """How tables stand, all of them unless some are named; those that are not there are left out."""
    types = {duckdb_type: column_type for column_type, duckdb_type in _TYPES.items()}
    return {
        table: Shape(
            columns={
                name: LiveColumn(type=types.get(data_type), native=data_type, nullable=is_nullable, description=comment or "")
                for name, (data_type, comment, is_nullable) in columns.items()
                if name
            },
            description=columns[""][1] or "",
        )
        for table, columns in _columns(session, names).items()
    }


def accept(session: Session, live: LiveTable, frame: pl.DataFrame, run_id: str) -> str:
    """Make room for a frame's columns and return the SQL that inserts it from ``incoming``.

    A column outside the contract is added, and widened when its values have come in another type before:
    numbers become float, anything else text.

    Raises:
        WarehouseError: when the frame has a column of a type that no table has, or not the contract's.
    """
    contract = {column.name: _TYPES[column.type] for column in live.table.columns}
    selected = []
    for name, dtype in frame.schema.items():
        incoming = _POLARS.get(dtype)
        if incoming is None or contract.get(name, incoming) != incoming:
            expected = _WORDS.get(contract.get(name, ""), "one of " + ", ".join(_WORDS.values()))
            message = f"column {name} for table {live.table.name} comes as {dtype} and must be {expected}"
            raise WarehouseError(message)
        if name not in live.columns:
            _add(session, live, name, incoming, run_id)
        elif live.columns[name] != (wider := _wider(live.columns[name], incoming)):
            _widen(session, live, name, wider, run_id)
        quoted = identifier(name)
        selected.append(quoted if live.columns[name] == incoming else f"CAST({quoted} AS {live.columns[name]}) AS {quoted}")
    return f"INSERT INTO {qualified(live.table.name)} BY NAME SELECT {', '.join(selected)} FROM incoming"


def follow(session: Session, leader: LiveTable, follower: LiveTable, run_id: str) -> None:
    """Give a table the columns, and the wider types, that another one has gained."""
    for name, duckdb_type in leader.columns.items():
        if name not in follower.columns:
            _add(session, follower, name, duckdb_type, run_id)
        elif follower.columns[name] != duckdb_type:
            _widen(session, follower, name, duckdb_type, run_id)


def empty(session: Session, endpoint: str, tables: Sequence[Table], run_id: str) -> None:
    """Take an endpoint out of its tables and the ledger; a table that no other endpoint uses is dropped.

    A dropped table can come back with other types.
    """
    columns = _columns(session, [table.name for table in tables])
    for table in tables:
        if table.name not in columns:
            continue
        others = session.run(
            """SELECT 1 FROM warehouse.torn_meta.loads JOIN warehouse.torn_meta.fetches USING (_fetch_id)
                WHERE table_name = ? AND endpoint <> ? LIMIT 1""",
            [table.name, endpoint],
        )
        if others:
            fetches = "SELECT _fetch_id FROM warehouse.torn_meta.fetches WHERE endpoint = ?"
            sql = f"DELETE FROM {qualified(table.name)} WHERE _fetch_id IN ({fetches})"
            session.run(sql, [endpoint])
        else:
            session.run(f"DROP TABLE {qualified(table.name)}")
            meta.record_change(session, table.name, {}, "dropped for a rebuild", run_id)
    meta.forget_loads(session, endpoint, [table.name for table in tables])


def _columns(session: Session, names: Sequence[str] | None) -> dict[str, dict[str, tuple[str, str | None, bool]]]:
    """By table and column, in order: type, comment, and whether it may be null; the table's own comment stands under an empty name."""
    tables: dict[str, dict[str, tuple[str, str | None, bool]]] = {}
    sql = """SELECT table_name, '' AS column_name, '' AS data_type, comment, true, -1 AS place FROM duckdb_tables()
            WHERE database_name = 'warehouse' AND schema_name = 'torn' AND coalesce(list_contains($names, table_name), true)
        UNION ALL SELECT table_name, column_name, data_type, comment, is_nullable, column_index FROM duckdb_columns()
            WHERE database_name = 'warehouse' AND schema_name = 'torn' AND coalesce(list_contains($names, table_name), true)
        ORDER BY table_name, place"""
    for table, column, data_type, comment, is_nullable, _ in session.run(sql, {"names": None if names is None else list(names)}):
        tables.setdefault(table, {})[column] = (data_type, comment, is_nullable)
    return tables


def _create_or_extend(session: Session, live: LiveTable, run_id: str) -> None:
    table = live.table
    wanted = {column.name: _TYPES[column.type] for column in table.columns}
    if not live.columns:
        definitions = ", ".join(f"{identifier(name)} {duckdb_type}" for name, duckdb_type in wanted.items())
        session.run(f"CREATE TABLE {qualified(table.name)} ({definitions})")
        live.columns = wanted
        _changed(session, live, "created", run_id)
        meta.forget_table(session, table.name)
        return
    live.columns.pop("")
    for name, duckdb_type in wanted.items():
        if name not in live.columns:
            _add(session, live, name, duckdb_type, run_id)
        elif live.columns[name] != duckdb_type:
            there = _word(live.columns[name])
            message = (
                f"column {name} of table {table.name} is {there} in the warehouse and {_WORDS[duckdb_type]} in the contract; "
                "see `torn-pipeline schema plan`, or rebuild the table with `torn-pipeline replay ENDPOINT --rebuild`"
            )
            raise WarehouseError(message)


def _describe(session: Session, table: Table, comments: Mapping[str, str | None]) -> None:
    if table.description and comments.get("") != table.description:
        session.run(f"COMMENT ON TABLE {qualified(table.name)} IS {literal(table.description)}")
    for column in table.columns:
        text = description_of(column)
        if text and comments.get(column.name) != text:
            session.run(f"COMMENT ON COLUMN {qualified(table.name)}.{identifier(column.name)} IS {literal(text)}")


def add(session: Session, live: LiveTable, name: str, column_type: ColumnType, run_id: str) -> None:
    """Add a column, null in the rows that are there, with the description of its contract."""
    _add(session, live, name, _TYPES[column_type], run_id)
    text = next((description_of(column) for column in live.table.columns if column.name == name), "")
    if text:
        session.run(f"COMMENT ON COLUMN {qualified(live.table.name)}.{identifier(name)} IS {literal(text)}")


def drop(session: Session, live: LiveTable, name: str, run_id: str) -> None:
    """Drop a column."""
    session.run(f"ALTER TABLE {qualified(live.table.name)} DROP COLUMN {identifier(name)}")
    del live.columns[name]
    _changed(session, live, f"dropped {name}", run_id)


def word_of(live: LiveTable, name: str) -> str:
    """The type of a column in the words of contracts."""
    return _word(live.columns[name])


def note(session: Session, live: LiveTable, change: str, run_id: str) -> None:
    """Record a change of a table that was made."""
    _changed(session, live, change, run_id)


def retype(session: Session, live: LiveTable, name: str, column_type: ColumnType, run_id: str) -> None:
    """Give a column another type, and its values with it.

    Raises:
        WarehouseError: when a value would be lost.
    """
    before, after = live.columns[name], _TYPES[column_type]
    count, example = session.run(_lost(live.table.name, identifier(name), before, after))[0]
    if count:
        raise value_lost(live.table.name, name, column_type, count, example)
    session.run(f"ALTER TABLE {qualified(live.table.name)} ALTER COLUMN {identifier(name)} SET DATA TYPE {after}")
    live.columns[name] = after
    widened = _wider(before, after) == after
    _changed(session, live, f"{'widened' if widened else 'narrowed'} {name} from {_word(before)} to {column_type}", run_id)


def _lost(table: str, column: str, before: str, after: str) -> str:
    """A query for how many values would not be the same as another type, and one of them."""
    cast = f"TRY_CAST({column} AS {after})"
    differs = {
        ("BIGINT", "DOUBLE"): f"CAST({cast} AS HUGEINT) <> {column}",
        ("DOUBLE", "BIGINT"): f"CAST({cast} AS DOUBLE) <> {column}",
        ("VARCHAR", "BIGINT"): f"CAST({cast} AS VARCHAR) <> {column}",
    }.get((before, after), "false")
    return f"SELECT count(*), min({column}) FROM {qualified(table)} WHERE {column} IS NOT NULL AND ({cast} IS NULL OR {differs})"


def _add(session: Session, live: LiveTable, name: str, duckdb_type: str, run_id: str) -> None:
    session.run(f"ALTER TABLE {qualified(live.table.name)} ADD COLUMN {identifier(name)} {duckdb_type}")
    live.columns[name] = duckdb_type
    _changed(session, live, f"added {name} {_word(duckdb_type)}", run_id)


def _widen(session: Session, live: LiveTable, name: str, duckdb_type: str, run_id: str) -> None:
    session.run(f"ALTER TABLE {qualified(live.table.name)} ALTER COLUMN {identifier(name)} SET DATA TYPE {duckdb_type}")
    change = f"widened {name} from {_word(live.columns[name])} to {_word(duckdb_type)}"
    live.columns[name] = duckdb_type
    _changed(session, live, change, run_id)


def _changed(session: Session, live: LiveTable, change: str, run_id: str) -> None:
    live.changes.append(change)
    columns = {name: _word(duckdb_type) for name, duckdb_type in live.columns.items()}
    meta.record_change(session, live.table.name, columns, change, run_id)


def _word(duckdb_type: str) -> str:
    return _WORDS.get(duckdb_type, duckdb_type)


def _wider(one: str, other: str) -> str:
    if one == other:
        return one
    return "DOUBLE" if {one, other} == {"BIGINT", "DOUBLE"} else "VARCHAR"
