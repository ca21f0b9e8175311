"""What is seen of the platform: that something is wrong, or that it is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torn_pipeline.config.alerts import Kind, Severity

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Kind", "Observation", "Severity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One look at one thing at a moment (UTC): ``kind`` and ``subject`` say which thing, ``ok`` whether it was right.

    ``title`` is one line for people, ``text`` what else there is to say (rows, an error's sentence, what to do). ``assets`` are the
    asset keys it is about (``torn/faction_crimes``), ``owners`` theirs (``team:faction``). Observations with the same ``cause``
    that are wrong together are one incident; it is a few words for people, each time the same (``The API is away``), and empty
    where the thing is a cause of its own. ``link`` leads to a page about it.
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
