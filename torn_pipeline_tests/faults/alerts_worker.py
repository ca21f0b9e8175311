"""Somebody who looks, tells the alerts what they saw, and sends what is due, in a process that is killed on its way."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING

from torn_pipeline.alerts import Kind, alerts, open_alerts, store
from torn_pipeline.alerts.channels.webhook import Webhook
from torn_pipeline_tests.unit.alerts.stubs import after, right, wrong

if TYPE_CHECKING:
    import sqlite3
    from multiprocessing.context import ForkServerContext
    from pathlib import Path

    from torn_pipeline.alerts import Message, Observation
    from torn_pipeline.settings import Settings

__all__ = ["REFUSED", "RULES", "TOLD", "die_at", "is_mended", "processes", "watch", "watch_and_die"]

NEWS: tuple[tuple[int, list[Observation]], ...] = (
    (0, [wrong("x", 0, "warning")]),
    (1, [wrong("x", 1, "critical")]),
    (2, [right("x", 2)]),
    (3, [wrong("p", 3, cause="why"), wrong("q", 3, cause="why")]),
    (4, [right("q", 4), right("p", 4), right("x", 4)]),
    (5, [wrong("e", 5)]),
    (70, []),  # nobody cares for it
    (71, [right("e", 71)]),
    (80, [wrong("r", 80, kind=Kind.DISK_LOW)]),
    (500, []),  # what was refused is due, and its channel mended
    (501, [right("r", 501, kind=Kind.DISK_LOW)]),
)
"""What is seen, pass by pass, each so many minutes after the start."""

RULES = """\
channels: [{name: hook, kind: webhook}, {name: chief, kind: webhook}]
rules:
  - {name: data, kinds: [stale], channels: [hook], escalate: {after: PT1H, channels: [chief]}}
  - {name: disks, kinds: [disk_low], channels: [hook]}
"""
REFUSED = "r is stale"
"""The title of the message that is refused until its channel is mended."""

_MENDED = NEWS.index((500, []))
TOLD = {
    "hook": (
        "x is stale", "Worse, now critical: x is stale", "Recovered: x is fresh", "why (2 things)", "Recovered from: why (2 things)",
        "e is stale", "Recovered: e is fresh", REFUSED, "Recovered: r is fresh",
    ),
    "chief": (
        "Not acknowledged since 2026-01-15 12:05 UTC: e is stale", "Recovered: e is fresh",
        "The alert channel hook does not take messages", "Recovered: The alert channel hook takes messages",
    ),
}  # fmt: skip
"""The titles of the messages about it, by channel."""


def is_mended(settings: Settings) -> bool:
    """Whether the channel takes everything by now."""
    return _mended(settings).exists()


def watch(settings: Settings) -> None:
    """Go on where the last one was killed, until all is seen and told."""
    desk = open_alerts(settings)
    while True:
        seen = int(desk.cursor("news") or 0)
        desk.deliver(after(NEWS[max(seen - 1, 0)][0]))
        if seen == len(NEWS):
            return
        if seen == _MENDED:
            _mended(settings).touch()
        minutes, news = NEWS[seen]
        desk.observe(news, now=after(minutes), cursors={"news": str(seen + 1)})


def _mended(settings: Settings) -> Path:
    return settings.data_dir / "mended"


def watch_and_die(settings: Settings, moment: int, *, in_statements: bool) -> None:
    """The same, killed at the moment of that number: before and after each sending, with ``in_statements`` also before each statement."""
    die_at(moment, in_statements=in_statements)
    watch(settings)


def die_at(moment: int, *, in_statements: bool = True) -> None:
    """Have this process be killed at such a moment."""
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
        try:
            send(webhook, message)
        finally:
            pass_moment()

    alerts.ThreadPoolExecutor = lambda _: ThreadPoolExecutor(1)  # type: ignore[assignment,attr-defined] # so that moments have an order
    store._connect = traced
    Webhook.send = between  # type: ignore[assignment] # the kill comes from inside


def processes() -> ForkServerContext:
    """Where worker processes come from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", __name__])
    return context
