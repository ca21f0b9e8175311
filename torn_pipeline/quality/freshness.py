"""Freshness: whether what was last loaded of an endpoint is as young as its frequency lets one expect. Nothing else says how old is old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Freshness", "allowed_age", "freshness"]

_LEAST_FOR_A_RUN = timedelta(minutes=10)


class _Endpoint(Protocol):
    """How often an endpoint is fetched, and how long a run of it may take."""

    @property
    def frequency(self) -> timedelta: ...

    @property
    def max_runtime(self) -> timedelta: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """Whether what was loaded is young enough; its ``age`` (``None``: nothing was), and the age that is ``allowed``."""

    ok: bool
    age: timedelta | None
    allowed: timedelta


def allowed_age(endpoint: _Endpoint) -> timedelta:
    """How old the newest fetch may be that was loaded: two periods, so that one tick may fail, and what a run may take.

    That is ``max_runtime``, but no more than another period, or ten minutes where the period is shorter.
    """
    return 2 * endpoint.frequency + min(endpoint.max_runtime, max(endpoint.frequency, _LEAST_FOR_A_RUN))


def freshness(endpoint: _Endpoint, data_at: datetime | None, now: datetime) -> Freshness:
    """Judge at ``now`` what was loaded of an endpoint, whose newest fetch began at ``data_at`` (both UTC), by the age that is allowed."""
    allowed = allowed_age(endpoint)
    age = None if data_at is None else now - data_at
    return Freshness(ok=age is not None and age <= allowed, age=age, allowed=allowed)
