"""``backup`` and ``restore``: copies of the whole warehouse."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Command
from torn_pipeline.errors import PipelineError, UsageError

if TYPE_CHECKING:
    from torn_pipeline.cli.session import Session
    from torn_pipeline.steps import Pipeline

__all__ = ["backup", "restore"]

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(cls=Command)
@click.option(
    "--to", "folder", type=_FOLDER, metavar="FOLDER", help="Write into this folder, `backups` beside the DuckDB file unless given."
)
@click.pass_obj
def backup(session: Session, *, folder: Path | None) -> int:
    """Copy the warehouse as it is now, whole. The newest keep_backups copies stay.

    DuckDB's file is copied into a folder, with its checksum; BigQuery keeps a clone of each table in the dataset of the
    platform's own.
    """
    from torn_pipeline.steps import back_up, open_pipeline

    made = back_up(open_pipeline(session.settings()), folder)
    checksum = f", SHA-256 {made.checksum}" if made.checksum else ""
    session.say(f"backup of {_moment(made.moment)}: {made.place}, {made.size} bytes{checksum}")
    return 0


@click.command(cls=Command)
@click.option("--as-of", "as_of", metavar="MOMENT", help="As it was then, such as 2026-04-29T12:00Z; UTC where no zone is given.")
@click.option("--list", "only_list", is_flag=True, help="Show which backups there are, and do nothing.")
@click.option(
    "--from", "folder", type=_FOLDER, metavar="FOLDER", help="Take it from this folder, `backups` beside the DuckDB file unless given."
)
@click.option("--no-replay", is_flag=True, help="Leave it as it was backed up; do not load what has landed from then until MOMENT.")
@click.pass_obj
def restore(session: Session, *, as_of: str | None, only_list: bool, folder: Path | None, no_replay: bool) -> int:
    """Put the warehouse back to what it was at a moment.

    Takes the newest backup that is not after it, and loads what has landed from then until the moment, without a call.
    What was there becomes a backup first. In BigQuery, let no load run meanwhile.
    """
    from torn_pipeline import steps

    if only_list:
        there = steps.backups(steps.open_pipeline(session.settings()), folder)
        session.table(("as of", "bytes", "place"), [(_moment(found.moment), found.size, found.place) for found in there])
        return 0
    if as_of is None:
        message = "restore needs the moment to go back to: --as-of 2026-04-29T12:00Z, or --list to see the backups"
        raise UsageError(message)
    moment = _parse(as_of)
    pipeline = steps.open_pipeline(session.settings())
    chosen, before = steps.restore(pipeline, moment, folder)
    session.say(f"restored {pipeline.warehouse.label} from the backup of {_moment(chosen.moment)}")
    if before is not None:
        session.say(f"what was there is the backup of {_moment(before.moment)} now: {before.place}")
    return 0 if no_replay else _replay(session, pipeline, moment)


def _replay(session: Session, pipeline: Pipeline, moment: datetime) -> int:
    """Load what has landed until the moment; the exit status."""
    from torn_pipeline.steps import replay

    loaded = refused = 0
    for fetched, outcome in replay(pipeline, [endpoint.name for endpoint in pipeline.config.endpoints], until=moment):
        if isinstance(outcome, PipelineError):
            refused += 1
            session.tell(f"fetch {fetched.fetch_id}: {outcome}")
        else:
            loaded += not outcome.skipped
    session.say(f"loaded {loaded} fetches that landed until {_moment(moment)}")
    return 1 if refused else 0


def _parse(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"--as-of {text!r} is no moment: write for example 2026-04-29T12:00Z"
        raise UsageError(message) from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
