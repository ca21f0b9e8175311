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
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl

from torn_pipeline.tables.findings import Finding, Findings, Kind
from torn_pipeline.tables.naming import json_path, value_at
from torn_pipeline.tables.new_fields import NewFields
from torn_pipeline.tables.pieces import Body, Group, Origin, Piece
from torn_pipeline.tables.rows import Reading, TableRows
from torn_pipeline.tables.table import Path, Role, Table
from torn_pipeline.tables.values import DTYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


__all__ = ["Batch", "Body", "Normalizer", "Origin", "Rejected", "empty_frame", "garbage_collection_paused"]

BATCH = 5_000  # roots handed on at once: larger batches cost memory, and what follows has a cost for each


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
            Group(
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

    def _batch(self, pieces: Iterator[Piece], origin: Origin) -> Batch:
        """The next pieces as one batch; without a root when there are none left."""
        frames: dict[str, list[pl.DataFrame]] = {table.name: [] for table in self.tables}
        new_fields = {table.name: NewFields(table) for table in self.tables}
        batch = Batch({}, [], Findings(), 0)
        with garbage_collection_paused():
            for piece in pieces:
                for name, (frame, new) in _normalise(piece, origin, batch).items():
                    frames[name].append(frame)
                    new_fields[name].add(frame.height, new)
                batch.roots += len(piece.elements)
                if batch.roots >= BATCH:
                    break
        for table in self.tables:
            frame = pl.concat(frames[table.name]) if frames[table.name] else empty_frame(table)
            batch.frames[table.name] = frame.with_columns(new_fields[table.name].columns())
        return batch

    def _pieces(self, bodies: Sequence[Body], limit: int | None) -> Iterator[Piece]:
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


def _normalise(piece: Piece, origin: Origin, batch: Batch) -> dict[str, tuple[pl.DataFrame, dict[Path, list[Any]]]]:
    """Frames and new fields of all tables for the piece, without the roots that do not fit; those go to the batch."""
    wrong: dict[int, tuple[str, str, str]] = {}
    batch.findings.add(Finding(Kind.REPEATED, piece.group.root.name, json_path(piece.group.root.path), "", piece.repeated, ""))
    rows = {piece.group.root.name: TableRows(piece.elements, list(range(len(piece.elements))), None, piece.places, None, piece.raw_ids)}
    for finding in piece.found:
        batch.findings.add(finding)
    frames: dict[str, pl.DataFrame] = {}
    new: dict[str, dict[Path, list[Any]]] = {}
    for level in piece.group.levels:
        run = Reading(level, rows[level.table.name], batch.findings, wrong, add_new_fields=piece.group.add_new_fields)
        parent = frames[level.table.parent] if level.table.parent else None
        frames[level.table.name], new[level.table.name] = run.frame(origin, piece, parent), run.new
        rows |= {child.table.name: run.children(child) for child in level.children}
        if piece.entries and level.table is piece.group.root:
            rows[piece.group.continued].raw_ids = piece.entries
    for owner in sorted(wrong):
        batch.rejected.append(_rejected(piece, origin, owner, wrong[owner]))
    if wrong:
        keep = {name: [owner not in wrong for owner in rows[name].owner] for name in frames}
        frames = {name: frame.filter(pl.Series(keep[name], dtype=pl.Boolean)) for name, frame in frames.items()}
        new = {name: {path: list(compress(values, keep[name])) for path, values in fields.items()} for name, fields in new.items()}
    return {name: (frame, new[name]) for name, frame in frames.items()}


def _rejected(piece: Piece, origin: Origin, owner: int, wrong: tuple[str, str, str]) -> Rejected:
    element = piece.elements[owner]
    table, path, reason = wrong
    given: dict[Role, object] = {Role.ACCOUNT: origin.account, Role.INDEX: piece.indexes[owner], Role.MAP_KEY: piece.places[owner]}
    key: dict[str, object] = {}
    for column in map(piece.group.root.column, piece.group.root.root_key):
        if column.role is Role.PATH_ID:
            key[column.name] = str(origin.path_ids[column.name])
        else:
            key[column.name] = value_at(element, column.path) if column.role is Role.OWN else given[column.role]
    raw = orjson.dumps(element)
    return Rejected(table=table, root=piece.group.root.name, key=key, json_path=path, reason=reason, raw=raw, raw_id=piece.raw_ids[owner])
