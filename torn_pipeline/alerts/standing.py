"""How things stand, for who looks from outside: which incident a thing is part of, and which messages wait."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torn_pipeline.alerts.message import MessageKind
from torn_pipeline.alerts.outbox import Outbox
from torn_pipeline.alerts.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from torn_pipeline.config.alerts import AlertsConfig

__all__ = ["Standing", "standing"]

_MEMBERS = "SELECT key, incident FROM members WHERE ended IS NULL"
_WAITING = "SELECT * FROM waiting WHERE NOT (kind = ? AND attempts = 0)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The ids of open incidents by the keys of the things that are wrong, and how many messages wait, by channel.

    Those that are ``held`` wait for the end of quiet hours, as they should; the ``waiting`` ones ought to be sent.
    """

    incidents: Mapping[str, str]
    waiting: Mapping[str, int]
    held: Mapping[str, int]


def standing(path: Path, config: AlertsConfig, now: datetime) -> Standing:
    """How things stand at ``now`` (UTC) by the alerts' file and rules; planned escalations are none of the messages.

    Raises:
        ConfigError: the file cannot be used.
    """
    waiting, held = Counter[str](), Counter[str]()
    with Store(path).transaction() as database:
        incidents = {row["key"]: row["incident"] for row in database.execute(_MEMBERS)}
        outbox = Outbox(database, config, now)
        for row in database.execute(_WAITING, (MessageKind.ESCALATION,)).fetchall():
            (held if outbox.quiet(row) else waiting)[row["channel"]] += 1
    return Standing(incidents=incidents, waiting=waiting, held=held)
