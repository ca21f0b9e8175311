"""Names, keys and bound values as BigQuery's SQL wants them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from google.cloud.bigquery.query import ArrayQueryParameter, ScalarQueryParameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.warehouse.protocol import Window

__all__ = ["Values", "all_days", "identifier", "key_from", "key_of", "key_of_texts", "logical", "physical", "within"]

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f!\"$()*,./;?@\[\\\]^`{}~]")
_ENCODED = re.compile(r"_u([0-9a-f]{4})_")
_KINDS = {bool: "BOOL", int: "INT64", float: "FLOAT64", str: "STRING"}


def physical(column: str) -> str:
    """A column's name in BigQuery: its own, with the characters that BigQuery refuses in one written as ``_u0022_``."""
    return _FORBIDDEN.sub(lambda found: f"_u{ord(found[0]):04x}_", column)


def logical(column: str) -> str:
    """The column's own name again."""
    return _ENCODED.sub(lambda found: chr(int(found[1], 16)), column)


def identifier(column: str) -> str:
    """A column's name, quoted."""
    return f"`{physical(column)}`"


def key_of(alias: str, columns: Sequence[str]) -> str:
    """A key as one text: an equality that joins fast, holds for nulls too, and for keys of no column.

    Two keys of the same types, whatever their columns are called, give the same text when they are the same.
    """
    return key_from([f"{alias}.{identifier(column)}" for column in columns])


def key_of_texts(array: str, types: Sequence[str]) -> str:
    """The same text from a JSON array of texts, of these BigQuery types; what is no value of its type is null."""
    return key_from([f"SAFE_CAST(JSON_VALUE({array}, '$[{place}]') AS {name})" for place, name in enumerate(types)])


def all_days(partition: str, row: str) -> str:
    """A condition on the column that a table is partitioned by that every row meets.

    BigQuery takes it for the filter that a table may require: it holds the column against constants and nothing else.
    """
    column = f"{row}.{identifier(partition)}"
    return f"({column} IS NULL OR {column} >= TIMESTAMP '0001-01-01 00:00:00+00')"


def within(window: Window, row: str, values: Values) -> str:
    """The condition that a row lies in a time window; a null lies in none."""
    column = f"{row}.{identifier(window.column)}"
    bounds = ((">", window.after), ("<=", window.until))
    return " AND ".join([f"{column} IS NOT NULL", *(f"{column} {sign} {values.moment(bound)}" for sign, bound in bounds if bound)])


def key_from(parts: Sequence[str]) -> str:
    """The same text from the parts of a key, as SQL."""
    return f"TO_JSON_STRING(STRUCT({', '.join(f'{part} AS k{place}' for place, part in enumerate(parts)) or 'TRUE AS present'}))"


class Values:
    """The values that a statement's parameters are bound to."""

    def __init__(self) -> None:
        self.parameters: list[ScalarQueryParameter | ArrayQueryParameter] = []

    def bind(self, value: Any, kind: str = "") -> str:  # noqa: ANN401 - any value of a column
        """The name that stands for a value in the text; ``kind`` is its BigQuery type where the value does not tell it."""
        name = f"p{len(self.parameters)}"
        self.parameters.append(ScalarQueryParameter(name, kind or _KINDS[type(value)], value))
        return f"@{name}"

    def moment(self, value: object) -> str:
        """The name that stands for a moment."""
        return self.bind(value, "TIMESTAMP")

    def among(self, values: Sequence[str]) -> str:
        """What a condition says after a column that has one of these texts."""
        return f"= {self.bind(values[0])}" if len(values) == 1 else f"IN UNNEST({self.texts(values)})"

    def texts(self, values: Sequence[str]) -> str:
        """The name that stands for an array of texts."""
        name = f"p{len(self.parameters)}"
        self.parameters.append(ArrayQueryParameter(name, "STRING", list(values)))
        return f"@{name}"
