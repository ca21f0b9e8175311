"""``sql`` and ``export``: what is in the warehouse."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Command
from torn_pipeline.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from torn_pipeline.cli.session import Session

__all__ = ["export", "sql"]


@click.command(cls=Command)
@click.argument("query", metavar='"SELECT …"', required=False)
@click.option("-f", "--file", type=click.Path(path_type=Path, dir_okay=False, exists=True), metavar="FILE", help="Ask what this file says.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.pass_obj
def sql(session: Session, *, query: str | None, file: Path | None, form: str) -> int:
    """Ask the warehouse one question. Tables go by their names, the platform's own by torn_meta.NAME.

    The answer is read before it is printed, so that a slow reader blocks no load.
    """
    from torn_pipeline.cli.files import cells
    from torn_pipeline.steps import open_pipeline

    rows = open_pipeline(session.settings()).warehouse.query(_question(query, file))
    if form == "table":
        session.table(rows.column_names, cells(rows))
    else:
        _print(session, rows, form)
    return 0


@click.command(cls=Command)
@click.argument("table")
@click.option("--format", "form", type=click.Choice(["csv", "json", "parquet"]), default="csv", show_default=True)
@click.option("--to", "file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write into this file.")
@click.pass_obj
def export(session: Session, *, table: str, form: str, file: Path | None) -> int:
    """Write all rows of TABLE to stdout or a file: CSV, a JSON array of objects, or Parquet. Instants are ISO 8601 in UTC."""
    from torn_pipeline.cli.files import beside, texts, write_parquet
    from torn_pipeline.steps import open_pipeline, stored_columns

    if form == "parquet" and file is None and sys.stdout.isatty():
        message = "Parquet is no text for a terminal: name a file with --to, or redirect the output"
        raise UsageError(message)
    pipeline = open_pipeline(session.settings())
    name = table.removeprefix("torn/").removeprefix("torn.")
    there = stored_columns(pipeline)
    if name not in there:
        known = ", ".join(there) or "none yet: run torn-pipeline materialize first"
        message = f"there is no table {table!r} in the {pipeline.warehouse.label}; the tables are {known}"
        raise UsageError(message)
    rows = pipeline.warehouse.read(name).to_arrow()
    if form == "parquet":
        write_parquet(rows, file) if file else _print_parquet(rows)
    elif file:
        with beside(file) as new, new.open("w", encoding="utf-8") as out:
            out.writelines(session.redact(piece) for piece in texts(rows, form))
    else:
        _print(session, rows, form)
    return 0


def _question(query: str | None, file: Path | None) -> str:
    """The query as given, or as the file has it.

    Raises:
        UsageError: when there is none, there are two, or the file is no text.
    """
    if query is not None and file is None:
        return query
    if file is None or query is not None:
        message = 'sql takes one question: "SELECT …", or --file FILE with one in it'
        raise UsageError(message)
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = (
            f"{file} cannot be read as text: {error.strerror if isinstance(error, OSError) else error}; name a file with one query in it"
        )
        raise UsageError(message) from error


def _print(session: Session, rows: pa.Table, form: str) -> None:
    from torn_pipeline.cli.files import texts

    for piece in texts(rows, form):
        click.echo(session.redact(piece), nl=False, color=True)  # without it click leaves out what looks like a terminal's colours


def _print_parquet(rows: pa.Table) -> None:
    from torn_pipeline.cli.files import parquet_bytes

    click.echo(parquet_bytes(rows), nl=False)
