"""When attacks happen: bursts that make chains, hits by others, ranked wars and their bursts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.simulator import rates
from torn_pipeline.simulator.fights import SUCCESSES, Fighter, somebody
from torn_pipeline.simulator.rates import DAY
from torn_pipeline.simulator.state import Rival

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.simulator.fights import Fights
    from torn_pipeline.simulator.people import Person
    from torn_pipeline.simulator.scene import Scene
    from torn_pipeline.simulator.state import Faction, User
    from torn_pipeline.simulator.wars import War, Wars

__all__ = ["Strife"]

QUIET = 10


class Strife:
    """Brings about the attacks of the world's own factions and on them."""

    def __init__(self, scene: Scene, fights: Fights, wars: Wars, strangers: Sequence[User]) -> None:
        self._agenda, self._factions, self._rivals, _, self._chance = scene
        self._fights = fights
        self._wars = wars
        self._strangers = strangers
        wars.on_start, wars.on_end = self._wage, self._make_peace

    def begin(self) -> None:
        """Put the first bursts, hits and declarations on the agenda."""
        now, chance = self._agenda.now, self._chance
        for faction in self._factions.values():
            self._agenda.put(now + chance.randint(0, DAY), self._start_chain, faction)
            self._agenda.put(now + self._gap(faction, rates.ATTACKED), self._suffer, faction)
            self._agenda.put(now + chance.randint(0, DAY // 4), self._declare, faction)

    def hit(self, faction: Faction, person: Person) -> None:
        """A member attacks somebody of no account."""
        overseas = person.state == "Abroad"
        self._fights.fight(Fighter.member(faction, person), self._somebody(), overseas=overseas)

    def suffer(self, faction: Faction, result: str | None = None) -> bool:
        """Somebody attacks a member; false when none can be attacked."""
        people = self._fights.able(faction)
        if not people:
            return False
        attacker, victim = self._somebody(), self._chance.choice(people)
        row = self._fights.fight(attacker, Fighter.member(faction, victim), result)
        if row["result"] in SUCCESSES and not row["is_stealthed"] and self._chance.yes(rates.RETALIATE):
            self._agenda.put(self._agenda.now + self._chance.randint(QUIET, rates.RETALIATE_WITHIN), self._retaliate, faction, attacker)
        return True

    def strike(self, faction: Faction, result: str | None = None) -> bool:
        """A member attacks somebody; false when none is able to."""
        people = self._fights.able(faction)
        if not people:
            return False
        self._fights.fight(Fighter.member(faction, self._chance.choice(people)), self._somebody(), result)
        return True

    def _gap(self, faction: Faction, rate: float) -> float:
        return self._chance.expovariate(rate * max(1, len(faction.members)) / DAY)

    def _somebody(self) -> Fighter:
        return somebody(self._chance, self._strangers, self._rivals)

    def _suffer(self, faction: Faction) -> None:
        self.suffer(faction)
        self._agenda.put(self._agenda.now + self._gap(faction, rates.ATTACKED), self._suffer, faction)

    def _retaliate(self, faction: Faction, attacker: Fighter) -> None:
        people = self._fights.able(faction)
        if people:
            self._fights.fight(Fighter.member(faction, self._chance.choice(people)), attacker, retaliation=True)

    def _start_chain(self, faction: Faction) -> None:
        hits = max(1, int(len(faction.people) * self._chance.uniform(*rates.CHAIN_HITS)))
        self._chain(faction, max(hits, self._chance.randint(4, 16)))
        self._agenda.put(self._agenda.now + self._chance.expovariate(1 / rates.CHAIN_EVERY), self._start_chain, faction)

    def _chain(self, faction: Faction, hits: int) -> None:
        self.strike(faction)
        if hits > 1:
            self._agenda.put(self._agenda.now + self._pause(), self._chain, faction, hits - 1)

    def _pause(self) -> int:
        return min(rates.CHAIN_GAP_MOST, 3 + int(self._chance.expovariate(1 / rates.CHAIN_GAP)))

    def _declare(self, faction: Faction) -> None:
        """Declare a ranked war, or look again later while there is one already."""
        if faction.id not in self._wars.at_war:
            own = [other for other in self._factions.values() if other is not faction]
            among: list[Faction | Rival] = [*own] if self._chance.yes(rates.WAR_AMONG_OWN) else [*self._rivals.values()]
            others = [other for other in among if other.id not in self._wars.at_war]
            if others:
                self._wars.declare(faction, self._chance.choice(others), len(faction.members))
                return
        self._agenda.put(self._agenda.now + self._chance.randint(*rates.PEACE), self._declare, faction)

    def _wage(self, war: War) -> None:
        for side in war.sides:
            self._agenda.put(self._agenda.now + self._chance.randint(0, rates.HOUR), self._burst, war, side)

    def _burst(self, war: War, side: Faction | Rival) -> None:
        if war.is_over:
            return
        size = len(side.members)
        self._war_hit(war, side, max(2, int(size * self._chance.uniform(*rates.WAR_BURST))))
        self._agenda.put(self._agenda.now + self._chance.expovariate(1 / rates.WAR_BURST_EVERY), self._burst, war, side)

    def _war_hit(self, war: War, side: Faction | Rival, hits: int) -> None:
        if war.is_over:
            return
        attacker, defender = self._champion(side), self._champion(war.other(side.id))
        if attacker is not None and defender is not None:
            self._fights.fight(attacker, defender)
        if hits > 1:
            self._agenda.put(self._agenda.now + self._pause(), self._war_hit, war, side, hits - 1)

    def _champion(self, side: Faction | Rival) -> Fighter | None:
        if isinstance(side, Rival):
            user = self._chance.choice(side.members)
            return Fighter(user.id, user.name, user.level, side)
        people = self._fights.able(side)
        return Fighter.member(side, self._chance.choice(people)) if people else None

    def _make_peace(self, war: War) -> None:
        declarer = self._factions[war.sides[0].id]
        self._agenda.put(self._agenda.now + self._chance.randint(*rates.PEACE), self._declare, declarer)
