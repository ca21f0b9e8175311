"""Loads into BigQuery: staged rows, then one multi-statement transaction for all tables, the quarantine and the ledger.

What is there is read first and decides what the transaction says: whether there is anything to replace, to skip, to
correct. So that nobody writes in between, the transaction's job has an id made of the tables and of how many loads
they had: of two writers that have read the same, the second finds the id taken, waits, and reads again. An
ordinary load of new rows inserts and nothing more: BigQuery gives up one of two transactions that change one table.

BigQuery answers while this machine writes the rows into files, and takes the first files of a large load while the
next are written: neither waits for the other.
"""

# ruff: noqa: S608 - names are quoted or fixed, values are bound

from __future__ import annotations

import json
import re
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from uuid import uuid4

import polars as pl
import stamina

from torn_pipeline.errors import PipelineError, WarehouseBusy, WarehouseError
from torn_pipeline.tables.table import MISSING_SINCE, ColumnType, Role, StorageMode, Table
from torn_pipeline.warehouse import bigquery_meta as meta
from torn_pipeline.warehouse.bigquery_history import Histories, closed_too_many, follow
from torn_pipeline.warehouse.bigquery_service import Aborted, Stale, job_name
from torn_pipeline.warehouse.bigquery_settle import BROKEN, QUARANTINE, Incoming, Script, Settlement, Staged
from torn_pipeline.warehouse.bigquery_staging import LOAD, StagedTable
from torn_pipeline.warehouse.bigquery_tables import LiveTable, field_of, look, shape, widen
from torn_pipeline.warehouse.nulls import as_text
from torn_pipeline.warehouse.protocol import Load, Receipt, TableReceipt, Window
from torn_pipeline.warehouse.windows import leaves_nothing, refuse_window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from google.cloud import bigquery

    from torn_pipeline.landing.fetch import Fetch
    from torn_pipeline.warehouse.bigquery_meta import Ledger, Newer
    from torn_pipeline.warehouse.bigquery_service import Service

__all__ = ["Writing", "writing"]

_Settled = tuple[Settlement, Histories]
_Answer = TypeVar("_Answer")

_TRIES = 10  # of a transaction that others came before
_EXPIRES = timedelta(days=1)
_QUARANTINE_TYPES = {
    **{name: ColumnType.TIMESTAMP if name in {"_fetched_at", "quarantined_at"} else ColumnType.TEXT for name in meta.QUARANTINE},
    BROKEN: ColumnType.TEXT,
}


@dataclass(frozen=True, slots=True)
class _Found:
    """The tables as they stand, and for each load why it must change none, or empty."""

    live: dict[str, LiveTable]
    skipped: list[str]


@contextmanager
def writing(service: Service, tables: Sequence[Table] = (), run_id: str = "") -> Iterator[Writing]:
    """What is written in one transaction; its files and staged tables are gone afterwards."""
    with TemporaryDirectory(prefix="torn-bigquery-") as folder:
        work = Writing(service, Path(folder), tables, run_id)
        try:
            yield work
        finally:
            work.clean()


class Writing:
    """Loads, in order, and everything that is known of them until they are written."""

    def __init__(self, service: Service, folder: Path, tables: Sequence[Table], run_id: str) -> None:
        self._service = service
        self._place = service.place
        self.folder = folder
        self.call = uuid4().hex
        self._run_id = run_id
        self._tables = {table.name: table for table in tables}
        self._loads: list[Load] = []
        self._files: dict[str, StagedTable] = {}
        self._staged: dict[str, bigquery.Table] = {}
        self._begun: set[Path] = set()  # files that are staged while others are written
        self._uploads: dict[str, dict[Path, bigquery.LoadJob]] = {}
        self._complete: set[str] = set()  # tables whose every row is staged
        self.ledger = meta.Ledger()
        self._sequence = 0  # of the ledger as it was read

    def add(self, load: Load) -> None:
        """Take a load in; its batches are not read yet.

        Raises:
            WarehouseError: when it is of a fetch that is not complete, or of a time window that cannot be replaced.
        """
        _refuse(load)
        self._loads.append(load)
        self._tables |= {table.name: table for table in (*load.tables, *load.histories)}

    def take_quarantine(self, load: Load) -> None:
        """Take in nothing of a load but its fetch and its quarantine."""
        self._loads.append(load)
        self.drain_quarantine()

    def drain(self) -> None:
        """Read the batches of the last load, then its quarantine, into files."""
        for _ in self._batches():
            pass

    def _batches(self) -> Iterator[None]:
        """The same, batch by batch."""
        load, number = self._loads[-1], len(self._loads) - 1
        common = {table.name: _common(table, load.fetch) for table in load.tables}
        for table in load.tables:
            self.file(table.name, {column.name: column.type for column in table.columns})
        for batch in load.batches:
            for name, frame in batch.items():
                if name not in common:
                    message = f"a batch of {load.fetch.endpoint} has rows for table {name}, which the load does not name"
                    raise WarehouseError(message)
                self._files[name].add(frame, number, common[name])
            yield
        self.drain_quarantine()

    def drain_quarantine(self) -> None:
        """Read the quarantine of the last load."""
        load, number = self._loads[-1], len(self._loads) - 1
        rows = meta.quarantine_rows(load)
        if rows:
            broken = _broken_keys(load)
            frame = pl.DataFrame(
                [row | {BROKEN: broken.get(str(row["key"]))} for row in rows], schema={n: _dtype(k) for n, k in _QUARANTINE_TYPES.items()}
            )
            self.file(QUARANTINE, _QUARANTINE_TYPES).add(frame, number)

    def write(self, *, early: bool = False) -> list[Receipt]:
        """Write what was taken in; with ``early`` the only load is not read yet, and is not if it is skipped.

        Raises:
            WarehouseError: when a load cannot be written as it must; the tables are as they were.
            WarehouseBusy: when others write the same tables all the time, or BigQuery is in trouble.
        """
        for attempt in self.attempts():
            with attempt:
                found = self._look_and_read() if early else self._find()
                early = early and bool(found.skipped[0])
                return self._transaction(found.live, found.skipped)
        raise AssertionError  # the last attempt raises

    def _find(self) -> _Found:
        live = self.look()
        return _Found(live, self._skipped())

    def _look_and_read(self) -> _Found:
        """Look at what is there, and read the batches of the only load meanwhile; of a load that is skipped nothing is kept.

        What is wrong with what is there comes first, and no batch of a load that is skipped is wrong.
        """
        self._files.clear()
        with _aside() as begin:
            looking, staging = begin(self._find), list[Future[None]]()
            with ExitStack() as reading:
                reading.push(lambda _kind, error, _trace: isinstance(error, Exception) and bool(looking.result().skipped[0]))
                for _ in self._batches():
                    if looking.done():
                        found = looking.result()
                        if found.skipped[0]:
                            break
                        staging += [begin(self._stage, name, path) for name, path in self._ready(found.live)]
                    for one in staging:
                        if one.done():
                            one.result()
            found = looking.result()
            for one in staging:
                one.result()
        if found.skipped[0]:
            self._files.clear()
        return found

    def write_quarantine(self) -> None:
        """Write only the fetch's row and the quarantine of the only load."""
        for attempt in self.attempts():
            with attempt:
                self.look(tables=False)
                self.upload({})
                script = Script()
                settlement = Settlement(script, Incoming(script, self._place, self._loads[0], 0, {}, self.staged()), {})
                settlement.fetch(self.ledger)
                settlement.quarantine(self.ledger)
                self._service.run(script.text(), script.values, job_name(self.call), self.call)

    def clean(self) -> None:
        """Drop the staged tables; what cannot be dropped now expires."""
        for table in self._staged.values():
            with suppress(PipelineError):
                self._service.drop_table(table)

    def attempts(self) -> Iterator[stamina.Attempt]:
        """Tries, one after the other as long as others come before; with an error in the end."""
        try:
            yield from stamina.retry_context(
                on=(Stale, Aborted), attempts=_TRIES, timeout=None, wait_initial=0.1, wait_max=10.0, wait_jitter=0.3
            )
        except (Stale, Aborted) as error:
            message = f"others write {', '.join(self._tables)} in {self._place.project}.{self._place.dataset} all the time: try again later"
            raise WarehouseBusy(message) from error

    def file(self, name: str, contract: Mapping[str, ColumnType]) -> StagedTable:
        """The rows that come for a table; ``contract`` has the types that columns must have."""
        return self._files.setdefault(name, StagedTable(name, self.folder, contract))

    # --- what is there --------------------------------------------------------------------------------------------

    def look(self, *, tables: bool = True, strict: bool = True) -> dict[str, LiveTable]:
        """Read the ledger, then the tables: a writer who comes between is noticed by the ledger."""
        ledger = meta.read_ledger(self._service, list(self._tables), self._loads)
        self.ledger = ledger = ledger or meta.migrate(self._service)
        self._sequence = ledger.sequence
        live = look(self._service, self._tables.values(), strict=strict) if tables else {}
        gone = [name for name, one in live.items() if one.there is None and name in ledger.columns]
        self._forget(gone)
        return live

    def _forget(self, tables: Sequence[str]) -> None:
        """Take tables out of the ledger that are not there any more, before there are new ones of their name."""
        if self.ledger.modes.keys() & set(tables):
            script = Script()
            script.run(f"DELETE FROM {self._place.meta_table('loads')} WHERE table_name IN UNNEST({script.values.texts(tables)})")
            self._service.run(script.text(), script.values, job_name(self.call, "forget", uuid4()), self.call)
        self.ledger.forget(tables)

    def _skipped(self) -> list[str]:
        """Why each load must change no table, or empty; the ledger then has them all."""
        ledger, reasons = self.ledger, []
        after = meta.copy(ledger)
        for load in self._loads:
            _check_mode(load, after)
            reasons.append(reason := _reason_to_skip(load, after))
            if not reason:
                after.note(load)
        return reasons

    # --- staging --------------------------------------------------------------------------------------------------

    def upload(self, live: Mapping[str, LiveTable]) -> None:
        """Stage every file that has rows and is not staged yet, all at once."""
        for name, file in self._files.items():
            if name in self._complete or not file.rows:
                continue
            paths = file.files(live[name].columns if name in live else {})
            if self._uploads.get(name, {}).keys() - set(paths):  # staged as they came, and then one came that all have to change for
                self._service.drop_table(self._staged.pop(name))
                del self._uploads[name]
            for path in paths:
                if path not in self._uploads.get(name, {}):
                    self._stage(name, path)
        for name, jobs in self._uploads.items():
            if name not in self._complete:
                for job in jobs.values():
                    self._service.wait(job)
                self._complete.add(name)

    def _ready(self, live: Mapping[str, LiveTable]) -> Iterator[tuple[str, Path]]:
        """The files that can be staged before the last batch is read, each once."""
        for name, file in self._files.items():
            for path in file.full(live[name].columns) if name in live else ():
                if path not in self._begun:
                    self._begun.add(path)
                    yield name, path

    def _stage(self, name: str, path: Path) -> None:
        """Begin to load a file into the staged table of that name, which the first one creates."""
        if name not in self._staged:
            table = self._staged[name] = self._new_staged(name, self._files[name])
            self._service.create_table(table)
        with path.open("rb") as content:
            job = self._service.upload(content, path.stat().st_size, self._staged[name], job_name(self.call, path.name), self.call)
        self._uploads.setdefault(name, {})[path] = job

    def _new_staged(self, name: str, file: StagedTable) -> bigquery.Table:
        types = file.types | {LOAD: ColumnType.INTEGER}
        fetch = self._loads[0].fetch.fetch_id if self._loads else "rebuild"
        table_id = re.sub(r"\W+", "_", f"staged_{fetch}_{name}_{self.call[:8]}", flags=re.ASCII)
        schema = [field_of(file.places.get(column, column), kind) for column, kind in types.items()]
        table = self._service.new_table(self._place.meta, table_id, schema)
        table.expires = datetime.now(UTC) + _EXPIRES
        return table

    def staged(self) -> dict[str, Staged]:
        """What is staged by now."""
        return {
            name: Staged(self._place.meta_table(table.table_id), self._files[name].places, self._files[name].rows, self._files[name].common)
            for name, table in self._staged.items()
        }

    def make_room(self, live: Mapping[str, LiveTable]) -> None:
        """Let the tables have the columns that come."""
        for name, file in self._files.items():
            for kinds in file.kinds if name in live else ():
                for column, kind in kinds.items():
                    live[name].make_room(column, kind)
        for load in self._loads:
            follow(live, load)
            if load.missing:
                live[load.missing[0].name].make_room(MISSING_SINCE, ColumnType.TIMESTAMP)

    # --- the transaction ------------------------------------------------------------------------------------------

    def _transaction(self, live: dict[str, LiveTable], skipped: list[str]) -> list[Receipt]:
        self.make_room(live)
        self.upload(live)
        if widen(self._service, live, self.lane(), f"{self.call[:16]}-widen"):
            raise Stale
        shape(self._service, live)
        script = Script()
        said = self.record(script, live)
        filled = {name for name, one in live.items() if one.has_rows}
        settled: dict[int, _Settled] = {}
        for number, (load, reason) in enumerate(zip(self._loads, skipped, strict=True)):
            incoming = Incoming(script, self._place, load, number, live, self.staged())
            settlement = Settlement(script, incoming, live)
            if reason:
                self._skip(settlement, load, reason)
                continue
            settled[number] = settlement, Histories(script, incoming, live)
            self._settle(*settled[number], number, filled)
        if not script.statements:
            return [Receipt(skipped=reason) for reason in skipped]
        job_id = self.lane() if settled else job_name(self.call)
        counts = script.counted(self._run(script, job_id))
        totals = {name: one.there.num_rows or 0 if one.there else 0 for name, one in live.items()}
        return [
            Receipt(skipped=reason) if reason else self._receipt(number, settled[number], counts, totals, said)
            for number, reason in enumerate(skipped)
        ]

    def lane(self) -> str:
        """The job that only one of the writers of these tables can have after the loads that they had."""
        roots = sorted({table.root for table in self._tables.values()})
        return job_name(self._place.project, self._place.dataset, self.ledger.born, *roots, self._sequence)

    def _run(self, script: Script, job_id: str) -> list[dict[str, Any]]:
        try:
            return self._service.run(script.text(), script.values, job_id, self.call)
        except WarehouseError as error:
            if (closed := closed_too_many(str(error), self._loads)) is not None:
                raise closed from error
            raise

    def _settle(self, settlement: Settlement, histories: Histories, number: int, filled: set[str]) -> None:
        load, ledger = self._loads[number], self.ledger
        newer = ledger.last_started > meta.micros(load.fetch.fetched_at)
        settlement.fetch(ledger)
        histories.write(filled)
        windows = [_window_of(one, load) for one in ledger.newer_fetches(load)] if load.mode is StorageMode.REPLACE else []
        settlement.rows(filled, windows, newer_possible=newer)
        settlement.missing()
        settlement.quarantine(ledger)
        if not load.partial:
            sizes = {name: file.sizes[number] for name, file in self._files.items()}
            nulls = {name: as_text(file.nulls.get(number, {})) for name, file in self._files.items()}
            settlement.ledger(ledger, sizes, nulls, histories.opened)
        ledger.note(load)
        filled |= {name for name, file in self._files.items() if file.rows[number]}
        filled |= {history.name for table, history in zip(load.tables, load.histories, strict=False) if table.name in filled}

    def _skip(self, settlement: Settlement, load: Load, reason: str) -> None:
        if "newer" in reason:
            settlement.fetch(self.ledger)
            self.ledger.note_fetch(load.fetch)
        settlement.release()

    def record(self, script: Script, live: Mapping[str, LiveTable]) -> dict[str, tuple[str, ...]]:
        """Write down what is new of the tables' columns since that was done last; by table what is."""
        bind, now = script.values.bind, datetime.now(UTC)
        run_id = self._run_id or (self._loads[0].run_id if self._loads else "")
        said, rows = {}, []
        for name, one in live.items():
            version, recorded = self.ledger.columns.get(name, (0, None))
            found = one.changes(None if one.there is None else recorded)
            said[name] = tuple(change for change, _ in found)
            rows += [
                f"({bind(name)}, {version + place}, {bind(json.dumps(columns))}, {bind(change)}, {bind(run_id)}, {bind(now, 'TIMESTAMP')})"
                for place, (change, columns) in enumerate(found, start=1)
            ]
        if rows:
            table = self._place.meta_table("schema_versions")
            script.run(f"INSERT INTO {table} (table_name, version, columns, change, run_id, changed_at) VALUES {', '.join(rows)}")
        return said

    def _receipt(
        self,
        number: int,
        settled: _Settled,
        counts: Mapping[str, int],
        totals: dict[str, int],
        changes: Mapping[str, tuple[str, ...]],
    ) -> Receipt:
        settlement, histories = settled
        tables = {}
        for table in self._loads[number].tables:
            file = self._files[table.name]
            rows = file.rows[number] - sum(counts[counter] for counter in settlement.dropped.get(table.name, ()))
            deleted = counts.get(settlement.deleted.get(table.name, ""), 0)
            totals[table.name] += rows - deleted
            tables[table.name] = TableReceipt(
                rows=rows, deleted=deleted, total=totals[table.name], bytes=file.sizes[number], changes=changes.get(table.name, ())
            )
        for table in self._loads[number].histories:
            opened, closed, undone = (
                counts.get(found.get(table.name, ""), 0) for found in (histories.opened, histories.closed, histories.undone)
            )
            totals[table.name] += opened - undone
            tables[table.name] = TableReceipt(
                rows=opened, deleted=closed, total=totals[table.name], bytes=0, changes=changes.get(table.name, ())
            )
        kept = sum(counts[one] for name, counters in settlement.dropped.items() if self._tables[name].root == name for one in counters)
        return Receipt(tables=tables, kept_newer=kept)


class _Begin(Protocol):
    def __call__(self, call: Callable[..., _Answer], *given: Any) -> Future[_Answer]: ...  # noqa: ANN401 - handed on


@contextmanager
def _aside() -> Iterator[_Begin]:
    """A way to have calls made one after the other, as if here, while something else is done; those not begun at the end never are."""
    pool, context = ThreadPoolExecutor(1), copy_context()

    def begin(call: Callable[..., _Answer], *given: Any) -> Future[_Answer]:  # noqa: ANN401 - as above
        return pool.submit(context.run, call, *given)

    try:
        yield begin
    finally:
        pool.shutdown(cancel_futures=True)


def _common(table: Table, fetch: Fetch) -> dict[str, object]:
    """The columns in which every row of a fetch has the same value, and that value."""
    values = {Role.ACCOUNT: fetch.account, Role.FETCH_ID: fetch.fetch_id, Role.FETCHED_AT: fetch.fetched_at}
    return {column.name: values[column.role] for column in table.columns if column.role in values}


def _refuse(load: Load) -> None:
    fetch = load.fetch
    if not fetch.complete:
        message = f"fetch {fetch.fetch_id} of {fetch.endpoint} is not complete and is never loaded: fetch {fetch.endpoint} again"
        raise WarehouseError(message)
    refuse_window(load)


def _check_mode(load: Load, ledger: Ledger) -> None:
    other = ledger.other_mode(load)
    if other is not None:
        table, mode = other
        message = (
            f"table {table} was loaded with storage_mode {mode} and {load.fetch.endpoint} now says {load.mode}: "
            f"rebuild it with `torn-pipeline replay {load.fetch.endpoint} --rebuild`, or set the mode back"
        )
        raise WarehouseError(message)


def _window_of(newer: Newer, load: Load) -> Window:
    return Window(column=load.window_column, after=newer.after, until=newer.until)


def _reason_to_skip(load: Load, ledger: Ledger) -> str:
    if not load.partial and ledger.loaded_version(load) == load.contract_version:
        return f"fetch {load.fetch.fetch_id} is already loaded under this contract"
    for newer in ledger.newer_fetches(load) if load.mode in {StorageMode.REPLACE, StorageMode.SNAPSHOT} else ():
        if leaves_nothing(_window_of(newer, load), load):
            began = datetime.fromtimestamp(newer.began / 1_000_000, UTC)
            return f"a newer fetch is already loaded: {newer.fetch_id} of {began:%Y-%m-%d %H:%M:%S} UTC"
    return ""


def _broken_keys(load: Load) -> dict[str, str]:
    """By key as it came: the root's key as a JSON array of texts, with what every row of the fetch has in common filled in."""
    roots = {table.name: table for table in load.tables if table.root == table.name}
    found = {}
    for item in load.quarantined:
        root = roots.get(item.root)
        if root is None:
            continue
        common: dict[str, Any] = dict(load.fetch.path_ids)
        common |= {column.name: load.fetch.account for column in root.columns if column.role is Role.ACCOUNT}
        key = common | json.loads(item.key or "{}")
        if all(key.get(name) is not None for name in root.root_key):
            found[item.key] = json.dumps([str(key[name]) for name in root.root_key])
    return found


def _dtype(kind: ColumnType) -> pl.DataType:
    return pl.Datetime("us", "UTC") if kind is ColumnType.TIMESTAMP else pl.String()
