"""``alerts``: what is wrong and who was told, and the channels tried out."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Group

if TYPE_CHECKING:
    from torn_pipeline.alerts import Incident
    from torn_pipeline.cli.session import Session

__all__ = ["alerts"]


@click.group(cls=Group)
def alerts() -> None:
    """What is wrong, who was told, and whether the channels work; the rules are in alerts.yaml beside the config."""


@alerts.command("list")
@click.option("--all", "everything", is_flag=True, help="Also what is right again.")
@click.pass_obj
def list_(session: Session, *, everything: bool) -> int:
    """List what is wrong, oldest first, with the channels that heard of it and those that are still to."""
    from torn_pipeline.alerts import open_alerts

    incidents = open_alerts(session.settings()).incidents(open_only=not everything)
    head = ("id", "severity", "since", "until", "acknowledged", "told", "waiting", "what")
    session.table(head, [_row(incident) for incident in incidents])
    return 0


@alerts.command()
@click.argument("incident", metavar="ID")
@click.option("--by", default="", metavar="NAME", help="Who cares for it; the user of this machine when left out.")
@click.pass_obj
def ack(session: Session, *, incident: str, by: str) -> int:
    """Say that somebody cares for an incident, so that it goes to nobody else; of its ID the beginning suffices."""
    from torn_pipeline.alerts import open_alerts

    known = open_alerts(session.settings()).acknowledge(incident, by or getpass.getuser(), datetime.now(UTC))
    if known.acknowledged is not None:
        session.say(f"{known.id}: {known.title}: acknowledged by {known.acknowledged_by} at {_moment(known.acknowledged)}")
    else:
        session.say(f"{known.id}: {known.title}: is right again since {_moment(known.closed)}, there is nothing to acknowledge")
    return 0


@alerts.command()
@click.argument("channel")
@click.pass_obj
def test(session: Session, *, channel: str) -> int:
    """Send a test message by a CHANNEL of alerts.yaml, now."""
    from torn_pipeline.alerts import open_alerts

    open_alerts(session.settings()).test(channel, datetime.now(UTC))
    session.say(f"{channel} took a test message")
    return 0


@alerts.command()
@click.pass_obj
def send(session: Session) -> int:
    """Send what waits now, as the daemon does by itself, and say what is left."""
    from torn_pipeline.alerts import open_alerts

    opened = open_alerts(session.settings())
    sent = opened.deliver(datetime.now(UTC))
    waiting = opened.waiting()
    left = ", ".join(f"{channel} {number}" for channel, number in waiting.items())
    session.say(f"sent: {sent}; still waiting: {left or 'nothing'}")
    return 0


def _row(incident: Incident) -> tuple[str, ...]:
    acknowledged = f"{incident.acknowledged_by} {_moment(incident.acknowledged)}" if incident.acknowledged else ""
    channels = ", ".join(incident.told), ", ".join(incident.waiting)
    return (
        incident.id,
        incident.severity,
        _moment(incident.opened),
        _moment(incident.closed),
        acknowledged,
        *channels,
        incident.title,
    )


def _moment(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
