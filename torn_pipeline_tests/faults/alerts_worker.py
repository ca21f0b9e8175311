"""Somebody who looks, tells the alerts what they saw, and sends what is due, in a process that is killed on its way."""

from __future__ import annotations

import multiprocessing
import os
import signal
from itertools import count
from typing import TYPE_CHECKING

from torn_pipeline.alerts import open_alerts, store
from torn_pipeline.alerts.channels.webhook import Webhook
from torn_pipeline_tests.unit.alerts.stubs import after, right, wrong

if TYPE_CHECKING:
    import sqlite3
    from multiprocessing.context import ForkServerContext
    from pathlib import Path

    from torn_pipeline.alerts import Message
    from torn_pipeline.settings import Settings

__all__ = ["NEWS", "TOLD", "processes", "watch", "watch_and_die"]

NEWS = (
    [wrong("x", 0, "warning")],
    [wrong("x", 1, "critical")],
    [right("x", 2)],
    [wrong("p", 3, cause="why"), wrong("q", 3, cause="why")],
    [right("q", 4), right("p", 4), right("x", 4)],
)
"""What is seen, pass by pass."""

TOLD = ("x is stale", "Worse, now critical: x is stale", "Recovered: x is fresh", "why (2 things)", "Recovered from: why (2 things)")
"""The titles of the messages about it."""


def watch(settings: Settings) -> None:
    """Go on where the last one was killed, until all is seen and told."""
    alerts = open_alerts(settings)
    while True:
        alerts.deliver(after(10))
        seen = int(alerts.cursor("news") or 0)
        if seen == len(NEWS):
            return
        alerts.observe(NEWS[seen], now=after(10), cursors={"news": str(seen + 1)})


def watch_and_die(settings: Settings, moment: int, *, in_statements: bool) -> None:
    """The same, killed at the moment of that number: before and after each sending, with ``in_statements`` also before each statement."""
    moments = count(1)
    connect, send = store._connect, Webhook.send

    def pass_moment(_: object = None) -> None:
        if next(moments) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def traced(path: Path) -> sqlite3.Connection:
        database = connect(path)
        database.set_trace_callback(pass_moment if in_statements else None)
        return database

    def between(webhook: Webhook, message: Message) -> None:
        pass_moment()
        send(webhook, message)
        pass_moment()

    store._connect = traced
    Webhook.send = between  # type: ignore[assignment] # the kill comes from inside
    watch(settings)


def processes() -> ForkServerContext:
    """Where worker processes come from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", __name__])
    return context
