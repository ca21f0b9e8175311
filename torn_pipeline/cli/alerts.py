"""``alerts``: what is wrong and who was told, and the channels tried out."""

from __future__ import annotations

import getpass
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Group
from torn_pipeline.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.alerts import Alerts, Incident, Telling, Thing
    from torn_pipeline.cli.session import Session

__all__ = ["alerts"]

_TELLINGS = ("channel", "message", "when", "state")


@click.group(cls=Group)
def alerts() -> None:
    """What is wrong, who was told, and whether the channels work; the rules are in alerts.yaml beside the config."""


@alerts.command("list")
@click.option("--all", "everything", is_flag=True, help="Also what is over.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def list_(session: Session, *, everything: bool, form: str) -> int:
    """List what is wrong, oldest first, with the channels that heard of it and those that are still to."""
    incidents = _open(session).incidents(open_only=not everything)
    if form == "json":
        session.say(json.dumps({"incidents": [asdict(one) for one in incidents]}, indent=1, ensure_ascii=False, default=_moment))
    elif incidents:
        head = ("id", "severity", "since", "until", "acknowledged", "told", "waiting", "what")
        session.table(head, [_row(incident) for incident in incidents])
    else:
        session.say("nothing was ever wrong" if everything else "nothing is wrong; `torn-pipeline alerts list --all` shows what was")
    return 0


@alerts.command()
@click.argument("incident", metavar="ID")
@click.pass_obj
def show(session: Session, *, incident: str) -> int:
    """Show all of an incident: what is wrong since when, who was told, and who is to be told when; of its ID the beginning suffices."""
    found = _open(session).history(incident, datetime.now(UTC))
    one = found.incident
    session.say(f"{one.id}: {one.severity}: {one.title}")
    session.say(f"since {_moment(one.opened)}{f' until {_moment(one.closed)}' if one.closed else ''}; {_care(one)}")
    for thing in found.things:
        session.say()
        _tell_thing(session, thing)
    session.say()
    if found.tellings:
        session.table(_TELLINGS, [_telling(told) for told in found.tellings])
    else:
        session.say("no rule of alerts.yaml tells anybody")
    return 0


@alerts.command()
@click.argument("incident", metavar="ID")
@click.option("--by", metavar="NAME", help="Who cares for it; the user of this machine when left out.")
@click.pass_obj
def ack(session: Session, *, incident: str, by: str | None) -> int:
    """Say that somebody cares for an incident, so that it goes to nobody else; of its ID the beginning suffices."""
    now = datetime.now(UTC)
    known = _open(session).acknowledge(incident, _name(by), now)
    what = f"{known.id}: {known.title}:"
    if known.closed is not None:
        session.say(f"{what} is over since {_moment(known.closed)}, there is nothing to acknowledge")
    elif known.acknowledged == now:
        session.say(f"{what} acknowledged by {known.acknowledged_by} at {_moment(now)}")
    else:
        session.say(f"{what} {known.acknowledged_by} has it since {_moment(known.acknowledged)}, so nothing is changed")
    return 0


@alerts.command()
@click.argument("channel")
@click.pass_obj
def test(session: Session, *, channel: str) -> int:
    """Send a test message by a CHANNEL of alerts.yaml, now."""
    from torn_pipeline.alerts import open_alerts

    opened = open_alerts(session.settings())
    if opened.problem:
        raise ConfigError(opened.problem)
    opened.test(channel, datetime.now(UTC))
    session.say(f"{channel} took a test message")
    return 0


@alerts.command()
@click.pass_obj
def send(session: Session) -> int:
    """Send what waits now, as the daemon does by itself, and say what is left."""
    opened = _open(session)
    sent = opened.deliver(datetime.now(UTC))
    waiting = opened.waiting()
    left = ", ".join(f"{channel} {number}" for channel, number in waiting.items())
    session.say(f"sent: {sent}; still waiting: {left or 'nothing'}")
    return 0


def _open(session: Session) -> Alerts:
    """The alerts; what is wrong with their rules is told, and keeps nobody from asking."""
    from torn_pipeline.alerts import open_alerts

    opened = open_alerts(session.settings())
    if opened.problem:
        session.tell(opened.problem)
    return opened


def _name(by: str | None) -> str:
    """Who somebody says that they are, or as whom they are logged in."""
    if by is None:
        try:
            return getpass.getuser()
        except (KeyError, OSError) as error:  # of a container, say
            message = "this machine has no name for you: say who cares for it with --by NAME"
            raise UsageError(message) from error
    if not by.strip():
        message = "--by is empty: give the name of who cares for it, or leave it out"
        raise UsageError(message)
    return by.strip()


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


def _care(incident: Incident) -> str:
    if incident.acknowledged is not None:
        return f"acknowledged by {incident.acknowledged_by} at {_moment(incident.acknowledged)}"
    return "nobody acknowledged it" if incident.closed else f"to acknowledge it: torn-pipeline alerts ack {incident.id}"


def _tell_thing(session: Session, thing: Thing) -> None:
    until = f" until {_moment(thing.ended)}" if thing.ended else ""
    session.say(f"{thing.title} ({thing.kind}, {thing.severity})")
    details: Sequence[str] = (f"since {_moment(thing.began)}{until}{', is no longer watched' if thing.gone else ''}", *thing.lines)
    for line in (*details, thing.link):
        if line.strip():
            session.say(f"  {line}")


def _telling(told: Telling) -> tuple[str, ...]:
    """A message: what it says, or of which kind it will be, and when it went or is to go."""
    what = told.title or told.kind
    if told.sent is not None:
        return told.channel, what, _moment(told.sent), "told"
    if told.given_up is not None:
        return told.channel, what, _moment(told.given_up), f"given up, it said: {told.said}"
    tries = f"; {told.attempts} {'try' if told.attempts == 1 else 'tries'}, it said: {told.said}" if told.said else ""
    unless = " unless acknowledged or over by then" if told.kind == "escalation" and not told.attempts else ""
    return told.channel, what, _moment(told.due), f"to be told{unless}{tries}"


def _moment(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
