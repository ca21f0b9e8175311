"""An account that got another name, in every row that BigQuery has of it."""

# ruff: noqa: S608 - names are quoted or fixed, values are bound

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import uuid4

from torn_pipeline.errors import WarehouseBusy, WarehouseError
from torn_pipeline.warehouse.bigquery_measurements import ensure_table
from torn_pipeline.warehouse.bigquery_service import Aborted, Stale
from torn_pipeline.warehouse.bigquery_settle import Script
from torn_pipeline.warehouse.bigquery_sql import Values
from torn_pipeline.warehouse.bigquery_tables import every, whole

if TYPE_CHECKING:
    from torn_pipeline.warehouse.bigquery_service import Service

__all__ = ["rename_account"]


def rename_account(service: Service, old: str, new: str) -> int:
    """Let every row of an account follow its new name, in one transaction; the number of rows of normalised tables.

    Raises:
        WarehouseError: when both names have rows in one table.
        WarehouseBusy: when a load came between; nothing was renamed.
    """
    ensure_table(service)
    place = service.place
    columns = f"`{place.project}`.`{place.dataset}`.INFORMATION_SCHEMA.COLUMNS"
    found = service.rows(f"SELECT table_name FROM {columns} WHERE column_name = '_account' ORDER BY table_name")
    tables = [row["table_name"] for row in found]
    _check_apart(service, tables, old, new)
    script = Script()
    before, after = script.values.bind(old), script.values.bind(new)
    for table in tables:
        counter = script.counter()
        renamed = f"UPDATE {place.table(table)} t SET _account = {after} WHERE t._account = {before}{every(service, table, 't')}"
        script.run(renamed, f"SET {counter} = @@row_count")
    for name in ("fetches", "measurements"):
        script.run(f"UPDATE {place.meta_table(name)} SET account = {after} WHERE account = {before}")
    for table, column, name, condition in (
        ("loads", "slice", "account", "TRUE"),
        ("quarantine", "key", "_account", f"account = {before}"),
    ):
        here, there = (script.values.bind(f'"{name}": {json.dumps(account)}') for account in (old, new))
        script.run(
            f"UPDATE {place.meta_table(table)} SET `{column}` = REPLACE(`{column}`, {here}, {there}) "
            f"WHERE STRPOS(`{column}`, {here}) > 0 AND {condition}"
        )
    script.run(f"UPDATE {place.meta_table('quarantine')} SET account = {after} WHERE account = {before}")
    try:
        answer = service.run(script.text(), script.values, f"torn_{uuid4().hex}", uuid4().hex)
    except (Aborted, Stale) as error:
        message = f"a load came between while {old} was being renamed in {place.project}.{place.dataset}: nothing was renamed, try again"
        raise WarehouseBusy(message) from error
    return sum(script.counted(answer).values())


def _check_apart(service: Service, tables: list[str], old: str, new: str) -> None:
    if not tables:
        return
    values = Values()
    before, after = values.bind(old), values.bind(new)
    counts = [
        f"SELECT {number} AS number, COUNTIF(_account = {before}) AS old, COUNTIF(_account = {after}) AS new FROM {whole(service, table)}"
        for number, table in enumerate(tables)
    ]
    for row in service.rows("\nUNION ALL ".join(counts), values):
        if row["old"] and row["new"]:
            table = service.place.table(tables[row["number"]])
            message = f"{table} has rows of both {old!r} and {new!r}: two accounts cannot become one, choose another name"
            raise WarehouseError(message)
