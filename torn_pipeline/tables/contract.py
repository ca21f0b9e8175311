"""What a contract is: the tree of one endpoint's body in the API's own names, and its rules.

A contract is immutable data. Importing it loads neither Polars nor Pandera; tables, keys and columns
follow from it in :mod:`torn_pipeline.tables.naming`, everything else from those.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

__all__ = ["Array", "Contract", "Lookup", "Map", "Node", "Object", "Reference", "Rule", "Scalar", "ScalarType", "TimeWindow"]

ScalarType = Literal["integer", "number", "boolean", "string", "any"]
"""The words of JSON Schema; ``any`` is a value of unknown or several types, kept as text."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A field with one value.

    ``known`` lists the values seen so far: another one is loaded and reported. ``older`` lists JSON
    paths (parts joined by ``.``, from the row the field belongs to), newest first, where older answers
    had the same thing. ``required`` is whether the key must be there, ``nullable`` whether it may be null.
    """

    name: str
    type: ScalarType
    description: str
    unit: str = ""
    nullable: bool = False
    required: bool = True
    known: tuple[str, ...] = ()
    older: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Object:
    """A nested object; its fields flatten into the row it belongs to."""

    name: str
    fields: tuple[Node, ...]
    description: str = ""
    nullable: bool = False
    required: bool = True


@dataclass(frozen=True, slots=True)
class Array:
    """A list: of objects (``items`` an :class:`Object`) or of scalars (``items`` a :class:`Scalar`)."""

    name: str
    items: Object | Scalar
    description: str = ""
    nullable: bool = False
    required: bool = True


@dataclass(frozen=True, slots=True)
class Map:
    """An object whose keys are data; ``values`` is what stands behind each key."""

    name: str
    values: Object | Scalar
    description: str = ""
    nullable: bool = False
    required: bool = True


Node = Scalar | Object | Array | Map


@dataclass(frozen=True, slots=True)
class Rule:
    """What is known from observation to hold for every row of ``table`` (a suffix, ``""`` for the root).

    ``holds`` is a SQL condition over the table's columns. With ``unique`` instead, rows of one root do
    not repeat the values of these columns (nulls apart).
    """

    name: str
    table: str
    description: str
    holds: str = ""
    unique: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What is known to be found in another table: every value of ``column`` of ``table`` (a suffix, ``""`` for the root).

    ``target`` is the other table by its default name, ``target_column`` its column. ``where`` is a SQL condition over the
    row, of those it holds for; ``within_account`` says that both rows belong to one account.
    """

    name: str
    table: str
    description: str
    column: str
    target: str
    target_column: str
    where: str = "true"
    within_account: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow:
    """How ``from`` (exclusive) and ``to`` (inclusive), in Unix seconds, cut an endpoint's list.

    ``fields`` are the fields of a row that the API may go by, the likeliest first, as its description does not always say. ``late``
    is how long after its moment a row may still appear or change. ``params`` are asked besides: one for a category (``cat``) is
    for endpoints of the config that ask for that. A window with ``until`` (UTC) is for the time up to then, in place of the other.
    """

    fields: tuple[str, ...]
    late: timedelta
    params: Mapping[str, str] = field(default_factory=dict)
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """How rows are found again that left the list of the category ``cat``: each is asked for by its id.

    Rows of that list have one of ``values`` in ``column``. ``path`` answers one row, under the key ``root`` of its body.
    """

    cat: str
    column: str
    values: tuple[str, ...]
    path: str
    root: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # told apart by identity: what follows from one is kept beside it
class Contract:
    """One endpoint: how it is asked, what it answers, what is known to hold.

    ``path`` is the API's path, with ``{parameters}`` where it has them. ``body`` is the body's keys other
    than ``_metadata``. ``page_size`` is the largest ``limit`` the API allows, ``None`` where it takes none.
    ``keys`` names a natural key by table suffix where the rules' own would be poorer. ``access`` is the
    lowest key level the endpoint answers to. ``windows`` are the ways to ask for the rows of a time window, which
    together bring all of them; none where the endpoint only knows how things are now. ``final_at`` is, of an endpoint with
    an id in its path, the column that says of the row the id comes from since when the answer no longer changes.
    """

    path: str
    description: str
    body: tuple[Node, ...]
    access: Literal["Public", "Minimal", "Limited", "Full"]
    page_size: int | None = None
    rules: tuple[Rule, ...] = ()
    references: tuple[Reference, ...] = ()
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    windows: tuple[TimeWindow, ...] = field(default=(), repr=False)
    final_at: str = field(default="", repr=False)
    lookup: Lookup | None = field(default=None, repr=False)

    @property
    def version(self) -> str:
        """Twelve hex digits that change when the rows that follow from a body do; not with how it is asked for."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]
