"""Rows on their way to BigQuery: Parquet files of each table, written as the batches come, so that memory stays flat.

A file ends after some rows, so that the first ones can be on their way while the next are written.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
from pyarrow.parquet import ParquetFile, ParquetWriter

from torn_pipeline.errors import WarehouseError
from torn_pipeline.tables.table import ColumnType
from torn_pipeline.warehouse.bigquery_tables import wider
from torn_pipeline.warehouse.nulls import null_counts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["DTYPES", "LOAD", "StagedTable"]

DTYPES: Mapping[ColumnType, pl.DataType] = {
    ColumnType.INTEGER: pl.Int64(),
    ColumnType.FLOAT: pl.Float64(),
    ColumnType.BOOLEAN: pl.Boolean(),
    ColumnType.TEXT: pl.String(),
    ColumnType.TIMESTAMP: pl.Datetime("us", "UTC"),
}
LOAD = "_load"
"""The column that tells which of several loads a staged row belongs to."""

_TYPES = {dtype: kind for kind, dtype in DTYPES.items()}
_PIECE = 65_536  # rows that are in memory at once: a row group of a file
_FILE = 4 * _PIECE  # rows of a file: each is a job, and nothing can be staged while the first is written

Types = dict[str, ColumnType]


@dataclass(slots=True)
class _Part:
    """A file, the types of the columns that all of its rows have, and how many rows it has by now."""

    types: Types
    path: Path
    rows: int = 0


@dataclass(slots=True)
class StagedTable:
    """The rows of one table. In the files its columns are called ``c0``, ``c1`` …, as BigQuery takes not every name.

    ``contract`` has the types that columns must have; others may come as they like. ``rows`` and ``sizes`` (bytes in
    memory) count by load, ``nulls`` by load and column. ``common`` has by load the columns that are in no file, as all
    rows have the same value there.
    """

    name: str
    folder: Path
    contract: Mapping[str, ColumnType]
    places: dict[str, str] = field(default_factory=dict)
    rows: Counter[int] = field(default_factory=Counter)
    sizes: Counter[int] = field(default_factory=Counter)
    nulls: dict[int, Counter[str]] = field(default_factory=dict)
    common: dict[int, dict[str, object]] = field(default_factory=dict)
    types: Types = field(default_factory=dict)
    """The columns' types in what :meth:`files` gives."""
    _parts: list[_Part] = field(default_factory=list)
    _writer: ParquetWriter | None = None
    _waiting: list[pl.DataFrame] = field(default_factory=list)

    def add(self, frame: pl.DataFrame, number: int, common: Mapping[str, object] | None = None) -> None:
        """Add the rows of a batch of the load of that number; ``common`` are the values that are the same in all its rows.

        Raises:
            WarehouseError: when the frame has a column of a type that no table has, or not the contract's; or a row
                another value than the common one.
        """
        types = {name: self._type(name, dtype) for name, dtype in frame.schema.items()}
        if common:
            types = self._without_common(frame, number, types, common)
        for name in types:
            self.places.setdefault(name, f"c{len(self.places)}")
        if not self._parts or self._parts[-1].types != types or (frame.height and self._parts[-1].rows >= _FILE):
            self.close()
            self._parts.append(_Part(types, self.folder / f"{self.name}.{len(self._parts)}.parquet"))
        if frame.height:
            self.rows[number] += frame.height
            self.sizes[number] += int(frame.estimated_size())
            self.nulls.setdefault(number, Counter()).update(null_counts(frame))
            placed = frame.select(*types)
            placed.columns = [self.places[name] for name in types]
            self._waiting.append(placed.with_columns(pl.lit(number, pl.Int64).alias(LOAD)))
            if sum(one.height for one in self._waiting) >= _PIECE:
                self._write()

    def close(self) -> None:
        """End the file that is being written."""
        self._write()
        if self._writer is not None:
            with _on_disk(self.folder):
                self._writer.close()
            self._writer = None

    @property
    def kinds(self) -> list[Types]:
        """The types of the columns as they came, whenever they came in others than before."""
        return [part.types for part in self._parts]

    def full(self, there: Mapping[str, ColumnType | str]) -> list[Path]:
        """The files that have their last row already, as far as they can go as they are into a table that is ``there``."""
        found: list[Path] = []
        for part in self._parts:
            fits = all(there.get(name, kind) == kind for name, kind in part.types.items())
            if part.rows < _FILE or not fits or part.types != self._parts[0].types:
                break
            found.append(part.path)
        if found:
            self.types = self._parts[0].types
        return found

    def files(self, there: Mapping[str, ColumnType | str]) -> list[Path]:
        """The files of all rows, every column of the type that it has when all have been taken into a table that is ``there``.

        A value goes through every type that its column has on the way: 1, widened to a float and then to text, is "1.0".
        Where none has to, the files are those that were written.
        """
        self.close()
        ways = self._ways(there)
        self.types = ways[-1]
        if all(part.types == ways[-1] for part in self._parts):
            return [part.path for part in self._parts]
        path = self.folder / f"{self.name}.all.parquet"
        with _on_disk(self.folder):
            self._write_all(path, ways)
        return [path]

    def _write_all(self, path: Path, ways: list[Types]) -> None:
        """Write all rows into one file, every column of its last type."""
        writer = None
        for number, part in enumerate(self._parts):
            for piece in _pieces(part.path):
                rows = self._widened(piece, part, ways[number:]).to_arrow(compat_level=pl.CompatLevel.oldest())
                writer = writer or _writer(path, rows.schema)
                writer.write_table(rows)
        if writer is not None:
            writer.close()

    def _ways(self, there: Mapping[str, ColumnType | str]) -> list[Types]:
        """The columns' types after each part."""
        now: Types = {name: ColumnType(kind) for name, kind in there.items() if name in self.places}
        ways = []
        for part in self._parts:
            now |= {name: wider(now.get(name, kind), kind) for name, kind in part.types.items()}
            ways.append({name: now[name] for name in self.places if name in now})
        return ways

    def _widened(self, piece: pl.DataFrame, part: _Part, ways: list[Types]) -> pl.DataFrame:
        columns = []
        for name, kind in ways[-1].items():
            place = self.places[name]
            if name not in part.types:
                columns.append(pl.lit(None, DTYPES[kind]).alias(place))
                continue
            column = pl.col(place)
            for way in ways:
                column = column.cast(DTYPES[way[name]])
            columns.append(column)
        return piece.select(*columns, LOAD)

    def _without_common(self, frame: pl.DataFrame, number: int, types: Types, common: Mapping[str, object]) -> Types:
        """The columns that are to be written."""
        found = {name: value for name, value in common.items() if name in types}
        if frame.height and self.common.setdefault(number, found) != found:
            message = f"some rows for table {self.name} lack a column that others have: {', '.join(sorted(common.keys() - found.keys()))}"
            raise WarehouseError(message)
        for name, value in found.items():
            column = frame[name]
            if column.null_count() or not (column == value).all():
                message = f"a row for table {self.name} has another {name} than its fetch, which has {value}"
                raise WarehouseError(message)
        return {name: kind for name, kind in types.items() if name not in found}

    def _type(self, name: str, dtype: pl.DataType) -> ColumnType:
        kind = _TYPES.get(dtype)
        if kind is None or self.contract.get(name, kind) is not kind:
            expected = self.contract.get(name) or "one of " + ", ".join(_TYPES.values())
            message = f"column {name} for table {self.name} comes as {dtype} and must be {expected}"
            raise WarehouseError(message)
        return kind

    def _write(self) -> None:
        """Write the rows that wait: small row groups would cost half as much again, and be larger."""
        if not self._waiting:
            return
        rows = pl.concat(self._waiting, rechunk=False).to_arrow(compat_level=pl.CompatLevel.oldest())
        self._waiting.clear()
        with _on_disk(self.folder):
            if self._writer is None:
                self._writer = _writer(self._parts[-1].path, rows.schema)
            self._writer.write_table(rows)
        self._parts[-1].rows += rows.num_rows
        if self._parts[-1].rows >= _FILE:
            self.close()


@contextmanager
def _on_disk(folder: Path) -> Iterator[None]:
    """Say in a sentence that a file could not be written."""
    try:
        yield
    except OSError as error:
        message = (
            f"the rows on their way to BigQuery cannot be written into {folder}: {error.strerror or error}; nothing was loaded: "
            "make room on that disk, or name a folder on another one in TMPDIR, and try again"
        )
        raise WarehouseError(message) from error


def _writer(path: Path, schema: pa.Schema) -> ParquetWriter:
    """A file without what loading it has no use for; only of texts many are the same."""
    texts = [field.name for field in schema if pa.types.is_large_string(field.type)]
    return ParquetWriter(path, schema, compression="zstd", use_dictionary=texts, write_statistics=False)


def _pieces(path: Path) -> Iterator[pl.DataFrame]:
    if not path.exists():
        return
    with ParquetFile(path) as file:
        for batch in file.iter_batches(_PIECE):
            frame = pl.from_arrow(batch)
            assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a batch never becomes a Series
            yield frame
