"""Parts of tables as frames: only the columns and rows that are asked for, and only when they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from polars.io.plugins import register_io_source

from torn_pipeline.errors import WarehouseError
from torn_pipeline.tables.values import DTYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torn_pipeline.warehouse.protocol import Warehouse, Window

__all__ = ["read_part", "scan_part"]


def read_part(
    warehouse: Warehouse, table: str, *, columns: Sequence[str] = (), accounts: Sequence[str] = (), within: Window | None = None
) -> pl.DataFrame:
    """The rows of a table: some columns, some accounts and a time window, each all unless given.

    Raises:
        WarehouseError: when there is no such table or column, or nothing was loaded yet.
    """
    parts = [warehouse.read(table, columns=columns, account=account, within=within) for account in accounts or (None,)]
    return pl.concat(parts)


def scan_part(
    warehouse: Warehouse, table: str, *, columns: Sequence[str] = (), accounts: Sequence[str] = (), within: Window | None = None
) -> pl.LazyFrame:
    """The same, read when it is collected, and then only the columns that the query needs.

    Raises:
        WarehouseError: when there is no such table or column.
    """
    shape = warehouse.shapes([table]).get(table)
    types = {name: column.type for name, column in shape.columns.items()} if shape else {}
    names = list(columns or types)
    if missing := [name for name in names if types.get(name) is None] or ([] if shape else [table]):
        message = f"the {warehouse.label} has no {', '.join(missing)} of a type that contracts have: see the tables with torn-pipeline sql"
        raise WarehouseError(message)
    schema = {name: DTYPES[found] for name in names if (found := types[name]) is not None}

    def source(
        needed: list[str] | None,
        predicate: pl.Expr | None,
        most: int | None,
        batch_size: int | None,  # noqa: ARG001 - one batch, as the connection is closed at once
    ) -> Iterator[pl.DataFrame]:
        frame = read_part(warehouse, table, columns=names if needed is None else needed or names[:1], accounts=accounts, within=within)
        if predicate is not None:
            frame = frame.filter(predicate)
        yield frame if most is None else frame.head(most)

    return register_io_source(source, schema=schema)
