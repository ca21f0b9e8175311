"""The plain data that a world consists of: keys, people of other factions, the world's own factions and what is known of them inside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torn_pipeline.simulator.crimes import CrimeMaker
    from torn_pipeline.simulator.people import Person

__all__ = ["ACCESS_LEVELS", "FEWEST_MEMBERS", "NO_CHAIN", "Access", "Faction", "Key", "KeyState", "Rival", "Size", "User"]

Access = Literal["Public", "Minimal", "Limited", "Full"]
KeyState = Literal["active", "paused", "inactive", "federal", "deleted"]
ACCESS_LEVELS: tuple[Access, ...] = ("Public", "Minimal", "Limited", "Full")
NO_CHAIN = {"id": 0, "current": 0, "max": 10, "timeout": 0, "modifier": 1, "cooldown": 0, "start": 0, "end": 0}
FEWEST_MEMBERS = 6
FEWEST_ITEMS = 4


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
    """How much a new world holds.

    ``members`` and ``crimes`` of each faction, ``items`` of Torn, and about how many ``attacks`` of the past each faction
    knows: their number says how far the past of chains and ranked wars goes back, four weeks at most.

    Raises:
        ValueError: when the largest crime would lack members, or a kind of item be missing.
    """

    members: int = 90
    crimes: int = 250
    items: int = 1_400
    attacks: int = 200

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

    ``basic`` is the object below ``basic``, ``members``, ``crimes``, ``attacks``, ``chains``, ``revives`` and ``positions`` the
    lists (oldest first where they have a time), ``chain`` the one that runs, ``wars`` the whole body of ``/faction/wars``.
    ``news`` are pairs of category and row, oldest first. ``balance`` is the object below ``balance`` as it stands for current
    members, ``former`` the balances of those who have left and have something there (shown with ``cat=all``).
    ``armoury`` counts items by id; the API does not list it, but the news tell of it.

    The parts do not follow one another when they are changed here; ``World`` has methods that keep them together.
    ``people``, ``gone`` and ``respect`` (what is not a whole point yet) are what the API does not show.
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
    revives: list[dict[str, Any]] = field(default_factory=list)
    wars: dict[str, Any] = field(default_factory=lambda: {"pacts": [], "wars": {"ranked": None, "raids": [], "territory": []}})
    positions: list[dict[str, Any]] = field(default_factory=list)
    armoury: dict[int, int] = field(default_factory=dict)
    people: dict[int, Person] = field(default_factory=dict, repr=False)
    gone: list[Person] = field(default_factory=list, repr=False)
    respect: float = 0.0

    @property
    def name(self) -> str:
        """The name that the API shows."""
        return str(self.basic["name"])

    def earn(self, respect: float) -> None:
        """Add respect, or take it when negative; ``basic`` shows whole points."""
        self.respect += respect
        whole = int(self.respect)
        self.basic["respect"] += whole
        self.respect -= whole
