"""Freshness: whether an endpoint's last complete fetch is as young as its frequency lets one expect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["GRACE", "Freshness", "allowed_age", "freshness"]

GRACE = timedelta(hours=1)
"""What a run may take besides: as long as the default of ``max_runtime``."""


class _State(Protocol):
    """Where an endpoint stands for an account."""

    @property
    def fetched_at(self) -> datetime | None:
        """When its last complete fetch began (UTC), ``None`` when there was none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """Whether the last complete fetch is young enough; its ``age`` (``None``: there was none), and the age that is ``allowed``."""

    ok: bool
    age: timedelta | None
    allowed: timedelta


def allowed_age(frequency: timedelta, *, grace: timedelta = GRACE) -> timedelta:
    """How old the last complete fetch may be: twice the frequency, so that one tick may fail, and ``grace`` for the run itself."""
    return 2 * frequency + grace


def freshness(state: _State, frequency: timedelta, now: datetime, *, grace: timedelta = GRACE) -> Freshness:
    """Judge an endpoint that is fetched every ``frequency``, at ``now`` (UTC), by the age that is allowed."""
    allowed = allowed_age(frequency, grace=grace)
    age = None if state.fetched_at is None else now - state.fetched_at
    return Freshness(ok=age is not None and age <= allowed, age=age, allowed=allowed)
