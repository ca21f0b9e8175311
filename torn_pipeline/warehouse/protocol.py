"""What every warehouse can do, and the plain data that goes in and comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import polars as pl
    import pyarrow as pa

    from torn_pipeline.landing.fetch import Fetch
    from torn_pipeline.tables.table import StorageMode, Table

__all__ = ["Load", "Quarantined", "Receipt", "TableReceipt", "Warehouse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A root that could not be loaded. ``table`` is the one the offending value belongs to.

    ``key`` is the root's key as a JSON object (column to value), ``json_path`` where the value stands in
    the landed response ``raw_id``, ``raw`` the root's JSON as received.
    """

    table: str
    root: str
    key: str
    json_path: str
    reason: str
    raw: str
    raw_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Everything one fetch brings to the warehouse, to be written in one transaction or not at all.

    ``tables`` come root first; ``batches`` map a table's name to a frame with the table's columns in order,
    new fields after them, and can be iterated more than once. ``shared_scope`` is true for endpoints with
    ``scope: global``, whose rows belong to no account. ``contract_version`` tells a mended contract from the same one.
    """

    fetch: Fetch
    mode: StorageMode
    shared_scope: bool
    tables: tuple[Table, ...]
    contract_version: str
    batches: Iterable[Mapping[str, pl.DataFrame]]
    quarantined: Sequence[Quarantined]
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReceipt:
    """What a load did to one table: rows written and removed, rows there now, bytes handed over, columns added or widened."""

    rows: int
    deleted: int
    total: int
    bytes: int
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a load did. ``skipped`` is why nothing was written (an identical load, a newer fetch there), else empty."""

    tables: Mapping[str, TableReceipt] = field(default_factory=dict)
    skipped: str = ""
    kept_newer: int = 0


class Warehouse(Protocol):
    """A place where tables live. Every method opens what it needs and closes it again."""

    @property
    def label(self) -> str:
        """Where it is, for people; without any password."""
        ...

    def load(self, load: Load) -> Receipt:
        """Write a fetch in one transaction: tables, quarantine, ledger, schema versions and the fetch's row."""
        ...

    def quarantine(self, load: Load) -> None:
        """Write only the fetch's row and its quarantine, in one transaction: what is left of a load that was refused."""
        ...

    def record_fetch(self, fetch: Fetch) -> None:
        """Write or rewrite the row of a fetch in ``torn_meta.fetches``."""
        ...

    def read(self, table: str, *, columns: Sequence[str] = (), account: str | None = None) -> pl.DataFrame:
        """The rows of a table, all columns unless some are named, one account's when given."""
        ...

    def query(self, sql: str) -> pa.Table:
        """The answer to a reading query; the tables' schema is on the search path."""
        ...
