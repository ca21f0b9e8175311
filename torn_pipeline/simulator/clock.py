"""The world's clock: how fast its time runs beside the real one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from torn_pipeline.simulator.world import World

__all__ = ["FASTEST", "MOST_AT_ONCE", "Clock"]

DAY = 86_400
FASTEST = float(DAY)
"""The highest speed: a day of the world in each second."""
MOST_AT_ONCE = 35 * DAY
"""How far the clock goes between two looks at it, so that no answer has to wait for years of life."""


class Clock:
    """Moves a world's time by ``speed`` seconds in each real one; 0 stands still.

    The world moves only when somebody looks, by ``tick``. ``seconds`` is the real time, by a clock that only goes forward.
    """

    def __init__(self, world: World, speed: float = 0.0, seconds: Callable[[], float] = time.monotonic) -> None:
        self._world = world
        self._seconds = seconds
        self._since = seconds()
        self._speed = 0.0
        self.speed = speed

    @property
    def speed(self) -> float:
        """World seconds in a real second, from 0 to ``FASTEST``."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        if not 0 <= speed <= FASTEST:
            message = f"a speed of {speed:g} cannot be: use 0, which stands still, up to {FASTEST:g}"
            raise ValueError(message)
        with self._world.lock:
            self.tick()
            self._since = self._seconds()
            self._speed = float(speed)

    def tick(self) -> int:
        """Let life go on until now, and say when that is in the world (Unix seconds)."""
        with self._world.lock:
            if self._speed:
                passed = min(int((self._seconds() - self._since) * self._speed), MOST_AT_ONCE)
                if passed == MOST_AT_ONCE:
                    self._since = self._seconds()
                else:
                    self._since += passed / self._speed
                if passed:
                    self._world.advance(passed)
            return self._world.now

    def advance(self, seconds: int) -> int:
        """Let so many seconds of the world pass at once, and say when it is then.

        Raises:
            ValueError: for less than none, or more than ``MOST_AT_ONCE``.
        """
        if not 0 <= seconds <= MOST_AT_ONCE:
            message = f"{seconds} seconds cannot pass at once: use 0 to {MOST_AT_ONCE}, which is {MOST_AT_ONCE // DAY} days"
            raise ValueError(message)
        with self._world.lock:
            self._world.advance(seconds)
            return self._world.now
