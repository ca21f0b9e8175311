"""What a normalised table is, in plain data: the product of a contract and the naming rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from torn_pipeline.config.models import StorageMode

__all__ = ["Column", "ColumnType", "Role", "StorageMode", "Table"]


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
    PARENT = "parent"  # a column of an enclosing row
    INDEX = "index"  # the row's place in its array
    MAP_KEY = "map_key"  # the key of a map's entry
    ORIGIN = "origin"  # the fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. ``path`` is the JSON path from the row's own element (``()`` is the element itself).

    For ``Role.PARENT``, ``path`` is ``(column,)`` of the parent table. ``older`` holds older paths of an
    own column, newest first. ``known`` and ``required`` repeat the contract's.
    """

    name: str
    type: ColumnType
    role: Role
    path: tuple[str, ...] = ()
    older: tuple[tuple[str, ...], ...] = ()
    nullable: bool = True
    required: bool = False
    known: tuple[str, ...] = ()
    description: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table. ``root`` names the root table of its group (itself for a root), ``parent`` the next one up.

    ``root_key`` are the columns of *this* table that identify the root row a row belongs to: the root's
    key without ``_fetched_at``. ``key`` are the columns that identify the row.
    """

    name: str
    root: str
    parent: str | None
    key: tuple[str, ...]
    root_key: tuple[str, ...]
    columns: tuple[Column, ...]
    json_path: str
    description: str = ""

    def column(self, name: str) -> Column:
        """The column of that name; ``KeyError`` when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)
