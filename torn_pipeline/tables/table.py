"""What a normalised table is, in plain data: the product of a contract and the naming rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from torn_pipeline.config.models import StorageMode

if TYPE_CHECKING:
    from torn_pipeline.tables.contract import Object, Scalar

__all__ = [
    "MISSING_SINCE",
    "VALID_FROM",
    "VALID_TO",
    "Column",
    "ColumnType",
    "Path",
    "Role",
    "Shape",
    "StorageMode",
    "Table",
    "histories_of",
]

Path = tuple[str, ...]
"""A JSON path, part by part."""

MISSING_SINCE = "_missing_since"
"""The column, there from the first such row on, that says since which fetch the API has known nothing of a row; null in others."""

VALID_FROM = "_valid_from"
VALID_TO = "_valid_to"
"""The columns that a history table has besides those of its table."""


class ColumnType(StrEnum):
    """The types a column can have, in every warehouse."""

    INTEGER = "integer"  # 64 bits
    FLOAT = "float"  # 64 bits
    BOOLEAN = "boolean"
    TEXT = "text"
    TIMESTAMP = "timestamp"  # an instant in UTC, to the microsecond


class Role(StrEnum):
    """Where a column's values come from."""

    OWN = "own"  # the row itself, by its JSON path
    PARENT = "parent"  # a column of the parent table, named by ``path``
    INDEX = "index"  # the row's place in its array
    MAP_KEY = "map_key"  # the key of a map's entry
    ACCOUNT = "account"
    PATH_ID = "path_id"
    FETCH_ID = "fetch_id"
    FETCHED_AT = "fetched_at"
    RAW_ID = "raw_id"
    VALIDITY = "validity"  # how long a version in a history table held


class Shape(StrEnum):
    """How a table's rows stand in the body."""

    OBJECT = "object"  # one object, one row
    LIST = "list"
    MAP = "map"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. ``path`` is the JSON path from the row's own element (``()`` is the element itself).

    For ``Role.PARENT``, ``path`` is ``(column,)`` of the parent table. ``older`` holds older paths of an
    own column, newest first. ``known`` lists the values seen so far.
    """

    name: str
    type: ColumnType
    role: Role
    path: tuple[str, ...] = ()
    older: tuple[tuple[str, ...], ...] = ()
    known: tuple[str, ...] = ()
    description: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table. ``root`` names the root table of its group (itself for a root), ``parent`` the next one up.

    ``key`` are the columns that identify the row, ``root_key`` those of them that identify its root: the
    root's key without ``_fetched_at``. ``path`` leads from the parent's element (the body, for a root) to
    the rows, ``element`` is the contract's description of one of them, ``siblings`` are scalars beside the
    root that became its columns, and ``json_path`` says where the rows are for people.
    """

    name: str
    root: str
    parent: str | None
    key: tuple[str, ...]
    root_key: tuple[str, ...]
    columns: tuple[Column, ...]
    path: tuple[str, ...] = ()
    shape: Shape = Shape.LIST
    element: Object | Scalar | None = None
    siblings: tuple[str, ...] = ()
    json_path: str = "$"
    description: str = ""

    def column(self, name: str) -> Column:
        """The column of that name; ``KeyError`` when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


def histories_of(tables: tuple[Table, ...], mode: StorageMode) -> tuple[Table, ...]:
    """The history tables that belong to tables, in their order; none unless the mode is ``snapshot``.

    ``<table>_history`` has a row for each version of a row: the table's columns, and from when to when the version held.
    """
    return tuple(_history_of(table) for table in tables) if mode is StorageMode.SNAPSHOT else ()


def _history_of(table: Table) -> Table:
    since = "When the fetch began that first brought this version, UTC."
    until = "When the fetch began that no longer brought it, UTC; null while it holds."
    return replace(
        table,
        name=_history_name(table.name),
        root=_history_name(table.root),
        parent=table.parent and _history_name(table.parent),
        key=(*table.key, VALID_FROM),
        columns=(
            *table.columns,
            Column(name=VALID_FROM, type=ColumnType.TIMESTAMP, role=Role.VALIDITY, description=since),
            Column(name=VALID_TO, type=ColumnType.TIMESTAMP, role=Role.VALIDITY, description=until),
        ),
        description=f"Every version of the rows of {table.name}.",
    )


def _history_name(table: str) -> str:
    return f"{table}_history"
