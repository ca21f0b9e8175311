"""How long a newcomer waits: ``make demo`` in a fresh clone with a warm package cache, and once more."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["demo"]

ROOT = Path(__file__).parent.parent


def demo(folder: Path) -> Iterator[Figure]:
    """Seconds of both runs, set-up included."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    yield Figure("make demo, first run", _seconds(clone), 60, "fresh clone, warm package cache", "s")
    yield Figure("make demo, second run", _seconds(clone), 20, "same clone", "s")


def _seconds(clone: Path) -> float:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TORN_", "DAGSTER_", "MAKE"))}
    started = time.perf_counter()
    subprocess.run(["make", "demo"], check=True, cwd=clone, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
