"""What was written down of incidents, for who asks: what is wrong since when, who was told, and what is still to be said when."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torn_pipeline.alerts.message import MessageKind
from torn_pipeline.alerts.observation import Kind, Severity
from torn_pipeline.alerts.store import moment
from torn_pipeline.alerts.wording import lines_of, title_of
from torn_pipeline.errors import UsageError

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from torn_pipeline.alerts.outbox import Outbox

__all__ = ["History", "Incident", "Telling", "Thing", "find", "history_of", "incident_of"]

_TOLD = """
    SELECT DISTINCT said.channel FROM outbox AS said LEFT JOIN outbox AS whole ON whole.number = said.within
    WHERE said.incident = ? AND (said.sent IS NOT NULL OR whole.sent IS NOT NULL) ORDER BY 1
"""
_UNTOLD = "SELECT DISTINCT channel FROM waiting WHERE incident = ? AND NOT (kind = ? AND attempts = 0) ORDER BY 1"
_MESSAGES = """
    SELECT whole.*, channels.rests_until FROM outbox AS said JOIN outbox AS whole ON whole.number = coalesce(said.within, said.number)
    LEFT JOIN channels ON channels.name = whole.channel WHERE said.incident = ? GROUP BY whole.number
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something that is wrong, or was until ``closed``: all moments are UTC.

    ``title`` and ``lines`` are for people; ``severity`` is the worst of its things, of those that are still wrong where some are.
    ``told`` are the channels that have heard of it, ``waiting`` those that something about it is still to be sent to.
    """

    id: str
    severity: Severity
    title: str
    lines: tuple[str, ...]
    opened: datetime
    closed: datetime | None
    acknowledged: datetime | None
    acknowledged_by: str
    told: tuple[str, ...]
    waiting: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """Something that is wrong as part of an incident, or was until ``ended``: then it was right, or ``gone``, looked at no more."""

    kind: Kind
    severity: Severity
    title: str
    lines: tuple[str, ...]
    link: str
    began: datetime
    ended: datetime | None
    gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """A message about an incident: ``sent``, or ``given_up``, or ``due`` then as far as can be said now (UTC).

    ``title`` is empty as long as its words are not settled, which they are when it is first tried; ``attempts`` counts how often it
    was, ``said`` is what the channel last answered to that.
    """

    channel: str
    kind: MessageKind
    title: str
    sent: datetime | None
    given_up: datetime | None
    due: datetime | None
    attempts: int
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All that is known of an incident."""

    incident: Incident
    things: tuple[Thing, ...]
    tellings: tuple[Telling, ...]


def find(database: sqlite3.Connection, incident: str) -> sqlite3.Row:
    """The row of an incident, by its id or how that begins.

    Raises:
        UsageError: there is no such incident, or more than one.
    """
    rows = database.execute("SELECT * FROM incidents WHERE substr(id, 1, ?) = ?", (len(incident), incident)).fetchall()
    if len(rows) != 1 or not incident:
        message = f"there is {'more than one' if rows else 'no'} incident {incident!r}: `torn-pipeline alerts list --all` shows the ids"
        raise UsageError(message)
    found: sqlite3.Row = rows[0]
    return found


def incident_of(database: sqlite3.Connection, row: sqlite3.Row) -> Incident:
    """An incident by its row."""
    everything = _members(database, row)
    members = [one for one in everything if one["ended"] is None] or everything
    return Incident(
        id=row["id"],
        severity=max((Severity(one["severity"]) for one in members), key=lambda severity: severity.rank),
        title=title_of(members, row["cause"]),
        lines=tuple(lines_of(members)),
        opened=moment(row["opened"]),
        closed=_moment(row["closed"]),
        acknowledged=_moment(row["acknowledged"]),
        acknowledged_by=row["acknowledged_by"] or "",
        told=tuple(one["channel"] for one in database.execute(_TOLD, (row["id"],))),
        waiting=tuple(one["channel"] for one in database.execute(_UNTOLD, (row["id"], MessageKind.ESCALATION))),
    )


def history_of(database: sqlite3.Connection, outbox: Outbox, row: sqlite3.Row) -> History:
    """All that is known of an incident, by its row."""
    tellings = [_telling(outbox, one) for one in database.execute(_MESSAGES, (row["id"],)).fetchall()]
    return History(
        incident=incident_of(database, row),
        things=tuple(map(_thing, _members(database, row))),
        tellings=tuple(sorted(tellings, key=lambda one: one.sent or one.given_up or one.due or outbox.now)),
    )


def _members(database: sqlite3.Connection, row: sqlite3.Row) -> list[sqlite3.Row]:
    return database.execute("SELECT * FROM members WHERE incident = ? ORDER BY id", (row["id"],)).fetchall()


def _thing(member: sqlite3.Row) -> Thing:
    return Thing(
        kind=Kind(member["kind"]),
        severity=Severity(member["severity"]),
        title=member["title"],
        lines=tuple(member["text"].splitlines()),
        link=member["link"],
        began=moment(member["began"]),
        ended=_moment(member["ended"]),
        gone=bool(member["gone"]),
    )


def _telling(outbox: Outbox, row: sqlite3.Row) -> Telling:
    due, rest = outbox.goes_at(row), _moment(row["rests_until"])
    return Telling(
        channel=row["channel"],
        kind=MessageKind(row["kind"]),
        title=json.loads(row["body"])["title"] if row["body"] else "",
        sent=_moment(row["sent"]),
        given_up=_moment(row["given_up"]),
        due=None if row["sent"] or row["given_up"] else max(due, rest or due),
        attempts=row["attempts"],
        said=row["said"],
    )


def _moment(text: str | None) -> datetime | None:
    return moment(text) if text else None
