"""A backfill in a process of its own that is killed on its way. It imports nothing of Dagster."""

from __future__ import annotations

import multiprocessing
import os
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from torn_pipeline import steps
from torn_pipeline.landing.store import Landing
from torn_pipeline.steps import fetching, windows
from torn_pipeline.torn import TornClient

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from multiprocessing.context import ForkServerContext

    from torn_pipeline.settings import Settings

__all__ = ["MOMENTS", "backfill_and_die", "processes"]

PAGES = 4  # of one fetch, so that a few kills meet every part of the way
MOMENTS: dict[str, tuple[type | object, str]] = {
    "before a call": (TornClient, "get"),
    "before a page lands": (Landing, "put"),
    "before a fetch counts": (Landing, "close"),
    "before a load": (windows, "_load"),
}
"""Where a backfill is killed: what is about to be called there."""


def backfill_and_die(settings: Settings, endpoint: str, days: tuple[date, date], moment: str, number: int) -> None:
    """Fetch and load what is missing of some days, and be killed at the moment of that number; with 0 never."""
    fetching._MOST_PAGES = PAGES
    left = iter(range(number, -1, -1))
    owner, name = MOMENTS[moment]
    original: Callable[..., object] = getattr(owner, name)

    def dying(*given: object, **named: object) -> object:
        if number and next(left) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*given, **named)

    setattr(owner, name, dying)
    pipeline = steps.open_pipeline(settings)
    plan = pipeline.plan(endpoint)
    gaps = steps.missing(pipeline, plan, "default", *days, now=datetime.now(UTC))
    for _ in steps.fill(pipeline, plan, "default", gaps):
        pass


def processes() -> ForkServerContext:
    """Where worker processes come from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", __name__])
    return context
