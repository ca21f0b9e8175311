"""What is known of a member inside: when they joined, come and go, and where they are. The API shows the row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torn_pipeline.simulator import rates
from torn_pipeline.simulator.rates import DAY, HOUR, MINUTE
from torn_pipeline.simulator.texts import duration
from torn_pipeline.simulator.vocabulary import PLANES

if TYPE_CHECKING:
    from torn_pipeline.simulator.chance import Chance
    from torn_pipeline.simulator.state import Faction

__all__ = ["OFFICERS", "Person", "is_lost", "officer", "presence"]

OFFICERS = frozenset({"Leader", "Co-leader", "Quartermaster", "Banker & Co"})
LOWEST_PASS_RATE, HIGHEST_PASS_RATE = 15, 99


@dataclass(slots=True, kw_only=True, eq=False)
class Person:
    """A member from joining to leaving (times in Unix seconds).

    ``row`` is what the API shows. ``visits`` is how often a day they are on Torn, ``wakes`` the second of the day they get up,
    ``seen_from`` and ``seen_until`` the latest visit, ``crime`` the id of the open crime they are in. ``rests_until`` is when
    somebody would have left hospital who was revived there, and does nothing more until then.
    """

    row: dict[str, Any]
    joined_at: int
    visits: float
    wakes: int
    skill: int
    plane: str
    seen_from: int
    seen_until: int
    left_at: int | None = None
    crime: int | None = None
    rests_until: int | None = None

    @classmethod
    def of(cls, row: dict[str, Any], now: int, chance: Chance) -> Person:
        """The person behind a member's row as it stands now."""
        seen = row["last_action"]["timestamp"]
        idle = now - seen > rates.IDLE_AFTER
        return cls(
            row=row,
            joined_at=now - row["days_in_faction"] * DAY - chance.randrange(DAY),
            visits=0.0 if is_lost(row) else rates.VISITS_OF_THE_IDLE if idle else chance.uniform(*rates.VISITS),
            wakes=chance.randrange(DAY),
            skill=45 + row["level"] // 2 + chance.randint(0, 30),
            plane=chance.choice(PLANES),
            seen_from=seen,
            seen_until=seen,
        )

    @property
    def id(self) -> int:
        """The user's id."""
        return int(self.row["id"])

    @property
    def name(self) -> str:
        """The user's name."""
        return str(self.row["name"])

    @property
    def state(self) -> str:
        """Where they are, as the API says it; whoever rests counts as in hospital."""
        return "Hospital" if self.rests_until is not None else str(self.row["status"]["state"])

    @property
    def until(self) -> int | None:
        """When they leave hospital, jail or their rest."""
        until: int | None = self.row["status"]["until"]
        return until if self.rests_until is None else self.rests_until

    def next_visit(self, now: int, chance: Chance) -> int:
        """When they come next: in their waking hours, less often the less they are about."""
        moment = now + 1 + int(chance.expovariate(self.visits / rates.AWAKE))
        since_waking = (moment - self.wakes) % DAY
        # Whoever would come in the night comes soon after getting up.
        return moment if since_waking < rates.AWAKE else moment + DAY - since_waking + chance.randrange(HOUR)

    def see(self, moment: int, length: int = 0) -> None:
        """Note that they did something, on a visit of this length."""
        if moment > self.seen_until:
            self.seen_from = moment
        self.seen_until = max(self.seen_until, moment + length)

    def pass_rate(self, difficulty: int, chance: Chance) -> int:
        """Their chance of passing a checkpoint of a crime of this difficulty, in percent."""
        return max(LOWEST_PASS_RATE, min(HIGHEST_PASS_RATE, self.skill - 4 * (difficulty - 4) + chance.randint(-8, 8)))

    def be_okay(self) -> None:
        """Back in Torn, and well."""
        self._be("Okay", "Okay", "green")

    def be_revived(self) -> None:
        """Out of hospital, but to rest for as long as they would have been there."""
        until = self.until
        self.be_okay()
        self.rests_until = until

    def be_in_hospital(self, until: int, details: str) -> None:
        """In hospital until then; ``details`` may hold HTML."""
        self._be("Hospital", "In hospital", "red", details=details, until=until)

    def be_in_jail(self, until: int, details: str) -> None:
        """In jail until then."""
        self._be("Jail", "In jail", "red", details=details, until=until)

    def be_on_the_way(self, country: str, *, back: bool) -> None:
        """In the air, to a country or back from it."""
        way = f"Returning to Torn from {country}" if back else f"Traveling to {country}"
        self._be("Traveling", way, "blue")
        self.row["status"]["plane_image_type"] = self.plane

    def be_abroad(self, country: str) -> None:
        """Landed in a country."""
        self._be("Abroad", f"In {country}", "blue")

    def _be(self, state: str, description: str, color: str, *, details: str | None = None, until: int | None = None) -> None:
        self.rests_until = None
        self.row["status"] = {"description": description, "details": details, "state": state, "color": color, "until": until}

    def show(self, now: int) -> None:
        """Bring what depends on the time in the row up to it."""
        row = self.row
        row["days_in_faction"] = (now - self.joined_at) // DAY
        status = row["status"]
        if status["until"] is not None:
            where = "hospital" if status["state"] == "Hospital" else "jail"
            status["description"] = f"In {where} for {duration(max(0, status['until'] - now))}"
        if self.seen_until:
            seen = min(now, self.seen_until)
            away = now - seen
            row["last_action"] = {"status": presence(away), "timestamp": seen, "relative": f"{duration(away)} ago"}


def presence(away: int) -> str:
    """What the API calls somebody who did something so many seconds ago."""
    return "Online" if away < 5 * MINUTE else "Idle" if away < HOUR else "Offline"


def is_lost(row: dict[str, Any]) -> bool:
    """Whether a member was never seen, or will not be seen again."""
    return row["last_action"]["timestamp"] == 0 or row["status"]["state"] in {"Federal", "Fallen"}


def officer(faction: Faction, chance: Chance) -> Person | None:
    """A member who may pay and appoint, of those who are about; None when there is none."""
    people = [person for person in faction.people.values() if person.visits and person.row["position"] in OFFICERS]
    return chance.choice(people) if people else None
