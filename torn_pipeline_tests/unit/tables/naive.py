"""A naive normaliser on plain dicts, one row at a time.

It takes the tables' names, columns and paths from the naming rules, which have tests of their own, and nothing else:
it reads, converts, counts and refuses by itself, without a thought to speed.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from torn_pipeline.tables.contract import Array, Object, Scalar
from torn_pipeline.tables.table import ColumnType, Role, Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.tables.contract import Node
    from torn_pipeline.tables.normalise import Origin
    from torn_pipeline.tables.table import Column, Table

__all__ = ["Naive", "convert", "of_new_fields"]

Json = Any
Row = dict[str, Any]
Path = tuple[str, ...]
MISSING = object()


class WrongError(Exception):
    """A value that does not fit its field."""


def snake(name: str) -> str:
    return re.sub(r"\W+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).lower()


def convert(value: Json, of: ColumnType, *, is_any: bool) -> Json:
    """One value in its column's type.

    Raises:
        WrongError: when it does not convert.
    """
    if value is None:
        return None
    if of is ColumnType.TEXT:
        if is_any:
            return value if isinstance(value, str) else orjson.dumps(value).decode()
        return _kind(value, str)
    if of is ColumnType.BOOLEAN:
        return _kind(value, bool)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongError
    if of is ColumnType.FLOAT:
        if isinstance(value, int) and abs(value) > 2**53:
            raise WrongError
        return float(value)
    if value != int(value) or not -(2**63) <= value < 2**63:
        raise WrongError
    return int(value) if of is ColumnType.INTEGER else _moment(int(value))


def _kind(value: Json, kind: type) -> Json:
    if not isinstance(value, kind):
        raise WrongError
    return value


def _moment(seconds: int) -> datetime | None:
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds) if seconds else None
    except OverflowError as error:
        raise WrongError from error


class Naive:
    """The rows of one fetch by table, the keys of roots left out, and a count of what was found."""

    def __init__(self, tables: Sequence[Table], pages: Sequence[Json], origin: Origin) -> None:
        self.tables = list(tables)
        self.origin = origin
        self.rows: dict[str, list[Row]] = {table.name: [] for table in tables}
        self.new: dict[str, list[dict[Path, Json]]] = {table.name: [] for table in tables}
        self.rejected: list[bytes] = []
        self.found: Counter[tuple[str, str, str]] = Counter()
        roots = [table for table in tables if table.parent is None]
        for root in roots:
            for element, raw_ids, place, beside in self._roots(root, pages, is_first=root is roots[0]):
                self._root(root, element, raw_ids, place, beside)

    # --- roots -------------------------------------------------------------------------------------------

    def _roots(self, root: Table, pages: Sequence[Json], *, is_first: bool) -> list[tuple[Json, list[str], Json, Row]]:
        if root.shape is Shape.OBJECT:
            return [self._object(root, pages, is_first=is_first)]
        found: dict[object, tuple[Json, list[str], Json, Row]] = {}
        index = 0
        for number, page in enumerate(pages):
            beside = self._beside(root, page) if is_first else {}
            rows = page[root.path[0]]
            for place, row in enumerate(rows) if isinstance(rows, list) else rows.items():
                element = {name: page[name] for name in root.siblings if name in page} | row if isinstance(row, dict) else row
                key = self._key(root, element) if not isinstance(place, str) or self._own_key(root) else place
                if key in found:
                    self.found["row repeated", root.name, f"$.{root.path[0]}"] += 1
                found[("odd", index) if key is None else key] = (
                    element,
                    [f"page-{number}"],
                    place if isinstance(place, str) else index,
                    beside,
                )
                index += 1
        return list(found.values())

    def _own_key(self, root: Table) -> list[Column]:
        return [column for column in root.columns if column.name in root.root_key and column.role is Role.OWN]

    def _key(self, root: Table, element: Json) -> object:
        """What tells a root from another, ``None`` when it has no key that counts."""
        columns = self._own_key(root)
        if not columns or not isinstance(element, dict):
            return None
        parts = tuple(element.get(column.path[0]) for column in columns)
        return None if any(isinstance(part, bool) or not isinstance(part, int | float | str) for part in parts) else parts

    def _object(self, root: Table, pages: Sequence[Json], *, is_first: bool) -> tuple[Json, list[str], Json, Row]:
        """The one object, its first list continued; the raw ids are those of the list's entries, after the object's."""
        first = None
        raw_ids = ["page-0"]
        beside: Row = {}
        assert isinstance(root.element, Object)
        name = next((node.name for node in root.element.fields if isinstance(node, Array)), "")
        for number, page in enumerate(pages):
            page = {key: value for key, value in page.items() if key != "_metadata"}  # noqa: PLW2901  # the page without its links
            element = dict(page[root.path[0]] if root.path else page)
            keys = [key for key in (name, *element) if snake(key) == snake(name) and element.get(key) is not None]
            more = element.pop(keys[0]) if name and keys else None
            if first is None:
                beside = self._beside(root, page) if root.path and is_first else {}
                first = element | {key: page[key] for key in root.siblings if key in page and key not in element}
            if more is not None and isinstance(first.get(name) or [], list):
                is_list = isinstance(more, list)
                first[name] = (first.get(name) or []) + more if is_list else more
                raw_ids += [f"page-{number}"] * len(more) if is_list else []
        return first, raw_ids, 0, beside

    def _beside(self, root: Table, page: Json) -> Row:
        known = {"_metadata", *root.siblings, *(table.path[0] for table in self.tables if table.parent is None)}
        unknown = {key: value for key, value in page.items() if key not in known}
        self.found.update(("new field", root.name, f"$.{key}") for key in unknown)
        return {key: value for key, value in unknown.items() if not isinstance(value, dict | list)}

    def _root(self, root: Table, element: Json, raw_ids: list[str], place: Json, beside: Row) -> None:
        made: list[tuple[str, Row, dict[Path, Json]]] = []
        wrong: list[object] = []
        self._row(root, element, {}, (place, raw_ids[0]), made, wrong)
        if wrong:
            self.rejected.append(orjson.dumps(element))
            return
        entries = iter(raw_ids[1:])
        continued = [
            table.name
            for table in self.tables
            if root.shape is Shape.OBJECT and isinstance(root.element, Object) and table.parent == root.name
            and table.path == (next((node.name for node in root.element.fields if isinstance(node, Array)), ""),)
        ]  # fmt: skip
        raw_id = raw_ids[0]
        for name, row, new in made:
            if name in continued:
                raw_id = next(entries)
            below = continued and name.startswith(continued[0])
            self.rows[name].append(row | ({"_raw_id": raw_id} if below else {}))
            self.new[name].append(
                new | ({(key,): value for key, value in beside.items() if (key,) not in new} if name == root.name else {})
            )

    # --- rows --------------------------------------------------------------------------------------------

    def _row(
        self,
        table: Table,
        element: Json,
        parent: Row,
        at: tuple[Json, str],
        made: list[tuple[str, Row, dict[Path, Json]]],
        wrong: list[object],
    ) -> None:
        """Add a row and the rows below it to ``made``, and what does not fit to ``wrong``."""
        new: dict[Path, Json] = {}
        values: dict[Path, Json] = {}
        if isinstance(table.element, Scalar):
            values[()] = element
            self._count(table, table.element, (), element, is_there=True)
        elif not isinstance(element, dict):
            wrong.append(element)
        else:
            assert table.element is not None
            self._read(table, table.element, element, (), values, new, wrong)
            self._older(table, element, values)
        row: Row = {}
        for column in table.columns:
            row[column.name] = self._value(table, column, values, parent, at, wrong)
        made.append((table.name, row, new))
        for child in self.tables:
            if child.parent == table.name:
                rows = values.get(child.path)
                wanted = list if child.shape is Shape.LIST else dict
                if rows is not None and not isinstance(rows, wanted):
                    wrong.append(rows)
                elif rows:
                    for place, entry in enumerate(rows) if isinstance(rows, list) else rows.items():
                        self._row(child, entry, row, (place, at[1]), made, wrong)

    def _read(
        self, table: Table, node: Object, found: Row, path: Path, values: dict[Path, Json], new: dict[Path, Json], wrong: list[object]
    ) -> None:
        """Take one object apart: values by path, lists and maps too, and what is new."""
        names = {snake(child.name): child.name for child in node.fields}
        given: dict[str, Json] = {}
        for key in sorted(found, key=lambda key: (snake(key) != key, key not in names.values(), key)):
            name = names.get(snake(key))
            if name is None:
                self._new(table, (*path, key), found[key], new)
            elif given.get(name) is None:
                given[name] = found[key]
            elif found[key] is not None and found[key] != given[name]:
                self.found["older field differs", table.name, _generic(table, (*path, key))] += 1
        for child in node.fields:
            at = (*path, child.name)
            value = values[at] = given.get(child.name)
            if not isinstance(child, Scalar):
                self._count(table, child, at, value, is_there=child.name in given)
            if isinstance(child, Object) and value is not None:
                if isinstance(value, dict):
                    self._read(table, child, value, at, values, new, wrong)
                else:
                    wrong.append(value)

    def _older(self, table: Table, element: Row, values: dict[Path, Json]) -> None:
        """Take what stands on older paths where the newest has none, and count what is missing then."""
        for column in table.columns:
            if column.role is Role.OWN:
                for older in column.older:
                    value = _at(element, older)
                    if values.get(column.path) is None:
                        values[column.path] = value
                    elif value is not None and value != values[column.path]:
                        self.found["older field differs", table.name, _generic(table, older)] += 1
                holder = _at(element, column.path[:-1], twins=True)
                if isinstance(holder, dict) and column.name not in table.key:
                    is_there = any(snake(key) == snake(column.path[-1]) for key in holder)
                    self._count(table, _node(table, column.path), column.path, values.get(column.path), is_there=is_there)

    def _value(
        self, table: Table, column: Column, values: dict[Path, Json], parent: Row, at: tuple[Json, str], wrong: list[object]
    ) -> Json:
        if column.role is Role.OWN:
            value = values.get(column.path)
            if value is None and column.name in table.key:
                wrong.append(value)
            try:
                node = table.element if isinstance(table.element, Scalar) else _node(table, column.path)
                return convert(value, column.type, is_any=isinstance(node, Scalar) and node.type == "any")
            except WrongError:
                wrong.append(value)
                return None
        given = {Role.ACCOUNT: self.origin.account, Role.FETCH_ID: self.origin.fetch_id, Role.FETCHED_AT: self.origin.fetched_at}
        given |= {Role.RAW_ID: at[1], Role.INDEX: at[0], Role.MAP_KEY: at[0]}
        return parent[column.path[0]] if column.role is Role.PARENT else given[column.role]

    # --- what was found ----------------------------------------------------------------------------------

    def _count(self, table: Table, node: Node, path: Path, value: Json, *, is_there: bool) -> None:
        if value is None and not is_there and node.required:
            self.found["missing field", table.name, _generic(table, path)] += 1
        if value is None and is_there and not node.nullable:
            self.found["null where a value is required", table.name, _generic(table, path)] += 1

    def _new(self, table: Table, path: Path, value: Json, new: dict[Path, Json]) -> None:
        """A field that is no contract's, unless it is an older path or holds nothing but such."""
        older = [column_older for column in table.columns for column_older in column.older]
        if path in older:
            return
        if any(one[: len(path)] == path for one in older):
            value = {key: entry for key, entry in value.items() if (*path, key) not in older} if isinstance(value, dict) else None
            if not value:
                return
        new[path] = value
        self.found["new field", table.name, _generic(table, path)] += 1


def _generic(table: Table, path: Path) -> str:
    return table.json_path + "".join(f".{part}" if part.isidentifier() else f"[{part!r}]" for part in path)


def _at(element: Json, path: Path, *, twins: bool = False) -> Json:
    for part in path:
        if not isinstance(element, dict):
            return None
        keys = [part, *(key for key in element if twins and snake(key) == snake(part))]
        element = next((element[key] for key in keys if element.get(key) is not None), None)
    return element


def _node(table: Table, path: Path) -> Node:
    node: Any = table.element
    for part in path:
        node = next(child for child in node.fields if child.name == part)
    found: Node = node
    return found


def of_new_fields(table: Table, rows: Sequence[dict[Path, Json]]) -> list[Row]:
    """The columns that new fields become, row by row: objects taken apart, types found from all values."""
    flat: dict[Path, list[Json]] = {}
    waiting = {path: [row.get(path) for row in rows] for path in dict.fromkeys(path for row in rows for path in row)}
    while waiting:
        path, values = waiting.popitem()
        there = [value for value in values if value is not None]
        if there and all(isinstance(value, dict) for value in there):
            for key in dict.fromkeys(key for value in there for key in value):
                waiting[(*path, key)] = [value.get(key) if value else None for value in values]
        elif there:
            flat[path] = values
    made: list[Row] = [{} for _ in rows]
    taken = {column.name for column in table.columns}
    for path, values in flat.items():
        name = "_".join(map(snake, path))
        assert name not in taken
        for row, value in zip(made, _typed(values), strict=True):
            row[name] = value
    return made


def _typed(values: list[Json]) -> list[Json]:
    kinds = {type(value) for value in values} - {type(None)}
    if kinds in ({bool}, {int}):
        return values
    if kinds <= {int, float} and all(abs(value) <= 2**53 for value in values if isinstance(value, int)):
        return [None if value is None else float(value) for value in values]
    return [convert(value, ColumnType.TEXT, is_any=True) for value in values]
