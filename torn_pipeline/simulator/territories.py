"""Territory wars: who is on the wall, how the score stands, how it ends, and the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from torn_pipeline.simulator import rates
from torn_pipeline.simulator.state import Rival
from torn_pipeline.simulator.texts import faction_link
from torn_pipeline.simulator.vocabulary import TERRITORIES

if TYPE_CHECKING:
    from torn_pipeline.simulator.chains import Chains
    from torn_pipeline.simulator.chance import Chance
    from torn_pipeline.simulator.fights import Fights
    from torn_pipeline.simulator.news import Reporter
    from torn_pipeline.simulator.scene import Scene
    from torn_pipeline.simulator.state import Faction

__all__ = ["TerritoryWars"]

FIRST_WAR_ID = 37_000
FEWEST_SLOTS, MOST_SLOTS = 6, 16
SHOWN = ("id", "territory", "start", "end", "target", "result")
TREATIES = ("end_with_peace_treaty", "end_with_nap")


class _Soldier(NamedTuple):
    """Somebody who may go on the wall."""

    id: int
    name: str
    level: int


@dataclass(slots=True, eq=False)
class _Side:
    """One side of a war: ``eager`` is how many come to the wall at a time at most, ``members`` what each of them did."""

    of: Faction | Rival
    is_aggressor: bool
    eager: int
    score: int = 0
    wall: list[_Soldier] = field(default_factory=list)
    members: dict[int, dict[str, Any]] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        """What every answer says of a side."""
        return {"id": self.of.id, "name": self.of.name, "score": self.score, "is_aggressor": self.is_aggressor}

    def total(self, name: str) -> int:
        """A number of the members, summed up."""
        return sum(int(member[name]) for member in self.members.values())


@dataclass(slots=True, eq=False)
class _War:
    """A territory war; ``sides`` are the aggressor and the defender, ``peace_at`` is when they will have agreed on peace."""

    row: dict[str, Any]
    sides: tuple[_Side, _Side]
    slots: int
    peace_at: int | None


class TerritoryWars:
    """The territory wars of the world's own factions; ``rows`` lists those that are over. It draws from a chance of its own.

    Each second a side gains a point for each member that it has more on the wall; the aggressor wins with enough points.
    """

    def __init__(self, scene: Scene, chains: Chains, fights: Fights, reporter: Reporter, chance: Chance) -> None:
        self.rows: list[dict[str, Any]] = []
        self.reports: dict[int, dict[str, Any]] = {}
        self._agenda, self._factions, self._rivals = scene.agenda, scene.factions, scene.rivals
        self._chains = chains
        self._fights = fights
        self._reporter = reporter
        self._chance = chance
        self._next_id = FIRST_WAR_ID
        self._running: dict[int, _War] = {}  # by the id of either side

    def begin(self) -> None:
        """Put each faction's first war on the agenda."""
        for faction in self._factions.values():
            self._agenda.put(self._agenda.now + self._chance.randint(0, rates.TERRITORY_PEACE[1]), self._start, faction)

    def show(self, faction: Faction) -> None:
        """Bring a faction's ``wars``, and who of its members is on a wall, up to now."""
        war = self._running.get(faction.id)
        faction.wars["wars"]["territory"] = [] if war is None else [self._shown(war)]
        on_wall = set() if war is None else {one for side in war.sides if side.of is faction for one in self._on_wall(side)}
        for member in faction.members:
            member["is_on_wall"] = member["id"] in on_wall

    def _shown(self, war: _War) -> dict[str, Any]:
        sides = [{**side.shown(), "chain": self._chains.current(side.of.id), "playerIds": self._on_wall(side)} for side in war.sides]
        row = {name: war.row[name] for name in ("territory", "start", "target")}
        return {"war_id": war.row["id"], **row, "end": None, "winner": None, "factions": sides}

    def _on_wall(self, side: _Side) -> list[int]:
        """Who of those that went on the wall is still able to be there."""
        able = {one.id for one in self._able(side)}
        return [one.id for one in side.wall if one.id in able]

    def _able(self, side: _Side) -> list[_Soldier]:
        if isinstance(side.of, Rival):
            return [_Soldier(user.id, user.name, user.level) for user in side.of.members]
        return [_Soldier(person.id, person.name, person.row["level"]) for person in self._fights.able(side.of)]

    def _start(self, faction: Faction) -> None:
        """Begin a war, or look again later while there is one already, or nobody to fight."""
        chance = self._chance
        among: list[Faction | Rival] = [*self._rivals.values(), *(other for other in self._factions.values() if other is not faction)]
        others = [other for other in among if other.id not in self._running]
        if faction.id in self._running or not others:
            self._agenda.put(self._agenda.now + chance.randint(*rates.TERRITORY_PEACE), self._start, faction)
            return
        self._next_id += chance.randint(1, 30)
        other, slots = chance.choice(others), chance.randint(FEWEST_SLOTS, MOST_SLOTS)
        pair: tuple[Faction | Rival, Faction | Rival] = (faction, other) if chance.yes(rates.TERRITORY_BY_OWN) else (other, faction)
        first, second = (_Side(side, place == 0, chance.randint(*rates.TERRITORY_EAGER)) for place, side in enumerate(pair))
        taken = {war.row["territory"] for war in self._running.values()}
        row: dict[str, Any] = {
            "id": self._next_id,
            "territory": chance.choice([one for one in TERRITORIES if one not in taken]),
            "start": self._agenda.now,
            "target": slots * rates.TERRITORY_TARGET,
        }
        peace_at = self._agenda.now + chance.randint(rates.HOUR, rates.TERRITORY_LONGEST) if chance.yes(rates.TERRITORY_TREATY) else None
        war = _War(row, (first, second), slots, peace_at)
        self._running |= {faction.id: war, other.id: war}
        self._tell(war, f"{_link(first)} launched an assault on {row['territory']}, which {_link(second)} holds")
        self._agenda.put(self._agenda.now + rates.TERRITORY_STEP, self._go_on, faction, war)

    def _go_on(self, faction: Faction, war: _War) -> None:
        self._count(war)
        aggressor, _ = war.sides
        now = self._agenda.now
        if aggressor.score >= war.row["target"]:
            self._end(faction, war, "success_assault")
        elif war.peace_at is not None and now >= war.peace_at:
            self._end(faction, war, self._chance.choice(TREATIES))
        elif now >= war.row["start"] + rates.TERRITORY_LONGEST:
            self._end(faction, war, "fail_assault")
        else:
            first, second = war.sides
            self._man(first, second, war.slots)
            self._man(second, first, war.slots)
            self._agenda.put(now + rates.TERRITORY_STEP, self._go_on, faction, war)

    def _count(self, war: _War) -> None:
        """The points of the time since the last step go to those of the longer wall who were there first."""
        first, second = war.sides
        more = len(first.wall) - len(second.wall)
        side = first if more > 0 else second
        for soldier in side.wall[: abs(more)]:
            side.members[soldier.id]["score"] += rates.TERRITORY_STEP
            side.score += rates.TERRITORY_STEP

    def _man(self, side: _Side, other: _Side, slots: int) -> None:
        """Some leave the wall, or are knocked off it, and others come."""
        chance, able = self._chance, self._able(side)
        known = {one.id for one in able}
        stay = [one for one in side.wall if one.id in known and chance.yes(rates.TERRITORY_STAY)]
        for _ in range(len(side.wall) - len(stay)):
            if other.wall and chance.yes(rates.TERRITORY_CLEARED):
                other.members[chance.choice(other.wall).id]["clears"] += 1
        there = {one.id for one in stay}
        free = [one for one in able if one.id not in there]
        come = chance.sample(free, min(len(free), slots - len(stay), chance.randint(0, side.eager)))
        side.wall = stay + come
        for one in come:
            blank = {"id": one.id, "username": one.name, "level": one.level, "score": 0, "joins": 0, "clears": 0}
            member = side.members.setdefault(one.id, blank)
            member["level"] = one.level
            member["joins"] += 1

    def _end(self, faction: Faction, war: _War, result: str) -> None:
        now, (aggressor, defender) = self._agenda.now, war.sides
        winner = aggressor if result == "success_assault" else defender
        war.row |= {"end": now, "result": result}
        row = {name: war.row[name] for name in SHOWN}
        self.rows.append({**row, "factions": [side.shown() for side in war.sides]})
        report = {"id": row["id"], "territory": row["territory"], "started_at": row["start"], "ended_at": now}
        self.reports[row["id"]] = {**report, "winner": winner.of.id, "result": result, "factions": [_settled(side) for side in war.sides]}
        for side in war.sides:
            del self._running[side.of.id]
        territory = row["territory"]
        self._tell(war, f"The assault of {_link(aggressor)} on {territory} {'succeeded' if winner is aggressor else 'failed'}")
        if winner is aggressor and winner.of.id in self._factions:
            self._reporter.tell(self._factions[winner.of.id], "territoryGain", now, f"The faction took {territory} from {_link(defender)}")
        self._agenda.put(now + self._chance.randint(*rates.TERRITORY_PEACE), self._start, faction)

    def _tell(self, war: _War, text: str) -> None:
        for side in war.sides:
            own = self._factions.get(side.of.id)
            if own is not None:
                self._reporter.tell(own, "territoryWar", self._agenda.now, text)


def _settled(side: _Side) -> dict[str, Any]:
    """What the report says of a side."""
    members = sorted(side.members.values(), key=lambda row: (-row["score"], row["id"]))
    return {**side.shown(), "joins": side.total("joins"), "clears": side.total("clears"), "members": members}


def _link(side: _Side) -> str:
    return faction_link(side.of.id, side.of.name)
