"""What is going to happen, in the order of time."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Agenda"]


class Agenda:
    """Deeds with their moments. Those of one moment are done in the order they were put down in.

    ``now`` is the moment of the deed under way, or the one that time was moved to last (Unix seconds). As a deed sees
    only its own moment, it makes no difference in how many steps time is moved.
    """

    def __init__(self, now: int) -> None:
        self.now = now
        self._deeds: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0

    def put(self, moment: float, deed: Callable[..., None], *about: object) -> None:
        """Have a deed done at a moment, at once when that has passed."""
        heappush(self._deeds, (max(int(moment), self.now), self._number, deed, about))
        self._number += 1

    def run_to(self, moment: int) -> None:
        """Do everything up to a moment, that moment included."""
        deeds = self._deeds
        while deeds and deeds[0][0] <= moment:
            self.now, _, deed, about = heappop(deeds)
            deed(*about)
        self.now = moment
