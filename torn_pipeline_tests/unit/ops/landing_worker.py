"""The landing pruned in a process of its own that is killed on its way."""

from __future__ import annotations

import multiprocessing
import os
import signal
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from torn_pipeline import steps
from torn_pipeline.ops.retention import prune

if TYPE_CHECKING:
    from datetime import datetime
    from multiprocessing.context import ForkServerContext

    from torn_pipeline.settings import Settings

__all__ = ["processes", "prune_and_die"]


def prune_and_die(settings: Settings, now: datetime, number: int) -> None:
    """Prune, and be killed before the file of that number goes."""
    original, calls = Path.unlink, count(1)

    def dying(path: Path, *, missing_ok: bool = False) -> None:
        if next(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        original(path, missing_ok=missing_ok)

    pipeline = steps.open_pipeline(settings)
    Path.unlink = dying  # type: ignore[assignment, method-assign]  # this process ends with it
    for _ in prune(settings, pipeline.config, pipeline.landing, pipeline.warehouse, now):
        pass


def processes() -> ForkServerContext:
    """Where worker processes come from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", __name__])
    return context
