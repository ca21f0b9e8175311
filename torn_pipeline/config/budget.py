"""The calls that the schedules need, held against what an account may make.

Every fetch counts as one call, which is the least it needs. Only the average counts: all periods are counted
from midnight, so many endpoints ask in the same minute, but the client then waits for its turn, and what
fits on average has always been worked off before it could pile up.
"""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from torn_pipeline.config.durations import MINUTES_A_DAY, format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.config.models import Endpoint, PipelineConfig

__all__ = ["budget_problems", "calls_a_minute"]

MINUTE = timedelta(minutes=1)
NAMED = 3  # endpoints that a message names


def calls_a_minute(config: PipelineConfig) -> dict[str, float]:
    """How many calls a minute the schedules of the enabled endpoints need, by account."""
    return {account.name: float(_calls(_of(config, account.name), MINUTE)) for account in config.accounts}


def budget_problems(config: PipelineConfig) -> list[str]:
    """One line, with its place, for each account whose schedules need more calls than ``rate_limit`` allows."""
    limit = config.defaults.rate_limit
    found = []
    for account in config.accounts:
        endpoints = _of(config, account.name)
        calls = _calls(endpoints, MINUTE)
        if calls > limit:
            often = sorted(endpoints, key=lambda endpoint: endpoint.frequency)[:NAMED]
            most = ", ".join(f"{endpoint.name} ({format_duration(endpoint.frequency)})" for endpoint in often)
            found.append(
                f"{config.where('endpoints', often[0].name, 'frequency')}: the schedules need {float(calls):g} calls a minute of "
                f"the account `{account.name}`, and `rate_limit` is {limit}: most often asked are {most}; {_advice(endpoints, limit)}"
            )
    return found


def _of(config: PipelineConfig, account: str) -> list[Endpoint]:
    return [endpoint for endpoint in config.endpoints if endpoint.enabled and account in endpoint.accounts]


def _calls(endpoints: Sequence[Endpoint], shortest: timedelta) -> Fraction:
    """Calls a minute if none were asked more often than every ``shortest``; exact, as they are held against a limit."""
    return sum((Fraction(1, max(endpoint.frequency, shortest) // MINUTE) for endpoint in endpoints), Fraction())


def _advice(endpoints: Sequence[Endpoint], limit: int) -> str:
    for minutes in range(2, MINUTES_A_DAY + 1):
        if MINUTES_A_DAY % minutes == 0 and _calls(endpoints, minutes * MINUTE) <= limit:
            return f"with no frequency below {format_duration(minutes * MINUTE)} they fit"
    return "disable some of them, or spread them over more accounts"
