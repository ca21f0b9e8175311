"""An hour in which much goes wrong, or as many minutes as ``TORN_CHAOS_MINUTES`` says: whether all is right and told once in the end."""

from __future__ import annotations

import os
import sys
from collections import Counter
from importlib import import_module
from typing import TYPE_CHECKING

from bench.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["chaos"]

MINUTES = 60.0
SHARE = 0.2  # of the calls, which go wrong
FREQUENCY = "PT2M"


def chaos(folder: Path) -> Iterator[Figure]:
    """The five shipped endpoints with two accounts, through errors, late answers, a dead key and two kills of the daemon."""
    trial = import_module("torn_pipeline_tests.e2e.chaos")
    minutes = float(os.environ.get("TORN_CHAOS_MINUTES") or MINUTES)
    left = trial.chaos(folder, seconds=60 * minutes, paths=tuple(trial.MODES), frequency=FREQUENCY, share=SHARE)
    sys.stderr.writelines(f"{problem}\n" for problem in left.problems)
    runs = ", ".join(f"{count} {status}" for status, count in sorted(left.runs.items()))
    kinds = ", ".join(f"{count} x {title}" for title, count in Counter(one.title for one in left.incidents).items())
    made_of = f"{minutes:g} min, {left.calls} calls of which {SHARE:.0%} went wrong; runs: {runs}; incidents: {kinds}"
    yield Figure("rows, alerts and runs that are wrong after an hour of chaos", len(left.problems), 0, made_of, "problems")
    told = "`torn-pipeline health` while the key was dead, and at the end"
    yield Figure("exit status of health, wrong", abs(left.ill.returncode - 1) + left.well.returncode, 0, told, "")
