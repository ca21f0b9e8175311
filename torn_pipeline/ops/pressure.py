"""Whether the machine has room for work that can wait."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["pressure"]

_MOST_LOAD = 2.0  # processes that want to run, for each processor: above it, every run takes twice as long or more
_LEAST_MEMORY = 300  # megabytes: about what a run takes
_MEMORY = Path("/proc/meminfo")


def pressure() -> str:
    """Why the machine has no room for work that can wait, in a few words; empty while it has.

    The load is that of the last minute. How much memory is available is told by Linux alone, and nothing is made of it elsewhere.
    """
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    if load > _MOST_LOAD:
        return f"{load:.1f} processes for each processor want to run"
    free = _available_megabytes()
    return f"{free} MB of memory are available" if free is not None and free < _LEAST_MEMORY else ""


def _available_megabytes() -> int | None:
    try:
        told = re.search(r"^MemAvailable: +(\d+) kB$", _MEMORY.read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return None
    return int(told[1]) // 1000 if told else None
