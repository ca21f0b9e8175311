"""What needs a terminal: a progress bar, a table with lines. Loads rich."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["bar", "draw"]


@contextmanager
def bar(total: int, label: str) -> Iterator[Callable[[str], None]]:
    """A bar of ``total`` steps on the terminal at stderr; call the result with a text for each step that begins."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # A file of its own: Dagster turns the usual one away from the terminal while a step runs.
    with os.fdopen(os.dup(sys.stderr.fileno()), "w") as stderr:
        console = Console(file=stderr)
        with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as progress:
            task = progress.add_task(label, total=total)
            done = -1

            def begin(text: str) -> None:
                nonlocal done
                done += 1
                progress.update(task, completed=done, description=text)

            yield begin


def draw(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    """Draw the table on the terminal at stdout."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name, is_right in zip(head, right, strict=True):
        table.add_column(name, justify="right" if is_right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
