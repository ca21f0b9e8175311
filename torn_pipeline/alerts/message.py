"""What a channel is given to send."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from torn_pipeline.alerts.observation import Severity

__all__ = ["Message", "MessageKind"]


class MessageKind(StrEnum):
    """Why a message is sent."""

    ALERT = "alert"
    ESCALATION = "escalation"
    RECOVERY = "recovery"
    TEST = "test"
    REPORT = "report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message about one incident. ``id`` is the same whenever the same message is sent again, and that of no other one.

    ``incident`` is the same for all messages about an incident. ``title`` is one line, ``lines`` are the rest, one for each thing
    that is to be said; none holds a secret. ``at`` is when the incident began, of a recovery when it ended (UTC). ``file`` is the path
    of what it is about, empty where there is none.
    """

    id: str
    incident: str
    kind: MessageKind
    severity: Severity
    title: str
    lines: tuple[str, ...]
    at: datetime
    link: str = ""
    file: str = ""
