"""Raids: who raids whom, the damage that attacks do meanwhile, and the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torn_pipeline.simulator import rates
from torn_pipeline.simulator.state import Rival

if TYPE_CHECKING:
    from torn_pipeline.simulator.chains import Chains
    from torn_pipeline.simulator.chance import Chance
    from torn_pipeline.simulator.scene import Scene
    from torn_pipeline.simulator.state import Faction

__all__ = ["Raid", "Raids"]

FIRST_RAID_ID = 8_000
SIDES = ("aggressor", "defender")


@dataclass(slots=True, eq=False)
class Raid:
    """A raid: ``row`` is what the list shows, ``sides`` are the aggressor and the defender, ``hits`` by side and user."""

    row: dict[str, Any]
    sides: tuple[Faction | Rival, Faction | Rival]
    hits: dict[int, dict[int, dict[str, Any]]]


class Raids:
    """The raids of the world's own factions on rivals, and of rivals on them; ``rows`` lists all of them.

    Nobody fights for a raid's sake: attacks between the two that happen anyway count for it. It draws from a chance of its own.
    """

    def __init__(self, scene: Scene, chains: Chains, chance: Chance) -> None:
        self.rows: list[dict[str, Any]] = []
        self.reports: dict[int, dict[str, Any]] = {}
        self._agenda, self._factions, self._rivals = scene.agenda, scene.factions, scene.rivals
        self._chains = chains
        self._chance = chance
        self._next_id = FIRST_RAID_ID
        self._running: dict[int, Raid] = {}  # by the id of the world's own faction

    def begin(self) -> None:
        """Put each faction's first raid on the agenda."""
        for faction in self._factions.values():
            self._agenda.put(self._agenda.now + self._chance.randint(0, rates.RAID_PEACE[1]), self._start, faction)

    def between(self, faction_id: int | None, other_id: int | None) -> Raid | None:
        """The raid that these two are in at this moment."""
        if faction_id is None or other_id is None:
            return None
        raid = self._running.get(faction_id) or self._running.get(other_id)
        return raid if raid is not None and {faction_id, other_id} == {side.id for side in raid.sides} else None

    def score(self, raid: Raid, faction_id: int, user: tuple[int, str], respect: float) -> None:
        """Count a hit for a side, by a user (id, name): it does as much damage as it brings respect."""
        hit = raid.hits[faction_id].setdefault(user[0], {"user": {"id": user[0], "name": user[1]}, "attacks": 0, "damage": 0.0})
        hit["attacks"] += 1
        hit["damage"] = round(hit["damage"] + respect, 2)
        for side in SIDES:
            if raid.row[side]["id"] == faction_id:
                raid.row[side]["score"] = round(raid.row[side]["score"] + respect, 2)

    def show(self, faction: Faction) -> None:
        """Bring a faction's ``wars`` and its raid in the list up to now."""
        raid = self._running.get(faction.id)
        faction.wars["wars"]["raids"] = [] if raid is None else [self._shown(raid.row)]

    def _shown(self, row: dict[str, Any]) -> dict[str, Any]:
        sides = []
        for name in SIDES:
            side = row[name]
            side["chain"] = self._chains.current(side["id"])
            sides.append({**side, "score": int(side["score"]), "is_aggressor": name == SIDES[0]})
        return {"war_id": row["id"], "start": row["start"], "end": None, "factions": sides}

    def _start(self, faction: Faction) -> None:
        self._next_id += self._chance.randint(1, 20)
        rival = self._chance.choice(list(self._rivals.values()))
        sides: tuple[Faction | Rival, Faction | Rival] = (faction, rival) if self._chance.yes(rates.RAID_BY_OWN) else (rival, faction)
        row: dict[str, Any] = {"id": self._next_id, "start": self._agenda.now, "end": None}
        row |= {name: {"id": side.id, "name": side.name, "score": 0, "chain": 0} for name, side in zip(SIDES, sides, strict=True)}
        raid = Raid(row, sides, {side.id: {} for side in sides})
        self.rows.append(row)
        self._running[faction.id] = raid
        self._agenda.put(self._agenda.now + self._chance.randint(*rates.RAID_LENGTH), self._end, faction)

    def _end(self, faction: Faction) -> None:
        raid = self._running.pop(faction.id)
        row = raid.row
        row["end"] = self._agenda.now
        report = {name: row[name] for name in ("id", "start", "end")}
        for name, side in zip(SIDES, raid.sides, strict=True):
            del row[name]["chain"]
            hits = raid.hits[side.id]
            attackers = sorted(hits.values(), key=lambda hit: (-hit["damage"], hit["user"]["id"]))
            report[name] = {**row[name], "attackers": attackers, "non_attackers": self._others(side, hits)}
        self.reports[row["id"]] = report
        self._agenda.put(self._agenda.now + self._chance.randint(*rates.RAID_PEACE), self._start, faction)

    def _others(self, side: Faction | Rival, hits: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
        """Members at the end of a raid who made no hit."""
        if isinstance(side, Rival):
            people = [(user.id, user.name) for user in side.members]
        else:
            people = [(person.id, person.name) for person in side.people.values() if person.joined_at <= self._agenda.now]
        return [{"id": user_id, "name": name} for user_id, name in sorted(people) if user_id not in hits]
