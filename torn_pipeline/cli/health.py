"""``health``: whether all is well, by its exit status too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Command

if TYPE_CHECKING:
    from torn_pipeline.cli.session import Session

__all__ = ["health"]

_HEAD = ("state", "what", "what to do")


@click.command(cls=Command)
@click.option("--alert", is_flag=True, help="Tell the alerts what was found, and send what waits; cron may be the first to know.")
@click.pass_obj
def health(session: Session, *, alert: bool) -> int:
    """Say whether all is well: daemon, disks, keys, budgets, freshness, open incidents, messages that wait.

    Needs no Dagster, so it can be asked by cron or Kubernetes. Exit status 1 when something is wrong, warnings aside.
    """
    from torn_pipeline.alerts import Severity, open_alerts
    from torn_pipeline.steps import open_pipeline
    from torn_pipeline.steps.health import look

    settings, now = session.settings(), datetime.now(UTC)
    found, alerts = list(look(open_pipeline(settings), now)), open_alerts(settings)
    if alert:
        alerts.observe(found, now=now)
        alerts.deliver(now)
    incidents, wrong = alerts.incidents(), [one for one in found if not one.ok]
    rows = [(str(one.severity), one.title, one.text) for one in wrong]
    rows += [
        (str(one.severity), f"incident {one.id} since {one.opened:%Y-%m-%d %H:%M} UTC: {one.title}", f"torn-pipeline alerts ack {one.id}")
        for one in incidents
    ]
    rows += [(str(Severity.WARNING), f"{count} messages wait for the channel {name}", "") for name, count in alerts.waiting().items()]
    severities = [*(one.severity for one in wrong), *(one.severity for one in incidents)]
    is_bad = any(severity is not Severity.WARNING for severity in severities)
    if rows:
        session.table(_HEAD, rows)
    session.say(f"{'not well' if is_bad else 'well'}: {len(found) - len(wrong)} of {len(found)} things looked at are right")
    return 1 if is_bad else 0
