"""Hypothesis strategies: contracts of any form, and fetches of their bodies as an API might send them.

Names are numbered, so that no two fields of a contract get one column name; what happens when they do is shown by
example in ``test_naming``. A body is valid for its contract, or strays from it in the ways that the rules speak of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from torn_pipeline.tables.contract import Array, Contract, Map, Node, Object, Scalar, ScalarType

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Fetched", "any_contract", "contracts", "fetches"]

Json = Any
TYPES: tuple[ScalarType, ...] = ("integer", "number", "boolean", "string", "any")
STEMS = {"integer": ("level{}", "moment{}_at", "itemCount{}"), "boolean": ("is_{}",)}
SECTION = "/faction"
SELECTION = "things"


@dataclass(frozen=True)
class Fetched:
    """A contract and the pages of one fetch."""

    contract: Contract
    pages: list[Json] = field(default_factory=list)


# --- contracts -------------------------------------------------------------------------------------------


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    """A contract whose root is a list, an object or a map, with or without ids, with or without company."""
    numbers = count()
    kind = draw(st.sampled_from(["list", "list", "list", "object", "map", "body"]))
    fields = draw(_fields(numbers, depth=2))
    identity = draw(st.sampled_from([(), ("id",), ("id",), ("uid", "id")])) if kind != "body" else ()
    of: ScalarType = "integer" if draw(st.booleans()) else "string"
    fields = (*(Scalar(name, of, "") for name in identity), *fields)
    if kind == "body":
        return _contract(fields)
    entry = Object("entry", fields)
    roots: dict[str, Node] = {"list": Array(SELECTION, entry), "map": Map(SELECTION, entry), "object": Object(SELECTION, fields)}
    company = draw(st.lists(st.sampled_from(["scalar", "list"]), max_size=2, unique=True))
    beside: dict[str, Node] = {
        "scalar": Scalar("things_timestamp", "integer", ""),
        "list": Array("others", Object("other", draw(_fields(numbers, depth=1)))),
    }
    return _contract((roots[kind], *[beside[name] for name in company]))


def _contract(body: tuple[Node, ...]) -> Contract:
    return Contract(path=f"{SECTION}/{SELECTION}", description="", body=body, access="Public")


@st.composite
def _fields(draw: st.DrawFn, numbers: Iterator[int], depth: int) -> tuple[Node, ...]:
    kinds = st.sampled_from(["scalar", "scalar", "scalar", "object", "array", "map", "scalars"] if depth else ["scalar"])
    fields = [draw(_field(numbers, kind, depth)) for kind in draw(st.lists(kinds, min_size=1, max_size=4))]
    return tuple(fields)


@st.composite
def _field(draw: st.DrawFn, numbers: Iterator[int], kind: str, depth: int) -> Node:
    number = next(numbers)
    nullable, required = draw(st.booleans()), draw(st.booleans())
    if kind == "scalar":
        return replace(draw(_scalar(number)), nullable=nullable, required=required)
    if kind == "object":
        return replace(Object(f"part{number}", draw(_fields(numbers, depth - 1))), nullable=nullable, required=required)
    if kind == "scalars":
        items = Scalar("item", draw(st.sampled_from(TYPES)), "")
        return replace(Array(f"n{number}_values", items), nullable=nullable, required=required)
    inner = draw(_fields(numbers, depth - 1))
    if draw(st.booleans()):
        inner = (Scalar("id", "integer", ""), *inner)
    node = Array if kind == "array" else Map
    return replace(node(f"n{number}_rows", Object("row", inner)), nullable=nullable, required=required)


@st.composite
def _scalar(draw: st.DrawFn, number: int) -> Scalar:
    of = draw(st.sampled_from(TYPES))
    name = draw(st.sampled_from(STEMS.get(of, ("label{}", "shownName{}")))).format(number)
    older = draw(st.sampled_from([(), (), (f"old_{number}",), (f"was_{number}.name", f"old_{number}")]))
    return Scalar(name, of, "", older=older)


@st.composite
def any_contract(draw: st.DrawFn) -> Contract:
    """A contract out of few names, many of which get in one another's way."""
    names = st.sampled_from(["id", "uid", "name", "items", "item", "item_id", "itemId", "_index", "key", "value", "things", "created_at"])
    scalars = st.builds(Scalar, names, st.sampled_from(TYPES), st.just(""), nullable=st.booleans(), required=st.booleans())

    def branches(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        fields = st.lists(inner, max_size=4, unique_by=lambda node: node.name).map(tuple)
        objects = st.builds(Object, names, fields)
        return objects | st.builds(Array, names, objects | scalars) | st.builds(Map, names, objects | scalars)

    nodes = st.recursive(scalars, branches, max_leaves=8)
    body = draw(st.lists(nodes, min_size=1, max_size=3, unique_by=lambda node: node.name))
    path = draw(st.sampled_from(["/faction/things", "/faction/{thingId}/items", "/torn/{ids}/name"]))
    return Contract(path=path, description="", body=tuple(body), access="Public")


# --- bodies ----------------------------------------------------------------------------------------------

PLAIN: dict[str, st.SearchStrategy[Json]] = {
    "integer": st.integers(-3, 3) | st.sampled_from([3.0, -1.0, 2**53 + 1, 1_777_500_000, -(2**63), 2**63 - 1]),
    "moment": st.sampled_from([0, 1, 1_777_500_000, 1_777_500_000.0, 253_402_300_799, -5]),
    "number": st.floats(-10, 10) | st.integers(-3, 2**53) | st.just(1e300),
    "boolean": st.booleans(),
    "string": st.sampled_from(["", "a", "Zoë", "NULL", "1"]),
    "any": st.sampled_from([1, 1.5, "a", True, [1, None], {"a": 1}, ""]),
}
NOT_OF = {"integer": "x", "moment": 2**60, "number": True, "boolean": 1, "string": 5}
NEW = ("brandNew", "new_thing", "new_parts")
SOME_NEW = st.sampled_from([None, 1, 2.5, "x", True, [1], {}, {"deep": 1}, {"deep": {"deeper": None, "also": "y"}}, {"deepId": "z"}])


@st.composite
def fetches(draw: st.DrawFn, *, stray: bool = True) -> Fetched:
    """A contract and a fetch of it: pages in any cut, rows repeated over pages, and with ``stray`` all the ways to differ."""
    contract = draw(contracts())
    return Fetched(contract, draw(_Bodies(contract, stray=stray).pages()))


class _Bodies:
    """Draws the pages of one contract's bodies."""

    def __init__(self, contract: Contract, *, stray: bool) -> None:
        self.contract = contract
        self.stray = stray

    def pages(self) -> st.SearchStrategy[list[Json]]:
        @st.composite
        def pages(draw: st.DrawFn) -> list[Json]:
            return [self.body(draw) for _ in range(draw(st.integers(1, 3)))]

        return pages()

    def body(self, draw: st.DrawFn) -> Json:
        body = {node.name: self.present(draw, node, top=True) for node in self.contract.body}
        if draw(st.booleans()):
            body["_metadata"] = {"links": {"next": None, "prev": None}}
        if self.odd(draw, 8):
            body["beside"] = draw(SOME_NEW)
        return body

    def odd(self, draw: st.DrawFn, one_in: int) -> bool:
        return self.stray and draw(st.integers(1, one_in)) == one_in

    def object(self, draw: st.DrawFn, fields: tuple[Node, ...]) -> Json:
        found: dict[str, Json] = {}
        for node in fields:
            if not (self.odd(draw, 6) or (not node.required and draw(st.booleans()))):
                found[self.name(draw, node)] = self.present(draw, node)
                if self.odd(draw, 20):
                    found[self.name(draw, node, one_in=1)] = self.present(draw, node)
            if isinstance(node, Scalar):
                for older in node.older:
                    if self.odd(draw, 3):
                        _put(found, older, draw(st.none() | self.scalar(node)))
        if self.odd(draw, 6):
            found[draw(st.sampled_from(NEW))] = draw(SOME_NEW)
        if draw(st.booleans()):
            found = dict(reversed(found.items()))
        return found

    def name(self, draw: st.DrawFn, node: Node, one_in: int = 8) -> str:
        """The field's name, or seldom the other way to write it."""
        if not self.odd(draw, one_in):
            return node.name
        first, *rest = node.name.split("_")
        camel = first + "".join(part.capitalize() for part in rest)
        return camel if camel != node.name else re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", node.name)

    def present(self, draw: st.DrawFn, node: Node, *, top: bool = False) -> Json:
        is_scalar = isinstance(node, Scalar)
        if (is_scalar or not top) and ((node.nullable and draw(st.integers(1, 4)) == 1) or self.odd(draw, 15)):
            return None
        if not top and self.odd(draw, 30) and (wrong := self.wrong(node)) is not None:
            return wrong
        if isinstance(node, Scalar):
            return draw(self.scalar(node))
        if isinstance(node, Object):
            return self.object(draw, node.fields)
        element = node.items if isinstance(node, Array) else node.values
        rows = [self.element(draw, element) for _ in range(draw(st.integers(0, 3)))]
        if isinstance(node, Array):
            return rows
        return dict(zip(("alpha", "12", "béta x"), rows, strict=False))

    def element(self, draw: st.DrawFn, element: Object | Scalar) -> Json:
        if self.odd(draw, 40):
            return draw(st.sampled_from([None, 5, "x", []]))
        return draw(self.scalar(element)) if isinstance(element, Scalar) else self.object(draw, element.fields)

    def scalar(self, node: Scalar) -> st.SearchStrategy[Json]:
        return PLAIN["moment" if _is_moment(node) else node.type]

    def wrong(self, node: Node) -> Json:
        if isinstance(node, Scalar):
            return NOT_OF.get("moment" if _is_moment(node) else node.type)
        return {"a": 1} if isinstance(node, Array) else ["a"]


def _is_moment(node: Scalar) -> bool:
    return node.type == "integer" and node.name.endswith(("_at", "timestamp"))


def _put(found: dict[str, Json], older: str, value: Json) -> None:
    first, *rest = older.split(".")
    if rest:
        found.setdefault(first, {"also": 1} if isinstance(value, str) else {})[rest[0]] = value
    else:
        found[first] = value
