"""How long is kept what running leaves behind: the section ``retention`` of the config file."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from torn_pipeline.config.durations import parse_period

__all__ = ["FOREVER", "Kept", "LandingRetention", "Retention", "kept_since"]

FOREVER: Literal["forever"] = "forever"
_DAY = timedelta(days=1)

Kept = timedelta | Literal["forever"]
"""How long a thing is kept."""


def kept_since(kept: Kept, now: datetime) -> datetime | None:
    """The moment since which all is kept at ``now``; ``None`` when all is kept for ever."""
    return None if kept == FOREVER else now - kept


def _kept(value: object) -> object:
    if value == FOREVER:
        return value
    try:
        return parse_period(value)
    except ValueError as error:
        message = f"{error}, or {FOREVER}"
        raise ValueError(message) from error


def _days(value: object) -> object:
    """For what a run at work may still need: a day at least."""
    kept = _kept(value)
    if isinstance(kept, timedelta) and kept < _DAY:
        message = f"{value} is too short, as a run at work may still need what is younger than a day: write P1D or more"
        raise ValueError(message)
    return kept


Age = Annotated[Kept, BeforeValidator(_kept)]
Days = Annotated[Kept, BeforeValidator(_days)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class LandingRetention(_Model):
    """How long landed fetches are kept, by the storage mode of their endpoint; ``incomplete`` are those that were never loaded."""

    append: Days = FOREVER
    upsert: Days = FOREVER
    replace: Days = FOREVER
    snapshot: Days = FOREVER
    incomplete: Days = _DAY * 7


class Retention(_Model):
    """How long is kept what running leaves behind.

    ``runs`` and ``ticks`` are Dagster's, ``alerts`` the incidents that are over, ``reports`` the validation reports, ``temporary``
    what killed processes left, ``quarantine`` the roots that could not be loaded.
    """

    runs: Days = _DAY * 30
    ticks: Age = _DAY * 7
    landing: LandingRetention = Field(default_factory=LandingRetention)
    temporary: Days = _DAY
    alerts: Age = _DAY * 365
    reports: Age = _DAY * 365
    quarantine: Age = FOREVER
