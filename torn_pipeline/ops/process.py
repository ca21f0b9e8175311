"""What a process says of itself to the operating system."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

__all__ = ["end_first"]

_FILE = Path("/proc/self/oom_score_adj")
_MUCH = 500  # of 1000: before all that says nothing, unless it uses half of the memory more


def end_first() -> None:
    """Have the kernel end this process before others where memory runs out; without effect where it cannot be asked."""
    with suppress(OSError):
        if int(_FILE.read_text(encoding="ascii")) < _MUCH:
            _FILE.write_text(str(_MUCH), encoding="ascii")
