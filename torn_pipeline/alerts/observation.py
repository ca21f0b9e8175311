"""What is seen of the platform: that something is wrong, or that it is right."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Kind", "Observation", "Severity"]


class Kind(StrEnum):
    """What can be wrong; the words of ``kinds`` in ``alerts.yaml``."""

    RUN_FAILED = "run_failed"
    CHECK_FAILED = "check_failed"
    STALE = "stale"
    KEY_DONE = "key_done"
    BUDGET_LOW = "budget_low"
    AUTOMATION_DEAD = "automation_dead"
    DAEMON_GONE = "daemon_gone"
    DISK_LOW = "disk_low"


class Severity(StrEnum):
    """How bad it is; the words of ``severities`` in ``alerts.yaml``, from the least."""

    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One look at one thing at a moment (UTC): ``kind`` and ``subject`` say which thing, ``ok`` whether it was right.

    ``title`` is one line for people, ``text`` what else there is to say (rows, an error's sentence, what to do). ``assets`` are the
    asset keys it is about (``torn/faction_crimes``), ``owners`` theirs (``team:faction``). Observations with the same ``cause``
    that are wrong together are one incident (the API is away, a key is done); empty where the thing is a cause of its own.
    ``link`` leads to a page about it.
    """

    kind: Kind
    subject: str
    ok: bool
    at: datetime
    severity: Severity
    title: str
    text: str = ""
    assets: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    cause: str = ""
    link: str = ""

    @property
    def key(self) -> str:
        """Which thing it is, among all that are looked at."""
        return f"{self.kind}|{self.subject}"
