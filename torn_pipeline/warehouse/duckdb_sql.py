"""Names and values as DuckDB's SQL wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from torn_pipeline.warehouse.protocol import Window

__all__ = ["identifier", "literal", "qualified", "same", "temporary", "within"]


def identifier(name: str) -> str:
    """A name, quoted."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text, quoted: for the few statements that take no bound values."""
    return "'" + text.replace("'", "''") + "'"


def qualified(table: str) -> str:
    """A normalised table's full name, quoted."""
    return f"warehouse.torn.{identifier(table)}"


def temporary(kind: str, table: str) -> str:
    """The full name, quoted, of a temporary table about a table."""
    return "temp." + identifier(f"{kind} {table}")


def same(left: str, left_columns: Sequence[str], right: str, right_columns: Sequence[str]) -> str:
    """The condition that two keys, column by column, are the same; nulls are equal, and two keys of no column too."""
    pairs = zip(left_columns, right_columns, strict=True)
    return " AND ".join(f"{left}.{identifier(one)} IS NOT DISTINCT FROM {right}.{identifier(other)}" for one, other in pairs) or "true"


def within(window: Window, row: str) -> tuple[str, list[datetime]]:
    """The condition, with its values, that a row lies in a time window."""
    column = f"{row}.{identifier(window.column)}"
    bounds = [(f"{column} > ?", window.after), (f"{column} <= ?", window.until)]
    conditions = [condition for condition, bound in bounds if bound is not None]
    return " AND ".join([f"{column} IS NOT NULL", *conditions]), [bound for _, bound in bounds if bound is not None]
