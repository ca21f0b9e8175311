"""The quick way to read a page: decoded straight into typed structs when it is exactly as the contract says.

Most pages are, and then nothing about them has to be looked at twice: every key that is required is there,
no other is, every value is of its type and range. The decoder checks all of that while it decodes. The
slightest difference, and the page is read in the careful way of :mod:`torn_pipeline.tables.normalise`, which
tells what differs; so this module decides nothing, and may not change a single value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Any

import msgspec
from msgspec.structs import astuple

from torn_pipeline.tables.contract import Array, Map, Node, Object, Scalar
from torn_pipeline.tables.naming import is_epoch
from torn_pipeline.tables.values import EARLIEST_EPOCH, EXACT_FLOAT, INT64_MAX, INT64_MIN, LATEST_EPOCH

__all__ = ["PlainObject", "Rows", "plain_decoder", "plain_object"]

Rows = Callable[[bytes], list[Any] | None]

_INTEGER = Annotated[int, msgspec.Meta(ge=INT64_MIN, le=INT64_MAX)]
_EPOCH = Annotated[int, msgspec.Meta(ge=EARLIEST_EPOCH, le=LATEST_EPOCH)]
_NUMBER = Annotated[float, msgspec.Meta(gt=-EXACT_FLOAT, lt=EXACT_FLOAT)]  # an integer beyond would be rounded
_SCALARS: Mapping[str, Any] = {"any": Any, "boolean": bool, "integer": _INTEGER, "number": _NUMBER, "string": str}


@dataclass(frozen=True, slots=True)
class PlainObject:
    """One object of the contract as a struct: its type, its fields and then the older ones, and what stands for null."""

    type: type[msgspec.Struct]
    fields: tuple[str, ...]
    older: tuple[str, ...]
    null: msgspec.Struct

    def column(self, name: str, structs: Sequence[Any]) -> list[Any]:
        """What the structs have in one field."""
        return list(map(attrgetter(self.type.__struct_fields__[self.fields.index(name)]), structs))

    def columns(self, structs: Sequence[Any]) -> tuple[dict[str, Sequence[Any]], dict[str, Sequence[Any]]]:
        """What the structs have in every field, and in every older one; a null among them has nothing but nulls.

        Each struct is taken apart at once: to come back to it for every field would fetch it from memory as often.
        """
        if None in structs:
            structs = [self.null if struct is None else struct for struct in structs]
        columns: list[Sequence[Any]] = list(zip(*map(astuple, structs), strict=True))
        columns = columns or [()] * (len(self.fields) + len(self.older))
        return dict(zip(self.fields, columns, strict=False)), dict(zip(self.older, columns[len(self.fields) :], strict=True))


def plain_object(nodes: Mapping[str, Node], older: Mapping[str, Scalar], inner: Callable[[Node], PlainObject]) -> PlainObject:
    """The struct of an object's fields.

    ``older`` are the keys of older paths with the field that each is an older form of; ``inner`` gives the struct
    of a nested object, or of the rows of a list or map.
    """
    names = {name: f"field_{number}" for number, name in enumerate(nodes)}
    names_of_older = {name: f"older_{number}" for number, name in enumerate(older)}
    fields = [_field(names[name], node, inner) for name, node in nodes.items()]
    fields += [(names_of_older[name], _scalar(node) | None, None) for name, node in older.items()]
    struct = msgspec.defstruct(
        "Plain",
        fields,
        rename={attribute: name for name, attribute in (names | names_of_older).items()},
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,  # decoded JSON has no cycles
    )
    return PlainObject(
        type=struct,
        fields=tuple(names),
        older=tuple(names_of_older),
        null=struct(**dict.fromkeys((*names.values(), *names_of_older.values()))),
    )


def plain_decoder(root: str, rows: PlainObject) -> Rows:
    """Decodes a body with one list of rows below the key ``root``; gives ``None`` for a body that is not exactly so."""
    envelope = msgspec.defstruct(
        "Body",
        [("rows", list[rows.type]), ("metadata", Any, None)],  # type: ignore[name-defined]  # a type made at run time
        rename={"rows": root, "metadata": "_metadata"},
        forbid_unknown_fields=True,
    )
    decode = msgspec.json.Decoder(envelope).decode
    get = attrgetter("rows")

    def plain_rows(content: bytes) -> list[Any] | None:
        try:
            found: list[Any] = get(decode(content))
        except msgspec.DecodeError:
            return None
        return found

    return plain_rows


def _field(attribute: str, node: Node, inner: Callable[[Node], PlainObject]) -> tuple[str, Any] | tuple[str, Any, None]:
    of = _type(node, inner)
    if node.nullable:
        of = of | None
    return (attribute, of) if node.required else (attribute, of, None)


def _type(node: Node, inner: Callable[[Node], PlainObject]) -> Any:  # noqa: ANN401  # a type made at run time
    if isinstance(node, Scalar):
        return _scalar(node)
    if isinstance(node, Object):
        return inner(node).type
    items = node.items if isinstance(node, Array) else node.values
    item: Any
    item = (_scalar(items) | None if items.nullable else _scalar(items)) if isinstance(items, Scalar) else inner(node).type
    return dict[str, item] if isinstance(node, Map) else list[item]


def _scalar(node: Scalar) -> Any:  # noqa: ANN401  # as above
    return _EPOCH if node.type == "integer" and is_epoch(node.name) else _SCALARS[node.type]
