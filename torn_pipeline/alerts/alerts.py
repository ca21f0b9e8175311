"""The door to all of it: observations in, messages out, and what is wrong for who asks."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from torn_pipeline.alerts.announcing import NEWS, announce
from torn_pipeline.alerts.channels import open_channel
from torn_pipeline.alerts.delivery import Channel, has_work, settle_gone
from torn_pipeline.alerts.incidents import Incidents
from torn_pipeline.alerts.kept import rules_in_force
from torn_pipeline.alerts.message import Message, MessageKind
from torn_pipeline.alerts.observation import Kind, Observation, Severity
from torn_pipeline.alerts.outbox import Outbox
from torn_pipeline.alerts.reading import find, history_of, incident_of
from torn_pipeline.alerts.rules import routes
from torn_pipeline.alerts.store import STORE_FILE, Store, stamp
from torn_pipeline.config.alerts import ALERTS_FILE
from torn_pipeline.errors import ChannelRefused, ConfigError, UsageError
from torn_pipeline.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from torn_pipeline.alerts.channels import Sender
    from torn_pipeline.alerts.reading import History, Incident
    from torn_pipeline.config.alerts import AlertsConfig
    from torn_pipeline.settings import Settings

__all__ = ["Alerts", "open_alerts"]

_LONGEST_TEXT = 10_000
_COUNT = "SELECT channel, count(*) AS messages FROM waiting WHERE NOT (kind = ? AND attempts = 0) GROUP BY 1 ORDER BY 1"
_SET_CURSOR = "INSERT INTO cursors VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


class Alerts:
    """What is wrong, who was told, and what is still to be said, in one SQLite file that any number of processes share.

    A kill at any moment loses nothing: what was taken is told, once by channels that know a message that comes again. ``redact``
    takes the secrets out of everything that is stored or sent; ``senders`` are the channels of the config by their names.
    ``problem`` is what is wrong with ``alerts.yaml``, empty when nothing is; then the config is not that of the file.
    """

    def __init__(
        self, path: Path, config: AlertsConfig, senders: Mapping[str, Sender], redact: Callable[[str], str] = str, *, problem: str = ""
    ) -> None:
        self.config = config
        self.problem = problem
        self._store = Store(path)
        self._senders = senders
        self._redact = redact

    def observe(
        self,
        observations: Iterable[Observation],
        *,
        now: datetime,
        cursors: Mapping[str, str] | None = None,
        is_watched: Callable[[Kind, str], bool] | None = None,
    ) -> None:
        """Take what was observed in one pass, in its order, and write what is to be said.

        Args:
            observations: that things are wrong, or right; what was known already changes nothing.
            now: UTC.
            cursors: how far collectors have come, stored with the observations or, over a kill, not at all.
            is_watched: whether things of this kind and subject are looked at; what is wrong with others has ended.

        Raises:
            ConfigError: the file cannot be used.
        """
        taken = [self._clean(observation) for observation in observations]
        with self._store.transaction() as database:
            incidents = Incidents(database, Outbox(database, self.config, now))
            incidents.take(taken)
            if is_watched is not None:
                incidents.drop(is_watched)
            database.executemany(_SET_CURSOR, (cursors or {}).items())

    def announce(self, news: Observation, *, now: datetime, file: str = "") -> list[str]:
        """Take news that are no incident, told once and to whom a rule says so by its kind; the channels they go to.

        Mail takes ``file`` along, where that is small.

        Raises:
            ConfigError: the file cannot be used.
        """
        if not routes(self.config, news):
            return []
        with self._store.transaction() as database:
            return announce(database, Outbox(database, self.config, now), self._clean(news), file)

    def cursor(self, name: str) -> str | None:
        """How far a collector has come; ``None`` before its first time."""
        with self._store.transaction() as database:
            row = database.execute("SELECT value FROM cursors WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def deliver(self, now: datetime) -> int:
        """Send what is due at ``now`` (UTC), the channels side by side; the number of messages sent.

        While another process does so nothing happens.

        Raises:
            ConfigError: the file cannot be used.
        """
        try:
            with FileLock(self._store.path.with_suffix(".delivery.lock"), timeout=0):
                return self._deliver(now)
        except Timeout:
            return 0

    def test(self, channel: str, now: datetime) -> None:
        """Send a test message by a channel, now.

        Raises:
            UsageError: there is no such channel.
            ChannelRefused: it does not take the message, and would not later.
            ChannelUnavailable: it, or the way to it, is in trouble.
        """
        if channel not in self._senders:
            known = ", ".join(self._senders)
            message = f"there is no alert channel {channel}: use one of {known}, or add it to alerts.yaml"
            raise UsageError(message)
        token = secrets.token_hex(8)
        title, lines = "A test of the alerts", ("This channel works. Nothing is wrong.",)
        kind, severity = MessageKind.TEST, Severity.WARNING
        test = Message(id=f"test-{token}", incident=f"test-{token}", kind=kind, severity=severity, title=title, lines=lines, at=now)
        self._senders[channel].send(test)
        self._channel(self._senders[channel]).works(now)

    def incidents(self, *, open_only: bool = True) -> list[Incident]:
        """What is wrong, or with ``open_only=False`` also what was; the oldest first."""
        chosen = "SELECT * FROM incidents WHERE (closed IS NULL OR NOT ?) AND substr(id, 1, ?) != ? ORDER BY opened, rowid"
        with self._store.transaction() as database:
            return [incident_of(database, row) for row in database.execute(chosen, (open_only, len(NEWS), NEWS)).fetchall()]

    def history(self, incident: str, now: datetime) -> History:
        """All that is known at ``now`` (UTC) of an incident, by its id or how that begins.

        Raises:
            UsageError: there is no such incident, or more than one.
        """
        with self._store.transaction() as database:
            return history_of(database, Outbox(database, self.config, now), find(database, incident))

    def acknowledge(self, incident: str, by: str, now: datetime) -> Incident:
        """Note that somebody cares for an incident, whose escalations are then not sent; ``incident`` is its id or how that begins.

        What somebody has acknowledged already stays theirs; what is over is acknowledged by nobody.

        Raises:
            UsageError: there is no such incident, or more than one.
        """
        with self._store.transaction() as database:
            name = find(database, incident)["id"]
            note = "UPDATE incidents SET acknowledged = ?, acknowledged_by = ? WHERE id = ? AND acknowledged IS NULL AND closed IS NULL"
            database.execute(note, (stamp(now), self._redact(by), name))
            Outbox(database, self.config, now).calm(name)
            return incident_of(database, find(database, name))

    def about_rules(self, now: datetime) -> Observation:
        """Whether ``alerts.yaml`` is right, at ``now`` (UTC)."""
        return Observation(
            kind=Kind.AUTOMATION_DEAD,
            subject=ALERTS_FILE,
            ok=not self.problem,
            at=now,
            severity=Severity.CRITICAL,
            title=f"{ALERTS_FILE} is {'wrong' if self.problem else 'right'}",
            text=self.problem,
            owners=("team:ops",),
        )

    def waiting(self) -> dict[str, int]:
        """The number of messages that are still to be sent, by channel; planned escalations are none of them."""
        with self._store.transaction() as database:
            return {row["channel"]: row["messages"] for row in database.execute(_COUNT, (MessageKind.ESCALATION,))}

    def prune(self, before: datetime) -> int:
        """Forget the incidents that ended before a moment (UTC), with their messages; their number. News of then go too."""
        with self._store.transaction() as database:
            database.execute("DELETE FROM incidents WHERE closed < ? AND substr(id, 1, ?) = ?", (stamp(before), len(NEWS), NEWS))
            return database.execute("DELETE FROM incidents WHERE closed < ?", (stamp(before),)).rowcount

    def _deliver(self, now: datetime) -> int:
        sent = 0
        while busy := self._busy(now):  # again, as those that fail have become news for the others
            with ThreadPoolExecutor(len(busy)) as pool:
                sent += sum(pool.map(lambda channel: channel.deliver(now), busy))
        return sent

    def _busy(self, now: datetime) -> list[Channel]:
        """The channels that have something to send."""
        with self._store.transaction() as database:
            outbox = Outbox(database, self.config, now)
            settle_gone(database, outbox)
            return [self._channel(sender) for name, sender in self._senders.items() if has_work(database, outbox, name)]

    def _channel(self, sender: Sender) -> Channel:
        return Channel(self._store, self.config, sender, self._redact)

    def _clean(self, observation: Observation) -> Observation:
        return replace(
            observation,
            subject=self._safe(observation.subject),
            title=self._safe(observation.title),
            text=self._safe(observation.text),
            cause=self._safe(observation.cause),
            link=self._safe(observation.link),
        )

    def _safe(self, text: str) -> str:
        """Without secrets, of some length, and without half characters, which no file takes."""
        return self._redact(text)[:_LONGEST_TEXT].encode("utf-8", "replace").decode()


def open_alerts(settings: Settings) -> Alerts:
    """The alerts of a data directory, by the channels' secrets and ``alerts.yaml``; while this is wrong, by what it said before.

    Raises:
        ConfigError: the file in which they are kept cannot be used.
    """
    redact = Redactor(settings.secrets)
    config, problem = rules_in_force(settings, Store(settings.data_dir / STORE_FILE), redact)
    senders: dict[str, Sender] = {}
    for channel in config.channels:
        try:
            senders[channel.name] = open_channel(channel, settings.alert_secrets.get(channel.name), data_dir=settings.data_dir)
        except ConfigError as error:
            senders[channel.name] = _Unusable(channel.name, redact(str(error)))
    return Alerts(settings.data_dir / STORE_FILE, config, senders, redact, problem=problem)


@dataclass(frozen=True, slots=True)
class _Unusable:
    """A channel that cannot be opened: the others go on, and hear of it."""

    name: str
    why: str
    is_idempotent: bool = True

    def send(self, _: Message) -> None:
        raise ChannelRefused(self.why)
