"""One table of one piece: from decoded JSON, or from structs, to a typed frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import polars as pl

from torn_pipeline.tables.contract import Array, Map, Object, Scalar
from torn_pipeline.tables.findings import SHOWN, Finding, Findings, Kind, Offender
from torn_pipeline.tables.levels import Level, Reader, plain_of
from torn_pipeline.tables.naming import json_path, snake_case, value_at
from torn_pipeline.tables.table import Column, ColumnType, Path, Role, Shape, Table
from torn_pipeline.tables.values import DTYPES, Wrong, json_type, show, to_series

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from torn_pipeline.tables.pieces import Origin, Piece


__all__ = ["Reading", "TableRows"]

Holders = tuple[list[dict[str, Any]], dict[str, None]]
"""One object of every row, and what stands for a null among them."""


@dataclass(slots=True)
class TableRows:
    """The rows of one table in a piece: elements, the root each belongs to, its parent row and its place there.

    ``raw_ids`` are the responses they came from, where that is not the parent rows' one.
    """

    elements: list[Any]
    owner: list[int]
    parent: list[int] | None
    places: Sequence[int | str]
    above: TableRows | None
    raw_ids: list[str] | None = None

    def where(self, row: int, table: Table, tables: Mapping[str, Table]) -> str:
        """The JSON path of one row, with its indexes."""
        start = self.above.where(self.parent[row], tables[table.parent], tables) if self.above and self.parent and table.parent else "$"
        path = json_path(table.path, start)
        if table.shape is Shape.OBJECT:
            return path
        place = self.places[row]
        return f"{path}[{place}]" if table.shape is Shape.LIST else json_path((str(place),), path)


class Reading:
    """One table of one piece."""

    def __init__(
        self, level: Level, rows: TableRows, findings: Findings, wrong: dict[int, tuple[str, str, str]], *, add_new_fields: bool
    ) -> None:
        self.level = level
        self.table = level.table
        self.rows = rows
        self.findings = findings
        self.wrong = wrong
        self.add_new_fields = add_new_fields
        self.is_plain = False
        self.columns: dict[Path, Sequence[Any]] = {}
        self.branches: dict[Path, Sequence[Any]] = {}
        self.declared: dict[Path, Scalar] = {}
        self.absent: dict[Path, int] = {}
        self.lacking: dict[Path, int] = {}
        self.new: dict[Path, list[Any]] = {}
        self.objects: dict[Path, Holders] = {}
        self.plain_older: dict[Path, Sequence[Any]] = {}  # older fields of structs
        self.uneven: dict[Path, tuple[list[dict[str, Any]], set[str]]] = {}  # objects of other keys than the contract's, and their keys
        self.noted: list[tuple[Finding, list[int], list[str]]] = []  # with the rows and their values; what their keys are is known last

    # --- reading ---------------------------------------------------------------------------------------

    def frame(self, origin: Origin, piece: Piece, parent: pl.DataFrame | None) -> pl.DataFrame:
        """The table's frame, of the contract's columns; the new fields are in ``new`` then."""
        self.is_plain = piece.plain
        if self.level.reader is None:
            self._read_scalars()
        elif piece.plain:
            self._read_plain(self.level.reader, self.rows.elements)
        else:
            self._read(self.level.reader, self.rows.elements, 0)
        if parent is None and any(piece.beside):
            for key in dict.fromkeys(chain.from_iterable(piece.beside)):
                self.new.setdefault((key,), [beside.get(key) for beside in piece.beside])
        constants: dict[Role, object] = {Role.ACCOUNT: origin.account, Role.FETCH_ID: origin.fetch_id, Role.FETCHED_AT: origin.fetched_at}
        inherited = self._inherited(parent)
        series: list[pl.Series] = []
        for column in self.table.columns:
            if column.role is Role.OWN:
                series.append(self._own(column))
            elif column.name in inherited:
                series.append(inherited[column.name])
            elif column.role in {Role.INDEX, Role.MAP_KEY}:
                places = piece.indexes if parent is None and column.role is Role.INDEX else self.rows.places
                series.append(pl.Series(column.name, places, dtype=DTYPES[column.type]))
            elif column.role is Role.RAW_ID:
                series.append(pl.Series(column.name, self.rows.raw_ids, dtype=pl.String))
            else:
                value = str(origin.path_ids[column.name]) if column.role is Role.PATH_ID else constants[column.role]
                series.append(pl.Series(column.name, [value], dtype=DTYPES[column.type]).new_from_index(0, len(self.rows.elements)))
        frame = pl.DataFrame(series)
        self._tell(frame)
        return frame

    def _inherited(self, parent: pl.DataFrame | None) -> dict[str, pl.Series]:
        """The columns that come from the parent row, by their names here."""
        names = {column.name: column.path[0] for column in self.table.columns if column.role is Role.PARENT}
        if self.rows.raw_ids is None:
            names |= {column.name: column.name for column in self.table.columns if column.role is Role.RAW_ID}
        if parent is None or self.rows.parent is None or not names:
            return {}
        gathered = parent[list(set(names.values()))][pl.Series(self.rows.parent, dtype=pl.UInt32)]
        return {name: gathered[source].alias(name) for name, source in names.items()}

    def _read_scalars(self) -> None:
        """Rows that are scalars themselves."""
        element = self.table.element
        if isinstance(element, Scalar):
            self.columns[()] = self.rows.elements
            self.declared[()] = element
            self.absent[()] = self.lacking[()] = 0

    def _read_plain(self, reader: Reader, values: Sequence[Any]) -> None:
        """Take the fields of one struct of every row apart; there is nothing to report, the decoder saw to that."""
        columns, older_columns = plain_of(reader).columns(values)
        for name, node in reader.nodes.items():
            path = (*reader.path, name)
            column = columns[name]
            if isinstance(node, Scalar):
                self.columns[path], self.declared[path] = column, node
                self.absent[path], self.lacking[path] = len(values), 0
            elif isinstance(node, Object):
                self._read_plain(reader.objects[name], column)
            else:
                self.branches[path] = column
        for key, older in older_columns.items():
            if older.count(None) < len(older):
                self.plain_older[(*reader.path, key)] = older

    def _read(self, reader: Reader, values: list[Any], absent: int) -> None:
        """Take the fields of one object of every row apart; ``absent`` rows have a null further up."""
        values, absent = self._objects(reader, values, absent)
        self.objects[reader.path] = values, reader.null
        width = len(reader.expected)
        columns = None
        if set(map(len, values)) <= {width}:
            columns = _by_key(values, reader.expected)
        lacking: dict[str, int] = {}
        if columns is None:
            columns, lacking = self._read_uneven(reader, values)
        for name, node in reader.nodes.items():
            path = (*reader.path, name)
            column = columns[name]
            missing = lacking.get(name, 0)
            if isinstance(node, Scalar):
                self.columns[path], self.declared[path] = column, node
                self.absent[path], self.lacking[path] = absent, missing
            elif isinstance(node, Object):
                empty = column.count(None)
                self._note_null(
                    node, json_path((name,), reader.generic), (empty - absent - missing, missing), column, (values, reader.null)
                )
                self._read(reader.objects[name], column, empty)
            else:
                self.branches[path] = column
                nulls = column.count(None) - absent - missing
                self._note_null(node, json_path((name,), reader.generic), (nulls, missing), column, (values, reader.null))

    def _objects(self, reader: Reader, values: list[Any], absent: int) -> tuple[list[dict[str, Any]], int]:
        """The values as objects, a stand-in for null, and how many of that there are; any other type leaves its root out."""
        kinds = set(map(type, values))
        if kinds <= {dict}:
            return values, absent
        null = reader.null
        if not kinds <= {dict, type(None)} or (not reader.path and type(None) in kinds):
            for row, value in enumerate(values):
                if not isinstance(value, dict) and (value is not None or not reader.path):
                    self._reject(row, reader.path, f"expected object, got {json_type(value)} {show(value)}")
            return [value if isinstance(value, dict) else null for value in values], sum(not isinstance(value, dict) for value in values)
        return [null if value is None else value for value in values], absent

    def _read_uneven(self, reader: Reader, values: list[dict[str, Any]]) -> tuple[dict[str, list[Any]], dict[str, int]]:
        """The second way, for rows that lack keys or have others: columns by key, and how many rows lack each required one."""
        keys = set().union(*values)
        self.uneven[reader.path] = values, keys
        columns: dict[str, list[Any]] = {}
        lacking: dict[str, int] = {}
        for name in reader.expected:
            try:
                columns[name] = list(map(itemgetter(name), values)) if name in keys else [None] * len(values)
                lacking[name] = 0 if name in keys else len(values)
            except KeyError:
                columns[name] = [value.get(name) for value in values]
                lacking[name] = len([value for value in values if name not in value])
        for key in sorted(keys.difference(reader.expected), key=lambda key: (snake_case(key) != key, key)):
            others = [value.get(key) for value in values]
            twin = reader.by_snake.get(snake_case(key))
            if key in reader.older:
                self._note_beside_older(reader, key, others)
            elif twin is None:
                self._note_new((*reader.path, key), json_path((key,), reader.generic), others, sum(key in value for value in values))
            elif snake_case(key) == key:  # the contract has a name that is not
                columns[twin] = list(self._first_not_null(others, columns[twin], json_path((twin,), reader.generic)))
                lacking[twin] = sum(twin not in value and key not in value for value in values)
            else:
                columns[twin] = list(self._first_not_null(columns[twin], others, json_path((key,), reader.generic)))
                lacking[twin] = sum(
                    new is None and twin not in value and key not in value for new, value in zip(columns[twin], values, strict=True)
                )
        return columns, lacking

    def _note_beside_older(self, reader: Reader, key: str, values: list[Any]) -> None:
        """Of an object that holds older paths, report what they do not cover."""
        covered = reader.older[key]
        rest = [] if () in covered else [_without(value, covered) for value in values]
        if any(rest):
            self._note_new((*reader.path, key), json_path((key,), reader.generic), rest, sum(map(bool, rest)))

    # --- what differs ----------------------------------------------------------------------------------

    def _first_not_null(self, newer: Sequence[Any], older: Sequence[Any], path: str) -> Sequence[Any]:
        unequal = [(row, new, old) for row, (new, old) in enumerate(zip(newer, older, strict=True)) if new != old]
        different = [(row, new, old) for row, new, old in unequal if new is not None and old is not None]
        if different:
            shown = [f"{show(old)} beside {show(new)}" for _, new, old in different[:SHOWN]]
            finding = Finding(Kind.OLDER_DIFFERS, self.table.name, path, json_type(different[0][2]), len(different), shown[0])
            self.noted.append((finding, [row for row, *_ in different[:SHOWN]], shown))
        if len(different) == len(unequal):  # nothing to fill in
            return newer
        return [old if new is None else new for new, old in zip(newer, older, strict=True)]

    def _note_new(self, path: Path, generic: str, values: list[Any], count: int) -> None:
        """Report a field that the contract does not know, and keep it for a column."""
        kinds = sorted({json_type(value) for value in values} - {"null"})
        rows = list(islice((row for row, value in enumerate(values) if value is not None), SHOWN))
        shown = [show(values[row]) for row in rows]
        finding = Finding(Kind.NEW_FIELD, self.table.name, generic, " | ".join(kinds) or "null", count, shown[0] if shown else "")
        self.noted.append((finding, rows, shown))
        if self.add_new_fields:
            self.new[path] = values

    def _note_null(
        self, node: Object | Array | Map | Scalar, generic: str, counts: tuple[int, int], values: Sequence[Any], holders: Holders | None
    ) -> None:
        """Report how many rows have a null (the first of ``counts``), and how many no such key, where there should be a value."""
        nulls, missing = counts
        if missing > 0 and node.required:
            rows = list(islice(_empty(values, holders, node.name, given=False), SHOWN))
            self.noted.append((Finding(Kind.MISSING, self.table.name, generic, "", missing, ""), rows, [""] * len(rows)))
        if nulls > 0 and not node.nullable:
            rows = list(islice(_empty(values, holders, node.name, given=True), SHOWN))
            self.noted.append((Finding(Kind.NULL, self.table.name, generic, "", nulls, ""), rows, ["null"] * len(rows)))

    def _tell(self, frame: pl.DataFrame) -> None:
        """Add what was noted to the findings, its rows by their keys."""
        for finding, places, values in self.noted:
            keys = frame.select(self.table.key)[places].to_dicts()
            self.findings.add(replace(finding, rows=tuple(map(Offender, keys, values))))

    def _reject(self, row: int, path: Path, reason: str) -> None:
        """Leave the row's root out; the first reason stays."""
        owner = self.rows.owner[row]
        if owner not in self.wrong:
            where = json_path(path, self.rows.where(row, self.table, self.level.by_name))
            self.wrong[owner] = (self.table.name, where, reason)

    # --- columns ---------------------------------------------------------------------------------------

    def _own(self, column: Column) -> pl.Series:
        values = self.columns.pop(column.path)
        node = self.declared[column.path]
        absent, missing = self.absent[column.path], self.lacking[column.path]
        generic = json_path(column.path, self.table.json_path)
        found = [(older, others) for older in column.older if (others := self._older(older)) is not None]
        for older, others in found:
            values = self._first_not_null(values, others, json_path(older, self.table.json_path))
        if found and column.path[:-1] in self.objects and None in values:
            objects, null = self.objects[column.path[:-1]]
            empty = [holder for holder, value in zip(objects, values, strict=True) if value is None]
            absent = sum(holder is null for holder in empty)
            name = column.path[-1]
            missing = sum(name not in holder and snake_case(name) not in map(snake_case, holder) for holder in empty)
        series, wrong = self._typed(column, values, node)
        for value in wrong:
            self._reject(value.row, self._source(column, value.row), value.reason)
        nulls = values.count(None) if column.type is ColumnType.TIMESTAMP or wrong else series.null_count()
        if column.name in self.level.key and nulls:
            for row in [row for row, value in enumerate(values) if value is None]:
                self._reject(row, column.path, f"the row has no {column.name}, which is its key")
        elif nulls > absent:
            self._note_null(node, generic, (nulls - absent - missing, missing), values, self.objects.get(column.path[:-1]))
        return series

    def _typed(self, column: Column, values: Sequence[Any], node: Scalar) -> tuple[pl.Series, list[Wrong]]:
        """The values as a column, and those that do not fit; the decoder of structs has looked at each of theirs already."""
        if self.is_plain and node.type != "any" and column.type is not ColumnType.TIMESTAMP:
            return pl.Series(column.name, values, dtype=DTYPES[column.type], strict=True), []
        return to_series(column.name, list(values), column.type, node.type)

    def _older(self, path: Path) -> Sequence[Any] | None:
        """What the rows have at an older path, ``None`` where none has it."""
        if path in self.plain_older:
            return self.plain_older[path]
        for depth in range(len(path) - 1, -1, -1):
            objects, keys = self.uneven.get(path[:depth], ((), ()))
            if path[depth] in keys:
                values = [value.get(path[depth]) for value in objects]
                return values if depth + 1 == len(path) else [value_at(value, path[depth + 1 :]) for value in values]
        return None

    def _source(self, column: Column, row: int) -> Path:
        """The path on which a row has the value of a column."""
        element = self.rows.elements[row]
        return next((path for path in (column.path, *column.older) if value_at(element, path) is not None), column.path)

    # --- the rows below --------------------------------------------------------------------------------

    def children(self, child: Level) -> TableRows:
        """The rows of one child table."""
        lists = self.branches[child.table.path]
        wanted: type = list if child.table.shape is Shape.LIST else dict
        if not set(map(type, lists)) <= {wanted}:
            for row, value in enumerate(lists):
                if value is not None and not isinstance(value, wanted):
                    self._reject(
                        row, child.table.path, f"expected {'array' if wanted is list else 'object'}, got {json_type(value)} {show(value)}"
                    )
            lists = [value if isinstance(value, wanted) else wanted() for value in lists]
        sizes = list(map(len, lists))
        parent = list(chain.from_iterable([row] * size for row, size in enumerate(sizes)))
        owners = [self.rows.owner[row] for row in parent]
        if wanted is list:
            return TableRows(list(chain.from_iterable(lists)), owners, parent, list(chain.from_iterable(map(range, sizes))), self.rows)
        entries: Iterable[Any] = chain.from_iterable(value.values() for value in lists)
        return TableRows(list(entries), owners, parent, list(chain.from_iterable(lists)), self.rows)


def _empty(values: Sequence[Any], holders: Holders | None, name: str, *, given: bool) -> Iterator[int]:
    """The rows without a value whose object has the key, or with ``given`` false lacks it; an object that is null has no rows."""
    if holders is None:
        yield from (row for row, value in enumerate(values) if value is None)
        return
    objects, null = holders
    for row, (value, holder) in enumerate(zip(values, objects, strict=True)):
        if value is None and holder is not null and (name in holder) is given:
            yield row


def _without(value: object, paths: Sequence[Path]) -> object:
    """An object without what stands at the paths; ``None`` for anything else."""
    if not isinstance(value, dict):
        return None
    within = {key: [path[1:] for path in paths if path[0] == key] for key in {path[0] for path in paths}}
    kept = {
        key: entry if key not in within else _without(entry, within[key]) for key, entry in value.items() if () not in within.get(key, ())
    }
    return {key: entry for key, entry in kept.items() if key not in within or entry}


def _by_key(values: list[dict[str, Any]], keys: tuple[str, ...]) -> dict[str, list[Any]] | None:
    """Columns by key, or ``None`` when a row lacks one."""
    try:
        return {key: list(map(itemgetter(key), values)) for key in keys}
    except KeyError:
        return None
