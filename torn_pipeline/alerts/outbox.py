"""What is to be said to which channel: each change once, what ended before it was told in one message with its end."""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from typing import TYPE_CHECKING

from torn_pipeline.alerts.message import MessageKind
from torn_pipeline.alerts.observation import Severity
from torn_pipeline.alerts.store import moment, stamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from datetime import datetime

    from torn_pipeline.config.alerts import AlertsConfig, Rule

__all__ = ["Manner", "Outbox"]

_OPEN_ROUTES = """
    SELECT members.id AS member, severity, channel, rule, escalates FROM members JOIN routes ON routes.member = members.id
    WHERE incident = ? AND ended IS NULL
"""
_TELLINGS = "SELECT * FROM tellings WHERE incident = ? AND NOT ended"
_TELL = "INSERT INTO tellings (incident, channel, severity, reached) VALUES (?, ?, ?, ?)"
_REACH = "UPDATE tellings SET reached = 1 WHERE incident = ? AND channel = ? AND NOT ended"
_CALM = "DELETE FROM outbox WHERE number IN (SELECT number FROM unsaid WHERE incident = ? AND kind = ?)"
_QUEUE = "INSERT INTO outbox (incident, channel, kind, manner, severity, telling, due) VALUES (?, ?, ?, ?, ?, ?, ?)"
_PLANNED = "SELECT severity FROM outbox WHERE incident = ? AND channel = ? AND kind = ?"
_RAISE = "UPDATE outbox SET severity = ? WHERE number IN (SELECT number FROM unsaid WHERE kind = ? AND incident = ? AND channel = ?)"
_TAKE_BACK = "DELETE FROM outbox WHERE number IN (SELECT number FROM unsaid WHERE kind != ? AND incident = ? AND channel = ?)"
_ESCALATIONS = "SELECT channel FROM unsaid WHERE incident = ? AND kind = ?"
_OVERDUE = """
    SELECT severity FROM unsaid WHERE incident = ?1 AND channel = ?2 AND kind = ?3
    AND due <= (SELECT max(ended) FROM members JOIN routes ON routes.member = members.id WHERE incident = ?1 AND channel = ?2)
"""
_UNHEARD = """
    SELECT DISTINCT members.id AS member FROM members JOIN routes ON routes.member = members.id
    WHERE incident = ?1 AND channel = ?2
    AND id NOT IN (SELECT member FROM heard JOIN tellings ON number = telling WHERE incident = ?1 AND channel = ?2)
"""
_RULES = """
    SELECT DISTINCT rule, escalates FROM members JOIN routes ON routes.member = members.id
    WHERE incident = ? AND channel = ?
"""


class Manner(StrEnum):
    """Of messages of one kind: about what was not told before, what got worse, what ended before anything was said about it."""

    FIRST = "first"
    WORSE = "worse"
    OVER = "over"


class Outbox:
    """The messages within one transaction. ``now`` (UTC) is when they are written, ``config`` whom they are for."""

    def __init__(self, database: sqlite3.Connection, config: AlertsConfig, now: datetime) -> None:
        self._database = database
        self.config = config
        self.now = now

    def tell(self, incident: str) -> None:
        """Write what is to be said now that something about an incident has changed."""
        open_routes: dict[str, list[sqlite3.Row]] = defaultdict(list)
        for row in self._database.execute(_OPEN_ROUTES, (incident,)):
            open_routes[row["channel"]].append(row)
        told = {row["channel"]: row for row in self._database.execute(_TELLINGS, (incident,))}
        unsaid = self._database.execute(_ESCALATIONS, (incident, MessageKind.ESCALATION)).fetchall()
        for channel in sorted({*open_routes, *told, *(row["channel"] for row in unsaid)}):
            now_open, before = open_routes[channel], told.get(channel)
            worst, direct = _worst(now_open), _worst(row for row in now_open if not row["escalates"])
            if worst is None:
                self._end(incident, channel, before)
            elif before is not None:
                self._go_on(before, worst, now_open)
            elif direct is not None:
                self._begin(incident, channel, direct, now_open)
        self._escalate(incident, open_routes)

    def reach(self, row: sqlite3.Row) -> None:
        """Remember that a channel may have heard of an incident: a message about it is on its way."""
        whom = row["incident"], row["channel"]
        if row["kind"] == MessageKind.RECOVERY or self._database.execute(_REACH, whom).rowcount:
            return
        open_routes = [one for one in self._database.execute(_OPEN_ROUTES, whom[:1]) if one["channel"] == whom[1]]
        self._hear(self._database.execute(_TELL, (*whom, row["severity"], True)).lastrowid, open_routes)

    def calm(self, incident: str) -> None:
        """Take back the escalations of an incident that have not been sent."""
        self._database.execute(_CALM, (incident, MessageKind.ESCALATION))

    def quiet(self, row: sqlite3.Row) -> bool:
        """Whether all rules by which the channel hears of this want it quiet now."""
        return self._quiet_until(row, self.now) > self.now

    def goes_at(self, row: sqlite3.Row) -> datetime:
        """When a message may go, now at the earliest: it is due, and the rules let it."""
        return self._quiet_until(row, max(self.now, moment(row["due"])))

    def _begin(self, incident: str, channel: str, severity: Severity, now_open: list[sqlite3.Row]) -> None:
        telling = self._database.execute(_TELL, (incident, channel, severity, False)).lastrowid
        self._hear(telling, now_open)
        self._queue((incident, channel), (MessageKind.ALERT, Manner.FIRST), severity, telling, self.now)

    def _go_on(self, told: sqlite3.Row, worst: Severity, now_open: list[sqlite3.Row]) -> None:
        """Tell a rise in severity; what the channel did not hear of before joins in silence."""
        self._hear(told["number"], now_open)
        if worst.rank <= Severity(told["severity"]).rank:
            return
        whom = told["incident"], told["channel"]
        self._database.execute("UPDATE tellings SET severity = ? WHERE number = ?", (worst, told["number"]))
        if not self._database.execute(_RAISE, (worst, MessageKind.ALERT, *whom)).rowcount:
            self._queue(whom, (MessageKind.ALERT, Manner.WORSE), worst, told["number"], self.now)

    def _hear(self, telling: int | None, now_open: list[sqlite3.Row]) -> None:
        self._database.executemany("INSERT OR IGNORE INTO heard VALUES (?, ?)", {(telling, row["member"]) for row in now_open})

    def _end(self, incident: str, channel: str, told: sqlite3.Row | None) -> None:
        told = told or self._overdue(incident, channel)
        self._database.execute(_TAKE_BACK, (MessageKind.RECOVERY, incident, channel))
        if told is None:
            return
        self._database.execute("UPDATE tellings SET ended = 1 WHERE number = ?", (told["number"],))
        rules = self._rules(incident, channel)
        if told["reached"] and rules and not any(rule.recovery for rule in rules):
            return
        kind = MessageKind.RECOVERY, Manner.FIRST if told["reached"] else Manner.OVER
        self._queue((incident, channel), kind, Severity(told["severity"]), told["number"], self.now)

    def _overdue(self, incident: str, channel: str) -> sqlite3.Row | None:
        """What a channel was to be told by an escalation that could not go when it was due, as nobody looked."""
        late = self._database.execute(_OVERDUE, (incident, channel, MessageKind.ESCALATION)).fetchone()
        if late is None:
            return None
        telling = self._database.execute(_TELL, (incident, channel, late["severity"], False)).lastrowid
        self._hear(telling, self._database.execute(_UNHEARD, (incident, channel)).fetchall())
        found: sqlite3.Row = self._database.execute("SELECT * FROM tellings WHERE number = ?", (telling,)).fetchone()
        return found

    def _escalate(self, incident: str, open_routes: dict[str, list[sqlite3.Row]]) -> None:
        """Plan who else hears of it, once, if nobody acknowledges it; the time runs from when the first could have been told."""
        known = self._database.execute("SELECT acknowledged FROM incidents WHERE id = ?", (incident,)).fetchone()
        if known["acknowledged"]:
            return
        for channel, rows in open_routes.items():
            due = [at for row in rows if row["escalates"] and (at := self._due(row))]
            severity = _worst(rows)
            if not due or severity is None:
                continue
            planned = self._database.execute(_PLANNED, (incident, channel, MessageKind.ESCALATION)).fetchone()
            if planned is None:
                self._queue((incident, channel), (MessageKind.ESCALATION, Manner.FIRST), severity, None, min(due))
            elif severity.rank > Severity(planned["severity"]).rank:
                self._database.execute(_RAISE, (severity, MessageKind.ESCALATION, incident, channel))

    def _due(self, row: sqlite3.Row) -> datetime | None:
        rule = self.config.rule.get(row["rule"])
        if rule is None or rule.escalate is None:
            return None
        return rule.quiet_until(self.now, Severity(row["severity"])) + rule.escalate.after

    def _quiet_until(self, row: sqlite3.Row, at: datetime) -> datetime:
        """The moment, from ``at`` on, when one of the rules by which the channel hears of this lets it go."""
        rules = self._rules(row["incident"], row["channel"], row["kind"])
        return min((rule.quiet_until(at, Severity(row["severity"])) for rule in rules), default=at)

    def _queue(
        self, whom: tuple[str, str], kind: tuple[MessageKind, Manner], severity: Severity, telling: int | None, due: datetime
    ) -> None:
        """Write a message to be sent: the incident and the channel, what it is and in which manner."""
        self._database.execute(_QUEUE, (*whom, *kind, severity, telling, stamp(due)))

    def _rules(self, incident: str, channel: str, kind: str = MessageKind.RECOVERY) -> list[Rule]:
        """The rules, as far as the config still has them, by which a channel hears of an incident; of a recovery by any of them."""
        rows = self._database.execute(_RULES, (incident, channel)).fetchall()
        fitting = [row for row in rows if kind == MessageKind.RECOVERY or (kind == MessageKind.ESCALATION) == bool(row["escalates"])]
        if any(row["rule"] not in self.config.rule for row in fitting):
            return []  # it is heard without a rule, or by one that is gone: nothing holds it
        return [self.config.rule[row["rule"]] for row in fitting]


def _worst(rows: Iterable[sqlite3.Row]) -> Severity | None:
    return max((Severity(row["severity"]) for row in rows), key=lambda severity: severity.rank, default=None)
