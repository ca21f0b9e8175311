"""What a check of a run said, in words for people: a title, what it found with the first of its rows, and what to do."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import dagster as dg

from torn_pipeline.checks import advice, grade_of
from torn_pipeline.checks.specs import CONTRACT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["check_text", "check_title"]

_ROWS = 5  # offending rows that a message shows
_DESCRIBED = "findings"  # the table of a check's result that its description tells
_FOUND = ("found", "value")  # what a row says besides which one it is
_LOST = ["table", "what", "lost", "of", "why"]  # the columns of points that a score lost


def check_title(check: dg.AssetCheckEvaluation, account: str) -> str:
    """One line about what a check said, of an account where it is about one."""
    is_error = check.severity is dg.AssetCheckSeverity.ERROR
    outcome = "passed" if check.passed else "failed" if is_error else "warns"
    return f"check {check.check_name} of {check.asset_key.to_user_string()}{f' for {account}' if account else ''} {outcome}"


def check_text(check: dg.AssetCheckEvaluation, description: str) -> str:
    """What a check found, the first of its rows, and what to do, as its ``description`` of itself says; nothing when it passed."""
    said = check.description or ""
    return "" if check.passed else "\n".join(filter(None, (said, *_rows(check), _to_do(check, description))))


def _to_do(check: dg.AssetCheckEvaluation, description: str) -> str:
    """What to do about the answer, without the sentence that says what the answer means: that stands above it already."""
    return advice(description, grade_of(check).grade)[1].partition(". ")[2] if description else ""


def _rows(check: dg.AssetCheckEvaluation) -> Iterator[str]:
    """The first of the rows that a check's result shows."""
    for name, value in check.metadata.items():
        if isinstance(value, dg.TableMetadataValue) and name != _DESCRIBED:
            columns = [column.name for column in value.schema.columns]
            rows = [record.data for record in value.records]
            chosen = _news(rows, check.description or "") if check.check_name == CONTRACT else iter(rows)
            yield from (_row(columns, cells) for cells in islice(chosen, _ROWS))


def _news(rows: Sequence[Mapping[str, object]], said: str) -> Iterator[Mapping[str, object]]:
    """The rows that tell something that neither the sentence nor a row before them has said."""
    known = set()
    for cells in rows:
        found = tuple(str(cells.get(name, "")) for name in _FOUND)
        if found not in known and found[1] not in said:
            yield cells
        known.add(found)


def _row(columns: Sequence[str], cells: Mapping[str, object]) -> str:
    if columns == _LOST:
        why = f", {cells['why']}" if cells["why"] else ""
        return f"- {cells['table']}: {cells['what']} lost {cells['lost']} of {cells['of']}{why}"
    named = [f"{name} {cells[name]}" for name in columns if cells.get(name) not in {None, ""}]
    return f"- {', '.join(named)}"
