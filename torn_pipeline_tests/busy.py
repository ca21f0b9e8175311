"""A busy faction, for tests and benchmarks of long histories."""

from __future__ import annotations

import time

from torn_pipeline.simulator import Size, World

__all__ = ["FACTION", "busy_world"]

FACTION = 40_832


def busy_world(days: int, a_day: int) -> World:
    """A faction with so many attacks a day, at even distances but for some that share a second, up to now."""
    now = int(time.time())
    world = World(size=Size(members=12, crimes=4, items=12, attacks=200), now=now)
    attacks = world.faction(FACTION).attacks
    model, count = attacks[-1], days * a_day
    attacks[:] = [
        {**model, "id": number, "started": ended - 60, "ended": ended}
        for number in range(count)
        for ended in [now - (count - number - number % 3) * 86_400 // a_day]
    ]
    attacks.sort(key=lambda attack: int(attack["ended"]))
    return world
