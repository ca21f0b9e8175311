"""Texts as Torn writes them: durations, money, and links to users and factions."""

from __future__ import annotations

from functools import lru_cache
from html import escape

from torn_pipeline.simulator.rates import DAY, HOUR, MINUTE

__all__ = ["duration", "faction_link", "money", "user_link"]


def duration(seconds: int) -> str:
    """A duration in the largest unit that it fills: ``2 hours``."""
    for size, word in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if seconds >= size:
            number = seconds // size
            return f"{number} {word}" if number == 1 else f"{number} {word}s"
    return f"{seconds} seconds"


def money(amount: int) -> str:
    """Dollars with commas."""
    return f"-${-amount:,}" if amount < 0 else f"${amount:,}"


@lru_cache(maxsize=4_096)
def user_link(user_id: int, name: str) -> str:
    """A user's name that leads to the profile."""
    return f'<a href = "http://www.torn.com/profiles.php?XID={user_id}">{escape(name)}</a>'


def faction_link(faction_id: int, name: str) -> str:
    """A faction's name that leads to its page."""
    return f'<a href = "http://www.torn.com/factions.php?step=profile&ID={faction_id}">{escape(name)}</a>'
