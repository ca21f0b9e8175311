"""The tags of runs: those that the platform gives, and what Dagster's own say."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BACKFILL", "CAUGHT_UP", "RETRIED_ONCE", "TICK", "WORK", "rank_of"]

TICK = "torn/tick"
"""The tick that a run is for, an ISO 8601 moment."""

WORK = "torn/work"
"""The endpoint and the account that a run for a tick is for, such as ``faction_crimes|default``."""

CAUGHT_UP = "torn/caught_up"
"""That the tick was missed and is made up for."""

BACKFILL = "dagster/backfill"
"""Dagster's own, of a run that is a part of a backfill."""

RETRIED_ONCE = {"dagster/max_retries": "1"}
"""Of a scheduled run, after the client's own retries: the next tick is never far."""

_RANKS = {BACKFILL: "BACKFILL", "dagster/schedule_name": "SCHEDULED", "dagster/sensor_name": "SCHEDULED"}
"""What the tags that Dagster gives to runs say of how urgent they are, the strongest first."""


def rank_of(tags: Mapping[str, str]) -> str:
    """How urgent a run with these tags is, by the name of a rank: ``INTERACTIVE`` before ``SCHEDULED`` before ``BACKFILL``."""
    return next((name for tag, name in _RANKS.items() if tag in tags), "INTERACTIVE")
