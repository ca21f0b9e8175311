"""The normaliser: from response bodies to typed frames, by the contract alone.

It works a column at a time over about a thousand roots at once, so that memory stays flat and a column
costs one C-level pass. A page that is exactly as the contract says is read the quick way of
:mod:`torn_pipeline.tables.plain`; any other takes the careful way, which tells what is missing, new or
renamed. A root with a value that does not fit is left out whole, with its children, and handed over with
its reason and its JSON.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, compress
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl

from torn_pipeline.errors import BodyRefused, ContractError
from torn_pipeline.tables.contract import Array, Map, Node, Object, Scalar
from torn_pipeline.tables.findings import Finding, Findings, Kind
from torn_pipeline.tables.naming import json_path, snake_case, value_at
from torn_pipeline.tables.new_fields import NewFields
from torn_pipeline.tables.plain import PlainObject, Rows, plain_decoder, plain_object
from torn_pipeline.tables.table import Column, ColumnType, Role, Shape, Table
from torn_pipeline.tables.values import DTYPES, json_type, show, to_series

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

__all__ = ["PIECE", "Batch", "Body", "Normalizer", "Origin", "Rejected", "empty_frame", "garbage_collection_paused"]

PIECE = 1_000  # roots normalised at once: larger pieces cost memory, smaller ones time
BATCH = 20_000  # roots handed on at once: what follows has a cost for each batch
Path = tuple[str, ...]
_KEY_TYPES = {int, str}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What every row of a fetch says about where it came from. ``path_ids`` maps ``_crime_id`` and the like to their value."""

    account: str
    fetch_id: str
    fetched_at: datetime
    path_ids: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Body:
    """One response body: ``read`` gives its bytes when they are needed."""

    raw_id: str
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A root left out: of which table the value is, the root's key, where the value stands, why, and the root's JSON."""

    table: str
    root: str
    key: Mapping[str, object]
    json_path: str
    reason: str
    raw: bytes
    raw_id: str


@dataclass(slots=True)
class Batch:
    """Frames by table, the roots they leave out and what was found; ``roots`` counts both kinds of root."""

    frames: dict[str, pl.DataFrame]
    rejected: list[Rejected]
    findings: Findings
    roots: int


def empty_frame(table: Table) -> pl.DataFrame:
    """A frame of the table's columns and types without a row."""
    return pl.DataFrame(schema={column.name: DTYPES[column.type] for column in table.columns})


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Pause the cyclic collector: with a million JSON values alive its passes cost more than the work itself, and find nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Normalizer:
    """Turns the bodies of one fetch into batches of frames.

    ``tables`` are one contract's, as :func:`torn_pipeline.tables.naming.tables_of` gives them. With
    ``add_new_fields`` a field that the contract does not know becomes a column at the end of its frame;
    it is reported either way.
    """

    def __init__(self, tables: Sequence[Table], *, add_new_fields: bool) -> None:
        self.tables = tuple(tables)
        roots = [table for table in tables if table.parent is None]
        known = {"_metadata"}.union(*(root.path for root in roots), *(root.siblings for root in roots))
        self._groups = [
            _Group(
                [table for table in tables if table.root == root.name], known if root is roots[0] else None, add_new_fields=add_new_fields
            )
            for root in roots
        ]

    def batches(self, bodies: Sequence[Body], origin: Origin, *, limit: int | None = None) -> Iterator[Batch]:
        """Normalise the bodies of one fetch, in order of their paging; at most ``limit`` roots when given.

        A root that came twice is taken from the later page. At least one batch comes, with every table in
        it, also when there is no row.

        Raises:
            BodyRefused: when a body is not the endpoint's.
        """
        pieces = self._pieces(bodies, limit)
        yield self._batch(pieces, origin)
        while (batch := self._batch(pieces, origin)).roots or len(batch.findings):
            yield batch

    def _batch(self, pieces: Iterator[_Piece], origin: Origin) -> Batch:
        """The next pieces as one batch; without a root when there are none left."""
        frames: dict[str, list[pl.DataFrame]] = {table.name: [] for table in self.tables}
        new_fields = {table.name: NewFields(table) for table in self.tables}
        batch = Batch({}, [], Findings(), 0)
        with garbage_collection_paused():
            for piece in pieces:
                for name, (frame, new) in piece.group.normalise(piece, origin, batch).items():
                    frames[name].append(frame)
                    new_fields[name].add(frame.height, new)
                batch.roots += len(piece.elements)
                if batch.roots >= BATCH:
                    break
        for table in self.tables:
            frame = pl.concat(frames[table.name]) if frames[table.name] else empty_frame(table)
            batch.frames[table.name] = frame.with_columns(new_fields[table.name].columns())
        return batch

    def _pieces(self, bodies: Sequence[Body], limit: int | None) -> Iterator[_Piece]:
        for group in self._groups:
            left = limit
            for piece in group.pieces(bodies, in_order=limit is not None):
                if left is not None:
                    piece.cut(left)
                    left -= len(piece.elements)
                if not piece.is_empty:
                    yield piece
                if left == 0:
                    break


@dataclass(slots=True)
class _Piece:
    """Roots to normalise together, with the landed response and the place in it that each came from.

    Those of a ``plain`` piece are structs, from pages that are exactly as the contract says; others are decoded JSON.
    """

    group: _Group
    plain: bool = False
    elements: list[Any] = field(default_factory=list)
    raw_ids: list[str] = field(default_factory=list)
    places: list[int | str] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    repeated: int = 0
    beside: list[dict[str, Any]] = field(default_factory=list)  # for each root the scalars beside it that the contract does not know
    found: list[Finding] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)  # for each entry of an object's first list the response that it came from

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a root nor anything to report."""
        return not (self.elements or self.repeated or self.found)

    def cut(self, most: int) -> None:
        """Leave out all roots but the first ones."""
        for values in (self.elements, self.raw_ids, self.places, self.indexes, self.beside):
            del values[most:]

    def keep(self, kept: list[int]) -> None:
        """Leave out all roots but those in these places; the others are counted as repeated."""
        if len(kept) < len(self.elements):
            self.repeated += len(self.elements) - len(kept)
            self.elements, self.raw_ids = [self.elements[place] for place in kept], [self.raw_ids[place] for place in kept]
            self.places, self.indexes = [self.places[place] for place in kept], [self.indexes[place] for place in kept]
            self.beside = [self.beside[place] for place in kept]

    def parts(self) -> Iterator[_Piece]:
        """The same in parts of at most :data:`PIECE` roots; what there is to report comes with the first."""
        if len(self.elements) <= PIECE:
            yield self
            return
        repeated, found = self.repeated, self.found
        for start in range(0, len(self.elements), PIECE):
            part = slice(start, start + PIECE)
            yield _Piece(
                self.group,
                self.plain,
                self.elements[part],
                self.raw_ids[part],
                self.places[part],
                self.indexes[part],
                repeated,
                self.beside[part],
                found,
            )
            repeated, found = 0, []

    def extend(self, part: _Piece) -> None:
        """Take the roots of another piece in."""
        self.elements += part.elements
        self.raw_ids += part.raw_ids
        self.places += part.places
        self.indexes += part.indexes
        self.beside += part.beside
        self.repeated += part.repeated
        self.found += part.found


class _Group:
    """One root table and its children. ``known`` are the body's keys by the contract, for the one group that reports others."""

    def __init__(self, tables: Sequence[Table], known: set[str] | None, *, add_new_fields: bool) -> None:
        self.root = tables[0]
        self.is_main = known is not None
        self.known = known if self.root.path else None
        self.levels = [_Level(table, tables) for table in tables]
        self.add_new_fields = add_new_fields
        self.key_columns = [column for column in self.root.columns if column.name in self.root.root_key and column.role is Role.OWN]
        self.key_paths = [column.path for column in self.key_columns]
        self.is_keyed = bool(self.key_paths) or self.root.shape is Shape.MAP
        fields = self.root.element.fields if isinstance(self.root.element, Object) else ()
        self.first_list = next((node.name for node in fields if isinstance(node, Array)), "")
        self.continued = next((table.name for table in tables if table.parent == self.root.name and table.path == (self.first_list,)), "")
        self.plain_rows = self._plain_rows()

    def _plain_rows(self) -> Rows | None:
        """Decodes pages that are exactly as the contract says; ``None`` where bodies or keys are always read with care."""
        root = self.levels[0]
        is_alone = self.known == {"_metadata", *self.root.path} and not self.root.siblings
        is_simple = all(level.older_stand_beside() for level in self.levels) and [len(path) for path in self.key_paths] == [1]
        if root.reader is None or self.root.shape is not Shape.LIST or not is_alone or not is_simple:
            return None
        return plain_decoder(self.root.path[0], self._plain(root, root.reader))

    def _plain(self, level: _Level, reader: _Reader) -> PlainObject:
        """The struct of one object in a table's rows, and of all below it; each reader keeps its own."""

        def inner(node: Node) -> PlainObject:
            if isinstance(node, Object):
                return self._plain(level, reader.objects[node.name])
            path = (*reader.path, node.name)
            below = next(one for one in self.levels if one.table.parent == level.table.name and one.table.path == path)
            return self._plain(below, _reader_of(below))

        older = {path[-1]: level.scalar(column.path) for column in level.own.values() for path in column.older if path[:-1] == reader.path}
        reader.plain = plain_object(reader.nodes, older, inner)
        return reader.plain

    # --- from bodies to pieces ------------------------------------------------------------------------

    def pieces(self, bodies: Sequence[Body], *, in_order: bool) -> Iterator[_Piece]:
        """The roots of the bodies, about :data:`PIECE` at a time.

        Keyed ones come from the last page to the first, so that the later wins, unless they are wanted ``in_order``.
        """
        if self.root.shape is Shape.OBJECT:
            if bodies:
                yield self._object_piece(bodies)
            return
        seen: set[object] = set()
        piece = _Piece(self)
        offset = 0
        for body in bodies[::-1] if self.is_keyed and not in_order else bodies:
            page, count = self._page(body, offset)
            offset += count
            if self.is_keyed:
                page.keep(self._first_seen(self._keys(page) if self.key_paths else page.places, seen))
            for part in page.parts():
                if part.plain != piece.plain or len(piece.elements) >= PIECE:
                    if not piece.is_empty:
                        yield piece
                    piece = _Piece(self, part.plain)
                piece.extend(part)
        if not piece.is_empty:
            yield piece

    def _page(self, body: Body, offset: int) -> tuple[_Piece, int]:
        """The rows of one body, the first of them in place ``offset`` of the fetch, and how many they are."""
        content = body.read()
        plain = self.plain_rows(content) if self.plain_rows else None
        page = _Piece(self, plain is not None)
        beside: dict[str, Any] = {}
        if plain is None:
            page.elements, page.places, beside = self._rows(body, content, page)
        else:
            page.elements, page.places = plain, list(range(len(plain)))
        count = len(page.elements)
        page.raw_ids, page.beside = [body.raw_id] * count, [beside] * count
        page.indexes = list(range(offset, offset + count))
        return page, count

    def _first_seen(self, keys: list[Any], seen: set[object]) -> list[int]:
        """The places of the elements to keep: from the end, each key once; a row without a usable key stays, for its reason to be found."""
        usable = [place for place, key in enumerate(keys) if key is not None]
        if len(usable) == len(keys) == len(set(keys)) and seen.isdisjoint(keys):
            seen.update(keys)
            return usable
        kept = []
        for place in range(len(keys) - 1, -1, -1):
            key = keys[place]
            if key is None or key not in seen:
                kept.append(place)
            if key is not None:
                seen.add(key)
        kept.reverse()
        return kept

    def _keys(self, page: _Piece) -> list[object]:
        """What tells each element from the others; ``None`` where it has no usable key."""
        elements = page.elements
        if page.plain:
            return list(map(_plain_of(_reader_of(self.levels[0])).getters[self.key_paths[0][0]], elements))
        if len(self.key_paths) > 1 or len(self.key_paths[0]) > 1:
            values: list[Any] = [tuple([value_at(element, path) for path in self.key_paths]) for element in elements]
            usable = [{type(part) for part in key} <= _KEY_TYPES for key in values]
        else:
            name = self.key_paths[0][0]
            values = [element.get(name) if isinstance(element, dict) else None for element in elements]
            if set(map(type, values)) <= _KEY_TYPES:
                return values
            usable = [type(value) in _KEY_TYPES for value in values]
        return [value if is_usable else self._odd_key(element) for value, is_usable, element in zip(values, usable, elements, strict=True)]

    def _odd_key(self, element: object) -> object:
        """The key of an element that has it on an older path, or as a whole number with a point; ``None`` when it has none."""
        key = []
        for column in self.key_columns:
            paths = (column.path, *column.older)
            part = next((value for path in paths if (value := _value_by_any_case(element, path)) is not None), None)
            if isinstance(part, float) and part.is_integer():
                part = int(part)
            if type(part) not in _KEY_TYPES:
                return None
            key.append(part)
        return tuple(key) if len(self.key_paths) > 1 or len(self.key_paths[0]) > 1 else key[0]

    def _rows(self, body: Body, content: bytes, piece: _Piece) -> tuple[list[Any], list[Any], dict[str, Any]]:
        """The rows of a body, their places in it, and what stands beside them that the contract does not know."""
        decoded = _decode(body, content)
        rows = value_at(decoded, self.root.path)
        if self.root.shape is Shape.MAP and isinstance(rows, dict):
            return self._with_siblings(rows.values(), decoded), list(rows), self._unknown(decoded, piece)
        if self.root.shape is Shape.LIST and isinstance(rows, list):
            return self._with_siblings(rows, decoded), list(range(len(rows))), self._unknown(decoded, piece)
        if rows is None and not self.is_main:
            self._note_gone(decoded, piece)
            return [], [], {}
        raise self._refused(body, rows)

    def _note_gone(self, decoded: dict[str, Any], piece: _Piece) -> None:
        """Report that a body has nothing for a root beside its main one, without which it would not be the endpoint's."""
        kind = Kind.NULL if self.root.path[0] in decoded else Kind.MISSING
        piece.found.append(Finding(kind, self.root.name, json_path(self.root.path), "", 1, ""))

    def _refused(self, body: Body, rows: object) -> BodyRefused:
        where = json_path(self.root.path)
        return BodyRefused(f"{body.raw_id}: {where} is {json_type(rows)}, not the {self.root.shape} of the contract; fetch it again")

    def _with_siblings(self, rows: Collection[Any], decoded: dict[str, Any]) -> list[Any]:
        """The rows with the scalars that stand beside the root, where the contract has any."""
        beside = {name: decoded[name] for name in self.root.siblings if name in decoded}
        return [{**beside, **row} if isinstance(row, dict) else row for row in rows] if beside else list(rows)

    def _unknown(self, decoded: dict[str, Any], piece: _Piece) -> dict[str, Any]:
        """Report what a body has beside its roots that the contract does not know, and give the scalars, for columns of the root."""
        if self.known is None or decoded.keys() <= self.known:
            return {}
        unknown = {key: value for key, value in decoded.items() if key not in self.known}
        for key, value in unknown.items():
            example = "" if value is None else show(value)
            piece.found.append(Finding(Kind.NEW_FIELD, self.root.name, json_path((key,)), json_type(value), 1, example))
        return {key: value for key, value in unknown.items() if not isinstance(value, dict | list)} if self.add_new_fields else {}

    def _object_piece(self, bodies: Sequence[Body]) -> _Piece:
        """The one object, with its first list continued by the later pages."""
        piece = _Piece(self)
        for body in bodies:
            decoded = _decode(body, body.read())
            decoded.pop("_metadata", None)
            element = value_at(decoded, self.root.path)
            if element is None and not self.is_main:
                self._note_gone(decoded, piece)
                continue
            if not isinstance(element, dict):
                raise self._refused(body, element)
            entries = self._pop_list(element)
            if not piece.elements:
                piece.elements = self._with_siblings([element], decoded)
                piece.raw_ids, piece.places, piece.indexes, piece.beside = [body.raw_id], [0], [0], [self._unknown(decoded, piece)]
            if entries is not None:
                _continue(piece, self.first_list, entries, body)
        return piece

    def _pop_list(self, element: dict[str, Any]) -> object:
        """Take the list that pages continue out of an object, where there is one."""
        for key in (self.first_list, *element):
            if self.first_list and snake_case(key) == snake_case(self.first_list) and element.get(key) is not None:
                return element.pop(key)
        return None

    # --- from a piece to frames -----------------------------------------------------------------------

    def normalise(self, piece: _Piece, origin: Origin, batch: Batch) -> dict[str, tuple[pl.DataFrame, dict[Path, list[Any]]]]:
        """Frames and new fields of all tables for the piece, without the roots that do not fit; those go to the batch."""
        wrong: dict[int, tuple[str, str, str]] = {}
        batch.findings.add(Finding(Kind.REPEATED, self.root.name, json_path(self.root.path), "", piece.repeated, ""))
        rows = {self.root.name: _Rows(piece.elements, list(range(len(piece.elements))), None, piece.places, None, piece.raw_ids)}
        for finding in piece.found:
            batch.findings.add(finding)
        frames: dict[str, pl.DataFrame] = {}
        new: dict[str, dict[Path, list[Any]]] = {}
        for level in self.levels:
            run = _Run(level, rows[level.table.name], batch.findings, wrong, add_new_fields=self.add_new_fields)
            parent = frames[level.table.parent] if level.table.parent else None
            frames[level.table.name], new[level.table.name] = run.frame(origin, piece, parent), run.new
            rows |= {child.table.name: run.children(child) for child in level.children}
            if piece.entries and level.table is self.root:
                rows[self.continued].raw_ids = piece.entries
        for owner in sorted(wrong):
            batch.rejected.append(self._rejected(piece, origin, owner, wrong[owner]))
        if wrong:
            keep = {name: [owner not in wrong for owner in rows[name].owner] for name in frames}
            frames = {name: frame.filter(pl.Series(keep[name], dtype=pl.Boolean)) for name, frame in frames.items()}
            new = {name: {path: list(compress(values, keep[name])) for path, values in fields.items()} for name, fields in new.items()}
        return {name: (frame, new[name]) for name, frame in frames.items()}

    def _rejected(self, piece: _Piece, origin: Origin, owner: int, wrong: tuple[str, str, str]) -> Rejected:
        element = piece.elements[owner]
        table, path, reason = wrong
        given: dict[Role, object] = {Role.ACCOUNT: origin.account, Role.INDEX: piece.indexes[owner], Role.MAP_KEY: piece.places[owner]}
        key: dict[str, object] = {}
        for column in map(self.root.column, self.root.root_key):
            if column.role is Role.PATH_ID:
                key[column.name] = str(origin.path_ids[column.name])
            else:
                key[column.name] = value_at(element, column.path) if column.role is Role.OWN else given[column.role]
        raw = orjson.dumps(element)
        return Rejected(table=table, root=self.root.name, key=key, json_path=path, reason=reason, raw=raw, raw_id=piece.raw_ids[owner])


def _continue(piece: _Piece, name: str, more: object, body: Body) -> None:
    """Append what a page has of the object's list; what is no list takes its place, to be found wrong there."""
    (element,) = piece.elements
    so_far = element.get(name) or []
    if isinstance(more, list) and isinstance(so_far, list):
        element[name] = so_far + more
        piece.entries += [body.raw_id] * len(more)
    elif isinstance(so_far, list):
        element[name], piece.entries = more, []


def _value_by_any_case(element: object, path: Path) -> object:
    """What stands at a path whose keys are matched by their snake_case names."""
    for part in path:
        if not isinstance(element, dict):
            return None
        keys = (part, *(key for key in element if snake_case(key) == snake_case(part)))
        element = next((element[key] for key in keys if element.get(key) is not None), None)
    return element


def _decode(body: Body, content: bytes) -> dict[str, Any]:
    """The decoded body.

    Raises:
        BodyRefused: when it is no JSON object.
    """
    try:
        decoded = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        message = f"{body.raw_id} is not JSON: {error}; fetch it again"
        raise BodyRefused(message) from error
    if not isinstance(decoded, dict):
        message = f"{body.raw_id} is a JSON {json_type(decoded)} where an object is expected; fetch it again"
        raise BodyRefused(message)
    return decoded


@dataclass(slots=True)
class _Rows:
    """The rows of one table in a piece: elements, the root each belongs to, its parent row and its place there.

    ``raw_ids`` are the responses they came from, where that is not the parent rows' one.
    """

    elements: list[Any]
    owner: list[int]
    parent: list[int] | None
    places: Sequence[int | str]
    above: _Rows | None
    raw_ids: list[str] | None = None

    def where(self, row: int, table: Table, tables: Mapping[str, Table]) -> str:
        """The JSON path of one row, with its indexes."""
        start = self.above.where(self.parent[row], tables[table.parent], tables) if self.above and self.parent and table.parent else "$"
        path = json_path(table.path, start)
        if table.shape is Shape.OBJECT:
            return path
        place = self.places[row]
        return f"{path}[{place}]" if table.shape is Shape.LIST else json_path((str(place),), path)


class _Reader:
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
            child.name: _Reader(child, (*path, child.name), json_path((child.name,), generic))
            for child in node.fields
            if isinstance(child, Object)
        }

    def note_older(self, path: Path) -> None:
        """Remember an older path, so that it is not taken for a new field."""
        if len(path) > 1 and path[0] in self.objects:
            self.objects[path[0]].note_older(path[1:])
        else:
            self.older.setdefault(path[0], []).append(path[1:])


def _reader_of(level: _Level) -> _Reader:
    if level.reader is None:
        message = f"the rows of {level.table.name} are no objects"
        raise ContractError(message)
    return level.reader


def _plain_of(reader: _Reader) -> PlainObject:
    if reader.plain is None:
        message = f"{reader.generic} has no struct"
        raise ContractError(message)
    return reader.plain


class _Level:
    """One table's plan: how its rows are read, and the tables below it."""

    def __init__(self, table: Table, tables: Sequence[Table]) -> None:
        self.table = table
        self.by_name = {other.name: other for other in tables}
        self.own = {column.path: column for column in table.columns if column.role is Role.OWN}
        self.key = {column.name for column in table.columns if column.name in table.key and column.role is Role.OWN}
        self.children = [_Level(child, tables) for child in tables if child.parent == table.name]
        self.reader = _Reader(table.element, (), table.json_path) if isinstance(table.element, Object) else None
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

    def _holder(self, path: Path) -> _Reader | None:
        reader = self.reader
        for name in path[:-1]:
            reader = reader.objects.get(name) if reader else None
        return reader if reader and path[-1] not in reader.nodes else None


class _Run:
    """One table of one piece."""

    def __init__(
        self, level: _Level, rows: _Rows, findings: Findings, wrong: dict[int, tuple[str, str, str]], *, add_new_fields: bool
    ) -> None:
        self.level = level
        self.table = level.table
        self.rows = rows
        self.findings = findings
        self.wrong = wrong
        self.add_new_fields = add_new_fields
        self.columns: dict[Path, list[Any]] = {}
        self.branches: dict[Path, list[Any]] = {}
        self.declared: dict[Path, Scalar] = {}
        self.absent: dict[Path, int] = {}
        self.lacking: dict[Path, int] = {}
        self.new: dict[Path, list[Any]] = {}
        self.objects: dict[Path, tuple[list[dict[str, Any]], dict[str, None]]] = {}  # with what stands for a null among them
        self.plain_older: dict[Path, list[Any]] = {}  # older fields of structs
        self.uneven: dict[Path, tuple[list[dict[str, Any]], set[str]]] = {}  # objects of other keys than the contract's, and their keys

    # --- reading ---------------------------------------------------------------------------------------

    def frame(self, origin: Origin, piece: _Piece, parent: pl.DataFrame | None) -> pl.DataFrame:
        """The table's frame, of the contract's columns; the new fields are in ``new`` then."""
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
        return pl.DataFrame(series)

    def _inherited(self, parent: pl.DataFrame | None) -> dict[str, pl.Series]:
        """The columns that come from the parent row, by their names here."""
        names = {column.name: column.path[0] for column in self.table.columns if column.role is Role.PARENT}
        if self.rows.raw_ids is None:
            names |= {column.name: column.name for column in self.table.columns if column.role is Role.RAW_ID}
        if parent is None or self.rows.parent is None or not names:
            return {}
        gathered = parent.select(set(names.values()))[pl.Series(self.rows.parent, dtype=pl.UInt32)]
        return {name: gathered[source].alias(name) for name, source in names.items()}

    def _read_scalars(self) -> None:
        """Rows that are scalars themselves."""
        element = self.table.element
        if isinstance(element, Scalar):
            self.columns[()] = self.rows.elements
            self.declared[()] = element
            self.absent[()] = self.lacking[()] = 0

    def _read_plain(self, reader: _Reader, values: list[Any]) -> None:
        """Take the fields of one struct of every row apart; there is nothing to report, the decoder saw to that."""
        plain = _plain_of(reader)
        if None in values:
            values = [plain.null if value is None else value for value in values]
        for name, node in reader.nodes.items():
            path = (*reader.path, name)
            column = list(map(plain.getters[name], values))
            if isinstance(node, Scalar):
                self.columns[path], self.declared[path] = column, node
                self.absent[path], self.lacking[path] = len(values), 0
            elif isinstance(node, Object):
                self._read_plain(reader.objects[name], column)
            else:
                self.branches[path] = column
        for key, get in plain.older.items():
            older = list(map(get, values))
            if older.count(None) < len(older):
                self.plain_older[(*reader.path, key)] = older

    def _read(self, reader: _Reader, values: list[Any], absent: int) -> None:
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
                self._note_null(node, json_path((name,), reader.generic), empty - absent - missing, missing)
                self._read(reader.objects[name], column, empty)
            else:
                self.branches[path] = column
                self._note_null(node, json_path((name,), reader.generic), column.count(None) - absent - missing, missing)

    def _objects(self, reader: _Reader, values: list[Any], absent: int) -> tuple[list[dict[str, Any]], int]:
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

    def _read_uneven(self, reader: _Reader, values: list[dict[str, Any]]) -> tuple[dict[str, list[Any]], dict[str, int]]:
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
                columns[twin] = self._first_not_null(others, columns[twin], json_path((twin,), reader.generic))
                lacking[twin] = sum(twin not in value and key not in value for value in values)
            else:
                columns[twin] = self._first_not_null(columns[twin], others, json_path((key,), reader.generic))
                lacking[twin] = sum(
                    new is None and twin not in value and key not in value for new, value in zip(columns[twin], values, strict=True)
                )
        return columns, lacking

    def _note_beside_older(self, reader: _Reader, key: str, values: list[Any]) -> None:
        """Of an object that holds older paths, report what they do not cover."""
        covered = reader.older[key]
        rest = [] if () in covered else [_without(value, covered) for value in values]
        if any(rest):
            self._note_new((*reader.path, key), json_path((key,), reader.generic), rest, sum(map(bool, rest)))

    # --- what differs ----------------------------------------------------------------------------------

    def _first_not_null(self, newer: list[Any], older: list[Any], path: str) -> list[Any]:
        unequal = [(new, old) for new, old in zip(newer, older, strict=True) if new != old]
        different = [(new, old) for new, old in unequal if new is not None and old is not None]
        if different:
            new, old = different[0]
            self.findings.add(
                Finding(Kind.OLDER_DIFFERS, self.table.name, path, json_type(old), len(different), f"{show(old)} beside {show(new)}")
            )
        if len(different) == len(unequal):  # nothing to fill in
            return newer
        return [old if new is None else new for new, old in zip(newer, older, strict=True)]

    def _note_new(self, path: Path, generic: str, values: list[Any], count: int) -> None:
        """Report a field that the contract does not know, and keep it for a column."""
        kinds = sorted({json_type(value) for value in values} - {"null"})
        example = next((value for value in values if value is not None), None)
        self.findings.add(
            Finding(Kind.NEW_FIELD, self.table.name, generic, " | ".join(kinds) or "null", count, show(example) if kinds else "")
        )
        if self.add_new_fields:
            self.new[path] = values

    def _note_null(self, node: Object | Array | Map | Scalar, generic: str, nulls: int, missing: int) -> None:
        if missing > 0 and node.required:
            self.findings.add(Finding(Kind.MISSING, self.table.name, generic, "", missing, ""))
        if nulls > 0 and not node.nullable:
            self.findings.add(Finding(Kind.NULL, self.table.name, generic, "", nulls, ""))

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
        series, wrong = to_series(column.name, values, column.type, node.type)
        for value in wrong:
            self._reject(value.row, self._source(column, value.row), value.reason)
        nulls = values.count(None) if column.type is ColumnType.TIMESTAMP or wrong else series.null_count()
        if column.name in self.level.key and nulls:
            for row in [row for row, value in enumerate(values) if value is None]:
                self._reject(row, column.path, f"the row has no {column.name}, which is its key")
        elif nulls > absent:
            self._note_null(node, generic, nulls - absent - missing, missing)
        return series

    def _older(self, path: Path) -> list[Any] | None:
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

    def children(self, child: _Level) -> _Rows:
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
            return _Rows(list(chain.from_iterable(lists)), owners, parent, list(chain.from_iterable(map(range, sizes))), self.rows)
        entries: Iterable[Any] = chain.from_iterable(value.values() for value in lists)
        return _Rows(list(entries), owners, parent, list(chain.from_iterable(lists)), self.rows)


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
