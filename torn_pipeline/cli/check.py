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
@click.pass_obj
def check(session: Session) -> int:
    """Check config, keys, request budget, warehouse, landing and disk, and show every problem at once.

    Nothing is written and no call is made. The exit status is 2 for a problem of config or environment, 1 when only the
    warehouse, the landing or the disk is in the way.
    """
    from torn_pipeline.cli.checking import check_all

    settings, problems = Settings.read()
    session.redact = Redactor(settings.secrets)
    report = check_all(settings, problems)
    for line in report.good:
        session.say(line)
    for line in dict.fromkeys((*report.config, *report.surroundings, *report.warnings)):
        session.tell(line)
    return report.exit_status
