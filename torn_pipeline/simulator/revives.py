"""Revives: of members in hospital, and by members of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torn_pipeline.simulator import rates
from torn_pipeline.simulator.fights import Fighter, somebody
from torn_pipeline.simulator.people import presence
from torn_pipeline.simulator.texts import user_link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.simulator.chance import Chance
    from torn_pipeline.simulator.fights import Fights
    from torn_pipeline.simulator.people import Person
    from torn_pipeline.simulator.scene import Scene
    from torn_pipeline.simulator.state import Faction, User

__all__ = ["Revives"]

FIRST_REVIVE_ID = 29_000_000
SKILL_SINCE = 1_750_032_000
"""The API knows revivers' skills since 16 June 2025."""
HIGHEST_SKILL = 100


class Revives:
    """Has members revived, and has them revive others. It draws from a chance of its own.

    Whoever is revived leaves hospital, and does nothing more until they would have left it anyway: all else stays as it would be.
    """

    def __init__(self, scene: Scene, fights: Fights, strangers: Sequence[User], chance: Chance) -> None:
        self._agenda, self._factions, self._rivals = scene.agenda, scene.factions, scene.rivals
        self._fights = fights
        self._strangers = strangers
        self._chance = chance
        self._next_id = FIRST_REVIVE_ID
        self._skills: dict[int, float] = {}
        self._stays: dict[int, int] = {}

    def begin(self) -> None:
        """Put each faction's first revive of somebody else on the agenda."""
        for faction in self._factions.values():
            self._expect(faction)

    def admit(self, person: Person, reason: str, until: int | None = None) -> None:
        """A member comes into hospital; in the past it was for a while that nobody knows."""
        now, chance = self._agenda.now, self._chance
        if self._stays.get(person.id, 0) > now:
            return
        until = until or now + chance.randint(*rates.HOSPITAL)
        self._stays[person.id] = until
        if person.row["revive_setting"] != "No one" and chance.yes(rates.REVIVED):
            moment = now + int((until - now) * chance.uniform(*rates.REVIVED_WITHIN))
            self._agenda.put(moment, self._revive_member, person, reason, until)

    def _revive_member(self, person: Person, reason: str, until: int) -> None:
        now, is_past = self._agenda.now, self._fights.is_past
        faction = next((one for one in self._factions.values() if one.people.get(person.id) is person), None)
        if faction is None or not (is_past or (person.row["status"]["state"] == "Hospital" and person.until == until)):
            return
        reviver = self._reviver(faction, person)
        if reviver is None:
            return
        seen = now - self._away() if is_past else min(now, person.seen_until)
        target = Fighter.member(faction, person)
        if self._revive(reviver, target, reason, seen, early=person.row["has_early_discharge"]) and not is_past:
            person.be_revived()

    def _reviver(self, faction: Faction, target: Person) -> Fighter | None:
        people = [person for person in self._about(faction) if person is not target]
        if people and self._chance.yes(rates.REVIVED_BY_OWN):
            return Fighter.member(faction, self._chance.choice(people))
        return None if target.row["revive_setting"] == "Friends & faction" else self._somebody()

    def _about(self, faction: Faction) -> list[Person]:
        """Members who are on Torn now, and well; in the past, those who were members then."""
        able, now = self._fights.able(faction), self._agenda.now
        return able if self._fights.is_past else [person for person in able if person.seen_from <= now <= person.seen_until]

    def _expect(self, faction: Faction) -> None:
        gap = self._chance.expovariate(rates.REVIVE * max(1, len(faction.members)) / rates.DAY)
        self._agenda.put(self._agenda.now + gap, self._revive_somebody, faction)

    def _revive_somebody(self, faction: Faction) -> None:
        people = self._about(faction)
        if people:
            target, by = self._somebody(), self._somebody()
            reason = f"Hospitalized by {user_link(by.id, by.name)}"
            reviver = Fighter.member(faction, self._chance.choice(people))
            self._revive(reviver, target, reason, self._agenda.now - self._away(), early=self._chance.yes(rates.EARLY_DISCHARGE))
        self._expect(faction)

    def _somebody(self) -> Fighter:
        return somebody(self._chance, self._strangers, self._rivals)

    def _away(self) -> int:
        return int(self._chance.expovariate(1 / rates.HOUR))

    def _revive(self, reviver: Fighter, target: Fighter, reason: str, seen: int, *, early: bool) -> bool:
        """One revive, in the lists of those whom it concerns; whether it succeeded. ``seen`` is when the target was seen last."""
        now, chance = self._agenda.now, self._chance
        skill = self._skills.setdefault(reviver.id, chance.uniform(1, HIGHEST_SKILL))
        odds = round(40 + 0.6 * skill * chance.uniform(0.8, 1), 2)
        success = chance.yes(odds / 100)
        self._next_id += chance.randint(1, 300)
        condition = {"hospital_reason": reason, "early_discharge": early, "last_action": seen, "online_status": presence(now - seen)}
        row = {
            "id": self._next_id,
            "reviver": {**_player(reviver), "skill": round(skill, 2) if now >= SKILL_SINCE else None},
            "target": {**_player(target), **condition},
            "success_chance": odds,
            "result": "success" if success else "failure",
            "timestamp": now,
        }
        if success:
            self._skills[reviver.id] = min(HIGHEST_SKILL, skill + rates.REVIVE_SKILL)
        for faction in self._factions.values():
            if faction.id in {reviver.faction_id, target.faction_id}:
                faction.revives.append(row)
        return success


def _player(fighter: Fighter) -> dict[str, Any]:
    return {name: value for name, value in fighter.shown().items() if name != "level"}
