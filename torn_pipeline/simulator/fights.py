"""Single attacks, in the shape of ``/faction/attacks``, and what follows from them: chains, scores, respect, hospital, news."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Any, NamedTuple

from torn_pipeline.simulator import rates
from torn_pipeline.simulator.chains import BONUSES
from torn_pipeline.simulator.texts import user_link

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torn_pipeline.simulator.chains import Chains
    from torn_pipeline.simulator.chance import Chance
    from torn_pipeline.simulator.people import Person
    from torn_pipeline.simulator.raids import Raids
    from torn_pipeline.simulator.scene import Scene
    from torn_pipeline.simulator.state import Faction, Rival, User
    from torn_pipeline.simulator.wars import War, Wars

__all__ = ["RESULTS", "SUCCESSES", "Fighter", "Fights", "somebody"]

FIRST_ATTACK_ID = 310_000_000
FROM_A_RIVAL = 0.6
SUCCESSES = ("Attacked", "Mugged", "Hospitalized")
# Weights here are cumulative, which is what makes them cheap to draw from.
SUCCESS_WEIGHTS, WAR_WEIGHTS = (35, 60, 100), (8, 12, 100)
FAILURES = ("Lost", "Stalemate", "Escape", "Assist", "Timeout", "Interrupted")
FAILURE_WEIGHTS = (52, 64, 74, 88, 92, 100)
RESULTS = SUCCESSES + FAILURES
EFFECTS = ("proficience", "stricken", "revitalize", "warlord", "plunder", "irradiate")
CODE_BITS = 128
WORDS = {
    "Attacked": "attacked and left",
    "Mugged": "mugged",
    "Hospitalized": "hospitalized",
    "Lost": "attacked but lost to",
    "Stalemate": "stalemated with",
    "Escape": "escaped from",
    "Assist": "assisted in attacking",
    "Timeout": "timed out against",
    "Interrupted": "was interrupted attacking",
}


class Fighter(NamedTuple):
    """One side of an attack: a member (``person``) of one of the world's own factions, of a rival, or nobody's."""

    id: int
    name: str
    level: int
    faction: Faction | Rival | None
    person: Person | None = None

    @classmethod
    def member(cls, faction: Faction, person: Person) -> Fighter:
        """A member of one of the world's own factions, as they are now."""
        return cls(person.id, person.name, person.row["level"], faction, person)

    @property
    def faction_id(self) -> int | None:
        """The faction's id, if there is one."""
        return None if self.faction is None else self.faction.id

    def shown(self) -> dict[str, Any]:
        """An ``AttackPlayer`` of the API."""
        faction = None if self.faction is None else {"id": self.faction.id, "name": self.faction.name}
        return {"id": self.id, "name": self.name, "level": self.level, "faction": faction}


def somebody(chance: Chance, strangers: Sequence[User], rivals: Mapping[int, Rival]) -> Fighter:
    """Somebody outside the world's own factions, of a rival or of none."""
    user = chance.choice(strangers)
    if chance.yes(FROM_A_RIVAL):
        user = chance.choice(chance.choice(list(rivals.values())).members)
    return Fighter(user.id, user.name, user.level, None if user.faction is None else rivals[user.faction])


class Fights:
    """Makes attacks happen. ``is_past`` while a new world's past is made: then members stay as they are.

    ``on_hospital`` is called with who has to go to hospital until when and why, ``on_past_hospital`` with who had to and why.
    """

    def __init__(self, scene: Scene, chains: Chains, wars: Wars, raids: Raids) -> None:
        self.is_past = False
        self.on_hospital: Callable[[Person, int, str], None]
        self.on_past_hospital: Callable[[Person, str], None]
        self._agenda, self._factions, _, self._reporter, self._chance = scene
        self._chains = chains
        self._wars = wars
        self._raids = raids
        self._next_id = FIRST_ATTACK_ID
        self._last_start = 0

    def able(self, faction: Faction) -> list[Person]:
        """Members who can fight now; in the past, those who were there then."""
        now = self._agenda.now
        if self.is_past:
            return [person for person in faction.people.values() if person.joined_at <= now <= person.seen_until]
        return [person for person in faction.people.values() if person.visits and person.state == "Okay"]

    def fight(
        self, attacker: Fighter, defender: Fighter, result: str | None = None, *, retaliation: bool = False, overseas: bool = False
    ) -> dict[str, Any]:
        """An attack that ends now, in full: a list that must not name its attacker has another row."""
        war = self._wars.between(attacker.faction_id, defender.faction_id)
        result = result or self._result(attacker, war)
        chain = self._chain_number(attacker, result)
        row = self._row(attacker, defender, result, chain)
        modifiers = row["modifiers"]
        if war is not None:
            row["is_ranked_war"] = True
            modifiers["war"] = 2
        raid = self._raids.between(attacker.faction_id, defender.faction_id)
        if raid is not None:
            row["is_raid"] = True
        if retaliation:
            modifiers["retaliation"] = 1.5
        if overseas:
            modifiers["overseas"] = 1.25
        if result in SUCCESSES:
            row["respect_gain"] = self._respect(defender.level, chain, modifiers)
            row["respect_loss"] = round(row["respect_gain"] / 4, 2) if defender.faction is not None else 0
        self._record(attacker, defender, row)
        if raid is not None and attacker.faction is not None and result in SUCCESSES:
            self._raids.score(raid, attacker.faction.id, (attacker.id, attacker.name), row["respect_gain"])
        self._follow(attacker, defender, row, war)
        return row

    def _result(self, attacker: Fighter, war: War | None) -> str:
        chance = self._chance
        if chance.yes(rates.SUCCESS if attacker.person else rates.SUCCESS_OF_OTHERS):
            return chance.choices(SUCCESSES, cum_weights=WAR_WEIGHTS if war else SUCCESS_WEIGHTS)[0]
        return chance.choices(FAILURES, cum_weights=FAILURE_WEIGHTS)[0]

    def _chain_number(self, attacker: Fighter, result: str) -> int:
        if attacker.faction is None or result not in SUCCESSES:
            return 0
        return self._chains.number(attacker.faction.id)

    def _row(self, attacker: Fighter, defender: Fighter, result: str, chain: int) -> dict[str, Any]:
        chance, ended = self._chance, self._agenda.now
        self._next_id += chance.randint(1, 4_000)
        # The lists are in order of start, end and id alike.
        self._last_start = max(self._last_start, ended - chance.randint(*rates.FIGHT_LENGTH))
        modifiers: dict[str, float] = {"fair_fight": self._fair_fight(attacker.level, defender.level), "war": 1, "retaliation": 1}
        modifiers |= {"group": 1, "overseas": 1, "chain": 1, "warlord": 1}
        effects = [{"name": chance.choice(EFFECTS), "value": chance.randint(5, 60)}] if chance.yes(0.08) else []
        return {
            "id": self._next_id,
            "code": f"{chance.getrandbits(CODE_BITS):032x}",
            "started": min(self._last_start, ended),
            "ended": ended,
            "attacker": attacker.shown(),
            "defender": defender.shown(),
            "result": result,
            "respect_gain": 0,
            "respect_loss": 0,
            "chain": chain,
            "is_interrupted": result == "Interrupted",
            "is_stealthed": chance.yes(rates.STEALTH),
            "is_raid": False,
            "is_ranked_war": False,
            "finishing_hit_effects": effects,
            "modifiers": modifiers,
        }

    def _fair_fight(self, level: int, against: int) -> float:
        return self._chance.number(1, 1 + 2 * min(1, against / level))

    def _respect(self, level: int, chain: int, modifiers: dict[str, float]) -> float:
        if chain in BONUSES:
            # A bonus hit brings a fixed respect, whatever else would count.
            modifiers["chain"] = BONUSES[chain]
            return BONUSES[chain]
        modifiers["chain"] = round(self._chains.multiplier(chain), 2)
        respect = (log(level) + 1) / 4
        for value in modifiers.values():
            respect *= value
        return round(respect, 2)

    def _record(self, attacker: Fighter, defender: Fighter, row: dict[str, Any]) -> None:
        text = WORDS[row["result"]]
        gain = f" (+{row['respect_gain']})" if row["respect_gain"] else ""
        whom, who = user_link(defender.id, defender.name), user_link(attacker.id, attacker.name)
        own = self._own(attacker)
        if own is not None:
            own.attacks.append(row)
            self._reporter.tell(own, "attack", row["ended"], f"{who} {text} {whom}{gain}")
        attacked = self._own(defender)
        if attacked is not None:
            hidden = row["is_stealthed"]
            attacked.attacks.append({**row, "attacker": None} if hidden else row if own is None else dict(row))
            self._reporter.tell(attacked, "attack", row["ended"], f"{'Someone' if hidden else who} {text} {whom}{gain}")

    def _follow(self, attacker: Fighter, defender: Fighter, row: dict[str, Any], war: War | None) -> None:
        if row["result"] in SUCCESSES and attacker.faction is not None:
            self._chains.add(attacker.faction.id, row["respect_gain"])
            if war is not None:
                self._wars.score(war, attacker.faction.id, (attacker.id, attacker.name, attacker.level), row["respect_gain"])
        own, attacked = self._own(attacker), self._own(defender)
        if own is not None:
            own.earn(row["respect_gain"])
        if attacked is not None:
            attacked.earn(-row["respect_loss"])
        if attacker.person is not None and not self.is_past:
            attacker.person.see(row["started"], row["ended"] - row["started"])
        self._hurt(attacker, defender, row)

    def _hurt(self, attacker: Fighter, defender: Fighter, row: dict[str, Any]) -> None:
        loser, by = (attacker, defender) if row["result"] == "Lost" else (defender, attacker)
        if self._own(loser) is None or loser.person is None or row["result"] not in {*SUCCESSES, "Lost"}:
            return
        who = "someone" if row["is_stealthed"] and by is attacker else user_link(by.id, by.name)
        details = f"{'Lost to' if loser is attacker else row['result'] + ' by'} {who}"
        if self.is_past:
            self.on_past_hospital(loser.person, details)
        elif loser.person.state == "Okay":
            self.on_hospital(loser.person, row["ended"] + self._chance.randint(*rates.HOSPITAL), details)

    def _own(self, fighter: Fighter) -> Faction | None:
        return None if fighter.person is None or fighter.faction is None else self._factions.get(fighter.faction.id)
