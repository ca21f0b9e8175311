"""Numbers about the data that a DuckDB file keeps for years, in ``torn_meta.measurements``."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING

import polars as pl

from torn_pipeline.warehouse.protocol import Measurement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from torn_pipeline.warehouse.duckdb_file import Session

__all__ = ["record", "recorded"]

_COLUMNS = {
    "kind": pl.String(),
    "subject": pl.String(),
    "account": pl.String(),
    "value": pl.Float64(),
    "unit": pl.String(),
    "met": pl.Boolean(),
    "said": pl.String(),
    "run_id": pl.String(),
    "measured_at": pl.Datetime("us", "UTC"),
}
_KEY = ["measured_at", "kind", "subject", "account"]


def record(session: Session, measurements: Sequence[Measurement]) -> None:
    """Write measurements in the place of those with the same moment, kind, subject and account."""
    frame = pl.DataFrame([astuple(one) for one in measurements], schema=_COLUMNS, orient="row")
    rows = frame.unique(_KEY, keep="last", maintain_order=True).to_arrow()
    same = " AND ".join(f"m.{name} = i.{name}" for name in _KEY)
    session.run(f"DELETE FROM warehouse.torn_meta.measurements m USING incoming i WHERE {same}", incoming=rows)  # noqa: S608 - fixed names
    session.run("INSERT INTO warehouse.torn_meta.measurements BY NAME SELECT * FROM incoming", incoming=rows)


def recorded(session: Session, kind: str | None, since: datetime | None) -> list[Measurement]:
    """What was measured, oldest first; nothing where the file was last written before there was a table for it."""
    there = """SELECT 1 FROM duckdb_tables()
        WHERE database_name = 'warehouse' AND schema_name = 'torn_meta' AND table_name = 'measurements'"""
    if not session.run(there):
        return []
    sql = f"""SELECT {", ".join(_COLUMNS)} FROM warehouse.torn_meta.measurements
        WHERE coalesce(kind = ?, true) AND coalesce(measured_at >= ?, true) ORDER BY {", ".join(_KEY)}"""  # noqa: S608 - fixed names
    return [Measurement(**dict(zip(_COLUMNS, row, strict=True))) for row in session.run(sql, [kind, since])]
