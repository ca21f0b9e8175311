"""What is wrong, by what was observed: things that are wrong together are one incident, which ends when all of them are right."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torn_pipeline.alerts.observation import Kind, Severity
from torn_pipeline.alerts.rules import routes
from torn_pipeline.alerts.store import stamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from torn_pipeline.alerts.observation import Observation
    from torn_pipeline.alerts.outbox import Outbox

__all__ = ["STORM", "Incidents"]

STORM = 5
"""As many things may go wrong at once, each by itself, before they are taken for one incident."""

_ID_BYTES = 6
_LATEST = "SELECT max(coalesce(ended, seen)) FROM members WHERE key = ?"
_INSERT = """
    INSERT INTO members (incident, key, kind, severity, title, text, link, began, seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_GO_ON = "UPDATE members SET severity = ?, title = ?, text = ?, link = ?, seen = ? WHERE id = ?"
_END = "UPDATE members SET ended = ?1, seen = ?1, right_title = ?2, gone = ?3 WHERE id = ?4"
_CLOSE = """
    UPDATE incidents SET closed = ?1
    WHERE id = ?2 AND NOT EXISTS (SELECT 1 FROM members WHERE incident = ?2 AND ended IS NULL)
"""


@dataclass(slots=True)
class _Open:
    """Something that is wrong, as far as it was observed until now."""

    id: int
    incident: str
    severity: Severity
    seen: str


class Incidents:
    """The incidents within one transaction; what changes is told to the outbox."""

    def __init__(self, database: sqlite3.Connection, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox
        rows = database.execute("SELECT id, key, incident, severity, seen FROM members WHERE ended IS NULL")
        self._open = {row["key"]: _Open(row["id"], row["incident"], Severity(row["severity"]), row["seen"]) for row in rows}
        self._storm = ""

    def take(self, observations: Sequence[Observation]) -> None:
        """Take what was observed in one pass, in its order; what is older than what is known of a thing counts for nothing."""
        fresh = {one.key for one in observations if not one.ok and not one.cause and one.key not in self._open and not self._is_late(one)}
        for observation in observations:
            known = self._open.get(observation.key)
            if self._is_late(observation, known):
                continue
            if known is None and not observation.ok:
                self._begin(observation, self._incident(observation, is_storm=len(fresh) > STORM and observation.key in fresh))
            elif known is not None and observation.ok:
                self._end(observation.key, stamp(observation.at), observation.title)
            elif known is not None:
                self._go_on(observation, known)

    def drop(self, is_watched: Callable[[Kind, str], bool]) -> None:
        """End what nobody looks at any more, and so can never be seen to be right; asked by kind and subject."""
        for key in list(self._open):
            kind, _, subject = key.partition("|")
            if not is_watched(Kind(kind), subject):
                self._end(key, max(stamp(self._outbox.now), self._open[key].seen))

    def _is_late(self, observation: Observation, known: _Open | None = None) -> bool:
        if known is None and observation.ok:
            return False  # nothing to change
        latest = known.seen if known else self._database.execute(_LATEST, (observation.key,)).fetchone()[0]
        return latest is not None and stamp(observation.at) < latest

    def _incident(self, observation: Observation, *, is_storm: bool) -> str:
        """The open incident that the observation belongs to, or a new one."""
        if is_storm and self._storm:
            return self._storm
        if observation.cause:
            row = self._database.execute("SELECT id FROM incidents WHERE cause = ? AND closed IS NULL", (observation.cause,)).fetchone()
            if row:
                return str(row["id"])
        incident = secrets.token_hex(_ID_BYTES)
        entry = (incident, observation.cause, stamp(observation.at))
        self._database.execute("INSERT INTO incidents (id, cause, opened) VALUES (?, ?, ?)", entry)
        if is_storm:
            self._storm = incident
        return incident

    def _begin(self, observation: Observation, incident: str) -> None:
        at = stamp(observation.at)
        thing = (observation.key, observation.kind, observation.severity)
        words = (observation.title, observation.text, observation.link)
        member = self._database.execute(_INSERT, (incident, *thing, *words, at, at)).lastrowid or 0
        self._open[observation.key] = _Open(member, incident, observation.severity, at)
        self._route(observation, member)
        self._outbox.tell(incident)

    def _go_on(self, observation: Observation, known: _Open) -> None:
        rises = observation.severity.rank > known.severity.rank
        known.severity, known.seen = observation.severity, stamp(observation.at)
        words = (observation.title, observation.text, observation.link)
        self._database.execute(_GO_ON, (known.severity, *words, known.seen, known.id))
        if rises:
            self._route(observation, known.id)
            self._outbox.tell(known.incident)

    def _end(self, key: str, at: str, right_title: str | None = None) -> None:
        """Something is right since ``at``, as a title says, or without one is looked at no more."""
        known = self._open.pop(key)
        self._database.execute(_END, (at, right_title or "", right_title is None, known.id))
        self._database.execute(_CLOSE, (at, known.incident))
        if known.incident == self._storm and not any(one.incident == self._storm for one in self._open.values()):
            self._storm = ""
        self._outbox.tell(known.incident)

    def _route(self, observation: Observation, member: int) -> None:
        """Who hears of it is settled when it begins, and again when it gets worse."""
        found = routes(self._outbox.config, observation)
        self._database.executemany("INSERT OR IGNORE INTO routes VALUES (?, ?, ?, ?)", [(member, *route) for route in found])
