"""A repeatable source of chance, with the few draws that the small world needs."""

from __future__ import annotations

import random

__all__ = ["Chance"]


class Chance(random.Random):
    """Random numbers that follow from a seed and the name of what they are for.

    Each part of the world draws from its own, so that changing the size of one part leaves the others as they were.
    """

    def __init__(self, seed: int, part: str) -> None:
        super().__init__(f"{seed}/{part}")

    def yes(self, share: float) -> bool:
        """True in about this share of cases, from 0 to 1."""
        return self.random() < share

    def number(self, low: float, high: float) -> int | float:
        """A number with up to two decimals; a whole one is an integer, as the API's JSON has it."""
        value = round(self.uniform(low, high), 2)
        return int(value) if value.is_integer() else value
