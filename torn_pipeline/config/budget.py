"""The calls that the schedules need, held against what an account may make.

A tick counts as the calls that the last ones took, where somebody knows, else as one call, the least it needs.
Only the average counts: several endpoints may ask in the same minute, but the client then waits for its turn, and what
fits on average has always been worked off before it could pile up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from torn_pipeline.config.durations import MINUTES_A_DAY, format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.config.models import PipelineConfig

__all__ = ["Need", "Seen", "budget_problems", "calls_a_minute", "needs", "unknown_ids"]

ADDRESS_LIMIT = 1000  # calls a minute that Torn answers to one address
MINUTE = timedelta(minutes=1)
NAMED = 3  # endpoints that a message names

Seen = Mapping[tuple[str, str], Fraction]
"""How many calls a tick takes, by endpoint and account, as far as that is known."""

NOTHING_SEEN: Seen = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What one endpoint needs of one account: ``calls`` a tick, as seen, or assumed where ``is_seen`` is false."""

    endpoint: str
    account: str
    frequency: timedelta
    calls: Fraction
    is_seen: bool

    @property
    def period(self) -> str:
        """The frequency as the config writes it."""
        return format_duration(self.frequency)

    def calls_a_minute(self, shortest: timedelta = MINUTE) -> Fraction:
        """Calls a minute, if it were asked every ``shortest`` at most; exact, as they are held against a limit."""
        return self.calls / (max(self.frequency, shortest) // MINUTE)


def needs(config: PipelineConfig, seen: Seen = NOTHING_SEEN) -> list[Need]:
    """What each enabled endpoint needs of each of its accounts, in the order of the accounts and then of the endpoints."""
    return [
        Need(
            endpoint=endpoint.name,
            account=account.name,
            frequency=endpoint.frequency,
            calls=seen.get((endpoint.name, account.name), Fraction(1)),
            is_seen=(endpoint.name, account.name) in seen,
        )
        for account in config.accounts
        for endpoint in config.endpoints
        if endpoint.enabled and account.name in endpoint.accounts
    ]


def unknown_ids(config: PipelineConfig, seen: Seen = NOTHING_SEEN) -> list[str]:
    """The enabled endpoints by id of which nobody knows yet how many ids a tick asks for."""
    by_id = {endpoint.name for endpoint in config.endpoints if endpoint.ids_from}
    return list(dict.fromkeys(need.endpoint for need in needs(config, seen) if need.endpoint in by_id and not need.is_seen))


def calls_a_minute(config: PipelineConfig, seen: Seen = NOTHING_SEEN) -> dict[str, float]:
    """How many calls a minute the schedules of the enabled endpoints need, by account."""
    found = needs(config, seen)
    return {account.name: float(_sum([need for need in found if need.account == account.name])) for account in config.accounts}


def budget_problems(config: PipelineConfig, seen: Seen = NOTHING_SEEN) -> list[str]:
    """One line, with its place, for each account whose schedules need more calls than ``rate_limit`` allows, and for all together."""
    limit = config.defaults.rate_limit
    everything = needs(config, seen)
    found = []
    for account in config.accounts:
        own = [need for need in everything if need.account == account.name]
        calls = _sum(own)
        if calls > limit:
            most = sorted(own, key=lambda need: (-need.calls_a_minute(), need.frequency))[:NAMED]
            names = ", ".join(map(_named, most))
            found.append(
                f"{config.where('endpoints', most[0].endpoint, 'frequency')}: the schedules need {float(calls):g} calls a minute of "
                f"the account `{account.name}`, and `rate_limit` is {limit}: most are for {names}; {_advice(own, limit)}"
            )
    together = _sum(everything)
    if together > ADDRESS_LIMIT:
        found.append(
            f"{config.where('accounts')}: the schedules of all accounts need {float(together):g} calls a minute together, and Torn answers "
            f"{ADDRESS_LIMIT} to one address: {_advice(everything, ADDRESS_LIMIT)}"
        )
    return found


def _named(need: Need) -> str:
    calls = "" if need.calls == 1 else f", {float(need.calls):.3g} calls each time"
    return f"{need.endpoint} ({need.period}{calls})"


def _sum(found: Sequence[Need], shortest: timedelta = MINUTE) -> Fraction:
    return sum((need.calls_a_minute(shortest) for need in found), Fraction())


def _advice(found: Sequence[Need], limit: int) -> str:
    for minutes in range(2, MINUTES_A_DAY + 1):
        if MINUTES_A_DAY % minutes == 0 and _sum(found, minutes * MINUTE) <= limit:
            return f"with no frequency below {format_duration(minutes * MINUTE)} they fit"
    return "disable some of them, or spread them over more accounts"
