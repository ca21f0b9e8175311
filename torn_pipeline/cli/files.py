"""Tables written to files: Parquet for what a step made, CSV, JSON and Parquet for what the warehouse answers."""

from __future__ import annotations

import io
import json
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from torn_pipeline.errors import UsageError
from torn_pipeline.tables.normalise import empty_frame
from torn_pipeline.tables.values import unify

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.tables.findings import Finding
    from torn_pipeline.tables.normalise import Rejected

__all__ = ["Frames", "beside", "cells", "parquet_bytes", "texts", "write_parquet"]

PIECE = 10_000  # rows turned into text at once
QUARANTINE = "quarantine.json"


class Frames:
    """The frames of one endpoint's tables, and what was found on the way.

    Raises:
        UsageError: when ``folder``, where they may be written, is no folder.
    """

    def __init__(self, plan: EndpointPlan, folder: Path | None) -> None:
        if folder is not None and folder.exists() and not folder.is_dir():
            message = f"{folder} is not a folder: give --to a folder, or one that is not there yet"
            raise UsageError(message)
        self.is_empty = True
        self.findings: list[Finding] = []
        self.rejected: list[Rejected] = []
        self._frames: dict[str, list[pl.DataFrame]] = {table.name: [empty_frame(table)] for table in plan.tables}

    def add(self, frames: Mapping[str, pl.DataFrame]) -> None:
        """Keep a batch."""
        self.is_empty = False
        for name, frame in frames.items():
            self._frames[name].append(frame)

    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        return {name: sum(frame.height for frame in frames) for name, frames in self._frames.items()}

    def write(self, folder: Path, *, quarantine: bool, dry_run: bool) -> list[Path]:
        """Write ``<table>.parquet`` for each table, and the quarantine when asked; returns the files, also of a dry run.

        Raises:
            UsageError: when the disk refuses.
        """
        files = [folder / f"{name}.parquet" for name in self._frames]
        if not dry_run:
            for file, frames in zip(files, self._frames.values(), strict=True):
                with beside(file) as new:
                    unify(frames).write_parquet(new)
            if quarantine:
                with beside(folder / QUARANTINE) as new:
                    new.write_text("".join(f"{_rejected(root)}\n" for root in self.rejected), encoding="utf-8")
        return [*files, *([folder / QUARANTINE] if quarantine else [])]


def _rejected(root: Rejected) -> str:
    said = {
        "table": root.table,
        "root": root.root,
        "key": dict(root.key),
        "json_path": root.json_path,
        "reason": root.reason,
        "raw_id": root.raw_id,
        "raw": json.loads(root.raw),
    }
    return json.dumps(said, ensure_ascii=False, default=str)


@contextmanager
def beside(file: Path) -> Iterator[Path]:
    """A path to write to that takes the place of ``file`` once it is written; folders are made.

    Raises:
        UsageError: when the disk refuses.
    """
    new = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield new
            new.replace(file)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror or error}; name another place"
        raise UsageError(message) from error


# --- what the warehouse answers ----------------------------------------------------------------------------


def write_parquet(rows: pa.Table, file: Path) -> None:
    """Write the rows as they are typed."""
    with beside(file) as new:
        pq.write_table(rows, new)


def parquet_bytes(rows: pa.Table) -> bytes:
    """The rows as the content of a Parquet file."""
    content = io.BytesIO()
    pq.write_table(rows, content)
    return content.getvalue()


def texts(rows: pa.Table, form: str) -> Iterator[str]:
    """The rows as pieces of ``csv`` or ``json`` text (an array of objects); instants are ISO 8601 in UTC."""
    if form == "csv":
        yield _plain(rows.slice(0, 0)).write_csv()
        for start in range(0, rows.num_rows, PIECE):
            yield _plain(rows.slice(start, PIECE)).write_csv(include_header=False)
        return
    opening = "[\n"
    for start in range(0, rows.num_rows, PIECE):
        lines = _plain(rows.slice(start, PIECE)).write_ndjson().rstrip("\n")
        yield opening + lines.replace("\n", ",\n")
        opening = ",\n"
    yield "\n]\n" if rows.num_rows else "[]\n"


def cells(rows: pa.Table) -> list[tuple[Any, ...]]:
    """The rows as plain values for people."""
    return _plain(rows).rows()


def _plain(rows: pa.Table) -> pl.DataFrame:
    """Numbers, booleans and text; everything else as text."""
    columns = {name: _column(rows.column(place)) for place, name in enumerate(_names(rows))}
    return pl.DataFrame(columns)


def _names(rows: pa.Table) -> list[str]:
    """Column names, those that came before with a number behind them."""
    seen: dict[str, int] = {}
    names = []
    for name in rows.column_names:
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return names


def _column(values: pa.ChunkedArray) -> pl.Series:
    kind = values.type
    if pa.types.is_timestamp(kind):
        moments = pl.Series(values=pl.from_arrow(values.cast(pa.timestamp("us", kind.tz))))
        text = moments.dt.strftime("%Y-%m-%dT%H:%M:%S%.f")
        return text + "Z" if kind.tz else text
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind):
        return pl.Series(values=pl.from_arrow(values))
    return pl.Series(values=[_text(value) for value in values.to_pylist()], dtype=pl.String())


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else str(value)
