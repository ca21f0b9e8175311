"""Previews: small enough for an asset's page, and nothing in them but what came."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torn_pipeline.resources import preview_of_answer
from torn_pipeline.resources.previews import preview_of_table

INLINE = 1_000  # characters from which on the UI hides a preview behind a link
VALUES = st.none() | st.text(max_size=80) | st.integers(-(2**63), 2**63 - 1).map(str)


def cells(line: str) -> list[str]:
    return [cell.strip(" `") for cell in line.strip("|").split(" | ")]


def test_a_table_is_shown_by_its_first_rows() -> None:
    frame = pl.DataFrame(
        {
            "_account": ["default"] * 7,
            "id": range(7),
            "note": [None, *"bcdefg"],
            "is_on": [True, False, True, True, True, True, True],
            "created_at": [datetime(2026, 4, 2, 12, 28, 24, tzinfo=UTC)] * 7,
        }
    )

    head, line, *rows = preview_of_table(frame).splitlines()

    assert cells(head) == ["id", "is_on", "created_at", "note"]
    assert cells(line) == ["---"] * 4
    assert [cells(row)[0] for row in rows] == ["0", "1", "2", "3", "4"]
    assert cells(rows[1]) == ["1", "false", "2026\u201104\u201102 12:28", "b"]


def test_columns_that_do_not_fit_are_counted() -> None:
    frame = pl.DataFrame({f"a_column_of_a_long_name_{number}": [number] for number in range(9)})

    shown = preview_of_table(frame)

    assert cells(shown.splitlines()[0]) == ["a_column_of_a_long_name_0", "a_column_of_a_long_name_1"]
    assert shown.endswith("\n\nand 7 more columns")


def test_a_table_without_rows_says_so() -> None:
    assert preview_of_table(pl.DataFrame({"id": []})) == "No rows came."


def test_what_players_write_is_shown_as_it_is_and_becomes_no_markup() -> None:
    frame = pl.DataFrame({"name": ["a|b\nc", "[x](https://example.org)", "<b>*_`", " ", "n" * 99]})

    rows = preview_of_table(frame).splitlines()[2:]

    assert rows == ["| `a\u00a6b c` |", "| `[x](https://example.org)` |", "| `<b>*_'` |", "|  |", f"| `{'n' * 23}…` |"]


@given(st.lists(st.lists(VALUES, min_size=4, max_size=4), min_size=1, max_size=8))
def test_every_preview_of_a_table_is_shown_without_a_click(rows: list[list[str | None]]) -> None:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(("id", "name", "status", "description"), pl.String), orient="row")

    shown = preview_of_table(frame)

    assert len(shown) < INLINE
    assert len(shown.partition("\n\n")[0].splitlines()) == min(len(rows), 5) + 2


@pytest.mark.parametrize(
    ("body", "root", "row"),
    [
        ({"crimes": [{"id": 1}, {"id": 2}]}, "crimes", {"id": 1}),
        ({"crimes": []}, "crimes", None),
        ({"basic": {"id": 1}}, "basic", {"id": 1}),
        ({"money": 1}, None, {"money": 1}),
    ],
)
def test_an_answer_is_shown_by_its_first_row(body: object, root: str | None, row: object) -> None:
    shown = preview_of_answer(json.dumps(body).encode(), root)

    assert shown == f"```json\n{json.dumps(row, indent=2)}\n```"


@pytest.mark.parametrize("value", [list(range(500)), "x" * 5_000, "```\n" * 300])
def test_a_long_answer_is_cut(value: object) -> None:
    shown = preview_of_answer(json.dumps({"row": {"value": value}}).encode(), "row")

    assert len(shown) < INLINE
    assert shown.splitlines()[0] == "```json"
    assert [line for line in shown.splitlines()[1:] if line.startswith("```")] == ["```"]
    assert "…" in shown
