"""Worlds that have lived, and everything that a world consists of, to compare."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from torn_pipeline.simulator import Size, World

DAY = 86_400
SMALL = Size(members=14, crimes=12, items=20, attacks=40)
MONTH = 28 * DAY


def state(world: World) -> list[Any]:
    """All that the API could show of a world, and the armoury."""
    factions = [
        [f.basic, f.members, f.crimes, f.balance, f.former, f.attacks, f.chains, f.chain, f.news, f.wars, f.positions, f.armoury, f.revives]
        for f in world.factions.values()
    ]
    reports = [world.ranked_war_report(war["id"]) for war in world.ranked_wars if war["winner"] is not None]
    reports += [world.raid_report(raid["id"]) for raid in world.raids if raid["end"] is not None]
    reports += [world.territory_war_report(war["id"]) for war in world.territory_wars]
    wars = [world.ranked_wars, world.raids, world.territory_wars]
    return [world.now, world.items, world.keys, world.users, world.rivals, wars, reports, factions]


@cache
def before_and_after(seed: int) -> tuple[list[Any], World]:
    """The state of a default world at its birth, and the world four weeks later; both only to be looked at."""
    world = World(seed=seed)
    birth = copy.deepcopy(state(world))
    world.advance(MONTH)
    return birth, world


def lived(seed: int) -> World:
    """A default world after four weeks of life; only to be looked at."""
    return before_and_after(seed)[1]
