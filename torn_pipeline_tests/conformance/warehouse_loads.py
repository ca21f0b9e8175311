"""Small hand-made tables and loads for the tests of warehouses.

An endpoint ``things`` answers a list of things with parts: a root table ``things`` and a child table
``things_parts``. Fetches are numbered, and began as many minutes after each other as their numbers say.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from torn_pipeline.landing import Fetch, Page
from torn_pipeline.tables.table import Column, ColumnType, Role, StorageMode, Table
from torn_pipeline.warehouse import Load, Quarantined, warehouse_from_url
from torn_pipeline_tests.emulator import bigquery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from torn_pipeline.warehouse import Warehouse

__all__ = [
    "DTYPES",
    "MODES",
    "OPENERS",
    "THINGS",
    "Things",
    "contents",
    "fetch",
    "frames",
    "load",
    "meta",
    "names",
    "table",
    "things_tables",
]

Things = dict[int, tuple[str, ...]]
"""A thing's id, and its parts; the thing's name follows from the id and the fetch."""


def _duckdb(folder: Path) -> AbstractContextManager[Warehouse]:
    return nullcontext(warehouse_from_url(f"duckdb:///{folder}/warehouse.duckdb", folder))


OPENERS: dict[str, Callable[[Path], AbstractContextManager[Warehouse]]] = {"bigquery": lambda _folder: bigquery(), "duckdb": _duckdb}
"""How each warehouse of the suite is opened, given an empty folder."""

MODES = (StorageMode.APPEND, StorageMode.REPLACE, StorageMode.UPSERT)
BEGAN = datetime(2026, 4, 29, 12, 0, tzinfo=UTC)
DTYPES = {
    ColumnType.INTEGER: pl.Int64(),
    ColumnType.FLOAT: pl.Float64(),
    ColumnType.BOOLEAN: pl.Boolean(),
    ColumnType.TEXT: pl.String(),
    ColumnType.TIMESTAMP: pl.Datetime("us", "UTC"),
}
ROLES = {"_account": Role.ACCOUNT, "_index": Role.INDEX, "_fetch_id": Role.FETCH_ID, "_fetched_at": Role.FETCHED_AT, "_raw_id": Role.RAW_ID}
ORIGIN = {"_fetch_id": ColumnType.TEXT, "_fetched_at": ColumnType.TIMESTAMP, "_raw_id": ColumnType.TEXT}


def table(name: str, columns: Mapping[str, ColumnType], *, root: str = "", key: tuple[str, ...], root_key: tuple[str, ...]) -> Table:
    """A table of these columns and those of every row's origin."""
    return Table(
        name=name,
        root=root or name,
        parent=root or None,
        key=key,
        root_key=root_key,
        columns=tuple(
            Column(
                name=column, type=kind, role=ROLES.get(column, Role.OWN), description=f"the {column}", unit="s" if column == "score" else ""
            )
            for column, kind in {**columns, **ORIGIN}.items()
        ),
        description=f"what {name} are",
    )


def things_tables(name: str = "things", *, account_in_key: bool = True) -> tuple[Table, Table]:
    """The root table and its child; of a global endpoint without the account in the key."""
    account = ("_account",) if account_in_key else ()
    text, integer = ColumnType.TEXT, ColumnType.INTEGER
    columns = {
        "_account": text,
        "id": integer,
        "name": text,
        "score": ColumnType.FLOAT,
        "is_old": ColumnType.BOOLEAN,
        "seen_at": ColumnType.TIMESTAMP,
    }
    parts = {"_account": text, "thing_id": integer, "_index": integer, "part": text}
    root_key = (*account, "id")
    child_key = (*account, "thing_id")
    return (
        table(name, columns, key=root_key, root_key=root_key),
        table(f"{name}_parts", parts, root=name, key=(*child_key, "_index"), root_key=child_key),
    )


THINGS = things_tables()


def fetch(
    number: int, *, endpoint: str = "things", account: str = "default", complete: bool = True, path_ids: Mapping[str, int] | None = None
) -> Fetch:
    """The fetch of that number, of one page."""
    began = BEGAN + timedelta(minutes=number)
    ended = began + timedelta(seconds=2)
    fetch_id = f"{endpoint}-{account}-{number}"
    page = Page(
        raw_id=f"torn/{endpoint}/{fetch_id}.json.zst", url="https://example.org/v2/things", received_at=ended, size=2, sha256="0", rows=1
    )
    return Fetch(
        fetch_id=fetch_id,
        endpoint=endpoint,
        account=account,
        path="/things",
        path_ids=path_ids or {},
        fetched_at=began,
        ended_at=ended,
        pages=(page,),
        rows=1,
        complete=complete,
        error="" if complete else "page 2 is missing",
    )


def frames(of: Fetch, things: Things, tables: Sequence[Table] = THINGS, version: str = "1") -> dict[str, pl.DataFrame]:
    """One batch: every thing, and every part of it."""
    origin = {"_account": of.account, "_fetch_id": of.fetch_id, "_fetched_at": of.fetched_at, "_raw_id": of.pages[0].raw_id}
    roots: list[dict[str, Any]] = [
        {
            "id": thing,
            "name": f"{thing} by {of.fetch_id} v{version}",
            "score": thing / 2,
            "is_old": thing > 5,
            "seen_at": of.ended_at,
            **origin,
        }
        for thing in things
    ]
    parts: list[dict[str, Any]] = [
        {"thing_id": thing, "_index": index, "part": part, **origin} for thing, found in things.items() for index, part in enumerate(found)
    ]
    return {one.name: pl.DataFrame(rows, schema=_schema(one)) for one, rows in zip(tables, (roots, parts), strict=True)}


def load(
    of: Fetch,
    things: Things,
    *,
    mode: StorageMode = StorageMode.UPSERT,
    tables: tuple[Table, ...] = THINGS,
    version: str = "1",
    batches: Iterable[Mapping[str, pl.DataFrame]] | None = None,
    broken: Sequence[int] = (),
    shared_scope: bool = False,
    partial: bool = False,
    releases: tuple[str, ...] = (),
) -> Load:
    """A load of things, a batch for every two of them unless batches are given, with some roots in quarantine."""
    ids = list(things)
    pieces = [{thing: things[thing] for thing in ids[start : start + 2]} for start in range(0, len(ids), 2)]
    return Load(
        fetch=of,
        mode=mode,
        shared_scope=shared_scope,
        tables=tables,
        contract_version=version,
        batches=[frames(of, piece, tables, version) for piece in pieces] if batches is None else batches,
        quarantined=[_quarantined(of, tables[0], thing) for thing in broken],
        run_id=f"run of {of.fetch_id}",
        releases=releases,
        partial=partial,
    )


def contents(warehouse: Warehouse, tables: Sequence[Table] = THINGS) -> dict[tuple[str, int, str], tuple[str, ...]]:
    """What stands in the tables, by account, thing and its name; every row must have its place but once.

    A part without its thing stands under the name ``"?"``.
    """
    root, child = tables
    found: dict[tuple[str, int, str], tuple[str, ...]] = {}
    owners: dict[tuple[str, int, str], tuple[str, int, str]] = {}
    for row in warehouse.read(root.name).to_dicts():
        key = (row["_account"], row["id"], row["name"])
        assert key not in found, f"{key} stands there twice"
        found[key] = ()
        owners[row["_account"], row["id"], row["_fetch_id"]] = key
    parts = warehouse.read(child.name).sort("_index").to_dicts()
    for row in parts:
        key = owners.get((row["_account"], row["thing_id"], row["_fetch_id"]), (row["_account"], row["thing_id"], "?"))
        assert row["_index"] == len(found.get(key, ())), f"a part of {key} stands there twice, or one is missing"
        found[key] = (*found.get(key, ()), row["part"])
    return found


def meta(warehouse: Warehouse, name: str) -> list[dict[str, Any]]:
    """The rows of one of the platform's own tables."""
    rows: list[dict[str, Any]] = warehouse.query("SELECT * FROM torn_meta." + name).to_pylist()  # noqa: S608 - the tests' own names
    return rows


def names(warehouse: Warehouse) -> list[str]:
    """The names of the things in the tables, sorted; a name tells the fetch and the contract it came by."""
    return sorted(name for _, _, name in contents(warehouse))


def _quarantined(of: Fetch, root: Table, thing: int) -> Quarantined:
    key = {"_account": of.account, "id": thing} if "_account" in root.key else {"id": thing}
    return Quarantined(
        table=root.name,
        root=root.name,
        key=json.dumps(key),
        json_path=f"$.things[{thing}].score",
        reason="text where a number is declared",
        raw=json.dumps({"id": thing, "score": "many"}),
        raw_id=of.pages[0].raw_id,
    )


def _schema(one: Table) -> dict[str, pl.DataType]:
    return {column.name: DTYPES[column.type] for column in one.columns}
