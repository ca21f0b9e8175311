"""What the contract says of one table's rows, as the normaliser reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torn_pipeline.errors import ContractError
from torn_pipeline.tables.contract import Object, Scalar
from torn_pipeline.tables.naming import json_path, snake_case
from torn_pipeline.tables.table import Path, Role, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.tables.plain import PlainObject

__all__ = ["Level", "Reader", "plain_of", "reader_of"]


class Reader:
    """What the contract says of one JSON object: its keys, and what stands for it where it is null."""

    def __init__(self, node: Object, path: Path, generic: str) -> None:
        self.path = path
        self.generic = generic  # the JSON path for people, with [*] for places
        self.nodes = {child.name: child for child in node.fields}
        self.expected = tuple(self.nodes)
        self.null: dict[str, None] = dict.fromkeys(self.expected)
        self.by_snake = {snake_case(name): name for name in self.expected}
        self.older: dict[str, list[Path]] = {}  # by key: what of it is older paths, () for all of it
        self.plain: PlainObject | None = None
        self.objects = {
            child.name: Reader(child, (*path, child.name), json_path((child.name,), generic))
            for child in node.fields
            if isinstance(child, Object)
        }

    def note_older(self, path: Path) -> None:
        """Remember an older path, so that it is not taken for a new field."""
        if len(path) > 1 and path[0] in self.objects:
            self.objects[path[0]].note_older(path[1:])
        else:
            self.older.setdefault(path[0], []).append(path[1:])


def reader_of(level: Level) -> Reader:
    """How a table's rows are read, which must be objects."""
    if level.reader is None:
        message = f"the rows of {level.table.name} are no objects"
        raise ContractError(message)
    return level.reader


def plain_of(reader: Reader) -> PlainObject:
    """The struct of an object, which must have been given one."""
    if reader.plain is None:
        message = f"{reader.generic} has no struct"
        raise ContractError(message)
    return reader.plain


class Level:
    """One table's plan: how its rows are read, and the tables below it."""

    def __init__(self, table: Table, tables: Sequence[Table]) -> None:
        self.table = table
        self.by_name = {other.name: other for other in tables}
        self.own = {column.path: column for column in table.columns if column.role is Role.OWN}
        self.key = {column.name for column in table.columns if column.name in table.key and column.role is Role.OWN}
        self.children = [Level(child, tables) for child in tables if child.parent == table.name]
        self.reader = Reader(table.element, (), table.json_path) if isinstance(table.element, Object) else None
        if self.reader:
            for column in self.own.values():
                for older in column.older:
                    self.reader.note_older(older)

    def scalar(self, path: Path) -> Scalar:
        """What the contract says of the field at a path in the row."""
        node: Any = self.table.element
        for name in path:
            node = next(field for field in node.fields if field.name == name)
        found: Scalar = node
        return found

    def older_stand_beside(self) -> bool:
        """Whether each older path leads to a key of an object that the contract knows, and to no key of its own."""
        paths = [older for column in self.own.values() for older in column.older]
        return all(self._holder(older) is not None for older in paths)

    def _holder(self, path: Path) -> Reader | None:
        reader = self.reader
        for name in path[:-1]:
            reader = reader.objects.get(name) if reader else None
        return reader if reader and path[-1] not in reader.nodes else None
