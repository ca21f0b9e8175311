"""A process that asks for it is the first to go where memory runs out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCORE = Path("/proc/self/oom_score_adj")
PROGRAM = f"""
from pathlib import Path
from torn_pipeline.ops.process import end_first

score = Path({str(SCORE)!r})
for _ in range(2):
    before = int(score.read_text())
    end_first()
    print(int(score.read_text()) - max(before, 500))
    score.write_text(str(min(max(before, 500) + 100, 1000)))  # a process may only ask for more
"""


@pytest.mark.skipif(not SCORE.exists(), reason="only Linux can be asked")
def test_the_kernel_is_asked_and_never_for_less() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True, timeout=60)  # noqa: S603 - our own
    assert done.stdout.split() == ["0", "0"]
