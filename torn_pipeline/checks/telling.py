"""What the results of all checks have in common: the asset, the account, and how rows are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from torn_pipeline.landing import Fetch

__all__ = ["SHOWN", "Metadata", "nothing_checked", "records", "result"]

SHOWN = 20
"""Rows that a result shows."""

Metadata = dict[str, "str | int | float | dg.TableMetadataValue"]


def result(table: str, name: str, fetched: Fetch, problem: str, metadata: Metadata, *, error: bool = False) -> dg.AssetCheckResult:
    """The result of a check of a table: passed where there is no ``problem``, which is one sentence, an error or else a warning.

    Checks have no partitions of their own (a preview of Dagster's), so each result names its account.
    """
    about: Metadata = {"account": fetched.account, "fetch_id": fetched.fetch_id}
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(["torn", table]),
        check_name=name,
        passed=not problem,
        severity=dg.AssetCheckSeverity.ERROR if error else dg.AssetCheckSeverity.WARN,
        description=problem or None,
        metadata=about | metadata,
    )


def nothing_checked(specs: Iterable[dg.AssetCheckSpec]) -> Iterator[dg.AssetCheckResult]:
    """The results of all checks where there was no id to ask for, so that no row came."""
    for spec in specs:
        yield dg.AssetCheckResult(
            asset_key=spec.asset_key,
            check_name=spec.name,
            passed=True,
            description="There was nothing to check: no id was there to ask for.",
        )


def records(rows: Iterable[Mapping[str, object]]) -> dg.TableMetadataValue:
    """Rows as Dagster shows them, with the columns of all of them in their order."""
    known = list(rows)
    names = list(dict.fromkeys(name for row in known for name in row))
    cells = [dg.TableRecord({name: _cell(row.get(name, "")) for name in names}) for row in known]
    return dg.MetadataValue.table(cells, schema=dg.TableSchema([dg.TableColumn(name) for name in names]))


def _cell(value: object) -> str | int | float | bool:
    if value is None:
        return "null"
    return value if isinstance(value, str | int | float) else str(value)
