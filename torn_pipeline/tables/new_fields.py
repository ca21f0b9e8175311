"""Fields that no contract knows: gathered while a batch is normalised, and made columns of it at its end.

Types and names are decided once for a whole batch, so that they do not depend on where pages end.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from torn_pipeline.tables.naming import snake_case
from torn_pipeline.tables.values import infer_type, to_series

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import polars as pl

    from torn_pipeline.tables.table import Path, Table

__all__ = ["NewFields"]


class NewFields:
    """The new fields of one table in one batch."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.rows = 0
        self._values: dict[Path, list[Any]] = {}

    def add(self, rows: int, values: Mapping[Path, list[Any]]) -> None:
        """Take in the next ``rows`` rows: a value for each of them by the field's path in the row."""
        for path, column in values.items():
            known = self._values.setdefault(path, [])
            known += [None] * (self.rows - len(known))
            known += column
        self.rows += rows

    def columns(self) -> list[pl.Series]:
        """The columns, named by the rules, shallower paths first; a field that is always null has no type and gets none."""
        taken = {column.name for column in self.table.columns}
        series = []
        for path, values in sorted(self._fields().items(), key=lambda entry: len(entry[0])):
            inferred = infer_type(path[-1], values)
            if inferred is None:
                continue
            name = self._name(path, taken)
            taken.add(name)
            series.append(to_series(name, values, *inferred)[0])
        return series

    def _fields(self) -> dict[Path, list[Any]]:
        """The values by snake_case path; of two keys with one such name the snake_case one comes first."""
        found: dict[Path, list[tuple[Path, list[Any]]]] = {}
        for given, values in self._values.items():
            for path, column in _taken_apart(given, values + [None] * (self.rows - len(values))):
                found.setdefault(tuple(map(snake_case, path)), []).append((path, column))
        return {path: _first_not_null(sorted(same, key=lambda field: field[0] != path)) for path, same in found.items()}

    def _name(self, path: Path, taken: set[str]) -> str:
        """Joined by ``_``; where the table has that name, by ``__``, if need be with the path to the row before it."""
        place = tuple(map(snake_case, self.table.path))
        names = ("_".join(path), "__".join(path), "__".join((*place, *path)))
        return next((name for name in names if name not in taken), "__".join(("", *place, *path)))


def _taken_apart(path: Path, values: list[Any]) -> Iterator[tuple[Path, list[Any]]]:
    """A field, or the fields of an object that is one in every row."""
    if set(map(type, values)) - {type(None)} != {dict}:
        yield path, values
        return
    for key in dict.fromkeys(chain.from_iterable(value for value in values if value)):
        yield from _taken_apart((*path, key), [value.get(key) if value else None for value in values])


def _first_not_null(same: list[tuple[Path, list[Any]]]) -> list[Any]:
    (_, values), *others = same
    for _, column in others:
        values = [other if value is None else value for value, other in zip(values, column, strict=True)]
    return values
