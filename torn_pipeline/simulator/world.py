"""The state that the simulator shows: factions, their members, crimes and balances, and the items of Torn."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from torn_pipeline.simulator.chance import Chance
from torn_pipeline.simulator.crimes import CrimeMaker
from torn_pipeline.simulator.items import make_items
from torn_pipeline.simulator.members import make_balance, make_basic, make_members

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ACCESS_LEVELS", "Access", "Faction", "Key", "KeyState", "Rival", "Size", "User", "World"]

Access = Literal["Public", "Minimal", "Limited", "Full"]
KeyState = Literal["active", "paused", "inactive", "federal", "deleted"]
ACCESS_LEVELS: tuple[Access, ...] = ("Public", "Minimal", "Limited", "Full")
NOW = 1_777_500_000
FACTIONS = (40_832, 8_991)
FIRST_CRIME_ID = 1_500_000
NO_CHAIN = {"id": 0, "current": 0, "max": 10, "timeout": 0, "modifier": 1, "cooldown": 0, "start": 0, "end": 0}
FEWEST_MEMBERS = 6
FEWEST_ITEMS = 4
DAY, HOUR = 86_400, 3_600
KEY_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@dataclass(frozen=True, slots=True)
class Key:
    """What an API key opens: whose it is (a user's id, whom the limit of calls is counted for), which faction's, and how far.

    ``faction_access`` is whether the owner's position in the faction has access to the API. A key that is not ``active`` is
    refused: ``paused`` and ``deleted`` by its owner, ``inactive`` and ``federal`` because of where the owner is.
    """

    owner: int
    faction: int
    access: Access = "Full"
    faction_access: bool = True
    state: KeyState = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much a new world holds: ``members``, ``crimes`` and about ``attacks`` of the past for each faction, ``items`` of Torn.

    Raises:
        ValueError: when the largest crime would lack members, or a kind of item be missing.
    """

    members: int = 90
    crimes: int = 250
    items: int = 1_400
    attacks: int = 300

    def __post_init__(self) -> None:
        """Refuse a world that could not be consistent."""
        if self.members < FEWEST_MEMBERS or self.items < FEWEST_ITEMS:
            message = f"a world needs at least {FEWEST_MEMBERS} members a faction and {FEWEST_ITEMS} items: {self.members}, {self.items}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody outside the world's own factions; ``faction`` is the id of a rival, None for none."""

    id: int
    name: str
    level: int
    faction: int | None = None


@dataclass(frozen=True, slots=True)
class Rival:
    """Another faction, known by its name and members alone: attacks and ranked wars are against it."""

    id: int
    name: str
    members: tuple[User, ...]


@dataclass(slots=True, kw_only=True)
class Faction:
    """One faction, each part in the shape of the API's answer and free to be changed while ``World.lock`` is held.

    ``basic`` is the object below ``basic``, ``members`` and ``crimes`` the lists (crimes oldest first), ``balance`` the
    object below ``balance`` as it stands for current members, ``former`` the balances of those who have left
    (shown with ``cat=all``). The parts do not follow one another: who removes a member also takes them out of the balance.
    """

    id: int
    basic: dict[str, Any]
    members: list[dict[str, Any]]
    crimes: list[dict[str, Any]]
    balance: dict[str, Any]
    former: list[dict[str, Any]]
    crime_maker: CrimeMaker = field(repr=False)
    attacks: list[dict[str, Any]] = field(default_factory=list)
    chains: list[dict[str, Any]] = field(default_factory=list)
    chain: dict[str, Any] = field(default_factory=lambda: dict(NO_CHAIN))
    news: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    wars: dict[str, Any] = field(default_factory=lambda: {"pacts": [], "wars": {"ranked": None, "raids": [], "territory": []}})
    positions: list[dict[str, Any]] = field(default_factory=list)


class World:
    """A small Torn City that follows from its arguments alone.

    ``now`` is the world's time in Unix seconds; it stands still. ``factions`` are faction ids. ``keys`` maps API keys to
    what they open; without it there is one full-access key a faction, owned by its leader, in the order of ``factions``.

    ``keys``, ``items`` (list) and ``factions`` (by id) are plain data. Hold ``lock`` while changing
    them: an answer is put together under it.
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
        self.factions = {faction_id: self._faction(faction_id, size) for faction_id in factions}
        self.keys = dict(self._keys() if keys is None else keys)
        self.users: dict[int, User] = {}
        self.rivals: dict[int, Rival] = {}
        self.ranked_wars: list[dict[str, Any]] = []

    def advance(self, seconds: int) -> None:
        """Let life go on for so many seconds."""
        self.advance_to(self.now + seconds)

    def advance_to(self, moment: int) -> None:
        """Let life go on until a moment (Unix seconds); an earlier one changes nothing."""
        with self.lock:
            self.now = max(self.now, moment)

    def ranked_war_report(self, war_id: int) -> dict[str, Any]:
        """What ``rankedwarreport`` shows of a ranked war that has ended.

        Raises:
            KeyError: when no such war has ended.
        """
        raise KeyError(war_id)

    def chain_report(self, faction_id: int, chain_id: int) -> dict[str, Any]:
        """What ``chainreport`` shows of a faction's chain, also of the one that runs.

        Raises:
            KeyError: when the faction has no such chain.
        """
        raise KeyError((faction_id, chain_id))

    def faction(self, faction_id: int) -> Faction:
        """The faction with this id.

        Raises:
            KeyError: when the world has none.
        """
        return self.factions[faction_id]

    def add_crime(self, faction_id: int, *, status: str = "Recruiting", created_at: int | None = None) -> dict[str, Any]:
        """Make a new crime of a faction, newest by id, add it and return it; created now unless said otherwise (Unix seconds)."""
        with self.lock:
            faction = self.factions[faction_id]
            crime = faction.crime_maker.make(self.now if created_at is None else created_at, status)
            faction.crimes.append(crime)
            return crime

    def _faction(self, faction_id: int, size: Size) -> Faction:
        chance = Chance(self.seed, f"{faction_id}/members")
        people = make_members(chance, self.now, size.members)
        maker = self._crime_maker(faction_id, [member["id"] for member in people])
        made = [maker.make(self.now - age) for age in reversed(_ages(Chance(self.seed, f"{faction_id}/ages"), size.crimes))]
        busy = set(maker.roster) - set(maker.free)
        for member in people:
            member["is_in_oc"] = member["id"] in busy
        balance, former = make_balance(Chance(self.seed, f"{faction_id}/balance"), people)
        return Faction(
            id=faction_id,
            basic=make_basic(Chance(self.seed, f"{faction_id}/basic"), faction_id, people),
            members=people,
            crimes=made,
            balance=balance,
            former=former,
            crime_maker=maker,
        )

    def _crime_maker(self, faction_id: int, roster: list[int]) -> CrimeMaker:
        chance = Chance(self.seed, f"{faction_id}/crimes")
        tools = [item["id"] for item in self.items if item["type"] == "Tool"]
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


def _ages(chance: Chance, count: int) -> list[int]:
    """Ages of crimes in seconds, youngest first: at least a month's worth, the more recent the further apart, as few are open at a time."""
    span = max(32 * DAY, count * 3 * HOUR)
    return [int(span * ((place + chance.random()) / count) ** 0.7) for place in range(count)]
