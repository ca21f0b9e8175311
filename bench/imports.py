"""What loading the definitions costs, against importing dagster alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.figure import Figure, ratio_of_medians

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["definitions"]

ROUNDS = 5
ROOT = Path(__file__).parent.parent
DAGSTER = "import dagster"
OURS = "from torn_pipeline.definitions import build_defs; build_defs().resolve_all_job_defs()"


def definitions(folder: Path) -> Iterator[Figure]:
    """CPU seconds of a fresh process that loads the definitions, and of one that imports dagster."""
    del folder
    for code in (DAGSTER, OURS):
        _cpu_seconds(code)
    rounds = [(_cpu_seconds(OURS), _cpu_seconds(DAGSTER)) for _ in range(ROUNDS)]
    ours, dagster = zip(*rounds, strict=True)
    yield ratio_of_medians("loading the definitions", ours, dagster, 1.35, ("definitions", "import dagster"))


def _cpu_seconds(code: str) -> float:
    timed = f"{code}\nimport time; print(time.process_time())"
    return float(subprocess.run([sys.executable, "-c", timed], check=True, capture_output=True, text=True, cwd=ROOT).stdout)
