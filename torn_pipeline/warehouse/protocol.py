"""What every warehouse can do, and the plain data that goes in and comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from torn_pipeline.tables.table import Role, StorageMode, histories_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    import polars as pl
    import pyarrow as pa

    from torn_pipeline.landing.fetch import Fetch
    from torn_pipeline.tables.contract import Reference
    from torn_pipeline.tables.table import ColumnType, Table
    from torn_pipeline.warehouse.changes import Change, Shape
    from torn_pipeline.warehouse.spelling import Spelling

__all__ = [
    "Backup",
    "ColumnProfile",
    "EndpointStatus",
    "Load",
    "Measurement",
    "QuarantineRow",
    "Quarantined",
    "Receipt",
    "SchemaVersion",
    "TableProfile",
    "TableReceipt",
    "Unmatched",
    "Warehouse",
    "Window",
]


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
class QuarantineRow(Quarantined):
    """A root as it stands in ``torn_meta.quarantine``.

    ``quarantine_id`` is the same whenever the same value of the same fetch is found broken again.
    """

    quarantine_id: str
    endpoint: str
    account: str
    fetch_id: str
    fetched_at: datetime
    run_id: str
    quarantined_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The rows whose ``column`` lies after ``after`` and not after ``until`` (UTC); ``None`` is no bound. A null lies in none."""

    column: str
    after: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Everything one fetch brings to the warehouse, to be written in one transaction or not at all.

    ``tables`` come root first; ``batches`` map a table's name to a frame with the table's columns in order,
    new fields after them, and can be iterated more than once. ``shared_scope`` is true for endpoints with
    ``scope: global``, whose rows belong to no account. ``contract_version`` tells a mended contract from the same one.

    ``batches`` are iterated once and before ``quarantined`` is read, so that both may come from one pass; an
    error that the iteration raises leaves the warehouse as it was. A ``partial`` load brings a few roots of a
    fetch that was loaded before: they replace their own rows and nothing else. ``releases`` are the ids of
    the quarantine rows that are settled by this load.

    ``window_column`` is the root's column that the fetch's time window is about, where it has one: in the mode ``replace``
    such a fetch takes the place of what lies inside its window, and of nothing else of its slice.
    A snapshot that lacks more than the share ``max_closed`` of the root rows that hold is refused.
    """

    fetch: Fetch
    mode: StorageMode
    shared_scope: bool
    tables: tuple[Table, ...]
    contract_version: str
    batches: Iterable[Mapping[str, pl.DataFrame]]
    quarantined: Sequence[Quarantined]
    run_id: str
    releases: tuple[str, ...] = ()
    partial: bool = False
    max_closed: float = 1.0
    window_column: str = ""

    @property
    def window(self) -> Window | None:
        """The part of the slice that the fetch asked for; ``None`` where that is all of it."""
        after, until = self.fetch.window_from, self.fetch.window_to
        return None if after is None and until is None else Window(column=self.window_column, after=after, until=until)

    @property
    def missing(self) -> tuple[Table, str] | None:
        """The root table in which rows are marked whose keys are ``fetch.missing``, and its key's column; ``None`` where none are.

        Only where rows stay that no longer come: in the mode ``upsert``.
        """
        if not self.fetch.missing or self.mode is not StorageMode.UPSERT:
            return None
        root = self.tables[0]
        return root, next(name for name in root.root_key if root.column(name).role is Role.OWN)

    @property
    def histories(self) -> tuple[Table, ...]:
        """The history tables that belong to ``tables``, in their order; none unless the mode is ``snapshot``."""
        return histories_of(self.tables, self.mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReceipt:
    """What a load did to one table: rows written and removed, rows there now, bytes handed over, columns added or widened.

    Of a history table ``rows`` are the versions that began to hold, ``deleted`` those that no longer do.
    """

    rows: int
    deleted: int
    total: int
    bytes: int
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a load did. ``skipped`` is why nothing was written (an identical load, a newer fetch there), else empty.

    ``kept_newer`` counts the roots that stayed as they were because a newer fetch had brought them. ``refused`` is why
    a rebuild left the fetch out (a snapshot without too many rows), else empty. ``bytes_billed`` and ``slot_milliseconds`` are
    what the warehouse says that it took, ``None`` when it says nothing, or the load was one of several in a transaction.
    """

    tables: Mapping[str, TableReceipt] = field(default_factory=dict)
    skipped: str = ""
    kept_newer: int = 0
    refused: str = ""
    bytes_billed: int | None = None
    slot_milliseconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointStatus:
    """Where one endpoint stands for one account.

    ``fetch_id`` and ``fetched_at`` are of the last complete fetch, ``None`` when there was none; ``data_at`` is when the newest
    fetch began that was also loaded, ``None`` when none was. ``rows`` counts by table what the endpoint's fetches have there now.
    """

    endpoint: str
    account: str
    fetch_id: str | None
    fetched_at: datetime | None
    data_at: datetime | None
    rows: Mapping[str, int]
    quarantined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaVersion:
    """One change of a table's shape, as it stands in ``torn_meta.schema_versions``; ``columns`` (name to type) hold since then.

    ``has_backup`` says whether a copy of the table as it was in this version is still there.
    """

    table: str
    version: int
    change: str
    columns: Mapping[str, str]
    run_id: str
    changed_at: datetime
    has_backup: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A copy of a whole warehouse as it was at a moment (UTC): where it is, how many bytes it has, its checksum if it is a file."""

    moment: datetime
    place: str
    size: int
    checksum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """Rows whose value leads nowhere: how many, and the first of them: the columns of their key, and the value."""

    count: int = 0
    rows: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """What the values of a column are like. ``distinct`` is about how many there are, nulls apart.

    ``least`` and ``greatest`` are ``None`` where all are null. ``quantiles``, of numbers and moments (UTC) alone, are about the 21
    values that cut them into 20 parts of equal weight.
    """

    name: str
    type: ColumnType
    nulls: int
    distinct: int
    least: object
    greatest: object
    quantiles: tuple[float | datetime, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableProfile:
    """What the rows of a table are like, column by column; without what they have of their parents, and of their fetch."""

    table: str
    rows: int
    columns: tuple[ColumnProfile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A number about the data at a moment (UTC), as it stands in ``torn_meta.measurements`` for years.

    ``kind`` is ``check``, ``score``, ``service_level`` or ``kpi``, ``subject`` what was measured: ``faction_crimes.contract``,
    ``faction_crimes``, ``platform``, an endpoint, a KPI. ``account`` is empty where it is about all of them, ``value`` is ``None``
    where there is no number, ``met`` says whether what was wanted holds, ``None`` where nothing was.
    """

    kind: str
    subject: str
    account: str = ""
    value: float | None
    unit: str = ""
    met: bool | None = None
    said: str = ""
    run_id: str = ""
    measured_at: datetime


class Warehouse(Protocol):
    """A place where tables live. Every method opens what it needs and closes it again.

    All of them raise ``WarehouseBusy`` when another process holds the warehouse for too long, and
    ``WarehouseError`` when the warehouse refuses what is asked.
    """

    @property
    def label(self) -> str:
        """Where it is, for people; without any password."""
        ...

    @property
    def spelling(self) -> Spelling:
        """How SQL is spelt by which others ask it."""
        ...

    def load(self, load: Load) -> Receipt:
        """Write a fetch in one transaction: tables, histories, quarantine, ledger, schema versions and the fetch's row.

        Raises ``TooManyClosed`` for a snapshot that lacks too many of the rows that hold; nothing is changed then.
        """
        ...

    def load_all(self, loads: Iterable[Load], *, rebuild: Mapping[str, Sequence[Table]] | None = None, run_id: str = "") -> list[Receipt]:
        """Write several fetches in one transaction, in the order given.

        ``rebuild`` maps endpoints to their tables: these are first emptied, with the ledger and the
        quarantine of the endpoint, so that the loads may come in another mode or under a contract with
        other types; ``run_id`` is the run that empties them. Readers see the old tables until all of it is written. A rebuild
        leaves out the snapshots that lack too many rows.
        """
        ...

    def prepare(self, tables: Sequence[Table], run_id: str) -> None:
        """Create the tables that are missing, typed and empty, and the columns that are missing in others."""
        ...

    def quarantine(self, load: Load) -> None:
        """Write only the fetch's row and its quarantine, in one transaction: what is left of a load that was refused."""
        ...

    def purge_quarantine(self, ids: Sequence[str]) -> int:
        """Take roots out of the quarantine, in one transaction; how many were there. They stay in the landing."""
        ...

    def record_fetch(self, fetch: Fetch) -> None:
        """Write or rewrite the row of a fetch in ``torn_meta.fetches``."""
        ...

    def record_measurements(self, measurements: Sequence[Measurement]) -> None:
        """Write measurements in one transaction; of two with the same moment, kind, subject and account the later one stays."""
        ...

    def measurements(self, kind: str | None = None, *, since: datetime | None = None) -> list[Measurement]:
        """What was measured, oldest first; of one kind, and from a moment on, when given. Empty before the first was written."""
        ...

    def unmatched(self, table: Table, reference: Reference, fetch_id: str, *, limit: int) -> Unmatched:
        """The rows that a fetch left in ``table`` with a value that the reference's target lacks, the first ``limit`` by their key.

        There is none where the target has no rows: there is nothing to hold them against.
        """
        ...

    def profile(self, table: Table) -> TableProfile:
        """What the rows of a table are like, found by one query that reads all of it.

        Raises ``WarehouseError`` when there is no such table, or when that costs more than the warehouse may.
        """
        ...

    def rows_by_day(self, table: str, column: str, *, since: datetime, account: str | None = None) -> Mapping[date, int]:
        """How many rows of a table, one account's when given, fall on each day (UTC) by a moment later than ``since``; 0 is left out."""
        ...

    def rename_account(self, old: str, new: str) -> int:
        """Let every row of an account follow its new name, in one transaction; the number of rows of normalised tables."""
        ...

    def read(self, table: str, *, columns: Sequence[str] = (), account: str | None = None, within: Window | None = None) -> pl.DataFrame:
        """The rows of a table, all columns unless some are named, one account's and those in a time window when given."""
        ...

    def query(self, sql: str) -> pa.Table:
        """The answer to one reading query; the tables' schema is on the search path."""
        ...

    def fetches(self, endpoint: str | None = None) -> pl.DataFrame:
        """``torn_meta.fetches``, oldest first; of one endpoint when given. Empty before the first load."""
        ...

    def quarantined(self, endpoint: str | None = None) -> list[QuarantineRow]:
        """What could not be loaded, oldest fetch first; of one endpoint when given."""
        ...

    def status(self) -> list[EndpointStatus]:
        """Where every endpoint stands, by endpoint and account. Empty before the first load."""
        ...

    def recorded_mode(self, table: str) -> StorageMode | None:
        """The storage mode that the rows of a table were loaded in, ``None`` when there was no load."""
        ...

    def shapes(self, tables: Sequence[str] | None = None) -> Mapping[str, Shape]:
        """How tables stand now, all normalised ones unless some are named; those that are not there are left out."""
        ...

    def change(self, changes: Sequence[Change], *, groups: Sequence[Sequence[Table]] = (), keep_backups: int, run_id: str = "") -> None:
        """Apply changes, record them, and keep a copy of each table that is rewritten.

        ``groups`` are the tables that loads write together, as far as these are among them: a load comes before or after.
        Of a table's copies the newest ``keep_backups`` stay. Raises ``WarehouseError`` when a change would lose a value;
        then none is made.
        """
        ...

    def schema_versions(self, table: str | None = None) -> list[SchemaVersion]:
        """Every change of the tables' shapes, oldest first; of one table when given."""
        ...

    def roll_back(
        self, table: Table, version: int, *, beside: Sequence[Table] = (), keep_backups: int, run_id: str = ""
    ) -> tuple[str, ...]:
        """Give a table the columns back that it had in a version, and what was done to it; the rows since then stay.

        ``beside`` are the other tables that loads write together with it. What a dropped or rewritten column held comes
        from the copy that was kept, null where there is none.
        """
        ...

    def backup(self, folder: Path | None = None, *, keep: int) -> Backup:
        """Copy the warehouse as it is now; of its copies in the same place the newest ``keep`` stay.

        Raises ``UsageError``, as the next two do, when a folder is named and the warehouse keeps its copies within itself.
        """
        ...

    def backups(self, folder: Path | None = None) -> list[Backup]:
        """The copies that are there, oldest first."""
        ...

    def restore(self, backup: Backup, folder: Path | None = None, *, keep: int) -> Backup | None:
        """Put a copy in the place of what is there, which becomes a copy itself first; ``None`` where there was nothing."""
        ...
