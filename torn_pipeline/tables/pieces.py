"""From response bodies to pieces: the roots of a fetch, each once, about a thousand at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from torn_pipeline.errors import BodyRefused
from torn_pipeline.tables.contract import Array, Node, Object
from torn_pipeline.tables.findings import Finding, Kind
from torn_pipeline.tables.levels import Level, Reader, plain_of, reader_of
from torn_pipeline.tables.naming import json_path, snake_case, value_at
from torn_pipeline.tables.plain import PlainObject, Rows, plain_decoder, plain_object
from torn_pipeline.tables.table import Path, Role, Shape, Table
from torn_pipeline.tables.values import json_type, show

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime


__all__ = ["PIECE", "Body", "Group", "Origin", "Piece"]

PIECE = 1_000  # roots normalised at once: larger pieces cost memory, smaller ones time
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


@dataclass(slots=True)
class Piece:
    """Roots to normalise together, with the landed response and the place in it that each came from.

    Those of a ``plain`` piece are structs, from pages that are exactly as the contract says; others are decoded JSON.
    """

    group: Group
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

    def parts(self) -> Iterator[Piece]:
        """The same in parts of at most :data:`PIECE` roots; what there is to report comes with the first."""
        if len(self.elements) <= PIECE:
            yield self
            return
        repeated, found = self.repeated, self.found
        for start in range(0, len(self.elements), PIECE):
            part = slice(start, start + PIECE)
            yield Piece(
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

    def extend(self, part: Piece) -> None:
        """Take the roots of another piece in."""
        self.elements += part.elements
        self.raw_ids += part.raw_ids
        self.places += part.places
        self.indexes += part.indexes
        self.beside += part.beside
        self.repeated += part.repeated
        self.found += part.found


class Group:
    """One root table and its children. ``known`` are the body's keys by the contract, for the one group that reports others."""

    def __init__(self, tables: Sequence[Table], known: set[str] | None, *, add_new_fields: bool) -> None:
        self.root = tables[0]
        self.is_main = known is not None
        self.known = known if self.root.path else None
        self.levels = [Level(table, tables) for table in tables]
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

    def _plain(self, level: Level, reader: Reader) -> PlainObject:
        """The struct of one object in a table's rows, and of all below it; each reader keeps its own."""

        def inner(node: Node) -> PlainObject:
            if isinstance(node, Object):
                return self._plain(level, reader.objects[node.name])
            path = (*reader.path, node.name)
            below = next(one for one in self.levels if one.table.parent == level.table.name and one.table.path == path)
            return self._plain(below, reader_of(below))

        older = {path[-1]: level.scalar(column.path) for column in level.own.values() for path in column.older if path[:-1] == reader.path}
        reader.plain = plain_object(reader.nodes, older, inner)
        return reader.plain

    # --- from bodies to pieces ------------------------------------------------------------------------

    def pieces(self, bodies: Sequence[Body], *, in_order: bool) -> Iterator[Piece]:
        """The roots of the bodies, about :data:`PIECE` at a time.

        Keyed ones come from the last page to the first, so that the later wins, unless they are wanted ``in_order``.
        """
        if self.root.shape is Shape.OBJECT:
            if bodies:
                yield self._object_piece(bodies)
            return
        seen: set[object] = set()
        piece = Piece(self)
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
                    piece = Piece(self, part.plain)
                piece.extend(part)
        if not piece.is_empty:
            yield piece

    def _page(self, body: Body, offset: int) -> tuple[Piece, int]:
        """The rows of one body, the first of them in place ``offset`` of the fetch, and how many they are."""
        content = body.read()
        plain = self.plain_rows(content) if self.plain_rows else None
        page = Piece(self, plain is not None)
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

    def _keys(self, page: Piece) -> list[object]:
        """What tells each element from the others; ``None`` where it has no usable key."""
        elements = page.elements
        if page.plain:
            return plain_of(reader_of(self.levels[0])).column(self.key_paths[0][0], elements)
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

    def _rows(self, body: Body, content: bytes, piece: Piece) -> tuple[list[Any], list[Any], dict[str, Any]]:
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

    def _note_gone(self, decoded: dict[str, Any], piece: Piece) -> None:
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

    def _unknown(self, decoded: dict[str, Any], piece: Piece) -> dict[str, Any]:
        """Report what a body has beside its roots that the contract does not know, and give the scalars, for columns of the root."""
        if self.known is None or decoded.keys() <= self.known:
            return {}
        unknown = {key: value for key, value in decoded.items() if key not in self.known}
        for key, value in unknown.items():
            example = "" if value is None else show(value)
            piece.found.append(Finding(Kind.NEW_FIELD, self.root.name, json_path((key,)), json_type(value), 1, example))
        return {key: value for key, value in unknown.items() if not isinstance(value, dict | list)} if self.add_new_fields else {}

    def _object_piece(self, bodies: Sequence[Body]) -> Piece:
        """The one object, with its first list continued by the later pages."""
        piece = Piece(self)
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


def _continue(piece: Piece, name: str, more: object, body: Body) -> None:
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
