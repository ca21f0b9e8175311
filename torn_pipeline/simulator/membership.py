"""Who belongs to a faction: joining, leaving, coming back, rising. Every list of members follows."""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING, Any

from torn_pipeline.simulator import rates
from torn_pipeline.simulator.members import make_newcomer
from torn_pipeline.simulator.people import Person
from torn_pipeline.simulator.rates import DAY
from torn_pipeline.simulator.state import FEWEST_MEMBERS
from torn_pipeline.simulator.texts import user_link

if TYPE_CHECKING:
    from collections.abc import Callable

    from torn_pipeline.simulator.chance import Chance
    from torn_pipeline.simulator.heists import Heists
    from torn_pipeline.simulator.scene import Scene
    from torn_pipeline.simulator.state import Faction

__all__ = ["Membership"]

NEWCOMER = "Recruit"


class Membership:
    """Lets members come and go; ``on_join`` is called with everybody who does."""

    def __init__(self, scene: Scene, heists: Heists, taken: set[int]) -> None:
        self.on_join: Callable[[Faction, Person], None]
        self._agenda, _, _, self._reporter, _ = scene
        self._heists = heists
        self._taken = taken

    def begin(self, faction: Faction, chance: Chance) -> None:
        """Put the next who joins and the next who leaves on the agenda."""
        self._agenda.put(self._agenda.now + self._gap(faction, rates.JOIN, chance), self._somebody_joins, faction, chance)
        self._agenda.put(self._agenda.now + self._gap(faction, rates.LEAVE, chance), self._somebody_leaves, faction, chance)

    def adopt(self, faction: Faction, chance: Chance) -> None:
        """Take over the members as they stand, also when the list was changed from outside."""
        now = self._agenda.now
        found = {row["id"]: row for row in faction.members}
        for user_id in faction.people.keys() - found.keys():
            person = faction.people.pop(user_id)
            person.left_at = now
            faction.gone.append(person)
        for user_id, row in found.items():
            person_there = faction.people.get(user_id)
            if person_there is None:
                faction.people[user_id] = Person.of(row, now, chance)
                self.on_join(faction, faction.people[user_id])
            else:
                person_there.row = row

    def join(self, faction: Faction, chance: Chance, *, name: str | None = None) -> dict[str, Any]:
        """Somebody new joins; their row.

        Raises:
            ValueError: when the faction is full.
        """
        self._refuse_when_full(faction)
        row = make_newcomer(chance, self._agenda.now, self._taken, name)
        balance = {"id": row["id"], "username": row["name"], "money": 0, "points": 0}
        return self._enter(faction, row, balance, chance)

    def leave(self, faction: Faction, person: Person, *, text: str = "left the faction") -> None:
        """A member leaves: out of the lists, out of their crime, and what they have in the balance stays with the former.

        Raises:
            ValueError: when it is the leader, who cannot leave.
        """
        if person.id == faction.basic["leader_id"]:
            message = f"member {person.id} leads faction {faction.id} and cannot leave it: name another member"
            raise ValueError(message)
        self._heists.leave(faction, person)
        person.left_at = self._agenda.now
        faction.gone.append(faction.people.pop(person.id))
        faction.members[:] = [row for row in faction.members if row["id"] != person.id]
        rows = faction.balance["members"]
        faction.former += [row for row in rows if row["id"] == person.id and (row["money"] or row["points"])]
        rows[:] = [row for row in rows if row["id"] != person.id]
        faction.basic["members"] = len(faction.members)
        if faction.basic["co_leader_id"] == person.id:
            faction.basic["co_leader_id"] = 0
        self._tell(faction, "membership", f"{user_link(person.id, person.name)} {text}")

    def promote(self, faction: Faction, by: Person) -> None:
        """Give a recruit whose trial is over a position."""
        now = self._agenda.now
        for person in faction.people.values():
            if person.row["position"] == NEWCOMER and now - person.joined_at > rates.TRIAL:
                person.row["position"] = "Soldier"
                text = f"{user_link(by.id, by.name)} changed the position of {user_link(person.id, person.name)} from {NEWCOMER} to Soldier"
                self._tell(faction, "main", text)
                return

    def _gap(self, faction: Faction, rate: float, chance: Chance) -> float:
        return chance.expovariate(rate * max(1, len(faction.members)) / DAY)

    def _somebody_joins(self, faction: Faction, chance: Chance) -> None:
        if len(faction.members) < faction.basic["capacity"]:
            back = [person for person in faction.gone if self._can_come_back(faction, person)]
            if back and chance.yes(rates.COME_BACK):
                self._come_back(faction, chance.choice(back), chance)
            else:
                self.join(faction, chance)
        self._agenda.put(self._agenda.now + self._gap(faction, rates.JOIN, chance), self._somebody_joins, faction, chance)

    def _can_come_back(self, faction: Faction, person: Person) -> bool:
        return person.id not in faction.people and person.state == "Okay"

    def _come_back(self, faction: Faction, person: Person, chance: Chance) -> None:
        row = {**person.row, "position": NEWCOMER, "days_in_faction": 0, "is_in_oc": False}
        kept = [balance for balance in faction.former if balance["id"] == person.id]
        faction.former[:] = [balance for balance in faction.former if balance["id"] != person.id]
        balance = kept[0] if kept else {"id": row["id"], "username": row["name"], "money": 0, "points": 0}
        self._enter(faction, row, balance, chance)

    def _enter(self, faction: Faction, row: dict[str, Any], balance: dict[str, Any], chance: Chance) -> dict[str, Any]:
        now = self._agenda.now
        person = Person.of(row, now, chance)
        person.joined_at = now
        person.see(now)
        faction.people[person.id] = person
        insort(faction.members, row, key=lambda member: int(member["id"]))
        insort(faction.balance["members"], balance, key=lambda member: int(member["id"]))
        faction.basic["members"] = len(faction.members)
        self._tell(faction, "membership", f"{user_link(person.id, person.name)} joined the faction")
        self.on_join(faction, person)
        return row

    def _somebody_leaves(self, faction: Faction, chance: Chance) -> None:
        heads = {faction.basic["leader_id"], faction.basic["co_leader_id"]}
        planned = {crime["id"] for crime in self._heists.opened(faction) if crime["status"] == "Planning"}
        free = [person for person in faction.people.values() if person.id not in heads and person.crime not in planned]
        if free and len(faction.members) > FEWEST_MEMBERS:
            person = chance.choice(free)
            if not person.visits:
                self.leave(faction, person, text="was kicked out of the faction")
            else:
                person.see(self._agenda.now)
                self.leave(faction, person)
        self._agenda.put(self._agenda.now + self._gap(faction, rates.LEAVE, chance), self._somebody_leaves, faction, chance)

    def _refuse_when_full(self, faction: Faction) -> None:
        if len(faction.members) >= faction.basic["capacity"]:
            message = f"faction {faction.id} is full with {len(faction.members)} members: remove one first"
            raise ValueError(message)

    def _tell(self, faction: Faction, category: str, text: str) -> None:
        self._reporter.tell(faction, category, self._agenda.now, text)
