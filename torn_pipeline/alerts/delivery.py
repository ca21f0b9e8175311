"""Sending what waits: what is due, by which channel, and what follows from how it went.

Each message is settled and marked before it is sent, and marked again afterwards. A process that is killed in between leaves it
unknown whether it arrived, so that it is sent again with the same id: a channel that knows ids shows it once.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from torn_pipeline.alerts.incidents import Incidents
from torn_pipeline.alerts.message import Message, MessageKind
from torn_pipeline.alerts.observation import Kind, Observation, Severity
from torn_pipeline.alerts.outbox import Manner, Outbox
from torn_pipeline.alerts.store import moment, stamp
from torn_pipeline.alerts.wording import compose
from torn_pipeline.errors import ChannelRefused, ChannelUnavailable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from torn_pipeline.alerts.channels import Sender
    from torn_pipeline.alerts.store import Store
    from torn_pipeline.config.alerts import AlertsConfig

__all__ = ["Channel", "has_work", "settle_gone"]

_log = logging.getLogger(__name__)

_SHORTEST_REST = timedelta(seconds=20)
_LONGEST_REST = timedelta(minutes=15)
_DEAD_AFTER = timedelta(minutes=30)
_AFTER_REFUSALS = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
_GIVEN_UP_AFTER = timedelta(days=7)

_WAITING = "SELECT * FROM waiting WHERE channel = ? ORDER BY number"
_REFUSED = "SELECT number FROM waiting WHERE channel = ? AND refused IS NOT NULL"
_AGAIN = "UPDATE outbox SET due = ? WHERE number IN (SELECT number FROM waiting WHERE channel = ? AND refused IS NOT NULL)"
_OPEN = """
    SELECT DISTINCT members.* FROM members JOIN routes ON routes.member = members.id
    WHERE incident = ? AND channel = ? AND ended IS NULL ORDER BY id
"""
_HEARD = "SELECT members.* FROM members JOIN heard ON heard.member = members.id WHERE telling = ? ORDER BY id"
_FAILS = """
    INSERT INTO channels VALUES (?1, ?2, 1, ?2) ON CONFLICT (name) DO UPDATE SET failures = failures + 1
    RETURNING since, failures
"""


@dataclass(frozen=True, slots=True)
class Channel:
    """The messages of one channel on their way. One thread of one process at a time may send those of a channel."""

    store: Store
    config: AlertsConfig
    sender: Sender
    redact: Callable[[str], str]

    def deliver(self, now: datetime) -> int:
        """Send what is due, oldest first, until nothing is left or the channel is in trouble; the number that were sent."""
        sent = 0
        while (chosen := self._choose(now)) is not None:
            number, message = chosen
            try:
                self.sender.send(message)
            except ChannelRefused as error:
                self._refused(number, self.redact(str(error)), now)
            except ChannelUnavailable as error:
                self._unavailable(number, self.redact(str(error)), error.wait, now)
                break
            else:
                self._sent(number, now)
                _log.info("channel %s took %s %s: %s", self.sender.name, message.kind, message.id, message.title)
                sent += 1
        return sent

    def works(self, now: datetime) -> None:
        """Remember that the channel has taken a message outside the outbox: what it refused is due again."""
        with self.store.transaction() as database:
            database.execute(_AGAIN, (stamp(now), self.sender.name))
            database.execute("UPDATE channels SET rests_until = ? WHERE name = ?", (stamp(now), self.sender.name))
            self._recover(database, now)

    def _choose(self, now: datetime) -> tuple[int, Message] | None:
        """The next message, settled and marked as on its way."""
        with self.store.transaction() as database:
            outbox = Outbox(database, self.config, now)
            rows = _due(database, outbox, self.sender.name)
            if not rows:
                return None
            row = rows[0]
            if row["body"] is None:
                others = [other for other in rows[1:] if row["manner"] == other["manner"] == Manner.OVER and other["body"] is None]
                message = _settle(database, row, others)
                outbox.reach(row)
            else:
                message = _message(row["body"])
            database.execute("UPDATE outbox SET attempts = attempts + 1 WHERE number = ?", (row["number"],))
            return row["number"], message

    def _sent(self, number: int, now: datetime) -> None:
        with self.store.transaction() as database:
            database.execute("UPDATE outbox SET sent = ? WHERE number = ?", (stamp(now), number))
            self._recover(database, now)

    def _recover(self, database: sqlite3.Connection, now: datetime) -> None:
        """The channel works, unless there is something that it refuses."""
        name = self.sender.name
        if database.execute(_REFUSED, (name,)).fetchone():
            database.execute("UPDATE channels SET failures = 0 WHERE name = ?", (name,))
        elif database.execute("DELETE FROM channels WHERE name = ?", (name,)).rowcount:
            _observe(database, Outbox(database, self.config, now), name, ok=True)

    def _unavailable(self, number: int, said: str, wait: float | None, now: datetime) -> None:
        """Let the channel rest: as long as it asked for, and longer each time."""
        with self.store.transaction() as database:
            row = database.execute(_FAILS, (self.sender.name, stamp(now))).fetchone()
            rest = min(_SHORTEST_REST * 2 ** min(row["failures"] - 1, 16), _LONGEST_REST)
            until = now + max(rest, timedelta(seconds=wait or 0))
            database.execute("UPDATE channels SET rests_until = ? WHERE name = ?", (stamp(until), self.sender.name))
            database.execute("UPDATE outbox SET said = ? WHERE number = ?", (said, number))
            if now - moment(row["since"]) >= _DEAD_AFTER:
                _observe(database, Outbox(database, self.config, now), self.sender.name, said)
        _log.warning("%s; the next try is at %s", said, stamp(until))

    def _refused(self, number: int, said: str, now: datetime) -> None:
        """Set the message aside, for a while longer each time, and give it up after a week; the next ones go on."""
        with self.store.transaction() as database:
            database.execute(_FAILS, (self.sender.name, stamp(now)))
            row = database.execute("SELECT attempts, refused FROM outbox WHERE number = ?", (number,)).fetchone()
            first = row["refused"] or stamp(now)
            given_up = stamp(now) if now - moment(first) >= _GIVEN_UP_AFTER else None
            due = now + _AFTER_REFUSALS[min(row["attempts"], len(_AFTER_REFUSALS)) - 1]
            change = "UPDATE outbox SET refused = ?, due = ?, said = ?, given_up = ? WHERE number = ?"
            database.execute(change, (first, stamp(due), said, given_up, number))
            _observe(database, Outbox(database, self.config, now), self.sender.name, said)
        _log.error("%s; %s", said, "the message is given up" if given_up else f"the next try is at {stamp(due)}")


def settle_gone(database: sqlite3.Connection, outbox: Outbox) -> None:
    """A channel that the config has no more fails no more."""
    known = {channel.name for channel in outbox.config.channels}
    gone = {row["name"] for row in database.execute("SELECT name FROM channels")} - known
    if gone:
        database.executemany("DELETE FROM channels WHERE name = ?", [(name,) for name in gone])
        Incidents(database, outbox).drop(lambda kind, subject: kind is not Kind.CHANNEL_FAILED or subject not in gone)


def has_work(database: sqlite3.Connection, outbox: Outbox, channel: str) -> bool:
    """Whether a message is due for a channel that does not rest."""
    return bool(_due(database, outbox, channel))


def _observe(database: sqlite3.Connection, outbox: Outbox, channel: str, said: str = "", *, ok: bool = False) -> None:
    """Tell the others that a channel fails, or no more."""
    observation = Observation(
        kind=Kind.CHANNEL_FAILED,
        subject=channel,
        ok=ok,
        at=outbox.now,
        severity=Severity.ERROR,
        title=f"The alert channel {channel} {'takes messages' if ok else 'does not take messages'}",
        text=said,
    )
    Incidents(database, outbox).take([observation])


def _due(database: sqlite3.Connection, outbox: Outbox, channel: str) -> list[sqlite3.Row]:
    """The messages that may go now, oldest first; of one incident none overtakes another."""
    now = stamp(outbox.now)
    rest = database.execute("SELECT 1 FROM channels WHERE name = ? AND rests_until > ?", (channel, now)).fetchone()
    found: list[sqlite3.Row] = []
    held: set[str] = set()
    for row in () if rest else database.execute(_WAITING, (channel,)).fetchall():
        if row["incident"] in held:
            continue
        if row["due"] <= now and not outbox.quiet(row):
            found.append(row)
        if row["kind"] != MessageKind.ESCALATION or row["attempts"]:
            held.add(row["incident"])
    return found


def _settle(database: sqlite3.Connection, row: sqlite3.Row, others: list[sqlite3.Row]) -> Message:
    """Fix the words of a message, which tells what the other rows have to say too."""
    members = [member for one in (row, *others) for member in _members(database, one)]
    cause = database.execute("SELECT cause FROM incidents WHERE id = ?", (row["incident"],)).fetchone()["cause"]
    severity = max((Severity(one["severity"]) for one in (row, *others)), key=lambda one: one.rank)
    message = compose(row, severity, members, "" if others else cause)
    body = json.dumps(asdict(message) | {"at": stamp(message.at)})
    database.execute("UPDATE outbox SET body = ? WHERE number = ?", (body, row["number"]))
    database.executemany("UPDATE outbox SET within = ? WHERE number = ?", [(row["number"], one["number"]) for one in others])
    return message


def _members(database: sqlite3.Connection, row: sqlite3.Row) -> list[sqlite3.Row]:
    if row["kind"] == MessageKind.RECOVERY:
        return database.execute(_HEARD, (row["telling"],)).fetchall()
    return database.execute(_OPEN, (row["incident"], row["channel"])).fetchall()


def _message(body: str) -> Message:
    """A message as it was settled."""
    fields = json.loads(body)
    kind, severity = MessageKind(fields["kind"]), Severity(fields["severity"])
    at = moment(fields["at"]).astimezone(UTC)
    return Message(**fields | {"kind": kind, "severity": severity, "lines": tuple(fields["lines"]), "at": at})
