"""Numbers about the data that BigQuery keeps for years, in the platform's own table ``measurements``."""

# ruff: noqa: S608 - names are fixed, values are bound

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING
from uuid import uuid4

import stamina
from google.api_core.exceptions import NotFound

from torn_pipeline.errors import WarehouseBusy, WarehouseError
from torn_pipeline.warehouse import bigquery_meta as meta
from torn_pipeline.warehouse.bigquery_service import Aborted, job_name
from torn_pipeline.warehouse.bigquery_sql import Values
from torn_pipeline.warehouse.protocol import Measurement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from torn_pipeline.warehouse.bigquery_service import Service

__all__ = ["ensure_table", "record", "recorded"]

_COLUMNS = {
    "kind": "STRING",
    "subject": "STRING",
    "account": "STRING",
    "value": "FLOAT64",
    "unit": "STRING",
    "met": "BOOL",
    "said": "STRING",
    "run_id": "STRING",
    "measured_at": "TIMESTAMP",
}
_KEY = ("measured_at", "kind", "subject", "account")
_TRIES = 10  # of a statement that BigQuery gave up for another one


def ensure_table(service: Service) -> None:
    """Bring the platform's tables up to date where they are of a version that had no such table."""
    if service.table(service.place.meta, "measurements") is None:
        meta.migrate(service)


def record(service: Service, measurements: Sequence[Measurement]) -> None:
    """Write measurements in the place of those with the same moment, kind, subject and account.

    Raises:
        WarehouseBusy: when others write measurements all the time, or BigQuery is in trouble.
    """
    ensure_table(service)
    latest = {tuple(getattr(one, name) for name in _KEY): one for one in measurements}
    values, call = Values(), uuid4().hex
    statement = _merge(service.place.meta_table("measurements"), values.texts([_as_text(one) for one in latest.values()]))
    try:
        for attempt in stamina.retry_context(on=Aborted, attempts=_TRIES, timeout=None, wait_initial=0.1, wait_max=10.0, wait_jitter=0.3):
            with attempt:
                service.run(statement, values, job_name(call), call)
    except Aborted as error:
        message = f"others write measurements in {service.place.project}.{service.place.meta} all the time: try again later"
        raise WarehouseBusy(message) from error


def recorded(service: Service, kind: str | None, since: datetime | None) -> list[Measurement]:
    """What was measured, oldest first; nothing where the tables were last written before there was one for it."""
    values, conditions = Values(), ["TRUE"]
    if kind is not None:
        conditions.append(f"kind = {values.bind(kind)}")
    if since is not None:
        conditions.append(f"measured_at >= {values.moment(since)}")
    sql = f"SELECT {', '.join(_COLUMNS)} FROM {service.place.meta_table('measurements')} WHERE {' AND '.join(conditions)}"
    try:
        return [Measurement(**row) for row in service.rows(f"{sql} ORDER BY {', '.join(_KEY)}", values)]
    except WarehouseError as error:
        if isinstance(error.__cause__, NotFound):
            return []
        raise


def _as_text(one: Measurement) -> str:
    """A measurement as a JSON object whose moment counts microseconds since 1970; a number as text, as not all of them have one in JSON."""
    value = None if one.value is None else repr(float(one.value))
    return json.dumps(asdict(one) | {"measured_at": meta.micros(one.measured_at), "value": value})


def _merge(table: str, rows: str) -> str:
    """The statement that writes the rows: one that is tried again once more finds them there, and doubles nothing."""
    read = [
        f"TIMESTAMP_MICROS(CAST(JSON_VALUE(r, '$.{name}') AS INT64)) AS {name}"
        if kind == "TIMESTAMP"
        else f"CAST(JSON_VALUE(r, '$.{name}') AS {kind}) AS {name}"
        for name, kind in _COLUMNS.items()
    ]
    same = " AND ".join(f"m.{name} = i.{name}" for name in _KEY)
    change = ", ".join(f"{name} = i.{name}" for name in _COLUMNS if name not in _KEY)
    names, new = ", ".join(_COLUMNS), ", ".join(f"i.{name}" for name in _COLUMNS)
    return f"""MERGE {table} m USING (SELECT {", ".join(read)} FROM UNNEST({rows}) AS r) i ON {same}
        WHEN MATCHED THEN UPDATE SET {change}
        WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({new})"""
