"""What must change for a table to have its contract's shape: a comparison, in plain data, for every warehouse."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from torn_pipeline.errors import WarehouseError
from torn_pipeline.tables.table import MISSING_SINCE, ColumnType
from torn_pipeline.warehouse.layouts import layout, partitions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from torn_pipeline.tables.table import Column, Table
    from torn_pipeline.warehouse.layouts import Layout

__all__ = [
    "Change",
    "Kind",
    "LiveColumn",
    "Shape",
    "changes_of",
    "columns_of_version",
    "copies_among",
    "copy_name",
    "description_of",
    "never_made",
    "refused",
    "value_lost",
]

_COPY = re.compile(r"backup_(?P<table>.+)_v(?P<version>\d+)")

_WIDER = {
    ColumnType.INTEGER: {ColumnType.FLOAT, ColumnType.TEXT},
    ColumnType.FLOAT: {ColumnType.TEXT},
    ColumnType.BOOLEAN: {ColumnType.TEXT},
    ColumnType.TIMESTAMP: {ColumnType.TEXT},
    ColumnType.TEXT: set[ColumnType](),
}


class Kind(StrEnum):
    """What a change does. Loads make the first two by themselves; the last four happen only when they are allowed, or never."""

    CREATE = "create"
    ADD = "add"
    WIDEN = "widen"
    RELAX = "relax"
    DESCRIBE = "describe"
    NARROW = "narrow"
    DROP = "drop"
    OTHER = "other"  # a type that the values cannot become: only a rebuild from the landing can
    LAY_OUT = "lay out"  # rows stand where conditions read more than they must: only a rebuild lays them out anew


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveColumn:
    """A column as it stands in a warehouse; ``type`` is ``None`` for one that no contract has, ``native`` is the warehouse's own word."""

    type: ColumnType | None
    native: str
    nullable: bool = True
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A table as it stands in a warehouse: its columns by name, in order, its description, and how its rows are laid out.

    ``layout`` is ``None`` where the warehouse sees to that by itself.
    """

    columns: Mapping[str, LiveColumn]
    description: str = ""
    layout: Layout | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of a table, or of one of its columns. ``before`` and ``after`` are types, or the words of a description or layout."""

    kind: Kind
    table: Table = field(repr=False)
    column: str = ""
    before: str = ""
    after: str = ""

    @property
    def rewrites(self) -> bool:
        """Whether values that are there are changed or removed."""
        return self.kind in {Kind.WIDEN, Kind.NARROW, Kind.DROP}

    def __str__(self) -> str:
        """The change in words, such as ``widen score from integer to float``."""
        words = {
            Kind.CREATE: "create the table",
            Kind.ADD: f"add {self.column} {self.after}",
            Kind.RELAX: f"let {self.column} be null",
            Kind.DESCRIBE: f"describe {self.column or 'the table'}",
            Kind.DROP: f"drop {self.column} {self.before}, which the contract does not have",
            Kind.LAY_OUT: f"lay it out by {self.after}, in place of {self.before}",
            Kind.OTHER: f"make {self.column}, which is {self.before}, {self.after}",
        }
        return words.get(self.kind, f"{self.kind} {self.column} from {self.before} to {self.after}")


def changes_of(tables: Sequence[Table], live: Mapping[str, Shape]) -> list[Change]:
    """What must change for the tables to have the shape of their contracts, table by table."""
    times = partitions(tables)
    found: list[Change] = []
    for table in tables:
        there = live.get(table.name)
        found += _changes(table, there)
        is_known = table.parent is None or table.parent in times  # a child is laid out as its parent is
        if there is not None and there.layout is not None and is_known:
            found += _layout_changes(table, layout(table, times[table.name]), there.layout)
    return found


def refused(changes: Sequence[Change], allowed: set[Kind]) -> list[Change]:
    """The changes that are not made unless they are allowed; one to another type or layout never is."""
    return [
        change
        for change in changes
        if change.kind in {Kind.OTHER, Kind.LAY_OUT} or (change.kind in {Kind.NARROW, Kind.DROP} and change.kind not in allowed)
    ]


def description_of(column: Column) -> str:
    """What a warehouse says of a column: its description, and its unit."""
    return f"{column.description} ({column.unit})" if column.unit else column.description


def never_made(change: Change) -> WarehouseError:
    """What is said of a change to another type or layout."""
    message = (
        f"table {change.table.name}: {change.column or 'its layout'} is {change.before} and cannot become {change.after}: "
        "rebuild it with `torn-pipeline replay ENDPOINT --rebuild`"
    )
    return WarehouseError(message)


def value_lost(table: str, column: str, wanted: ColumnType, count: int, example: object) -> WarehouseError:
    """What is said of values that would not be the same as another type."""
    message = (
        f"table {table}: {count} values of {column} cannot become {wanted}, the first is {example!r}, so nothing was "
        "changed; mend them first, or leave the column as it is"
    )
    return WarehouseError(message)


def columns_of_version(table: str, version: int, known: Mapping[int, Mapping[str, str]]) -> dict[str, ColumnType]:
    """The columns that a table had in a version, of the types that contracts have; ``known`` are those of all its versions.

    Raises:
        WarehouseError: when there is no such version, or it is the last.
    """
    types = set(ColumnType)
    columns = {number: {name: ColumnType(word) for name, word in found.items() if word in types} for number, found in known.items()}
    wanted = columns.get(version)
    if wanted and version != max(columns):
        return wanted
    there = ", ".join(str(number) for number, found in columns.items() if found and number != max(columns))
    message = f"table {table} cannot be rolled back to version {version}: it had the versions {there or 'of no other shape'}"
    raise WarehouseError(message)


def copy_name(table: str, version: int) -> str:
    """The name, among the platform's own tables, of the copy of a table as it was in a version."""
    return f"backup_{table}_v{version}"


def copies_among(names: Iterable[str]) -> dict[str, set[int]]:
    """The versions of each table that a copy is kept of, from the names of the platform's own tables."""
    kept: dict[str, set[int]] = {}
    for name in names:
        if found := _COPY.fullmatch(name):
            kept.setdefault(found["table"], set()).add(int(found["version"]))
    return kept


def _changes(table: Table, live: Shape | None) -> Iterator[Change]:
    if live is None:
        yield Change(kind=Kind.CREATE, table=table)
        return
    if table.description and live.description != table.description:
        yield Change(kind=Kind.DESCRIBE, table=table, before=live.description, after=table.description)
    for column in table.columns:
        there = live.columns.get(column.name)
        if there is None:
            yield Change(kind=Kind.ADD, table=table, column=column.name, after=column.type)
        else:
            yield from _column_changes(table, column, there)
    known = {column.name for column in table.columns} | {MISSING_SINCE}
    for name, there in live.columns.items():
        if name not in known:
            yield Change(kind=Kind.DROP, table=table, column=name, before=there.type or there.native)


def _layout_changes(table: Table, wanted: Layout, there: Layout) -> Iterator[Change]:
    if not there.covers(wanted):
        yield Change(kind=Kind.LAY_OUT, table=table, before=str(there), after=str(wanted))


def _column_changes(table: Table, column: Column, there: LiveColumn) -> Iterator[Change]:
    if there.type is not column.type:
        before = there.type or there.native
        yield Change(kind=_kind(there.type, column.type), table=table, column=column.name, before=before, after=column.type)
    if not there.nullable:
        yield Change(kind=Kind.RELAX, table=table, column=column.name)
    wanted = description_of(column)
    if wanted and there.description != wanted:
        yield Change(kind=Kind.DESCRIBE, table=table, column=column.name, before=there.description, after=wanted)


def _kind(there: ColumnType | None, wanted: ColumnType) -> Kind:
    if there is None:
        return Kind.OTHER
    if wanted in _WIDER[there]:
        return Kind.WIDEN
    return Kind.NARROW if there in _WIDER[wanted] else Kind.OTHER
