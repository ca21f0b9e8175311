"""How a warehouse spells the SQL that others ask it with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Spelling"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """The warehouse's kind, how it quotes a column, the full name of a normalised table, and its type of a moment (UTC)."""

    kind: Literal["duckdb", "bigquery"]
    identifier: Callable[[str], str]
    table: Callable[[str], str]
    moment: str
