"""The check ``relations`` of each table that refers to others: which rows refer to what is not there."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING

from torn_pipeline.checks.specs import RELATIONS
from torn_pipeline.checks.telling import SHOWN, Metadata, records, result

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import dagster as dg

    from torn_pipeline.landing import Fetch
    from torn_pipeline.steps import Related

__all__ = ["relation_results"]


def relation_results(fetched: Fetch, found: Sequence[Related]) -> Iterator[dg.AssetCheckResult]:
    """A result for each table that refers to others."""
    for table in dict.fromkeys(one.table for one in found):
        own = [one for one in found if one.table == table]
        broken = [one for one in own if one.unmatched.count]
        metadata: Metadata = {"references": len(own), "rows_unmatched": sum(one.unmatched.count for one in broken)}
        rows = list(islice(chain.from_iterable(map(_rows, broken)), SHOWN))
        if rows:
            metadata["offending_rows"] = records(rows)
        yield result(table, RELATIONS, fetched, "; ".join(map(_line, broken)), metadata)


def _line(one: Related) -> str:
    reference, example = one.reference, one.unmatched.rows[0][one.reference.column]
    count = "once" if one.unmatched.count == 1 else f"{one.unmatched.count} times"
    return f"{reference.name}, {count}: {reference.target}.{reference.target_column} has no {example}, which {reference.column} refers to"


def _rows(one: Related) -> Iterator[dict[str, object]]:
    for row in one.unmatched.rows:
        yield {**row, "reference": one.reference.name, "value": row[one.reference.column]}
