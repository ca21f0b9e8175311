"""The state that the simulator shows: factions with all that happens in them, other factions, and the items of Torn."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from torn_pipeline.simulator.chance import Chance
from torn_pipeline.simulator.crimes import CrimeMaker
from torn_pipeline.simulator.items import make_items
from torn_pipeline.simulator.life import Life, Start
from torn_pipeline.simulator.members import (
    make_balance,
    make_basic,
    make_members,
    make_pacts,
    make_positions,
    make_rivals,
    make_strangers,
)
from torn_pipeline.simulator.people import is_lost
from torn_pipeline.simulator.rates import DAY, HOUR
from torn_pipeline.simulator.reports import chain_report
from torn_pipeline.simulator.state import ACCESS_LEVELS, FEWEST_MEMBERS, Access, Faction, Key, KeyState, Rival, Size, User

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ACCESS_LEVELS", "Access", "Faction", "Key", "KeyState", "Rival", "Size", "User", "World"]

NOW = 1_777_500_000
FACTIONS = (40_832, 8_991)
FIRST_CRIME_ID = 1_500_000
KEY_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class World:
    """A small Torn City that follows from its arguments and from how far its time was moved.

    ``now`` is the world's time in Unix seconds; it stands still until ``advance`` or ``advance_to`` moves it, and in how many
    steps that is done makes no difference. ``factions`` are faction ids. ``keys`` maps API keys to what they open; without it
    there is one full-access key a faction, owned by its leader, in the order of ``factions``.

    ``keys``, ``items`` (list), ``factions`` (by id), ``ranked_wars`` (oldest first, one that has not ended with an ``end`` of 0),
    ``raids`` (oldest first), ``territory_wars`` (those that are over, in the order of their end), ``rivals`` and ``users`` (people
    outside the world's own factions, by id) are plain data. Hold ``lock`` while changing them: an answer is put together under it.
    Life goes on from what it finds.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        now: int = NOW,
        factions: Sequence[int] = FACTIONS,
        keys: Mapping[str, Key] | None = None,
        size: Size | None = None,
    ) -> None:
        size = size or Size()
        self.seed = seed
        self.now = now
        self.lock = threading.RLock()
        self.items = make_items(Chance(seed, "items"), size.items)
        strangers = make_strangers(Chance(seed, "strangers"))
        self.rivals = {rival.id: rival for rival in make_rivals(Chance(seed, "rivals"), size.members)}
        self.users = {user.id: user for users in (strangers, *(rival.members for rival in self.rivals.values())) for user in users}
        self.factions = {faction_id: self._faction(faction_id, size) for faction_id in factions}
        self._life = Life(Start(seed, now, self.factions, self.rivals, strangers, self.items), size.attacks)
        self.ranked_wars = self._life.wars.rows
        self.raids = self._life.raids.rows
        self.territory_wars = self._life.territory_wars.rows
        self.keys = dict(self._keys() if keys is None else keys)

    def faction(self, faction_id: int) -> Faction:
        """The faction with this id.

        Raises:
            KeyError: when the world has none.
        """
        return self.factions[faction_id]

    def advance(self, seconds: int) -> None:
        """Let life go on for so many seconds."""
        with self.lock:
            self.advance_to(self.now + seconds)

    def advance_to(self, moment: int) -> None:
        """Let life go on until a moment (Unix seconds); an earlier one changes nothing."""
        with self.lock:
            if moment > self.now:
                self._life.advance_to(moment)
                self.now = moment

    def add_crime(self, faction_id: int, *, status: str = "Recruiting", created_at: int | None = None) -> dict[str, Any]:
        """Make a new crime of a faction, newest by id, add it and return it; created now unless said otherwise (Unix seconds)."""
        with self.lock:
            return self._life.make_crime(self.factions[faction_id], self.now if created_at is None else created_at, status)

    def add_attack(self, faction_id: int, *, incoming: bool = False, result: str | None = None) -> dict[str, Any]:
        """Have a member attack somebody, or be attacked, now; the row as the faction's list shows it.

        ``result`` is one of the API's, by chance when None. Chain, score, respect, hospital and news follow.

        Raises:
            ValueError: when no member is well and in Torn.
        """
        with self.lock:
            return self._life.attack(self.factions[faction_id], incoming=incoming, result=result)

    def add_member(self, faction_id: int, *, name: str | None = None) -> dict[str, Any]:
        """Have somebody join a faction now, and return their row; the number of members, the balance and the news follow.

        Raises:
            ValueError: when the faction is full.
        """
        with self.lock:
            return self._life.join(self.factions[faction_id], name)

    def remove_member(self, faction_id: int, user_id: int) -> None:
        """Have a member leave now.

        They are out of the balance, which ``former`` keeps if there is anything on it, and out of the open crime they were in.

        Raises:
            KeyError: when the faction has no such member.
            ValueError: when it is the leader.
        """
        with self.lock:
            self._life.leave(self.factions[faction_id], user_id)

    def ranked_war_report(self, war_id: int) -> dict[str, Any]:
        """What ``rankedwarreport`` shows of a ranked war that has ended.

        Raises:
            KeyError: when no such war has ended.
        """
        with self.lock:
            return self._life.wars.reports[war_id]

    def raid_report(self, raid_id: int) -> dict[str, Any]:
        """What ``raidreport`` lists of a raid that has ended.

        Raises:
            KeyError: when no such raid has ended.
        """
        with self.lock:
            return self._life.raids.reports[raid_id]

    def territory_war_report(self, war_id: int) -> dict[str, Any]:
        """What ``territorywarreport`` lists of a territory war that has ended.

        Raises:
            KeyError: when no such war has ended.
        """
        with self.lock:
            return self._life.territory_wars.reports[war_id]

    def chain_report(self, faction_id: int, chain_id: int) -> dict[str, Any]:
        """What ``chainreport`` shows of a faction's chain, also of the one that runs.

        Raises:
            KeyError: when the faction has no such chain.
        """
        with self.lock:
            return chain_report(self.factions[faction_id], chain_id)

    def _faction(self, faction_id: int, size: Size) -> Faction:
        people = make_members(Chance(self.seed, f"{faction_id}/members"), self.now, size.members)
        maker = self._crime_maker(faction_id, people, size.crimes)
        made = [maker.make(self.now - age) for age in reversed(_ages(Chance(self.seed, f"{faction_id}/ages"), size.crimes))]
        busy = set(maker.roster) - set(maker.free)
        for member in people:
            member["is_in_oc"] = member["id"] in busy
        balance, former = make_balance(Chance(self.seed, f"{faction_id}/balance"), people)
        pacts = make_pacts(Chance(self.seed, f"{faction_id}/pacts"), self.now, list(self.rivals.values()))
        return Faction(
            id=faction_id,
            basic=make_basic(Chance(self.seed, f"{faction_id}/basic"), faction_id, people),
            members=people,
            crimes=made,
            balance=balance,
            former=former,
            crime_maker=maker,
            wars={"pacts": pacts, "wars": {"ranked": None, "raids": [], "territory": []}},
            positions=make_positions(),
        )

    def _crime_maker(self, faction_id: int, people: list[dict[str, Any]], crimes: int) -> CrimeMaker:
        chance = Chance(self.seed, f"{faction_id}/crimes")
        tools = [item["id"] for item in self.items if item["type"] == "Tool"]
        # Who came after the oldest crime, or has been lost, was in none.
        settled = [row["id"] for row in people if row["days_in_faction"] > _span(crimes) // DAY and not is_lost(row)]
        roster = settled if len(settled) >= FEWEST_MEMBERS else [row["id"] for row in people]
        return CrimeMaker(
            chance=chance,
            now=self.now,
            roster=roster,
            tools=[(item_id, index % 2 == 0) for index, item_id in enumerate(tools)],
            prizes=[item["id"] for item in self.items if item["type"] in {"Medical", "Drug", "Special"}],
            next_id=FIRST_CRIME_ID + chance.randint(0, 10_000),
            free=list(roster),
        )

    def _keys(self) -> dict[str, Key]:
        chance = Chance(self.seed, "keys")
        return {
            "".join(chance.choices(KEY_LETTERS, k=16)): Key(owner=faction.basic["leader_id"], faction=faction.id)
            for faction in self.factions.values()
        }


def _span(crimes: int) -> int:
    """How long ago the oldest of so many crimes was created, in seconds."""
    return max(32 * DAY, crimes * 3 * HOUR)


def _ages(chance: Chance, count: int) -> list[int]:
    """Ages of crimes in seconds, youngest first: at least a month's worth, the more recent the further apart, as few are open at a time."""
    return [int(_span(count) * ((place + chance.random()) / count) ** 0.7) for place in range(count)]
