"""From lists of JSON values to typed columns, losing nothing and inventing nothing.

A value converts only without loss: 82.0 is the integer 82, 82.5 is not; ``true`` is no number; 0 seconds
is no moment. What does not convert is reported with its row, never rounded or dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl

from torn_pipeline.tables.naming import is_epoch
from torn_pipeline.tables.table import ColumnType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from torn_pipeline.tables.contract import ScalarType

__all__ = ["DTYPES", "Wrong", "infer_type", "json_type", "show", "to_series", "unify"]

DTYPES: dict[ColumnType, pl.DataType] = {
    ColumnType.INTEGER: pl.Int64(),
    ColumnType.FLOAT: pl.Float64(),
    ColumnType.BOOLEAN: pl.Boolean(),
    ColumnType.TEXT: pl.String(),
    ColumnType.TIMESTAMP: pl.Datetime("us", "UTC"),
}
_STORED = {**DTYPES, ColumnType.TIMESTAMP: pl.Int64()}
INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)
EXACT_FLOAT = 2**53  # the largest range in which a float holds every integer
LATEST_EPOCH = 253_402_300_799  # the last second of the year 9999, the latest moment BigQuery can hold
EARLIEST_EPOCH = -62_135_596_800  # the first second of the year 1
_NONE = type(None)
_JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object", _NONE: "null"}
_PLAIN: dict[ColumnType, frozenset[type]] = {
    ColumnType.INTEGER: frozenset({int, _NONE}),
    ColumnType.TIMESTAMP: frozenset({int, _NONE}),
    ColumnType.FLOAT: frozenset({float, int, _NONE}),
    ColumnType.BOOLEAN: frozenset({bool, _NONE}),
    ColumnType.TEXT: frozenset({str, _NONE}),
}
_RANGES = {
    ColumnType.TIMESTAMP: (EARLIEST_EPOCH, LATEST_EPOCH),
    ColumnType.FLOAT: (-EXACT_FLOAT, EXACT_FLOAT),
}


@dataclass(frozen=True, slots=True)
class Wrong:
    """A value that does not convert: its row in the column, and why."""

    row: int
    reason: str


def json_type(value: object) -> str:
    """The word JSON Schema has for a decoded value's type."""
    return _JSON_TYPES[type(value)]


def show(value: object, most: int = 80) -> str:
    """A value as JSON, cut where it is long."""
    text = as_text(value) if not isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= most else f"{text[: most - 1]}…"


def as_text(value: object) -> str:
    """A value of unknown type as text: a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def to_series(name: str, values: list[Any], column_type: ColumnType, declared: ScalarType) -> tuple[pl.Series, list[Wrong]]:
    """A typed column of the values, with null in place of each value that does not convert, and those values' rows."""
    wrong: list[Wrong] = []
    kinds: AbstractSet[type] = set(map(type, values))
    if declared == "any" and not kinds <= _PLAIN[ColumnType.TEXT]:
        values = [None if value is None else as_text(value) for value in values]
        kinds = _PLAIN[ColumnType.TEXT]
    series = _plain_series(name, values, column_type) if kinds <= _PLAIN[column_type] else None
    if series is None:
        series = pl.Series(name, _converted(values, column_type, wrong), dtype=_STORED[column_type], strict=True)
    return (_moments(series) if column_type is ColumnType.TIMESTAMP else series), wrong


def _plain_series(name: str, values: list[Any], column_type: ColumnType) -> pl.Series | None:
    """The values as they are, or ``None`` when a number leaves the range that the column holds exactly."""
    try:
        series = pl.Series(name, values, dtype=_STORED[column_type], strict=True)
    except (TypeError, OverflowError):  # an integer of more than 64 bits
        return None
    if column_type not in _RANGES:
        return series
    low, high = _RANGES[column_type]
    least, most = series.min(), series.max()
    # A float at the edge may be an integer beyond it, rounded: such columns are looked at value by value.
    return None if least is not None and (least <= low or most >= high) else series  # type: ignore[operator]  # both are numbers


def _moments(seconds: pl.Series) -> pl.Series:
    zero = seconds == 0
    if zero.any():
        seconds = seconds.set(zero, None)
    return (seconds * 1_000_000).cast(DTYPES[ColumnType.TIMESTAMP])


def _converted(values: list[object], column_type: ColumnType, wrong: list[Wrong]) -> list[object]:
    convert = _CONVERTERS[column_type]
    converted: list[object] = []
    for row, value in enumerate(values):
        try:
            converted.append(None if value is None else convert(value))
        except _NotConvertibleError as error:
            wrong.append(Wrong(row, f"{error}, got {json_type(value)} {show(value)}"))
            converted.append(None)
    return converted


class _NotConvertibleError(Exception):
    """A value is not one of the column's type, and no conversion without loss exists."""


def _integer(value: object) -> int:
    number = _whole(value)
    if not INT64_MIN <= number <= INT64_MAX:
        message = "expected an integer of 64 bits"
        raise _NotConvertibleError(message)
    return number


def _seconds(value: object) -> int:
    number = _whole(value)
    if not EARLIEST_EPOCH <= number <= LATEST_EPOCH:
        message = "expected seconds since 1970, up to the year 9999"
        raise _NotConvertibleError(message)
    return number


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    message = "expected integer"
    raise _NotConvertibleError(message)


def _float(value: object) -> float:
    if isinstance(value, float):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and -EXACT_FLOAT <= value <= EXACT_FLOAT:
        return float(value)
    message = "expected number"
    raise _NotConvertibleError(message)


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    message = "expected boolean"
    raise _NotConvertibleError(message)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    message = "expected string"
    raise _NotConvertibleError(message)


_CONVERTERS: dict[ColumnType, Callable[[object], object]] = {
    ColumnType.INTEGER: _integer,
    ColumnType.TIMESTAMP: _seconds,
    ColumnType.FLOAT: _float,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.TEXT: _text,
}


def infer_type(name: str, values: Sequence[object]) -> tuple[ColumnType, ScalarType] | None:
    """The type of a field that no contract knows; ``None`` when all values are null.

    Numbers of both kinds become float, anything else that is mixed text; whole numbers under the name of a
    moment become one.
    """
    kinds = set(map(type, values)) - {_NONE}
    if not kinds:
        return None
    if kinds == {bool}:
        return ColumnType.BOOLEAN, "boolean"
    if kinds <= {int, float}:
        return _number_type(name, [value for value in values if isinstance(value, int)], mixed=float in kinds)
    return ColumnType.TEXT, "any"


def _number_type(name: str, integers: Sequence[int], *, mixed: bool) -> tuple[ColumnType, ScalarType]:
    low, high = min(integers, default=0), max(integers, default=0)
    if mixed:
        return (ColumnType.FLOAT, "number") if low >= -EXACT_FLOAT and high <= EXACT_FLOAT else (ColumnType.TEXT, "any")
    if is_epoch(name) and low >= EARLIEST_EPOCH and high <= LATEST_EPOCH:
        return ColumnType.TIMESTAMP, "integer"
    return (ColumnType.INTEGER, "integer") if low >= INT64_MIN and high <= INT64_MAX else (ColumnType.TEXT, "any")


def unify(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The frames one below the other; where a new field's type differs, numbers become float if none is rounded, anything else text."""
    if len({tuple(frame.schema.items()) for frame in frames}) > 1:
        return pl.concat([_cast(frame, _common_types(frames)) for frame in frames], how="diagonal")
    return pl.concat(frames) if len(frames) > 1 else frames[0]


def _common_types(frames: Sequence[pl.DataFrame]) -> dict[str, pl.DataType]:
    common: dict[str, pl.DataType] = {}
    for frame in frames:
        for name, dtype in frame.schema.items():
            other = common.setdefault(name, dtype)
            if other != dtype:
                fits = all(_is_exact_as_float(frame[name]) for frame in frames if name in frame.columns)
                common[name] = pl.Float64() if fits else pl.String()
    return common


def _is_exact_as_float(series: pl.Series) -> bool:
    if series.dtype == pl.Int64():
        return bool(series.is_between(-EXACT_FLOAT, EXACT_FLOAT).fill_null(value=True).all())
    return series.dtype == pl.Float64()


def _cast(frame: pl.DataFrame, types: dict[str, pl.DataType]) -> pl.DataFrame:
    """The frame in common types; a moment that becomes something else is the seconds it came as."""
    changed = [frame[name] for name, dtype in frame.schema.items() if types[name] != dtype]
    numbers = [series.dt.epoch("s") if series.dtype == DTYPES[ColumnType.TIMESTAMP] else series for series in changed]
    return frame.with_columns(series.cast(types[series.name]) for series in numbers)
