"""Copies of both datasets of a warehouse in BigQuery, and the way back to one of them.

A copy is a clone of every table, among the platform's own ones: it costs nothing until a table changes. It counts from when
its last table is there, ``copy_<moment>``, which is empty and whose label says how many bytes the copy has.

BigQuery replaces one table at a time, so a way back that is stopped leaves some tables new and some old. It therefore
begins with what tells the loads: what the ledger does not know is loaded again, and never doubled. The same way back, once
more, finishes it.
"""

# ruff: noqa: S608 - names are quoted

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from google.cloud.bigquery import SchemaField

from torn_pipeline.errors import WarehouseBusy, WarehouseError
from torn_pipeline.warehouse.protocol import Backup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torn_pipeline.warehouse.bigquery_service import Service

__all__ = ["backup", "backups", "restore"]

_MOMENT = "%Y%m%dT%H%M%S%fZ"
_COPY = re.compile(r"copy_(?P<moment>\d{8}T\d{12}Z)(?:_(?P<kind>torn|meta)_(?P<table>.+))?")
_PASSING = ("copy_", "staged_")
"""How the tables begin that are no part of the warehouse as it is."""
_LEDGER = ("loads", "version", "fetches", "quarantine", "schema_versions")
"""The platform's tables, in the order in which they are put back."""
_TRIES = 5  # to copy everything while no load comes

_Table = tuple[str, str]
"""A dataset and a table in it."""


def backup(service: Service, keep: int) -> Backup:
    """Copy every table as it is between two loads; of the copies the newest ``keep`` stay.

    Raises:
        WarehouseBusy: when loads come all the time.
    """
    made = _make(service)
    _trim(service, keep, spare=made)
    return made


def backups(service: Service) -> list[Backup]:
    """The copies that are there, oldest first; one without its last table was never finished."""
    found = []
    for one in service.listed(service.place.meta):
        named = _COPY.fullmatch(one.table_id)
        if named and named["table"] is None:
            moment = datetime.strptime(named["moment"], _MOMENT).replace(tzinfo=UTC)
            found.append(_backup(service, moment, int(one.labels.get("bytes", 0))))
    return sorted(found, key=lambda one: one.moment)


def restore(service: Service, chosen: Backup, keep: int) -> Backup:
    """Put a copy in the place of what is there, which becomes a copy itself first.

    Tables that came since the copy go; tables that are none of the platform's stay as they are.

    Raises:
        WarehouseError: when the copy is gone; nothing is changed.
        WarehouseBusy: when loads come all the time; nothing is changed.
    """
    if chosen not in backups(service):
        message = f"there is no copy {chosen.place} any more: see torn-pipeline restore --list"
        raise WarehouseError(message)
    before, place = _make(service), service.place
    copies = {table: copy for copy, table in _tables_of(service, chosen.moment).items()}
    known = {row["table_name"] for row in service.rows(f"SELECT DISTINCT table_name FROM {place.meta_table('schema_versions')}")}
    gone = [table for table in _tables(service) if table not in copies and (table[0] == place.meta or table[1] in known)]
    days = {(dataset, *row) for dataset in (place.dataset, place.meta) for row in _partitions(service, dataset)}
    statements = [f"DROP TABLE {_name(service, table)}" for table in gone]
    for table in sorted(copies, key=lambda one: (one[0] != place.meta or one[1] not in _LEDGER, one)):
        copy = (place.meta, copies[table])
        if {day for *one, day in days if tuple(one) == table} != {day for *one, day in days if tuple(one) == copy}:
            statements.append(f"DROP TABLE IF EXISTS {_name(service, table)}")  # BigQuery replaces none that has other partitions
        statements.append(f"CREATE OR REPLACE TABLE {_name(service, table)} CLONE {_name(service, copy)}")
        if table == (place.meta, "version"):
            # The jobs that exclude others have this moment in their names: those of the loads since the copy are taken.
            statements.append(f"UPDATE {_name(service, table)} SET applied_at = CURRENT_TIMESTAMP() WHERE TRUE")
    _run(service, statements)
    _trim(service, keep, spare=chosen)
    return before


def _make(service: Service) -> Backup:
    for _ in range(_TRIES):
        moment, tables = datetime.now(UTC), _tables(service)
        copies = {table: _copy_of(service, moment, table) for table in tables}
        state = f"(SELECT {_state()} FROM {service.place.meta_table('loads')})"
        statements = [f"CREATE OR REPLACE TABLE {_name(service, copy)} CLONE {_name(service, table)}" for table, copy in copies.items()]
        answer = _run(service, [f"DECLARE before STRING DEFAULT {state}", *statements, f"SELECT before = {state} AS same"])
        if answer[0]["same"]:
            return _finish(service, moment, tables)
        _drop(service, copies.values())
    place = service.place
    message = f"loads came into {place.project}.{place.dataset} all the time while it was being copied: try again later"
    raise WarehouseBusy(message)


def _state() -> str:
    """What every load, every rebuild and every account's new name changes of the ledger, as one text."""
    return "TO_JSON_STRING(STRUCT(COUNT(*) AS n, MAX(load_id) AS last, STRING_AGG(DISTINCT slice ORDER BY slice) AS slices))"


def _finish(service: Service, moment: datetime, tables: Iterable[_Table]) -> Backup:
    """Let the copy count."""
    place = service.place
    sizes = {
        (dataset, row["table_id"]): row["size_bytes"]
        for dataset in (place.dataset, place.meta)
        for row in service.rows(f"SELECT table_id, size_bytes FROM `{place.project}`.`{dataset}`.__TABLES__")
    }
    size = sum(sizes.get(table, 0) for table in tables)
    last = service.new_table(place.meta, _prefix(moment), [SchemaField("nothing", "STRING")])
    last.labels = {**last.labels, "bytes": str(size)}
    service.create_table(last)
    return _backup(service, moment, size)


def _trim(service: Service, keep: int, *, spare: Backup) -> None:
    """Drop the oldest copies above ``keep``, but for one, and those that were never finished: their last table first."""
    there = backups(service)
    stay = {_prefix(one.moment) for one in [*there[-keep:], spare]}
    names = [one.table_id for one in service.listed(service.place.meta) if _COPY.fullmatch(one.table_id)]
    _drop(service, [(service.place.meta, name) for name in sorted(names) if not any(_is_of(name, prefix) for prefix in stay)])


def _is_of(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}_")


def _tables(service: Service) -> list[_Table]:
    """The tables of both datasets as they are now."""
    return [
        (dataset, one.table_id)
        for dataset in (service.place.dataset, service.place.meta)
        for one in service.listed(dataset)
        if one.table_type == "TABLE" and not (dataset == service.place.meta and one.table_id.startswith(_PASSING))
    ]


def _tables_of(service: Service, moment: datetime) -> dict[str, _Table]:
    """The tables that the clones of a copy were made of."""
    datasets = {"torn": service.place.dataset, "meta": service.place.meta}
    found = {one.table_id: _COPY.fullmatch(one.table_id) for one in service.listed(service.place.meta)}
    return {
        name: (datasets[named["kind"]], named["table"])
        for name, named in found.items()
        if named and named["table"] and named["moment"] == f"{moment:{_MOMENT}}"
    }


def _partitions(service: Service, dataset: str) -> list[tuple[str, str]]:
    """The tables of a dataset that are partitioned, and by which column."""
    columns = f"`{service.place.project}`.`{dataset}`.INFORMATION_SCHEMA.COLUMNS"
    found = service.rows(f"SELECT table_name, column_name FROM {columns} WHERE is_partitioning_column = 'YES'")
    return [(row["table_name"], row["column_name"]) for row in found]


def _prefix(moment: datetime) -> str:
    return f"copy_{moment:{_MOMENT}}"


def _copy_of(service: Service, moment: datetime, table: _Table) -> _Table:
    dataset, name = table
    return service.place.meta, f"{_prefix(moment)}_{'meta' if dataset == service.place.meta else 'torn'}_{name}"


def _backup(service: Service, moment: datetime, size: int) -> Backup:
    place = f"{service.place.project}.{service.place.meta}.{_prefix(moment)}"
    return Backup(moment=moment, place=place, size=size, checksum="")


def _name(service: Service, table: _Table) -> str:
    dataset, name = table
    return f"`{service.place.project}`.`{dataset}`.`{name}`"


def _drop(service: Service, tables: Iterable[_Table]) -> None:
    if statements := [f"DROP TABLE IF EXISTS {_name(service, table)}" for table in tables]:
        _run(service, statements)


def _run(service: Service, statements: Iterable[str]) -> list[dict[str, object]]:
    return service.run(";\n".join(statements), None, f"torn_{uuid4().hex}", uuid4().hex)
