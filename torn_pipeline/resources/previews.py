"""The first rows of what came, small enough that Dagster's UI shows them on an asset's page without a click."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

__all__ = ["preview_of_answer", "preview_of_table"]

PLAIN = str.maketrans("`|", "'\N{BROKEN BAR}")

_ROWS = 5
_LINES = 20  # of an answer
_CELL = 24  # characters of a value
_WIDTH = 56  # characters of a row of a table; more does not fit beside the names of the metadata
_SHOWN = 999  # characters of a preview: the UI hides a longer text behind a link
_ORIGIN = ("_account", "_fetch_id", "_fetched_at", "_raw_id")  # of the fetch, not of the row


def preview_of_table(frame: pl.DataFrame) -> str:
    """The first rows as a Markdown table, with as many columns as the UI shows at once; those without gaps go first."""
    first = frame.head(_ROWS)
    if not first.height:
        return "No rows came."
    names = sorted((name for name in first.columns if name not in _ORIGIN), key=lambda name: first[name].null_count() > 0)
    columns = [[name, "---", *map(_cell, first[name])] for name in names]
    shown = _fitting(columns)
    lines = [f"| {' | '.join(cells)} |" for cells in zip(*columns[:shown], strict=True)]
    rest = len(columns) - shown
    return "\n".join((*lines, *(("", f"and {rest} more columns") if rest else ())))


def preview_of_answer(content: bytes, root: str | None) -> str:
    """The first row of a response body below its key ``root`` (the body itself without one), as indented JSON in Markdown."""
    body = orjson.loads(content)
    row: Any = body if root is None else body.get(root)
    if isinstance(row, list):
        row = next(iter(row), None)
    lines = orjson.dumps(row, option=orjson.OPT_INDENT_2).decode().splitlines()
    text = "\n".join((*lines[:_LINES], *(["…"] if len(lines) > _LINES else [])))
    frame = "```json\n{}\n```"
    return frame.format(text if len(text) <= _SHOWN - len(frame) else f"{text[: _SHOWN - len(frame)]}…")


def _fitting(columns: Sequence[Sequence[str]]) -> int:
    """How many of the columns, from the first on, fit into one preview; one at least."""
    characters, width = len("\n\nand 100 more columns"), 0
    for count, column in enumerate(columns):
        characters += sum(len(cell) + len(" | ") for cell in column)
        width += max(len(word.strip("`")) for cell in column for word in cell.split(" ")) + 2
        if characters > _SHOWN - len(column) * len("| \n") or width > _WIDTH:
            return max(count, 1)
    return len(columns)


def _cell(value: object) -> str:
    """A value in one line, as code: players write names and texts, and nothing in them may become a link or a picture."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        text = f"{value:%Y\N{NON-BREAKING HYPHEN}%m\N{NON-BREAKING HYPHEN}%d %H:%M}"
    else:
        text = str(value).lower() if isinstance(value, bool) else " ".join(str(value).split()).translate(PLAIN)
    return f"`{text if len(text) <= _CELL else text[: _CELL - 1] + '…'}`" if text else ""
