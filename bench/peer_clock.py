"""One load in a process of its own, in step with the process that measures it; and what both know of it."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DATABASE", "PAGES", "READY", "timed"]

DATABASE = "crimes"  # the file's name, without its ending
PAGES = "pages"  # a folder with the bodies of the pages, in order
READY = "ready"


def timed(loading: Iterator[None]) -> None:
    """Take a first step, say so, and wait for a line; then take a second one, and print its seconds and its CPU seconds."""
    next(loading)
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    sys.stdin.readline()
    started, used = time.perf_counter(), _cpu_seconds()
    next(loading)
    sys.stdout.write(f"{time.perf_counter() - started} {_cpu_seconds() - used}\n")


def _cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    return sum(os.times()[:4])
