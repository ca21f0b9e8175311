"""The life of organised crimes: opened, joined, planned, carried out late or at once, paid sooner, later or never, or expired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torn_pipeline.simulator import rates
from torn_pipeline.simulator.crimes import OPEN, plan, users_of
from torn_pipeline.simulator.news import outcome_text
from torn_pipeline.simulator.people import officer
from torn_pipeline.simulator.rates import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torn_pipeline.simulator.movement import Movement
    from torn_pipeline.simulator.people import Person
    from torn_pipeline.simulator.scene import Scene
    from torn_pipeline.simulator.state import Faction
    from torn_pipeline.simulator.treasury import Treasury

__all__ = ["Heists"]

AWAY = frozenset({"Traveling", "Abroad", "Hospital", "Jail"})
LATEST_PRESS = 90
LEAST_WAITING = 2
WITHOUT_SLOTS = 0.3


class Heists:
    """Leads the crimes of each faction."""

    def __init__(self, scene: Scene, movement: Movement, treasury: Treasury) -> None:
        self._agenda, _, _, self._reporter, _ = scene
        self._movement = movement
        self._treasury = treasury
        self._open: dict[int, dict[int, dict[str, Any]]] = {}

    def begin(self, faction: Faction) -> None:
        """Put a faction's next crime on the agenda."""
        self._agenda.put(self._agenda.now + self._gap(faction), self._create, faction)

    def adopt(self, faction: Faction) -> None:
        """Take over the open crimes as they stand, also those that were added or changed from outside."""
        known = self._open.setdefault(faction.id, {})
        found = {crime["id"]: crime for crime in faction.crimes if crime["status"] in OPEN}
        for crime_id, crime in found.items():
            if known.get(crime_id) is not crime:
                self._wait(faction, crime)
        self._open[faction.id] = found
        for person in faction.people.values():
            person.crime = None
        for crime in found.values():
            self._bind(faction, crime)

    def opened(self, faction: Faction) -> Iterable[dict[str, Any]]:
        """The faction's open crimes."""
        return self._open[faction.id].values()

    def show(self, faction: Faction) -> None:
        """Bring what depends on the time up to now: the progress of open crimes, and who is in one."""
        for crime in self.opened(faction):
            plan(crime, self._agenda.now)
        for person in faction.people.values():
            person.row["is_in_oc"] = person.crime is not None

    def join(self, faction: Faction, person: Person) -> None:
        """A member takes an empty slot of a crime that waits for members and is not beyond them, if there is one."""
        reach = 1 + person.skill // 12
        waiting = [crime for crime in self.opened(faction) if crime["status"] == "Recruiting" and crime["difficulty"] <= reach]
        slots = [(crime, slot) for crime in waiting for slot in crime["slots"] if slot["user"] is None]
        if not slots:
            return
        chance = faction.crime_maker.chance
        crime, slot = chance.choice(slots)
        slot["user"] = {"id": person.id, "outcome": None, "item_outcome": None, "joined_at": self._agenda.now, "progress": 0}
        slot["checkpoint_pass_rate"] = person.pass_rate(crime["difficulty"], chance)
        if slot["item_requirement"]:
            slot["item_requirement"]["is_available"] = chance.yes(rates.ITEM_AT_HAND)
        person.crime = crime["id"]
        plan(crime, self._agenda.now)
        if all(slot["user"] for slot in crime["slots"]):
            crime["status"] = "Planning"
            self._wait(faction, crime)

    def bring(self, faction: Faction, person: Person) -> None:
        """A member gets the item that their slot lacks."""
        crime = self._open[faction.id].get(person.crime or 0)
        for slot in crime["slots"] if crime else ():
            if slot["user"] and slot["user"]["id"] == person.id and slot["item_requirement"]:
                slot["item_requirement"]["is_available"] = True

    def leave(self, faction: Faction, person: Person) -> None:
        """A member leaves the slot that they are in; a crime that was full waits for members again."""
        crime = self._open[faction.id].get(person.crime or 0)
        person.crime = None
        if crime is None:
            return
        for slot in crime["slots"]:
            if slot["user"] and slot["user"]["id"] == person.id:
                slot["user"] = None
                slot["checkpoint_pass_rate"] = faction.crime_maker.owners_pass_rate()
        plan(crime, self._agenda.now)
        if crime["status"] == "Planning":
            crime["status"] = "Recruiting"
            self._wait(faction, crime)

    def _gap(self, faction: Faction) -> float:
        return faction.crime_maker.chance.expovariate(rates.NEW_CRIMES * max(1, len(faction.members)) / DAY)

    def _bind(self, faction: Faction, crime: dict[str, Any]) -> None:
        for user in users_of(crime):
            person = faction.people.get(user["id"])
            if person is not None:
                person.crime = crime["id"]

    def _create(self, faction: Faction) -> None:
        waiting = sum(crime["status"] == "Recruiting" for crime in self.opened(faction))
        if waiting < max(LEAST_WAITING, int(rates.RECRUITING * len(faction.members))):
            maker = faction.crime_maker
            # Nobody is free to be put into it: members join by themselves.
            maker.now, maker.free = self._agenda.now, []
            crime = maker.make(self._agenda.now, "Recruiting")
            faction.crimes.append(crime)
            self._open[faction.id][crime["id"]] = crime
            self._wait(faction, crime)
        self.begin(faction)

    def _wait(self, faction: Faction, crime: dict[str, Any]) -> None:
        """Put the next thing that time alone brings on the agenda."""
        if crime["status"] == "Recruiting":
            self._agenda.put(crime["expired_at"], self._expire, faction, crime)
        else:
            self._agenda.put(crime["ready_at"] or self._agenda.now, self._look, faction, crime)

    def _is(self, faction: Faction, crime: dict[str, Any], status: str) -> bool:
        return crime["status"] == status and self._open[faction.id].get(crime["id"]) is crime

    def _look(self, faction: Faction, crime: dict[str, Any]) -> None:
        """Carry out a crime that is ready once everybody and everything is there; somebody may be slow to do it."""
        if not self._is(faction, crime, "Planning"):
            return
        if self._agenda.now < (crime["ready_at"] or 0):
            self._agenda.put(crime["ready_at"], self._look, faction, crime)
        elif self._is_held_up(faction, crime):
            self._agenda.put(self._agenda.now + rates.LOOK_AGAIN, self._look, faction, crime)
        else:
            chance = faction.crime_maker.chance
            delay = chance.expovariate(1 / rates.LATE_BY) if chance.yes(rates.LATE) else chance.randint(0, LATEST_PRESS)
            self._agenda.put(self._agenda.now + delay, self._carry_out, faction, crime)

    def _is_held_up(self, faction: Faction, crime: dict[str, Any]) -> bool:
        people: Mapping[int, Person] = faction.people
        if any(people[user["id"]].state in AWAY for user in users_of(crime) if user["id"] in people):
            return True
        missing = [slot["item_requirement"] for slot in crime["slots"] if slot["item_requirement"]]
        if self._agenda.now > (crime["ready_at"] or 0) + rates.ITEM_BOUGHT_AFTER:
            # Somebody of the faction gets what is still missing.
            for item in missing:
                item["is_available"] = True
        return not all(item["is_available"] for item in missing)

    def _carry_out(self, faction: Faction, crime: dict[str, Any]) -> None:
        if not self._is(faction, crime, "Planning"):
            return
        if self._is_held_up(faction, crime):
            self._look(faction, crime)
            return
        maker, now = faction.crime_maker, self._agenda.now
        pass_rates = [slot["checkpoint_pass_rate"] for slot in crime["slots"]]
        success = maker.chance.yes((sum(pass_rates) / len(pass_rates) / 100) ** 0.4)
        crime |= {"status": "Successful" if success else "Failure", "executed_at": now}
        self._close(faction, crime)
        for slot in crime["slots"]:
            maker.finish(slot, success=success)
            self._suffer(faction, slot["user"])
        if success:
            maker.last_success = crime["id"]
            crime["rewards"] = maker.rewards(crime["difficulty"])
            self._treasury.bring_in(faction, crime["rewards"])
            if maker.chance.yes(rates.PAID):
                self._agenda.put(now + maker.chance.expovariate(1 / rates.PAID_AFTER), self._pay, faction, crime)
        self._reporter.tell(faction, "crime", now, outcome_text(crime))

    def _suffer(self, faction: Faction, user: dict[str, Any]) -> None:
        person, seconds = faction.people.get(user["id"]), user.get("outcome_duration")
        if person is None or not seconds or person.state != "Okay":
            return
        if user["outcome"] == "Jailed":
            self._movement.jail(person, self._agenda.now + seconds, "Caught in an organised crime")
        else:
            self._movement.hospital(person, self._agenda.now + seconds, "Hurt in an organised crime")

    def _pay(self, faction: Faction, crime: dict[str, Any]) -> None:
        payer = officer(faction, faction.crime_maker.chance)
        if payer is None or crime["rewards"] is None or crime["rewards"]["payout"] is not None:
            return
        payer.see(self._agenda.now)
        crime["rewards"]["payout"] = faction.crime_maker.payout(payer.id, self._agenda.now)
        self._treasury.pay_out(faction, crime, payer)

    def _expire(self, faction: Faction, crime: dict[str, Any]) -> None:
        if not self._is(faction, crime, "Recruiting"):
            return
        plan(crime, self._agenda.now)
        crime["status"] = "Expired"
        self._close(faction, crime)
        if faction.crime_maker.chance.yes(WITHOUT_SLOTS):
            crime |= {"slots": [], "planning_at": None, "ready_at": None}
        for slot in crime["slots"]:
            slot["checkpoint_pass_rate"] = 0
        self._reporter.tell(faction, "crime", self._agenda.now, f"The scenario {crime['name']} expired")

    def _close(self, faction: Faction, crime: dict[str, Any]) -> None:
        del self._open[faction.id][crime["id"]]
        for user in users_of(crime):
            person = faction.people.get(user["id"])
            if person is not None and person.crime == crime["id"]:
                person.crime = None
