"""The life of a world: its parts, put together, and moved on in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from torn_pipeline.simulator import rates
from torn_pipeline.simulator.agenda import Agenda
from torn_pipeline.simulator.chains import Chains
from torn_pipeline.simulator.chance import Chance
from torn_pipeline.simulator.crimes import users_of
from torn_pipeline.simulator.fights import Fights
from torn_pipeline.simulator.heists import Heists
from torn_pipeline.simulator.membership import Membership
from torn_pipeline.simulator.movement import Movement
from torn_pipeline.simulator.news import Reporter, add_past
from torn_pipeline.simulator.people import Person
from torn_pipeline.simulator.raids import Raids
from torn_pipeline.simulator.rates import DAY
from torn_pipeline.simulator.revives import Revives
from torn_pipeline.simulator.scene import Scene
from torn_pipeline.simulator.strife import Strife
from torn_pipeline.simulator.territories import TerritoryWars
from torn_pipeline.simulator.treasury import Treasury
from torn_pipeline.simulator.visits import Visits
from torn_pipeline.simulator.wars import Wars

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torn_pipeline.simulator.state import Faction, Rival, User

__all__ = ["Life", "Start"]

PRIZES = ("Supply Pack", "Special", "Medical")


class Start(NamedTuple):
    """What a world is when its life begins."""

    seed: int
    now: int
    factions: Mapping[int, Faction]
    rivals: Mapping[int, Rival]
    strangers: Sequence[User]
    items: list[dict[str, Any]]


class Life:
    """What goes on in a world. Made with its past: about ``attacks`` attacks for each faction, and what belongs to them.

    One agenda leads the past and the future of attacks, chains, wars and revives; members, crimes and money begin to live now.
    """

    def __init__(self, world: Start, attacks: int) -> None:
        self._factions, self._items = world.factions, world.items
        members = max((len(faction.members) for faction in self._factions.values()), default=1)
        self._agenda = Agenda(world.now - min(rates.PAST, int(attacks * DAY / (rates.ATTACKS * members))))
        self._chance = {faction_id: Chance(world.seed, f"{faction_id}/life") for faction_id in self._factions}
        self._market_chance = Chance(world.seed, "market")
        self._reporter = Reporter(Chance(world.seed, "news"))
        self._make_parts(world, Scene(self._agenda, self._factions, world.rivals, self._reporter, Chance(world.seed, "strife")))
        for faction in self._factions.values():
            chance = self._chance[faction.id]
            faction.people = {row["id"]: Person.of(row, world.now, chance) for row in faction.members}
            self._note_crimes(faction)
        self._live_the_past(world.now)
        self._begin_now()

    def advance_to(self, moment: int) -> None:
        """Let everything happen up to a moment, and bring what shows the time up to it (Unix seconds)."""
        self._take_over()
        self._follow_up(moment)

    def attack(self, faction: Faction, *, incoming: bool, result: str | None) -> dict[str, Any]:
        """An attack that ends now, as the faction's list shows it.

        Raises:
            ValueError: when no member can attack, or be attacked.
        """
        self._take_over()
        happened = self._strife.suffer(faction, result) if incoming else self._strife.strike(faction, result)
        if not happened:
            message = f"no member of faction {faction.id} is well and in Torn, so that there can be no attack"
            raise ValueError(message)
        self._follow_up(self._agenda.now)
        return faction.attacks[-1]

    def join(self, faction: Faction, name: str | None) -> dict[str, Any]:
        """A new member's row.

        Raises:
            ValueError: when the faction is full.
        """
        self._take_over()
        row = self._membership.join(faction, self._chance[faction.id], name=name)
        self._follow_up(self._agenda.now)
        return row

    def leave(self, faction: Faction, user_id: int) -> None:
        """A member leaves.

        Raises:
            KeyError: when there is no such member.
            ValueError: when it is the leader.
        """
        self._take_over()
        self._membership.leave(faction, faction.people[user_id])
        self._follow_up(self._agenda.now)

    def make_crime(self, faction: Faction, created_at: int, status: str) -> dict[str, Any]:
        """A new crime of any status, with members who are in none as far as there are any."""
        self._take_over()
        maker = faction.crime_maker
        maker.now = self._agenda.now
        maker.roster = [person.id for person in faction.people.values()]
        maker.free = [person.id for person in faction.people.values() if person.crime is None]
        crime = maker.make(created_at, status)
        faction.crimes.append(crime)
        self._take_over()
        self._heists.show(faction)
        return crime

    def _make_parts(self, world: Start, scene: Scene) -> None:
        self._chains = Chains(scene)
        self.wars = Wars(scene, self._chains, [item for item in self._items if item["type"] in PRIZES])
        self.raids = Raids(scene, self._chains, Chance(world.seed, "raids"))
        self._fights = Fights(scene, self._chains, self.wars, self.raids)
        reporter = Reporter(Chance(world.seed, "news of territories"))
        self.territory_wars = TerritoryWars(scene, self._chains, self._fights, reporter, Chance(world.seed, "territories"))
        self._revives = Revives(scene, self._fights, world.strangers, Chance(world.seed, "revives"))
        self._movement = Movement(scene)
        self._movement.on_hospital = self._revives.admit
        self._fights.on_hospital, self._fights.on_past_hospital = self._movement.hospital, self._revives.admit
        self._strife = Strife(scene, self._fights, self.wars, world.strangers)
        treasury = Treasury(scene, self._items)
        self._heists = Heists(scene, self._movement, treasury)
        taken = {user.id for user in world.strangers} | {row["id"] for faction in self._factions.values() for row in faction.members}
        taken |= {user.id for rival in world.rivals.values() for user in rival.members}
        self._membership = Membership(scene, self._heists, taken)
        self._membership.on_join = self._welcome
        self._visits = Visits(scene, self._movement, self._heists, treasury, strife=self._strife, membership=self._membership)

    def _note_crimes(self, faction: Faction) -> None:
        """Whoever joined or paid a crime was about then."""
        people = faction.people
        for crime in faction.crimes:
            for user in users_of(crime):
                people[user["id"]].see(user["joined_at"])
            payout = crime["rewards"] and crime["rewards"]["payout"]
            if payout:
                people[payout["paid_by"]].see(payout["paid_at"])

    def _live_the_past(self, now: int) -> None:
        born = self._agenda.now
        self._fights.is_past = True
        if born < now:
            self._begin_strife()
        self._agenda.run_to(now)
        self._fights.is_past = False
        if born == now:
            self._begin_strife()
        for faction in self._factions.values():
            add_past(faction, self._reporter, born)

    def _begin_strife(self) -> None:
        for part in (self._strife, self.raids, self.territory_wars, self._revives):
            part.begin()

    def _begin_now(self) -> None:
        for faction in self._factions.values():
            for person in faction.people.values():
                self._welcome(faction, person)
            self._heists.adopt(faction)
            self._heists.begin(faction)
            self._membership.begin(faction, self._chance[faction.id])
        self._agenda.put(self._agenda.now + rates.MARKET_EVERY, self._move_market)
        self._show()

    def _welcome(self, faction: Faction, person: Person) -> None:
        self._movement.adopt(person)
        self._visits.expect(faction, person, self._chance[faction.id])

    def _take_over(self) -> None:
        """Take over what was changed from outside."""
        for faction in self._factions.values():
            self._membership.adopt(faction, self._chance[faction.id])
            self._heists.adopt(faction)

    def _follow_up(self, moment: int) -> None:
        """Do what is due up to a moment, and show what it has led to."""
        self._agenda.run_to(moment)
        self._show()

    def _show(self) -> None:
        now = self._agenda.now
        for faction in self._factions.values():
            for person in faction.people.values():
                person.show(now)
            self._heists.show(faction)
            self._chains.show(faction)
            for wars in (self.wars, self.raids, self.territory_wars):
                wars.show(faction)

    def _move_market(self) -> None:
        """Let the prices and numbers of a few items move."""
        chance = self._market_chance
        for item in chance.sample(self._items, int(rates.MARKET_MOVES * len(self._items))):
            value = item["value"]
            value["market_price"] = int(value["market_price"] * chance.uniform(0.95, 1.055))
            item["circulation"] += chance.randint(0, 1 + item["circulation"] // 200)
        self._agenda.put(self._agenda.now + rates.MARKET_EVERY, self._move_market)
