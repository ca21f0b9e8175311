"""The platform's own tables in a DuckDB file, ``torn_meta``: their shape, its versions, what is written to them."""

# ruff: noqa: S608 - names are quoted or fixed, values are bound

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from torn_pipeline.errors import WarehouseError
from torn_pipeline.tables.table import StorageMode
from torn_pipeline.warehouse.duckdb_sql import qualified
from torn_pipeline.warehouse.protocol import EndpointStatus, QuarantineRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from torn_pipeline.landing.fetch import Fetch
    from torn_pipeline.warehouse.duckdb_file import Session
    from torn_pipeline.warehouse.protocol import Load, Quarantined

__all__ = [
    "MIGRATIONS",
    "delete_quarantine",
    "exists",
    "fetch_ids_of_slice",
    "forget_loads",
    "forget_table",
    "loaded_version",
    "migrate",
    "newer_fetches",
    "other_mode",
    "quarantined",
    "record_change",
    "record_fetch",
    "record_load",
    "record_quarantine",
    "recorded_mode",
    "rename_account",
    "schema_versions",
    "status",
]

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE SCHEMA IF NOT EXISTS warehouse.torn",
        "CREATE SCHEMA IF NOT EXISTS warehouse.torn_meta",
        "CREATE TABLE warehouse.torn_meta.version (version INTEGER, applied_at TIMESTAMPTZ)",
        """CREATE TABLE warehouse.torn_meta.fetches (
            _fetch_id VARCHAR, endpoint VARCHAR, account VARCHAR, path VARCHAR, params VARCHAR, path_ids VARCHAR,
            window_from TIMESTAMPTZ, window_to TIMESTAMPTZ, pages BIGINT, rows BIGINT, repeated BIGINT, complete BOOLEAN,
            started TIMESTAMPTZ, ended TIMESTAMPTZ, error VARCHAR, _raw_ids VARCHAR)""",
        """CREATE TABLE warehouse.torn_meta.loads (
            load_id BIGINT, _fetch_id VARCHAR, table_name VARCHAR, slice VARCHAR, contract_version VARCHAR, _fetched_at TIMESTAMPTZ,
            mode VARCHAR, rows BIGINT, bytes BIGINT, run_id VARCHAR, loaded_at TIMESTAMPTZ)""",
        """CREATE TABLE warehouse.torn_meta.schema_versions (
            table_name VARCHAR, version BIGINT, columns VARCHAR, change VARCHAR, run_id VARCHAR, changed_at TIMESTAMPTZ)""",
        """CREATE TABLE warehouse.torn_meta.quarantine (
            quarantine_id VARCHAR, endpoint VARCHAR, account VARCHAR, table_name VARCHAR, root_table VARCHAR, "key" VARCHAR,
            json_path VARCHAR, reason VARCHAR, raw VARCHAR, _raw_id VARCHAR, _fetch_id VARCHAR, _fetched_at TIMESTAMPTZ,
            run_id VARCHAR, quarantined_at TIMESTAMPTZ)""",
    ),
    ("ALTER TABLE warehouse.torn_meta.loads ADD COLUMN nulls VARCHAR",),
    (
        """CREATE TABLE warehouse.torn_meta.measurements (
            measured_at TIMESTAMPTZ, kind VARCHAR, subject VARCHAR, account VARCHAR, value DOUBLE, unit VARCHAR, met BOOLEAN,
            said VARCHAR, run_id VARCHAR)""",
    ),
)
"""What each version of ``torn_meta`` adds to the one before; never changed once released."""

_SLICE = "SELECT _fetch_id FROM warehouse.torn_meta.fetches WHERE endpoint = ? AND (? OR account = ?) AND path_ids = ?"


def exists(session: Session) -> bool:
    """Whether the file has the platform's tables: nothing was ever written to it otherwise."""
    return bool(session.run("SELECT 1 FROM duckdb_schemas() WHERE database_name = 'warehouse' AND schema_name = 'torn_meta'"))


def migrate(session: Session) -> None:
    """Bring ``torn_meta`` to the version of this code, in the transaction that is open.

    Raises:
        WarehouseError: when the file was written by a newer version of this package.
    """
    version = session.run("SELECT max(version) FROM warehouse.torn_meta.version")[0][0] if exists(session) else 0
    if version > len(MIGRATIONS):
        message = f"torn_meta has version {version} and this torn-pipeline knows {len(MIGRATIONS)}: upgrade torn-pipeline"
        raise WarehouseError(message)
    for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
        for statement in statements:
            session.run(statement)
        session.run("INSERT INTO warehouse.torn_meta.version VALUES (?, ?)", [number, datetime.now(UTC)])


def fetch_ids_of_slice(load: Load) -> tuple[str, list[object]]:
    """A query, with its values, for the fetches of the same endpoint, path ids and, unless global, account."""
    fetch = load.fetch
    return _SLICE, [fetch.endpoint, load.shared_scope, fetch.account, _json(fetch.path_ids)]


def newer_fetches(session: Session, load: Load) -> list[tuple[str, datetime, datetime | None, datetime | None]]:
    """The fetches of the same slice that were loaded into one of the tables and are newer than this one, newest first.

    Each with when it began, and from (exclusive) and to when (inclusive) its time window reached.
    """
    fetches, values = fetch_ids_of_slice(load)
    sql = f"""SELECT DISTINCT _fetch_id, _fetched_at, window_from, window_to
        FROM warehouse.torn_meta.loads JOIN warehouse.torn_meta.fetches USING (_fetch_id)
        WHERE _fetch_id IN ({fetches}) AND list_contains(?, table_name) AND _fetched_at > ? ORDER BY _fetched_at DESC"""
    return session.run(sql, [*values, [table.name for table in load.tables], load.fetch.fetched_at])


def loaded_version(session: Session, load: Load) -> str | None:
    """The contract version that this fetch was last loaded under, ``None`` unless all of the load's tables have it."""
    sql = """SELECT table_name, arg_max(contract_version, load_id) FROM warehouse.torn_meta.loads
        WHERE _fetch_id = ? GROUP BY table_name"""
    versions = dict(session.run(sql, [load.fetch.fetch_id]))
    found = {versions.get(table.name) for table in (*load.tables, *load.histories)}
    return found.pop() if len(found) == 1 else None


def recorded_mode(session: Session, table: str) -> StorageMode | None:
    """The storage mode of the last load into a table."""
    sql = "SELECT mode FROM warehouse.torn_meta.loads WHERE table_name = ? ORDER BY load_id DESC LIMIT 1"
    found = session.run(sql, [table])
    return StorageMode(found[0][0]) if found else None


def other_mode(session: Session, load: Load) -> tuple[str, str] | None:
    """A table of the load, and its mode, whose rows came in another mode than the load's."""
    sql = "SELECT table_name, mode FROM warehouse.torn_meta.loads WHERE list_contains(?, table_name) AND mode <> ? LIMIT 1"
    found = session.run(sql, [[table.name for table in load.tables], load.mode.value])
    return found[0] if found else None


def record_fetch(session: Session, fetch: Fetch) -> None:
    """Write or rewrite the row of a fetch."""
    session.run("DELETE FROM warehouse.torn_meta.fetches WHERE _fetch_id = ?", [fetch.fetch_id])
    values = [
        fetch.fetch_id,
        fetch.endpoint,
        fetch.account,
        fetch.path,
        _json(fetch.params),
        _json(fetch.path_ids),
        fetch.window_from,
        fetch.window_to,
        len(fetch.pages),
        fetch.rows,
        fetch.repeated,
        fetch.complete,
        fetch.fetched_at,
        fetch.ended_at,
        fetch.error,
        json.dumps([page.raw_id for page in fetch.pages]),
    ]
    session.run(f"INSERT INTO warehouse.torn_meta.fetches VALUES ({', '.join('?' * len(values))})", values)


def record_load(session: Session, load: Load, written: Mapping[str, tuple[int, int, str | None]]) -> None:
    """Write a row for each table; ``written`` are its rows, its bytes and how many nulls its columns had, as JSON."""
    fetch = load.fetch
    names = list(written)
    session.run(
        "DELETE FROM warehouse.torn_meta.loads WHERE _fetch_id = ? AND contract_version = ? AND list_contains(?, table_name)",
        [fetch.fetch_id, load.contract_version, names],
    )
    account = None if load.shared_scope else fetch.account
    where = _json({"endpoint": fetch.endpoint, "account": account, "path_ids": dict(fetch.path_ids)})
    for name in names:
        rows, size, nulls = written[name]
        session.run(
            """INSERT INTO warehouse.torn_meta.loads
                SELECT coalesce(max(load_id), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM warehouse.torn_meta.loads""",
            [
                fetch.fetch_id,
                name,
                where,
                load.contract_version,
                fetch.fetched_at,
                load.mode.value,
                rows,
                size,
                load.run_id,
                datetime.now(UTC),
                nulls,
            ],
        )


def forget_table(session: Session, table: str) -> None:
    """Take a table out of the ledger: it is not there any more."""
    session.run("DELETE FROM warehouse.torn_meta.loads WHERE table_name = ?", [table])


def forget_loads(session: Session, endpoint: str, tables: Iterable[str]) -> None:
    """Take an endpoint's loads of these tables out of the ledger, and its quarantine with them."""
    session.run(
        """DELETE FROM warehouse.torn_meta.loads WHERE list_contains(?, table_name)
            AND _fetch_id IN (SELECT _fetch_id FROM warehouse.torn_meta.fetches WHERE endpoint = ?)""",
        [list(tables), endpoint],
    )
    session.run("DELETE FROM warehouse.torn_meta.quarantine WHERE endpoint = ?", [endpoint])


def record_change(session: Session, table: str, columns: Mapping[str, str], change: str, run_id: str) -> None:
    """Write what changed in a table, and its columns (name to DuckDB type) since then."""
    session.run(
        """INSERT INTO warehouse.torn_meta.schema_versions
            SELECT ?, coalesce(max(version), 0) + 1, ?, ?, ?, ? FROM warehouse.torn_meta.schema_versions WHERE table_name = ?""",
        [table, json.dumps(dict(columns)), change, run_id, datetime.now(UTC), table],
    )


def schema_versions(session: Session, table: str | None) -> list[tuple[str, int, str, dict[str, str], str, datetime]]:
    """Table, version, change, columns since then, run and time of every change, oldest first; of one table when given."""
    sql = """SELECT table_name, version, change, columns, run_id, changed_at FROM warehouse.torn_meta.schema_versions
        WHERE coalesce(table_name = ?, true) ORDER BY changed_at, table_name, version"""
    return [(name, version, change, json.loads(columns), *rest) for name, version, change, columns, *rest in session.run(sql, [table])]


def record_quarantine(session: Session, load: Load) -> None:
    """Write the load's quarantine in place of what is there of the same fetch (of the same values, for a partial load)."""
    items = {_quarantine_id(load.fetch, item): item for item in load.quarantined}
    if load.partial:
        delete_quarantine(session, [*items, *load.releases])
    else:
        session.run("DELETE FROM warehouse.torn_meta.quarantine WHERE _fetch_id = ?", [load.fetch.fetch_id])
        delete_quarantine(session, load.releases)
    fetch = load.fetch
    for quarantine_id, item in items.items():
        session.run(
            f"INSERT INTO warehouse.torn_meta.quarantine VALUES ({', '.join('?' * 14)})",
            [
                quarantine_id,
                fetch.endpoint,
                fetch.account,
                item.table,
                item.root,
                item.key,
                item.json_path,
                item.reason,
                item.raw,
                item.raw_id,
                fetch.fetch_id,
                fetch.fetched_at,
                load.run_id,
                datetime.now(UTC),
            ],
        )


def delete_quarantine(session: Session, ids: Sequence[str]) -> int:
    """Take rows out of the quarantine; how many were there."""
    gone = "DELETE FROM warehouse.torn_meta.quarantine WHERE list_contains(?, quarantine_id)"
    return int(session.run(gone, [list(ids)])[0][0]) if ids else 0


def quarantined(session: Session, endpoint: str | None) -> list[QuarantineRow]:
    """The quarantine, oldest fetch first."""
    sql = """SELECT table_name, root_table, "key", json_path, reason, raw, _raw_id, quarantine_id, endpoint, account, _fetch_id,
            _fetched_at, run_id, quarantined_at
        FROM warehouse.torn_meta.quarantine WHERE coalesce(endpoint = ?, true) ORDER BY _fetched_at, _fetch_id, quarantine_id"""
    names = (
        "table",
        "root",
        "key",
        "json_path",
        "reason",
        "raw",
        "raw_id",
        "quarantine_id",
        "endpoint",
        "account",
        "fetch_id",
        "fetched_at",
        "run_id",
        "quarantined_at",
    )
    return [QuarantineRow(**dict(zip(names, row, strict=True))) for row in session.run(sql, [endpoint])]


def rename_account(session: Session, old: str, new: str) -> None:
    """Let the platform's own rows of an account follow its new name."""
    session.run("UPDATE warehouse.torn_meta.fetches SET account = ? WHERE account = ?", [new, old])
    session.run("UPDATE warehouse.torn_meta.measurements SET account = ? WHERE account = ?", [new, old])
    for (where,) in session.run("SELECT DISTINCT slice FROM warehouse.torn_meta.loads"):
        parts = json.loads(where)
        if parts["account"] == old:
            session.run("UPDATE warehouse.torn_meta.loads SET slice = ? WHERE slice = ?", [_json(parts | {"account": new}), where])
    for quarantine_id, key in session.run('SELECT quarantine_id, "key" FROM warehouse.torn_meta.quarantine WHERE account = ?', [old]):
        renamed = {name: new if name == "_account" else value for name, value in json.loads(key).items()}
        session.run(
            'UPDATE warehouse.torn_meta.quarantine SET account = ?, "key" = ? WHERE quarantine_id = ?',
            [new, json.dumps(renamed), quarantine_id],
        )


def status(session: Session) -> list[EndpointStatus]:
    """Where every endpoint stands, by endpoint and account."""
    rows: dict[tuple[str, str], dict[str, int]] = {}
    tables = session.run(
        """SELECT DISTINCT table_name FROM warehouse.torn_meta.loads JOIN duckdb_tables() USING (table_name)
            WHERE database_name = 'warehouse' AND schema_name = 'torn' ORDER BY table_name"""
    )
    for (table,) in tables:
        counts = f"""SELECT endpoint, account, count(*) FROM {qualified(table)}
            JOIN warehouse.torn_meta.fetches USING (_fetch_id) GROUP BY ALL"""
        for endpoint, account, count in session.run(counts):
            rows.setdefault((endpoint, account), {})[table] = count
    known = session.run(
        """SELECT endpoint, account, arg_max(_fetch_id, started) FILTER (WHERE complete), max(started) FILTER (WHERE complete),
            max(data_at), (SELECT count(*) FROM warehouse.torn_meta.quarantine q WHERE q.endpoint = f.endpoint AND q.account = f.account)
        FROM warehouse.torn_meta.fetches f LEFT JOIN
            (SELECT _fetch_id, max(_fetched_at) AS data_at FROM warehouse.torn_meta.loads GROUP BY _fetch_id) USING (_fetch_id)
        GROUP BY endpoint, account ORDER BY endpoint, account"""
    )
    return [
        EndpointStatus(
            endpoint=endpoint,
            account=account,
            fetch_id=fetch_id,
            fetched_at=fetched_at,
            data_at=data_at,
            rows=rows.get((endpoint, account), {}),
            quarantined=count,
        )
        for endpoint, account, fetch_id, fetched_at, data_at, count in known
    ]


def _quarantine_id(fetch: Fetch, item: Quarantined) -> str:
    """Sixteen hex digits: the same for the same value of the same fetch, whatever is said to be wrong with it."""
    parts = (fetch.fetch_id, item.root, item.key, item.table, item.json_path, item.raw_id)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(dict(value), sort_keys=True)
