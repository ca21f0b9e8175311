"""``logs``: the records of the log that belong to one piece of work."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from torn_pipeline.cli.options import Command
from torn_pipeline.config import load_config
from torn_pipeline.config.durations import parse_period
from torn_pipeline.ops.log_lines import TextLine, record_of
from torn_pipeline.ops.log_reading import LogReader, Record, Wanted
from torn_pipeline.ops.logging import log_file
from torn_pipeline.settings import LOG_LEVELS

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from torn_pipeline.cli.session import Session

__all__ = ["logs"]

_TEXT = TextLine(str)  # nothing to hide: the log has no secret, and what is said goes through the session


class _When(click.ParamType[datetime]):
    """A moment: a day, a time, or how long ago it was."""

    name = "when"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment; where it names no zone it is in UTC."""
        text = str(value)
        try:
            moment = datetime.now(UTC) - parse_period(text) if text.startswith("P") else datetime.fromisoformat(text)
        except (ValueError, OverflowError):
            self.fail(f"{text!r} is no moment: use 2026-04-29, 2026-04-29T12:15 (UTC), or how long ago, such as PT2H", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class _Options(TypedDict):
    """What the command is given."""

    run: str
    endpoint: str
    account: str
    fetch: str
    call: str
    level: str
    since: datetime | None
    follow: bool
    form: str


@click.command(cls=Command)
@click.option("--run", default="", metavar="ID", help="Only this run of Dagster's; the first 8 characters will do.")
@click.option("--endpoint", default="", metavar="NAME", help="Only work for this endpoint.")
@click.option("--account", default="", metavar="NAME", help="Only work for this account.")
@click.option("--fetch", default="", metavar="ID", help="Only this fetch, a row's _fetch_id; what is after its last - will do.")
@click.option("--call", default="", metavar="ID", help="Only this call of the API.")
@click.option("--level", type=click.Choice(LOG_LEVELS, case_sensitive=False), default="DEBUG", help="Only this level and those above.")
@click.option("--since", type=_When(), metavar="WHEN", help="From 2026-04-29 or 2026-04-29T12:15 (UTC) on; PT2H is two hours ago.")
@click.option("--follow", is_flag=True, help="Go on with what is written from now on, until Ctrl-C.")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True, help="How a record is shown.")
@click.pass_obj
def logs(session: Session, **options: Unpack[_Options]) -> int:
    """Show what the log says of a run, an endpoint, an account, a fetch or a call, oldest first.

    Of several options all must fit. The rotated files of the log are read too. `torn-pipeline logs --run ID > run.log` gives a run a
    file of its own.
    """
    settings = session.settings()
    reader = LogReader(log_file(settings, load_config(settings).logging))
    wanted = Wanted(
        run=options["run"],
        endpoint=options["endpoint"],
        account=options["account"],
        fetch=options["fetch"],
        call=options["call"],
        level=options["level"],
        since=options["since"],
    )
    shown = 0
    with _ended_by_ctrl_c() if options["follow"] else nullcontext():
        for record in reader.records(follow=options["follow"]):
            if record in wanted:
                session.say(_told(record, options["form"]))
                shown += 1
    if not shown:
        session.tell(f"the log {reader.path} has no such record" if reader.path.exists() else f"there is no log {reader.path} yet")
    if reader.skipped:
        lines = "1 line is" if reader.skipped == 1 else f"{reader.skipped} lines are"
        session.tell(f"{lines} left out: no whole record, as a process leaves it that is killed while it writes")
    return 0


def _told(record: Record, form: str) -> str:
    return record.line if form == "json" else _TEXT.format(record_of(record.fields, record.moment))


def _ended_by_ctrl_c() -> AbstractContextManager[None]:
    from torn_pipeline.cli.ui import until_ctrl_c

    return until_ctrl_c()
