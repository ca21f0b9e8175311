"""What the warehouse answers, as text and as files."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from torn_pipeline.cli.files import PIECE, beside, cells, texts
from torn_pipeline.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

MOMENT = datetime(2026, 4, 29, 22, 0, 0, 120_000, tzinfo=UTC)


def table() -> pa.Table:
    return pa.table(
        {
            "whole": [1, None],
            "text": ['a "quoted", text\nof two lines', "é"],
            "flag": [True, None],
            "at": pa.array([MOMENT, None], pa.timestamp("us", "UTC")),
            "naive": pa.array([datetime(2026, 4, 29), None], pa.timestamp("s")),  # noqa: DTZ001 - DuckDB has such values
            "day": [date(2026, 4, 29), None],
            "money": [Decimal("1.50"), None],
            "list": [[1, 2], None],
            "nothing": [None, None],
        }
    )


def test_csv_holds_every_kind_of_value() -> None:
    first, second = csv.DictReader(io.StringIO("".join(texts(table(), "csv"))))
    assert first == {
        "whole": "1",
        "text": 'a "quoted", text\nof two lines',
        "flag": "true",
        "at": "2026-04-29T22:00:00.120Z",
        "naive": "2026-04-29T00:00:00",
        "day": "2026-04-29",
        "money": "1.50",
        "list": "[1, 2]",
        "nothing": "",
    }
    assert [name for name, value in second.items() if value] == ["text"]


def test_json_is_one_array_of_objects_with_nulls() -> None:
    first, second = json.loads("".join(texts(table(), "json")))
    assert (first["whole"], first["flag"], first["at"]) == (1, True, "2026-04-29T22:00:00.120Z")
    assert second == dict.fromkeys(first) | {"text": "é"}


@pytest.mark.parametrize("rows", [0, 1, PIECE, PIECE + 1, 2 * PIECE])
def test_any_number_of_rows_comes_whole(rows: int) -> None:
    numbers = pa.table({"n": pa.array(range(rows), pa.int64())})
    assert json.loads("".join(texts(numbers, "json"))) == [{"n": n} for n in range(rows)]
    assert "".join(texts(numbers, "csv")).split() == ["n", *map(str, range(rows))]


def test_columns_of_one_name_are_told_apart() -> None:
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["n", "n"])
    assert json.loads("".join(texts(twice, "json"))) == [{"n": 1, "n_2": 2}]
    assert cells(twice) == [(1, 2)]


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "file"
    with beside(file) as new:
        new.write_text("old")
    with pytest.raises(ZeroDivisionError), beside(file) as new:
        new.write_text(f"half {1 / 0}")
    assert file.read_text() == "old"
    assert list(file.parent.iterdir()) == [file]
    with pytest.raises(UsageError, match="cannot be written: "), beside(file / "below"):
        pass
