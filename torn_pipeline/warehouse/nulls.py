"""How many values of a load are null, by column: what ``torn_meta.loads`` keeps, so that a column gone empty can be told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

__all__ = ["as_text", "null_counts"]


def null_counts(frame: pl.DataFrame) -> dict[str, int]:
    """The number of nulls of each column that has any; Arrow keeps count of them, so no row is looked at."""
    return {column.name: nulls for column in frame if (nulls := column.null_count())}


def as_text(counts: Mapping[str, int]) -> str:
    """The counts as the ledger has them: a JSON object, ``{}`` where nothing was null."""
    return json.dumps(dict(sorted(counts.items())))
