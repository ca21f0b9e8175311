"""Keys of several people and levels, and the variables that they are given in."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from torn_pipeline.simulator.chance import Chance
from torn_pipeline.simulator.world import Key

if TYPE_CHECKING:
    from pathlib import Path

    from torn_pipeline.simulator.world import World

__all__ = ["export_lines", "more_keys", "variables"]

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def more_keys(world: World) -> dict[str, Key]:
    """Keys beside a faction's first, which follow from the world's seed.

    For each faction a limited one of the second in command, a minimal one of a member, and a public one of a member whose position
    has no access to the API.
    """
    made = {}
    for faction in world.factions.values():
        chance = Chance(world.seed, f"{faction.id}/more keys")
        others = [
            member["id"] for member in faction.members if member["id"] not in {faction.basic["leader_id"], faction.basic["co_leader_id"]}
        ]
        plain, stranger = chance.sample(others, 2)
        for key in (
            Key(faction.basic["co_leader_id"], faction.id, "Limited"),
            Key(plain, faction.id, "Minimal"),
            Key(stranger, faction.id, "Public", faction_access=False),
        ):
            made["".join(chance.choices(LETTERS, k=16))] = key
    return made


def export_lines(url: str, data_dir: Path | None) -> list[str]:
    """What a shell is told before it uses a simulator, keys aside: its URL, and a folder of its own for its data, where one is given."""
    folder = [] if data_dir is None else [f"export TORN_DATA_DIR={quote(str(data_dir))}"]
    return [f"export TORN_API_URL={url}", *folder]


def variables(world: World) -> dict[str, str]:
    """The environment variable for each key of a world: ``TORN_API_KEY`` for the first, then by faction and level."""
    names: dict[str, str] = {}
    order = {faction_id: number for number, faction_id in enumerate(world.factions, start=1)}
    for secret, key in world.keys.items():
        number = order.get(key.faction, 0)
        first = f"TORN_API_KEY_FACTION{number}" if number != 1 else "TORN_API_KEY"
        name = first if first not in names.values() else f"{first}_{key.access.upper()}"
        while name in names.values():
            name += "_TOO"
        names[secret] = name
    return names
