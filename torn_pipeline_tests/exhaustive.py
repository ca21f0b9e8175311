"""How much is tried: by default a part of what is tried many times over, all of it with ``TORN_EXHAUSTIVE=true``."""

from __future__ import annotations

import os

__all__ = ["EXHAUSTIVE", "examples"]

EXHAUSTIVE = os.environ.get("TORN_EXHAUSTIVE") == "true"


def examples(all_of_them: int) -> int:
    """How many examples hypothesis draws: two fifths, or all of them."""
    return all_of_them if EXHAUSTIVE else all_of_them * 2 // 5
