"""``alerts.yaml``, beside the config file: who hears of what, by which channel, and when not."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, PrivateAttr, field_validator, model_validator

from torn_pipeline.config.channels import Channel, FileChannel
from torn_pipeline.config.durations import format_duration
from torn_pipeline.config.loader import KEY_FIELDS, read_model
from torn_pipeline.config.models import Delay, Name, Places, place
from torn_pipeline.config.rules import duplicate_problems
from torn_pipeline.config.sources import read_source
from torn_pipeline.settings import ALERT_VARIABLE, Settings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from typing import Self

    from torn_pipeline.config.loader import SecretPlace
    from torn_pipeline.config.models import Parts
    from torn_pipeline.config.rules import Problem

__all__ = [
    "ALERTS_FILE",
    "AlertsConfig",
    "Escalation",
    "Kind",
    "QuietHours",
    "Rule",
    "Severity",
    "alerts_file",
    "default_alerts",
    "load_alerts",
]

ALERTS_FILE = "alerts.yaml"
_FILE = FileChannel(name="file", path=Path("alerts.jsonl"))
_EXAMPLE = "channels: [{name: file, kind: file, path: alerts.jsonl}]"
_CLOCK = re.compile(r"(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)", re.ASCII)
_MINUTES_A_DAY = 24 * 60
_BY_ADDRESS = {"discord", "slack", "webhook"}
_ADDRESSES = frozenset({"url", "webhook", "webhook_url"})
_ROUTING = frozenset({"routing_key", "integration_key"})


class Kind(StrEnum):
    """What can be wrong, and what is only told; the words of ``kinds``."""

    RUN_FAILED = "run_failed"
    CHECK_FAILED = "check_failed"
    STALE = "stale"
    KEY_DONE = "key_done"
    BUDGET_LOW = "budget_low"
    AUTOMATION_DEAD = "automation_dead"
    DAEMON_GONE = "daemon_gone"
    DISK_LOW = "disk_low"
    CHANNEL_FAILED = "channel_failed"
    REPORT = "report"


class Severity(StrEnum):
    """How bad it is; the words of ``severities``, from the least."""

    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Its place among them, from 0."""
        return list(Severity).index(self)


def _time_of_day(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MINUTES_A_DAY:
        return time(*divmod(value, 60))  # YAML reads 23:00 without quotes as 23 sixties
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        message = 'is no time of day: write for example "23:00"'
        raise ValueError(message)
    return time(int(match["hour"]), int(match["minute"]))


def _clock(at: time) -> str:
    return f"{at:%H:%M}"


# Both are written as they are read, so that rules can be kept as JSON.
TimeOfDay = Annotated[time, BeforeValidator(_time_of_day), PlainSerializer(_clock)]
Patience = Annotated[Delay, PlainSerializer(format_duration)]
Names = Annotated[tuple[Name, ...], Field(strict=False)]
Severities = Annotated[tuple[Annotated[Severity, Field(strict=False)], ...], Field(strict=False)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class QuietHours(_Model):
    """From when to when, by the clocks of a place, messages wait; those of the severities in ``except`` do not."""

    from_: TimeOfDay = Field(alias="from")
    to: TimeOfDay
    timezone: str = "UTC"
    except_: Severities = Field(default=(Severity.CRITICAL,), alias="except")

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            message = f"is {timezone!r}, which is no time zone that this machine knows: write for example Europe/Berlin or UTC"
            raise ValueError(message) from error
        return timezone

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.from_ == self.to:
            message = "begins when it ends: give `from` and `to` two times of the day"
            raise ValueError(message)
        return self

    def end(self, now: datetime) -> datetime:
        """When the quiet hours end that ``now`` (UTC) lies in; ``now`` itself when it lies in none.

        A time that the clocks leave out, or show twice, in the night they change is taken by the clocks before the change.
        """
        zone = ZoneInfo(self.timezone)
        today = now.astimezone(zone).date()
        length = timedelta(days=self.to < self.from_)
        for day in (today - timedelta(days=1), today):
            begin = datetime.combine(day, self.from_, zone).astimezone(UTC)
            end = datetime.combine(day + length, self.to, zone).astimezone(UTC)
            if begin <= now < end:
                return end
        return now


class Escalation(_Model):
    """Who else hears of an incident that nobody acknowledged for ``after``."""

    after: Patience
    channels: Names

    @field_validator("after")
    @classmethod
    def _is_some_time(cls, after: timedelta) -> timedelta:
        if not after:
            message = "must be above zero: write for example PT1H"
            raise ValueError(message)
        return after

    @field_validator("channels")
    @classmethod
    def _are_some(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        return _some(channels)


class Rule(_Model):
    """Who hears of what: of everything that fits all of ``kinds``, ``assets``, ``owners`` and ``severities`` that are given.

    Of a report hears whose ``kinds`` name it, whatever the ``severities``: it has none.
    ``assets`` are patterns such as ``torn/faction_*``. ``recovery`` is whether the channels hear that it is right again.
    """

    name: Name
    kinds: Annotated[tuple[Annotated[Kind, Field(strict=False)], ...], Field(strict=False)] = ()
    assets: Annotated[tuple[str, ...], Field(strict=False)] = ()
    owners: Annotated[tuple[str, ...], Field(strict=False)] = ()
    severities: Severities = ()
    channels: Names
    quiet_hours: QuietHours | None = None
    escalate: Escalation | None = None
    recovery: bool = True

    @field_validator("channels")
    @classmethod
    def _are_some(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        return _some(channels)

    def quiet_until(self, now: datetime, severity: Severity) -> datetime:
        """When messages of this severity may go, from ``now`` (UTC) on."""
        quiet = self.quiet_hours
        return now if quiet is None or severity in quiet.except_ else quiet.end(now)


class AlertsConfig(_Model):
    """The whole of ``alerts.yaml``."""

    channels: Annotated[tuple[Channel, ...], Field(strict=False)]
    rules: Annotated[tuple[Rule, ...], Field(strict=False)]
    _places: Places = PrivateAttr(default_factory=dict)

    def model_post_init(self, context: object) -> None:
        """Take the places of the parts from the validation's context, where the loader puts them."""
        if isinstance(context, dict):
            self._places = context

    def where(self, section: str, name: str = "", *path: str | int) -> str:
        """The file and line of a channel or a rule, or of a part of it, such as ``where("rules", "all", "assets", 0)``."""
        entries: dict[str, Sequence[Channel | Rule]] = {"channels": self.channels, "rules": self.rules}
        index = [one.name for one in entries[section]].index(name) if name else 0
        return place(self._places, (section, index, *path) if name else (section,))

    @cached_property
    def rule(self) -> dict[str, Rule]:
        """The rules by their names."""
        return {rule.name: rule for rule in self.rules}


def alerts_file(settings: Settings) -> Path:
    """Where the file is: beside the config file."""
    return settings.config.parent / ALERTS_FILE


def default_alerts() -> AlertsConfig:
    """What holds where there is no ``alerts.yaml``: everything goes to the file ``alerts.jsonl`` in the data directory."""
    return AlertsConfig(channels=(_FILE,), rules=(Rule(name="everything", channels=(_FILE.name,)),))


def load_alerts(settings: Settings) -> AlertsConfig:
    """Read and check ``alerts.yaml``; where there is none, everything goes to the file ``alerts.jsonl`` in the data directory.

    Raises:
        ConfigError: with every problem, one a line, each with file and line.
    """
    file = alerts_file(settings)
    if not file.exists():
        return default_alerts()
    source = read_source(file, (), _EXAMPLE)
    return read_model(source, AlertsConfig, settings, lambda _: _problems(source.data), lambda path: _secret_place(source.data, path))


def _secret_place(data: object, path: Parts) -> SecretPlace:
    """Where the secret of the channel at a path belongs, and which of its fields would hold one."""
    entries = _entries(data, "channels") if path[:1] == ("channels",) else {}
    entry = next((entries[part] for part in path[1:2] if isinstance(part, int) and part in entries), {})
    name, kind = entry.get("name"), entry.get("kind")
    variable = Settings.alert_variable(name) if isinstance(name, str) else f"{ALERT_VARIABLE}_<CHANNEL>"
    return variable, KEY_FIELDS | _ADDRESSES if kind in _BY_ADDRESS else KEY_FIELDS | _ROUTING


def _some(channels: tuple[str, ...]) -> tuple[str, ...]:
    if not channels:
        message = "is empty: name at least one channel"
        raise ValueError(message)
    return channels


def _problems(data: object) -> Iterator[Problem]:
    """Names used twice, and channels that rules name and the file does not have."""
    entries = {section: _entries(data, section) for section in ("channels", "rules")}
    names = {
        section: {i: name for i, entry in below.items() if isinstance(name := entry.get("name"), str)} for section, below in entries.items()
    }
    for section, below in names.items():
        yield from duplicate_problems(section, below)
    known = list(dict.fromkeys(names["channels"].values()))
    pagers = {entry.get("name") for entry in entries["channels"].values() if entry.get("kind") == "pagerduty"}
    for index, rule in entries["rules"].items():
        if isinstance(kinds := rule.get("kinds"), list) and Kind.REPORT in kinds:
            yield from _paging(("rules", index, "channels"), rule.get("channels"), pagers)
        escalate = rule.get("escalate")
        yield from _unknown(("rules", index, "channels"), rule.get("channels"), known)
        if isinstance(escalate, dict):
            yield from _unknown(("rules", index, "escalate", "channels"), escalate.get("channels"), known)


def _unknown(path: Parts, channels: object, known: Sequence[str]) -> Iterator[Problem]:
    for index, name in enumerate(channels if isinstance(channels, list) else ()):
        if isinstance(name, str) and name not in known:
            yield (*path, index), f"there is no channel of this name: add it to `channels`, or use one of {', '.join(known)}"


def _paging(path: Parts, channels: object, pagers: Collection[object]) -> Iterator[Problem]:
    for index, name in enumerate(channels if isinstance(channels, list) else ()):
        if name in pagers:
            yield (*path, index), "is PagerDuty, which would page somebody for a report: give `report` a rule with other channels"


def _entries(data: object, section: str) -> dict[int, dict[str, object]]:
    below = data.get(section) if isinstance(data, dict) else None
    return {index: entry for index, entry in enumerate(below) if isinstance(entry, dict)} if isinstance(below, list) else {}
