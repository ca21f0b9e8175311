"""Runs all benchmarks and prints their ratios, or those that are named: ``python -m bench [road] [growth] [memory] …``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench import calls, chaos, daemon, demo, history, imports, peer, road, warehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.figure import Figure

FIGURES: dict[str, Callable[[Path], Iterator[Figure]]] = {
    "road": road.speed,
    "growth": road.growth,
    "memory": road.memory,
    "warehouse": warehouse.warehouse,
    "history": history.history,
    "peer": peer.peer,
    "definitions": imports.definitions,
    "demo": demo.demo,
    "refresh": daemon.refresh,
    "hour": daemon.hour,
    "chaos": chaos.chaos,
    "calls": calls.calls,
    "budget": calls.budget,
}


def main(wanted: list[str]) -> int:
    """Run the benchmarks named, all when none is; the exit status says whether the names are right."""
    unknown = sorted(set(wanted) - set(FIGURES))
    if unknown:
        sys.stderr.write(f"there is no benchmark {', '.join(unknown)}; there is {', '.join(FIGURES)}\n")
        return 2
    if "peer" in (wanted or FIGURES) and (reason := peer.lacking()):
        sys.stderr.write(f"{reason}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="torn-bench-") as folder:
        for name in wanted or FIGURES:
            for figure in FIGURES[name](Path(folder)):
                sys.stdout.write(f"{figure}\n")
                sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
