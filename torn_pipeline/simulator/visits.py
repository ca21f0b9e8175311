"""What members do while they are on Torn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.simulator import rates
from torn_pipeline.simulator.people import OFFICERS

if TYPE_CHECKING:
    from torn_pipeline.simulator.chance import Chance
    from torn_pipeline.simulator.heists import Heists
    from torn_pipeline.simulator.membership import Membership
    from torn_pipeline.simulator.movement import Movement
    from torn_pipeline.simulator.people import Person
    from torn_pipeline.simulator.scene import Scene
    from torn_pipeline.simulator.state import Faction
    from torn_pipeline.simulator.strife import Strife
    from torn_pipeline.simulator.treasury import Treasury

__all__ = ["Visits"]

TOP_LEVEL = 100
REVIVE_SETTINGS = ("Everyone", "Friends & faction", "No one")


class Visits:
    """Has members come, do what they do on a visit, and come again."""

    def __init__(
        self, scene: Scene, movement: Movement, heists: Heists, treasury: Treasury, *, strife: Strife, membership: Membership
    ) -> None:
        self._agenda = scene.agenda
        self._movement = movement
        self._heists = heists
        self._treasury = treasury
        self._strife = strife
        self._membership = membership

    def expect(self, faction: Faction, person: Person, chance: Chance) -> None:
        """Put somebody's next visit on the agenda; whoever has been lost does not come."""
        if person.visits:
            self._agenda.put(person.next_visit(max(self._agenda.now, person.seen_until), chance), self._visit, faction, person, chance)

    def _visit(self, faction: Faction, person: Person, chance: Chance) -> None:
        if faction.people.get(person.id) is not person:
            return
        person.see(self._agenda.now, 1 + int(chance.expovariate(1 / rates.VISIT_LENGTH)))
        if person.state == "Okay":
            self._be_active(faction, person, chance)
        elif person.state == "Abroad" and chance.yes(rates.HIT):
            self._strife.hit(faction, person)
        self._handle_goods(faction, person, chance)
        self.expect(faction, person, chance)

    def _be_active(self, faction: Faction, person: Person, chance: Chance) -> None:
        row = person.row
        if person.crime is None:
            if chance.yes(rates.JOIN_CRIME):
                self._heists.join(faction, person)
        elif chance.yes(rates.BRING_ITEM):
            self._heists.bring(faction, person)
        if chance.yes(rates.RISE):
            row["level"] = min(TOP_LEVEL, row["level"] + 1)
            row["revive_setting"] = chance.choice(REVIVE_SETTINGS)
            row["is_revivable"] = row["revive_setting"] == "Everyone"
        if chance.yes(rates.HIT):
            self._strife.hit(faction, person)
        elif chance.yes(rates.CAUGHT):
            self._movement.jail(person, self._agenda.now + chance.randint(*rates.JAILED), "Caught shoplifting")
        elif chance.yes(rates.FLY):
            self._movement.fly(person)

    def _handle_goods(self, faction: Faction, person: Person, chance: Chance) -> None:
        treasury = self._treasury
        for share, deed in (
            (rates.DEPOSIT, treasury.deposit),
            (rates.WITHDRAW, treasury.withdraw),
            (rates.GIVE_ITEM, treasury.give_item),
            (rates.USE_ITEM, treasury.use_item),
        ):
            if chance.yes(share):
                deed(faction, person, chance)
        if person.row["position"] in OFFICERS and chance.yes(rates.PROMOTE):
            self._membership.promote(faction, person)
