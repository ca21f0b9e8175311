"""Tables as plain text, for a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["aligned"]

_GAP = "  "


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """One line a row, its cells padded to the width of their column, those of columns in ``right`` from the left."""
    lines = [list(head), *([" ".join(cell.split()) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    padded = [
        _GAP.join(
            cell.rjust(width) if is_right else cell.ljust(width) for cell, width, is_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    ]
    return "\n".join(padded)
