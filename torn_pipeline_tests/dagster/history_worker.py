"""Dagster's history pruned in a process of its own that is killed on its way."""

from __future__ import annotations

import multiprocessing
import os
import signal
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

import dagster as dg

from torn_pipeline.ops import dagster_files
from torn_pipeline.resources.history import prune_history

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from multiprocessing.context import ForkServerContext
    from pathlib import Path

    from torn_pipeline.config.retention import Retention

__all__ = ["MOMENTS", "processes", "prune_and_die"]

MOMENTS = ("before a run goes", "before its events go", "before its files go", "before what is left goes", "before a file is written anew")


def prune_and_die(home: Path, checks: Sequence[dg.AssetCheckKey], retention: Retention, now: datetime, moment: str, number: int) -> None:
    """Prune, and be killed at the moment of that number; never when it does not come."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        owner, name = {
            "before a run goes": (instance, "delete_run"),
            "before its events go": (instance.event_log_storage, "delete_events"),
            "before its files go": (dagster_files, "remove_run"),
            "before what is left goes": (dagster_files, "sweep"),
            "before a file is written anew": (dagster_files, "_rewrite"),
        }[moment]
        original: Callable[..., object] = getattr(owner, name)
        calls = count(1)

        def dying(*given: object, **named: object) -> object:
            if next(calls) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*given, **named)

        setattr(owner, name, dying)
        for _ in prune_history(instance, home, checks, retention, now + timedelta(seconds=1)):
            pass


def processes() -> ForkServerContext:
    """Where worker processes come from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", __name__])
    return context
