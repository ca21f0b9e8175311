"""The platform's own tables in BigQuery, ``<dataset>_meta``: their shape, its versions, what is read from them and written to them.

An ordinary load only inserts here: BigQuery gives up one of two transactions that change or delete rows of one table.
"""

# ruff: noqa: S608 - names are quoted or fixed, values are bound

from __future__ import annotations

import hashlib
import json
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import NotFound

from torn_pipeline.errors import WarehouseError
from torn_pipeline.tables.table import StorageMode
from torn_pipeline.warehouse.bigquery_sql import Values
from torn_pipeline.warehouse.bigquery_tables import whole
from torn_pipeline.warehouse.protocol import EndpointStatus, QuarantineRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from torn_pipeline.landing.fetch import Fetch
    from torn_pipeline.warehouse.bigquery_service import Place, Service
    from torn_pipeline.warehouse.protocol import Load, Quarantined

__all__ = [
    "MIGRATIONS",
    "QUARANTINE",
    "Ledger",
    "Newer",
    "Slice",
    "fetch_ids_of_slice",
    "fetch_written",
    "migrate",
    "quarantine_rows",
    "quarantined",
    "read_ledger",
    "record_fetch",
    "recorded_mode",
    "schema_versions",
    "slice_of",
    "status",
    "version_written",
]

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE IF NOT EXISTS {meta}fetches (
            _fetch_id STRING, endpoint STRING, account STRING, path STRING, params STRING, path_ids STRING,
            window_from TIMESTAMP, window_to TIMESTAMP, pages INT64, `rows` INT64, repeated INT64, complete BOOL,
            started TIMESTAMP, ended TIMESTAMP, error STRING, _raw_ids STRING)""",
        """CREATE TABLE IF NOT EXISTS {meta}loads (
            load_id INT64, _fetch_id STRING, table_name STRING, slice STRING, contract_version STRING, _fetched_at TIMESTAMP,
            mode STRING, `rows` INT64, bytes INT64, run_id STRING, loaded_at TIMESTAMP)""",
        """CREATE TABLE IF NOT EXISTS {meta}schema_versions (
            table_name STRING, version INT64, columns STRING, change STRING, run_id STRING, changed_at TIMESTAMP)""",
        """CREATE TABLE IF NOT EXISTS {meta}quarantine (
            quarantine_id STRING, endpoint STRING, account STRING, table_name STRING, root_table STRING, `key` STRING,
            json_path STRING, reason STRING, raw STRING, _raw_id STRING, _fetch_id STRING, _fetched_at TIMESTAMP,
            run_id STRING, quarantined_at TIMESTAMP)""",
        "CREATE TABLE IF NOT EXISTS {meta}version (version INT64, applied_at TIMESTAMP)",
    ),
    ("ALTER TABLE {meta}loads ADD COLUMN IF NOT EXISTS nulls STRING",),
    (
        """CREATE TABLE IF NOT EXISTS {meta}measurements (
            measured_at TIMESTAMP, kind STRING, subject STRING, account STRING, value FLOAT64, unit STRING, met BOOL,
            said STRING, run_id STRING)""",
    ),
)
"""What each version adds to the one before; never changed once released. Every statement can be run again."""

QUARANTINE = (
    "quarantine_id",
    "endpoint",
    "account",
    "table_name",
    "root_table",
    "key",
    "json_path",
    "reason",
    "raw",
    "_raw_id",
    "_fetch_id",
    "_fetched_at",
    "run_id",
    "quarantined_at",
)
"""The columns of the quarantine, all text but the moments."""

Slice = tuple[str, str | None, str]
"""What a replacement replaces: endpoint, account (``None`` for a global endpoint) and path ids as JSON."""

_FETCH = {
    "_fetch_id": "STRING",
    "endpoint": "STRING",
    "account": "STRING",
    "path": "STRING",
    "params": "STRING",
    "path_ids": "STRING",
    "window_from": "TIMESTAMP",
    "window_to": "TIMESTAMP",
    "pages": "INT64",
    "rows": "INT64",
    "repeated": "INT64",
    "complete": "BOOL",
    "started": "TIMESTAMP",
    "ended": "TIMESTAMP",
    "error": "STRING",
    "_raw_ids": "STRING",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Newer:
    """A loaded fetch: when it began (microseconds since 1970), and from (exclusive) and to when its time window reached."""

    table: str
    endpoint: str
    account: str
    path_ids: str
    fetch_id: str
    began: int
    after: datetime | None
    until: datetime | None


@dataclass(slots=True)
class Ledger:
    """What a load has to know of the loads before it; kept up to date while several are written in one transaction.

    ``version`` is that of the platform's tables, ``born`` tells this warehouse from one that had its name before; ``sequence``
    is the last ``load_id`` of the tables asked for. Moments are microseconds since 1970. ``columns`` has by table the number
    of its last version, and its columns' types as words.
    """

    version: int = 0
    born: int = 0
    sequence: int = 0
    modes: dict[str, str] = field(default_factory=dict)
    versions: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    """By fetch and table: the last load's id and contract version."""
    newer: list[Newer] = field(default_factory=list)
    """Loaded fetches of the same slices that are newer than one of those asked for."""
    loaded: set[tuple[str, str, str]] = field(default_factory=set)
    """Fetch, table and contract version of every load of these fetches."""
    fetches: dict[str, dict[str, Any]] = field(default_factory=dict)
    quarantined: set[str] = field(default_factory=set)
    last_started: int = 0
    columns: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)

    def forget(self, tables: Iterable[str]) -> None:
        """Take the loads of tables out that are not there any more."""
        gone = set(tables)
        self.modes = {name: mode for name, mode in self.modes.items() if name not in gone}
        self.versions = {place: found for place, found in self.versions.items() if place[1] not in gone}
        self.newer = [one for one in self.newer if one.table not in gone]
        self.loaded = {place for place in self.loaded if place[1] not in gone}

    def loaded_version(self, load: Load) -> str | None:
        """The contract version that this fetch was last loaded under, ``None`` unless all of the load's tables have it."""
        found = {self.versions.get((load.fetch.fetch_id, table.name), (0, None))[1] for table in (*load.tables, *load.histories)}
        return found.pop() if len(found) == 1 else None

    def other_mode(self, load: Load) -> tuple[str, str] | None:
        """A table of the load, and its mode, whose rows came in another mode than the load's."""
        for table in load.tables:
            if self.modes.get(table.name, load.mode.value) != load.mode.value:
                return table.name, self.modes[table.name]
        return None

    def newer_fetches(self, load: Load) -> list[Newer]:
        """The fetches of the same slice that were loaded into one of the tables and are newer than this one, newest first."""
        endpoint, account, path_ids = slice_of(load)
        names, began = {table.name for table in load.tables}, micros(load.fetch.fetched_at)
        found = [
            one
            for one in self.newer
            if one.table in names
            and one.began > began
            and (one.endpoint, one.path_ids) == (endpoint, path_ids)
            and account in {None, one.account}
        ]
        return sorted({one.fetch_id: one for one in found}.values(), key=lambda one: one.began, reverse=True)

    def note(self, load: Load) -> None:
        """Let a load be one of those before the next."""
        fetch = load.fetch
        self.note_fetch(fetch)
        if load.partial:
            return
        for table in (*load.tables, *load.histories):
            self.sequence += 1
            self.modes[table.name] = load.mode.value
            self.versions[fetch.fetch_id, table.name] = (self.sequence, load.contract_version)
            self.loaded.add((fetch.fetch_id, table.name, load.contract_version))
            self.newer.append(
                Newer(
                    table=table.name,
                    endpoint=fetch.endpoint,
                    account=fetch.account,
                    path_ids=canonical(fetch.path_ids),
                    fetch_id=fetch.fetch_id,
                    began=micros(fetch.fetched_at),
                    after=fetch.window_from,
                    until=fetch.window_to,
                )
            )

    def note_fetch(self, fetch: Fetch) -> None:
        """Let a fetch be known as it is."""
        self.fetches[fetch.fetch_id] = _plain(fetch)
        self.last_started = max(self.last_started, micros(fetch.fetched_at))

    def knows(self, fetch: Fetch) -> bool:
        """Whether the row of a fetch is there as it should be."""
        return self.fetches.get(fetch.fetch_id) == _plain(fetch)


def copy(ledger: Ledger) -> Ledger:
    """The same, to be changed by itself."""
    return deepcopy(ledger)


def migrate(service: Service) -> Ledger:
    """Create the datasets, and bring the platform's tables to the version of this code; what they then say: nothing."""
    service.ensure_datasets()
    meta = f"`{service.place.project}`.`{service.place.meta}`."
    version = service.place.meta_table("version")
    for number, statements in enumerate(MIGRATIONS, start=1):
        done = f"""INSERT INTO {version} (version, applied_at) SELECT n, CURRENT_TIMESTAMP() FROM (SELECT {number} AS n)
            WHERE NOT EXISTS (SELECT 1 FROM {version} WHERE version = {number})"""
        service.rows(";\n".join([*(statement.format(meta=meta) for statement in statements), done]))
    born = service.rows(f"SELECT UNIX_MICROS(MIN(applied_at)) AS born FROM {version}")[0]["born"]
    return Ledger(born=born)


def read_ledger(service: Service, tables: Sequence[str], loads: Sequence[Load]) -> Ledger | None:
    """What there is to know before these loads into these tables; ``None`` when there are no platform's tables.

    Raises:
        WarehouseError: when they were written by a newer version of this package.
    """
    values = Values()
    try:
        rows = service.rows(_ledger_query(service.place, values, tables, loads), values)
    except WarehouseError as error:
        if isinstance(error.__cause__, NotFound):
            return None
        raise
    ledger = Ledger()
    for row in rows:
        _take(ledger, row["kind"], json.loads(row["value"]))
    if ledger.version < len(MIGRATIONS):
        migrate(service)
    return ledger


def _ledger_query(place: Place, values: Values, tables: Sequence[str], loads: Sequence[Load]) -> str:
    """One query, of the parts that matter to these loads."""
    fetches, modes = [load.fetch for load in loads], {load.mode for load in loads}
    of_fetch, of_table = values.among([fetch.fetch_id for fetch in fetches]), values.among(tables)
    known, written = place.meta_table("fetches"), place.meta_table("loads")
    parts = {
        "version": f"STRUCT(MAX(version) AS version, UNIX_MICROS(MIN(applied_at)) AS born)) AS value FROM {place.meta_table('version')}",
        "fetch": f"f) AS value FROM {known} f WHERE _fetch_id {of_fetch}",
        "mode": f"STRUCT(table_name AS t, MAX_BY(mode, load_id) AS m, MAX(load_id) AS i)) AS value FROM {written} "
        f"WHERE table_name {of_table} GROUP BY table_name",
        "load": f"STRUCT(load_id AS i, _fetch_id AS f, table_name AS t, contract_version AS v)) AS value FROM {written} "
        f"WHERE _fetch_id {of_fetch}",
        "quarantined": f"STRUCT(_fetch_id AS f)) AS value FROM {place.meta_table('quarantine')} "
        f"WHERE _fetch_id {of_fetch} GROUP BY _fetch_id",
        "columns": f"STRUCT(table_name AS t, MAX(version) AS n, MAX_BY(columns, version) AS c)) AS value "
        f"FROM {place.meta_table('schema_versions')} WHERE table_name {of_table} GROUP BY table_name",
    }
    if StorageMode.UPSERT in modes:
        parts["last"] = f"STRUCT(UNIX_MICROS(MAX(started)) AS started)) AS value FROM {known}"
    if modes & {StorageMode.REPLACE, StorageMode.SNAPSHOT}:
        oldest = values.moment(min(fetch.fetched_at for fetch in fetches))
        parts["newer"] = f"""STRUCT(endpoint AS e, account AS a, path_ids AS p, table_name AS t, l._fetch_id AS f,
            UNIX_MICROS(_fetched_at) AS at, UNIX_MICROS(window_from) AS after, UNIX_MICROS(window_to) AS until)) AS value
            FROM {written} l JOIN {known} k ON l._fetch_id = k._fetch_id
            WHERE table_name {of_table} AND endpoint {values.among(sorted({fetch.endpoint for fetch in fetches}))}
            AND path_ids {values.among(sorted({canonical(fetch.path_ids) for fetch in fetches}))} AND _fetched_at > {oldest}"""
    return "\nUNION ALL ".join(f"SELECT '{kind}' AS kind, TO_JSON_STRING({part}" for kind, part in parts.items())


def _take(ledger: Ledger, kind: str, row: dict[str, Any]) -> None:
    match kind:
        case "version":
            if row["version"] > len(MIGRATIONS):
                message = f"torn_meta has version {row['version']} and this torn-pipeline knows {len(MIGRATIONS)}: upgrade torn-pipeline"
                raise WarehouseError(message)
            ledger.version, ledger.born = int(row["version"]), int(row["born"])
        case "mode":
            ledger.modes[row["t"]] = row["m"]
            ledger.sequence = max(ledger.sequence, row["i"])
        case "load":
            ledger.loaded.add((row["f"], row["t"], row["v"]))
            place = row["f"], row["t"]
            ledger.versions[place] = max(ledger.versions.get(place, (0, "")), (row["i"], row["v"]))
        case "newer":
            ledger.newer.append(
                Newer(
                    table=row["t"],
                    endpoint=row["e"],
                    account=row["a"],
                    path_ids=row["p"],
                    fetch_id=row["f"],
                    began=int(row["at"]),
                    after=_moment(row.get("after")),
                    until=_moment(row.get("until")),
                )
            )
        case "fetch":
            ledger.fetches[row["_fetch_id"]] = {
                name: None if row.get(name) is None else micros(datetime.fromisoformat(row[name])) if kind == "TIMESTAMP" else row[name]
                for name, kind in _FETCH.items()
            }
        case "last":
            ledger.last_started = int(row["started"] or 0)
        case "quarantined":
            ledger.quarantined.add(row["f"])
        case "columns":
            ledger.columns[row["t"]] = (row["n"], json.loads(row["c"]))


def recorded_mode(service: Service, table: str) -> StorageMode | None:
    """The storage mode of the last load into a table."""
    values = Values()
    sql = f"SELECT mode FROM {service.place.meta_table('loads')} WHERE table_name = {values.bind(table)} ORDER BY load_id DESC LIMIT 1"
    found = service.rows(sql, values)
    return StorageMode(found[0]["mode"]) if found else None


def schema_versions(service: Service, table: str | None) -> list[dict[str, Any]]:
    """Every recorded change of the tables' shapes, oldest first; of one table when given; ``columns`` is JSON."""
    values = Values()
    where = "" if table is None else f"WHERE table_name = {values.bind(table)}"
    sql = f"SELECT * FROM {service.place.meta_table('schema_versions')} {where} ORDER BY changed_at, table_name, version"
    return service.rows(sql, values)


def version_written(place: Place, values: Values, rows: Sequence[tuple[str, int, Mapping[str, str], str]], run_id: str) -> str:
    """The statement that records changes: table, version, its columns' types by name, and what changed."""
    bind, now = values.bind, values.moment(datetime.now(UTC))
    said = [
        f"({bind(table)}, {version}, {bind(json.dumps(columns))}, {bind(change)}, {bind(run_id)}, {now})"
        for table, version, columns, change in rows
    ]
    names = "table_name, version, columns, change, run_id, changed_at"
    return f"INSERT INTO {place.meta_table('schema_versions')} ({names}) VALUES {', '.join(said)}"


def slice_of(load: Load) -> Slice:
    """The slice that a load belongs to."""
    fetch = load.fetch
    return fetch.endpoint, None if load.shared_scope else fetch.account, canonical(fetch.path_ids)


def fetch_ids_of_slice(place: Place, load: Load, values: Values) -> str:
    """A query for the fetches of the load's slice."""
    endpoint, account, path_ids = slice_of(load)
    of_account = "" if account is None else f" AND account = {values.bind(account)}"
    return (
        f"SELECT _fetch_id FROM {place.meta_table('fetches')} "
        f"WHERE endpoint = {values.bind(endpoint)} AND path_ids = {values.bind(path_ids)}{of_account}"
    )


def fetch_written(place: Place, fetch: Fetch, values: Values, *, known: bool) -> list[str]:
    """Statements that write the row of a fetch, in place of what there is when it is ``known``."""
    row = _plain(fetch) | {
        "started": fetch.fetched_at,
        "ended": fetch.ended_at,
        "window_from": fetch.window_from,
        "window_to": fetch.window_to,
    }
    bound = ", ".join(values.bind(row[name], kind) for name, kind in _FETCH.items())
    names = ", ".join(f"`{name}`" for name in _FETCH)
    table = place.meta_table("fetches")
    gone = [f"DELETE FROM {table} WHERE _fetch_id = {values.bind(fetch.fetch_id)}"] if known else []
    return [*gone, f"INSERT INTO {table} ({names}) VALUES ({bound})"]


def record_fetch(service: Service, fetch: Fetch) -> None:
    """Write or rewrite the row of a fetch."""
    values = Values()
    delete, insert = fetch_written(service.place, fetch, values, known=True)
    exists = f"EXISTS (SELECT 1 FROM {service.place.meta_table('fetches')} WHERE _fetch_id = {values.bind(fetch.fetch_id)})"
    service.rows(f"IF {exists} THEN BEGIN TRANSACTION; {delete}; {insert}; COMMIT TRANSACTION; ELSE {insert}; END IF", values)


def quarantine_rows(load: Load) -> list[dict[str, Any]]:
    """The load's quarantine, each value once."""
    fetch, now = load.fetch, datetime.now(UTC)
    items = {_quarantine_id(fetch, item): item for item in load.quarantined}
    return [
        {
            "quarantine_id": quarantine_id,
            "endpoint": fetch.endpoint,
            "account": fetch.account,
            "table_name": item.table,
            "root_table": item.root,
            "key": item.key,
            "json_path": item.json_path,
            "reason": item.reason,
            "raw": item.raw,
            "_raw_id": item.raw_id,
            "_fetch_id": fetch.fetch_id,
            "_fetched_at": fetch.fetched_at,
            "run_id": load.run_id,
            "quarantined_at": now,
        }
        for quarantine_id, item in items.items()
    ]


def quarantined(service: Service, endpoint: str | None) -> list[QuarantineRow]:
    """The quarantine, oldest fetch first."""
    values = Values()
    where = "" if endpoint is None else f"WHERE endpoint = {values.bind(endpoint)}"
    sql = f"SELECT * FROM {service.place.meta_table('quarantine')} {where} ORDER BY _fetched_at, _fetch_id, quarantine_id"
    return [
        QuarantineRow(
            table=row["table_name"],
            root=row["root_table"],
            key=row["key"],
            json_path=row["json_path"],
            reason=row["reason"],
            raw=row["raw"],
            raw_id=row["_raw_id"],
            quarantine_id=row["quarantine_id"],
            endpoint=row["endpoint"],
            account=row["account"],
            fetch_id=row["_fetch_id"],
            fetched_at=row["_fetched_at"],
            run_id=row["run_id"],
            quarantined_at=row["quarantined_at"],
        )
        for row in service.rows(sql, values)
    ]


def status(service: Service) -> list[EndpointStatus]:
    """Where every endpoint stands, by endpoint and account."""
    place = service.place
    fetches, loads = place.meta_table("fetches"), place.meta_table("loads")
    there = set(service.tables())
    known = service.rows(
        f"""SELECT f.endpoint, f.account, MAX(IF(f.complete, started, NULL)) AS fetched_at,
            MAX_BY(f._fetch_id, IF(f.complete, f.started, NULL)) AS fetch_id, ANY_VALUE(q.n) AS quarantined, MAX(l.at) AS data_at,
            (SELECT TO_JSON_STRING(ARRAY_AGG(DISTINCT table_name)) FROM {loads}) AS tables
        FROM {fetches} f LEFT JOIN
            (SELECT endpoint, account, COUNT(*) AS n FROM {place.meta_table("quarantine")} GROUP BY endpoint, account) q
            ON f.endpoint = q.endpoint AND f.account = q.account
        LEFT JOIN (SELECT _fetch_id, MAX(_fetched_at) AS at FROM {loads} GROUP BY _fetch_id) l ON f._fetch_id = l._fetch_id
        GROUP BY f.endpoint, f.account ORDER BY f.endpoint, f.account"""
    )
    tables = sorted(there.intersection(json.loads(known[0]["tables"]) or ())) if known and known[0]["tables"] else []
    counts = [
        f"SELECT {number} AS place, endpoint, account, COUNT(*) AS n FROM {whole(service, table)} t "
        f"JOIN {fetches} f ON t._fetch_id = f._fetch_id GROUP BY endpoint, account"
        for number, table in enumerate(tables)
    ]
    rows: dict[tuple[str, str], dict[str, int]] = {}
    for row in service.rows("\nUNION ALL ".join(counts) + " ORDER BY place") if counts else []:
        rows.setdefault((row["endpoint"], row["account"]), {})[tables[row["place"]]] = row["n"]
    return [
        EndpointStatus(
            endpoint=row["endpoint"],
            account=row["account"],
            fetch_id=row["fetch_id"] if row["fetched_at"] else None,
            fetched_at=row["fetched_at"],
            data_at=row["data_at"],
            rows=rows.get((row["endpoint"], row["account"]), {}),
            quarantined=row["quarantined"] or 0,
        )
        for row in known
    ]


def canonical(value: Mapping[str, object]) -> str:
    """A mapping as JSON, always in the same order."""
    return json.dumps(dict(value), sort_keys=True)


def micros(moment: datetime) -> int:
    """A moment as microseconds since 1970."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _moment(since: int | str | None) -> datetime | None:
    return None if since is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(since))


def _plain(fetch: Fetch) -> dict[str, Any]:
    """A fetch's row, its moments as microseconds."""
    return {
        "_fetch_id": fetch.fetch_id,
        "endpoint": fetch.endpoint,
        "account": fetch.account,
        "path": fetch.path,
        "params": canonical(fetch.params),
        "path_ids": canonical(fetch.path_ids),
        "window_from": fetch.window_from and micros(fetch.window_from),
        "window_to": fetch.window_to and micros(fetch.window_to),
        "pages": len(fetch.pages),
        "rows": fetch.rows,
        "repeated": fetch.repeated,
        "complete": fetch.complete,
        "started": micros(fetch.fetched_at),
        "ended": micros(fetch.ended_at),
        "error": fetch.error,
        "_raw_ids": json.dumps([page.raw_id for page in fetch.pages]),
    }


def _quarantine_id(fetch: Fetch, item: Quarantined) -> str:
    """Sixteen hex digits: the same for the same value of the same fetch, whatever is said to be wrong with it."""
    parts = (fetch.fetch_id, item.root, item.key, item.table, item.json_path, item.raw_id)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
