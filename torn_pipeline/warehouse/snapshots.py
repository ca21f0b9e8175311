"""What is the same about snapshots in every warehouse: which columns tell versions apart, and how many rows may be absent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.errors import TooManyClosed
from torn_pipeline.tables.table import Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse.protocol import Load

__all__ = ["WORTH_A_DOUBT", "compared", "too_many_closed"]

WORTH_A_DOUBT = 10
"""Open rows of a root table: of fewer, one or two that leave are a great share already."""

_ORIGIN = {Role.FETCH_ID, Role.FETCHED_AT, Role.RAW_ID, Role.ACCOUNT}


def compared(table: Table, columns: Iterable[str]) -> list[str]:
    """Of a table's columns those that make a version: the key, and all that the API's answer fills, of the contract or new."""
    origin = {column.name for column in table.columns if column.role in _ORIGIN and column.name not in table.key}
    return [name for name in columns if name not in origin]


def too_many_closed(load: Load, root: str, there: int, absent: int) -> TooManyClosed:
    """What is said of a snapshot without ``absent`` of the ``there`` open rows of a root table."""
    fetch = load.fetch
    return TooManyClosed(
        f"fetch {fetch.fetch_id} of {fetch.endpoint} for {fetch.account} is without {absent} of the {there} rows of {root}, "
        f"more than max_closed allows ({load.max_closed:.0%}), so nothing was changed; if they are gone indeed: "
        f"torn-pipeline load {fetch.endpoint} --set endpoints.{fetch.endpoint}.max_closed=1"
    )
