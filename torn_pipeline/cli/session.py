"""What one call of the console script shares: the settings, and what goes to stdout and stderr."""

from __future__ import annotations

import dataclasses
import shutil
import sys
import tempfile
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.tables import aligned
from torn_pipeline.ops.logging import configure
from torn_pipeline.redaction import Redactor
from torn_pipeline.settings import LogDefaults, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Session"]

_CONTROLS = str.maketrans({number: f"\\u{number:04x}" for number in (*range(0x20), *range(0x7F, 0xA0)) if chr(number) not in "\t\n"})
"""Characters that a terminal obeys rather than shows, as JSON writes them: players choose the texts of which there are many."""


class Session:
    """One call of the console script; nothing that goes through it shows a secret of the settings.

    ``debug`` is whether ``--debug`` was given: tracebacks are shown, and Dagster's own log.
    """

    def __init__(self) -> None:
        self.debug = False
        self.redact: Callable[[str], str] = str

    # --- settings ----------------------------------------------------------------------------------------

    def settings(self) -> Settings:
        """The environment's settings; logging is set up for them.

        Raises:
            ConfigError: with one line for each problem.
        """
        return self.use(Settings.from_environment())

    def use(self, settings: Settings) -> Settings:
        """Log by these settings, hide their secrets, and let Dagster find its database, from now on."""
        self.redact = Redactor(settings.secrets)
        settings.tell_dagster()
        configure(settings, console=True)
        return settings

    @contextmanager
    def scratch_settings(self) -> Iterator[Settings]:
        """The environment's settings with a data directory that is gone afterwards, with the log and whatever else is written.

        Warehouse and landing are the environment's own, to be read.

        Raises:
            ConfigError: with one line for each problem.
        """
        given = Settings.from_environment()
        folder = Path(tempfile.mkdtemp(prefix="torn-pipeline-"))
        warehouse = given.warehouse or f"duckdb:///{(given.data_dir / 'warehouse.duckdb').absolute()}"
        try:
            log = folder / LogDefaults().file
            yield self.use(dataclasses.replace(given, data_dir=folder, warehouse=warehouse, landing=given.landing_url, log_file=log))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    # --- what people see ---------------------------------------------------------------------------------

    def say(self, text: str = "") -> None:
        """A line of the answer, on stdout."""
        click.echo(self._plain(text))

    def tell(self, text: str) -> None:
        """A line about the work, on stderr."""
        click.echo(self._plain(text), err=True)

    def tell_error(self, error: BaseException, sentence: str = "") -> None:
        """An error's sentence on stderr, after its traceback when debugging."""
        if self.debug:
            self.tell("".join(traceback.format_exception(error)).rstrip())
        self.tell(sentence or str(error))

    def table(self, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table on stdout: drawn on a terminal, aligned text otherwise. Numbers stand to the right."""
        cells = [[self._plain("" if value is None else str(value)) for value in row] for row in rows]
        right = [any(isinstance(row[column], int | float) for row in rows) for column in range(len(head))]
        if sys.stdout.isatty():
            from torn_pipeline.cli.terminal import draw

            draw(head, cells, right)
        else:
            click.echo(aligned(head, cells, right))

    @contextmanager
    def progress(self, total: int, label: str) -> Iterator[Callable[[str], None]]:
        """A progress bar on a terminal, nothing otherwise; call the result with a text for each of ``total`` steps that begins."""
        if not sys.stderr.isatty():
            yield lambda _: None
            return
        from torn_pipeline.cli.terminal import bar

        with bar(total, label) as begin:
            yield lambda text: begin(self._plain(text))

    def _plain(self, text: str) -> str:
        """Without secrets, and without what would move the cursor, hide text or change the terminal."""
        return self.redact(text).translate(_CONTROLS)
