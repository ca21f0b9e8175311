"""Channels that remember what they were given, and short ways to write observations and rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from torn_pipeline.alerts import Alerts, Kind, Observation, Severity
from torn_pipeline.config.alerts import AlertsConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from torn_pipeline.alerts import Message

__all__ = ["START", "Desk", "Recorder", "after", "config_of", "right", "wrong"]

START = datetime(2026, 1, 15, 12, tzinfo=UTC)


def after(minutes: float) -> datetime:
    """So many minutes after the start of a test."""
    return START + timedelta(minutes=minutes)


def wrong(
    subject: str,
    minutes: float = 0,
    severity: str = "error",
    *,
    kind: Kind = Kind.STALE,
    title: str = "",
    text: str = "",
    assets: tuple[str, ...] = (),
    owners: tuple[str, ...] = (),
    cause: str = "",
    link: str = "",
) -> Observation:
    """Something that is wrong."""
    return Observation(
        kind=kind,
        subject=subject,
        ok=False,
        at=after(minutes),
        severity=Severity(severity),
        title=title or f"{subject} is stale",
        text=text,
        assets=assets,
        owners=owners,
        cause=cause,
        link=link,
    )


def right(subject: str, minutes: float = 0, kind: Kind = Kind.STALE) -> Observation:
    """Something that is right."""
    title = f"{subject} is fresh"
    return Observation(kind=kind, subject=subject, ok=True, at=after(minutes), severity=Severity.WARNING, title=title)


def config_of(rules: Sequence[dict[str, Any]], channels: Sequence[str]) -> AlertsConfig:
    """Rules over some channels."""
    return AlertsConfig.model_validate({"channels": [{"name": name, "kind": "webhook"} for name in channels], "rules": list(rules)})


@dataclass
class Recorder:
    """A channel that takes every message, unless ``fails`` raises; ``got`` are those it took."""

    name: str
    is_idempotent: bool = True
    got: list[Message] = field(default_factory=list)
    fails: Callable[[Message], None] = lambda _: None

    def send(self, message: Message) -> None:
        self.fails(message)
        self.got.append(message)

    def said(self) -> list[str]:
        """What it was told since it was last asked: the kind and the title of each message."""
        said = [f"{message.kind}: {message.title}" for message in self.got]
        self.got.clear()
        return said


class Desk:
    """Alerts over recorders. Without rules all is told to the channel ``a``."""

    def __init__(self, folder: Path, *rules: dict[str, Any], channels: str = "abc") -> None:
        self.path = folder / "alerts.sqlite"
        self.channels = {name: Recorder(name) for name in channels}
        self.use(*rules or ({"name": "all", "channels": ["a"]},))

    def use(self, *rules: dict[str, Any]) -> None:
        """From now on these rules hold."""
        self.alerts = Alerts(self.path, config_of(rules, list(self.channels)), self.channels, lambda text: text.replace("s3cret", "***"))

    def see(self, *observations: Observation, at: float | None = None, deliver: bool = True) -> int:
        """Observe these in one pass, at the time of the last of them, and send what is due."""
        now = observations[-1].at if at is None else after(at)
        self.alerts.observe(observations, now=now)
        return self.alerts.deliver(now) if deliver else 0

    def deliver(self, minutes: float) -> int:
        """Send what is due so many minutes after the start."""
        return self.alerts.deliver(after(minutes))

    def said(self, channel: str = "a") -> list[str]:
        """What a channel was told since it was last asked."""
        return self.channels[channel].said()
