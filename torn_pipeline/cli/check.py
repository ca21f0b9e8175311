"""``check``: everything that can be wrong before the first call, at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Command
from torn_pipeline.redaction import Redactor
from torn_pipeline.settings import Settings

if TYPE_CHECKING:
    from torn_pipeline.cli.session import Session

__all__ = ["check"]


@click.command(cls=Command)
@click.option("--queries", is_flag=True, help="Also ask every rule and KPI of the config once, and show what they come to.")
@click.pass_obj
def check(session: Session, *, queries: bool) -> int:
    """Check config, keys, request budget, warehouse, landing and disk, and show every problem at once.

    Nothing is written and no call is made. The exit status is 2 for a problem of config or environment, a query that the warehouse
    finds wrong among them, 1 when only the warehouse, the landing or the disk is in the way.
    """
    from torn_pipeline.cli.checking import ASKED_HEAD, ask_wishes, check_all
    from torn_pipeline.steps import open_pipeline

    settings, problems = Settings.read()
    session.redact = Redactor(settings.secrets)
    report = check_all(settings, problems)
    for line in report.good:
        session.say(line)
    for line in dict.fromkeys((*report.config, *report.surroundings, *report.warnings)):
        session.tell(line)
    if not queries or report.config:
        return report.exit_status
    asked = ask_wishes(open_pipeline(settings))
    if asked.rows:
        session.table(ASKED_HEAD, asked.rows)
    for line in asked.problems:
        session.tell(line)
    return max(report.exit_status, asked.exit_status)
