"""The one query that a table's profile takes, in the words of each warehouse, and what its answer says."""

# ruff: noqa: S608 - names are quoted by the dialect

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from torn_pipeline.tables.table import ColumnType, Role
from torn_pipeline.warehouse.protocol import ColumnProfile, TableProfile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torn_pipeline.tables.table import Column, Table

__all__ = ["QUANTILES", "Dialect", "answer", "question"]

QUANTILES = 20
"""How many parts of equal weight the values of a number or a moment are cut into."""

_PROFILED = frozenset({Role.OWN, Role.INDEX, Role.MAP_KEY, Role.PATH_ID, Role.ACCOUNT})
_NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.FLOAT})


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a warehouse writes a name, a moment as seconds since 1970, and the quantiles of a number (a list of them)."""

    identifier: Callable[[str], str]
    seconds: str
    quantiles: str


def question(table: Table, source: str, dialect: Dialect) -> str:
    """The query: one row of aggregates over ``source``; what a column has of its parent is profiled there."""
    parts = ["COUNT(*) AS n"]
    for place, column in enumerate(_profiled(table)):
        name = dialect.identifier(column.name)
        parts += [f"COUNT({name}) AS c{place}_known", f"APPROX_COUNT_DISTINCT({name}) AS c{place}_distinct"]
        parts += [f"MIN({name}) AS c{place}_least", f"MAX({name}) AS c{place}_greatest"]
        if column.type in _NUMBERS or column.type is ColumnType.TIMESTAMP:
            number = dialect.seconds.format(name) if column.type is ColumnType.TIMESTAMP else name
            parts.append(f"{dialect.quantiles.format(number)} AS c{place}_quantiles")
    return f"SELECT {', '.join(parts)} FROM {source} t"


def answer(table: Table, row: Mapping[str, Any]) -> TableProfile:
    """What the row says."""
    return TableProfile(
        table=table.name, rows=row["n"], columns=tuple(_column(column, row, place) for place, column in enumerate(_profiled(table)))
    )


def _profiled(table: Table) -> list[Column]:
    return [column for column in table.columns if column.role in _PROFILED]


def _column(column: Column, row: Mapping[str, Any], place: int) -> ColumnProfile:
    found = row.get(f"c{place}_quantiles") or ()
    is_moment = column.type is ColumnType.TIMESTAMP
    known: int = row[f"c{place}_known"]
    return ColumnProfile(
        name=column.name,
        type=column.type,
        nulls=row["n"] - known,
        distinct=min(row[f"c{place}_distinct"], known),
        least=row[f"c{place}_least"],
        greatest=row[f"c{place}_greatest"],
        quantiles=tuple(datetime.fromtimestamp(one, UTC) if is_moment else float(one) for one in found if one is not None),
    )
