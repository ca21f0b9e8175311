"""Pandera schemas, derived from tables: what every frame is held against before it is loaded.

A failed check named by :data:`KNOWN` or :data:`RULE` is an observation: the row is loaded and reported.
Any other failure (a key that is null or not unique, a wrong type) breaks the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandera.polars as pa
import polars as pl

from torn_pipeline.tables.table import Column, Role, Table
from torn_pipeline.tables.values import DTYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pandera.api.polars.types import PolarsData

    from torn_pipeline.tables.contract import Rule

__all__ = ["KNOWN", "RULE", "is_right", "schema_of"]

KNOWN = "known values"
RULE = "rule: "


def schema_of(table: Table, rules: Sequence[Rule] = ()) -> pa.DataFrameSchema:
    """The Pandera schema of a table: its columns in order, with types, keys, known values and the rules given."""
    return pa.DataFrameSchema(
        {column.name: _column(column, table) for column in table.columns},
        checks=[_rule_check(rule, table) for rule in rules],
        strict=True,
        ordered=True,
        unique=list(table.key) if _can_repeat(table) else None,
        name=table.name,
        description=table.description,
    )


def is_right(table: Table, rules: Sequence[Rule], frame: pl.DataFrame) -> bool:
    """Whether a frame passes every check of the table's schema.

    It asks one question of the whole frame, where Pandera asks several of each column: that costs twenty times as much for
    a frame of a few rows, and is only worth it for one that has something wrong.
    """
    if frame.schema != pl.Schema({column.name: DTYPES[column.type] for column in table.columns}):
        return False
    checks = [pl.col(name).is_not_null().all() for name in table.key]
    checks += [pl.col(column.name).is_in(column.known).all() for column in table.columns if _is_checked(column)]
    checks += [_expression(rule, table).all() for rule in rules]
    checks += [pl.struct(table.key).is_duplicated().not_().all()] if _can_repeat(table) else []
    try:
        return bool(frame.select(pl.all_horizontal(checks)).item()) if checks else True
    except pl.exceptions.PolarsError:  # a rule that cannot be asked
        return False


def _can_repeat(table: Table) -> bool:
    """Whether rows could share a key: a root's were told apart before, and no two rows have one place; only a natural key is left."""
    return table.parent is not None and not any(table.column(name).role in {Role.INDEX, Role.MAP_KEY} for name in table.key)


def _column(column: Column, table: Table) -> pa.Column:
    checks = [pa.Check.isin(column.known, error=KNOWN)] if _is_checked(column) else []
    return pa.Column(DTYPES[column.type], checks=checks, nullable=column.name not in table.key, description=column.description)


def _is_checked(column: Column) -> bool:
    """Whether its values are known; a parent's are checked there."""
    return bool(column.known) and column.role is Role.OWN


def _rule_check(rule: Rule, table: Table) -> pa.Check:
    holds = _expression(rule, table)

    def check(data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(holds)

    return pa.Check(check, error=f"{RULE}{rule.name}")


def _expression(rule: Rule, table: Table) -> pl.Expr:
    """What holds for every row; a comparison with null says nothing against the row."""
    if not rule.unique:
        return pl.sql_expr(rule.holds).fill_null(value=True)
    some_null = pl.any_horizontal(pl.col(name).is_null() for name in rule.unique)
    return pl.struct(*table.root_key, *rule.unique).is_duplicated().not_() | some_null
