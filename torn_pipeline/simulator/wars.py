"""Ranked wars: who fights whom, how the score stands, how it ends, and the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torn_pipeline.simulator import rates
from torn_pipeline.simulator.texts import faction_link
from torn_pipeline.simulator.vocabulary import RANKS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torn_pipeline.simulator.chains import Chains
    from torn_pipeline.simulator.scene import Scene
    from torn_pipeline.simulator.state import Faction, Rival

__all__ = ["War", "Wars", "rank_of"]

FIRST_WAR_ID = 21_000
LEAST_LEAD = 25
DIVISIONS = 3
TOP_LEVEL = DIVISIONS * (len(RANKS) - 1)
POINTS_OF_THE_WINNER, POINTS_OF_THE_LOSER = 1_200, 300
RESPECT_FOR_THE_WINNER, RESPECT_FOR_THE_LOSER = 2.0, 0.5


def rank_of(level: int) -> tuple[str, int]:
    """The name and division (1 is the best of three; 0 without a rank) of a level of rank."""
    if level < 1:
        return RANKS[0], 0
    return RANKS[1 + (level - 1) // DIVISIONS], DIVISIONS - (level - 1) % DIVISIONS


@dataclass(slots=True, eq=False)
class War:
    """A ranked war: ``row`` is what the list shows, ``full_lead`` the lead that wins at first, ``hits`` by side and user."""

    row: dict[str, Any]
    sides: tuple[Faction | Rival, Faction | Rival]
    full_lead: int
    hits: dict[int, dict[int, dict[str, Any]]] = field(default_factory=dict)
    scores: dict[int, float] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether there is a winner."""
        return self.row["winner"] is not None

    def other(self, faction_id: int) -> Faction | Rival:
        """Who fights against this faction."""
        first, second = self.sides
        return second if first.id == faction_id else first


class Wars:
    """The ranked wars of the world, also those that have only been declared; ``rows`` lists those that have begun.

    ``on_start`` is called with each war when it begins, ``on_end`` when it has a winner.
    """

    def __init__(self, scene: Scene, chains: Chains, prizes: Sequence[dict[str, Any]]) -> None:
        self.rows: list[dict[str, Any]] = []
        self.reports: dict[int, dict[str, Any]] = {}
        self.at_war: dict[int, War] = {}
        self.on_start: Callable[[War], None]
        self.on_end: Callable[[War], None]
        self._agenda, self._factions, _, self._reporter, self._chance = scene
        self._chains = chains
        self._prizes = prizes
        self._next_id = FIRST_WAR_ID

    def between(self, faction_id: int | None, other_id: int | None) -> War | None:
        """The war that these two fight at this moment."""
        war = None if faction_id is None or other_id is None else self.at_war.get(faction_id)
        if war is None or other_id not in {side.id for side in war.sides} or self._agenda.now < war.row["start"]:
            return None
        return war

    def declare(self, faction: Faction, other: Faction | Rival, members: int) -> None:
        """Have two factions that are in no war begin one after its notice."""
        self._next_id += self._chance.randint(1, 40)
        sides = (faction, other)
        lead = max(LEAST_LEAD, int(rates.WAR_LEAD * members))
        row: dict[str, Any] = {
            "id": self._next_id,
            "start": self._agenda.now + self._chance.randint(*rates.WAR_NOTICE),
            "end": 0,
            "target": lead,
            "winner": None,
            "factions": [{"id": side.id, "name": side.name, "score": 0, "chain": 0} for side in sides],
        }
        war = War(row, sides, lead, {side.id: {} for side in sides}, {side.id: 0.0 for side in sides})
        for side in sides:
            self.at_war[side.id] = war
        self._tell(war, "was declared")
        self._agenda.put(row["start"], self._start, war)

    def score(self, war: War, faction_id: int, user: tuple[int, str, int], respect: float) -> None:
        """Count a hit for a side, by a user (id, name, level); the lead may decide the war."""
        hits = war.hits[faction_id]
        row = hits.setdefault(user[0], {"id": user[0], "name": user[1], "level": user[2], "attacks": 0, "score": 0.0})
        row["level"] = user[2]
        row["attacks"] += 1
        row["score"] = round(row["score"] + respect, 2)
        war.scores[faction_id] = round(war.scores[faction_id] + respect, 2)
        for side in war.row["factions"]:
            side["score"] = int(war.scores[side["id"]])
        self._decide(war)

    def show(self, faction: Faction) -> None:
        """Bring a faction's ``wars`` up to now."""
        war = self.at_war.get(faction.id)
        if war is None:
            faction.wars["wars"]["ranked"] = None
            return
        for side in war.row["factions"]:
            side["chain"] = self._chains.current(side["id"])
        sides = [dict(side) for side in war.row["factions"]]
        shown = {"war_id": war.row["id"], "start": war.row["start"], "end": None, "target": war.row["target"], "winner": None}
        faction.wars["wars"]["ranked"] = {**shown, "factions": sides}

    def _start(self, war: War) -> None:
        self.rows.append(war.row)
        self._tell(war, "began")
        self._agenda.put(war.row["start"] + rates.WAR_FULL_LEAD, self._shrink, war)
        self.on_start(war)

    def _shrink(self, war: War) -> None:
        """Every hour after the first day less of a lead is enough, until any is."""
        if war.is_over:
            return
        left = 1 - (self._agenda.now - war.row["start"] - rates.WAR_FULL_LEAD) / (rates.WAR_LONGEST - rates.WAR_FULL_LEAD)
        war.row["target"] = max(0, int(war.full_lead * left))
        self._agenda.put(self._agenda.now + rates.HOUR, self._shrink, war)
        self._decide(war)

    def _decide(self, war: War) -> None:
        first, second = war.row["factions"]
        if abs(first["score"] - second["score"]) >= war.row["target"]:
            winner = first["id"] if first["score"] >= second["score"] else second["id"]
            self._end(war, winner)

    def _end(self, war: War, winner: int) -> None:
        war.row |= {"end": self._agenda.now, "winner": winner}
        for side in war.row["factions"]:
            side["chain"] = 0
            del self.at_war[side["id"]]
        sides = [self._settle(war, side, won=side.id == winner) for side in war.sides]
        shown = {name: war.row[name] for name in ("id", "start", "end", "winner")}
        self.reports[war.row["id"]] = {**shown, "forfeit": False, "factions": sides}
        name = next(side.name for side in war.sides if side.id == winner)
        self._tell(war, f"was won by {faction_link(winner, name)}")
        self.on_end(war)

    def _settle(self, war: War, side: Faction | Rival, *, won: bool) -> dict[str, Any]:
        """What the report says of a side, whose rank and respect change with it."""
        score = int(war.scores[side.id])
        prize = self._chance.choice(self._prizes)
        rewards: dict[str, Any] = {
            "respect": int(score * (RESPECT_FOR_THE_WINNER if won else RESPECT_FOR_THE_LOSER)),
            "points": POINTS_OF_THE_WINNER if won else POINTS_OF_THE_LOSER,
            "items": [{"id": prize["id"], "name": prize["name"], "quantity": self._chance.randint(1, 5)}] if won else [],
        }
        own = self._factions.get(side.id)
        rank = _move(own, won=won) if own else dict.fromkeys(("before", "after"), _rank_text(self._chance.randint(1, TOP_LEVEL)))
        if own:
            own.earn(rewards["respect"])
            own.balance["faction"]["points"] += rewards["points"]
            for item in rewards["items"]:
                own.armoury[item["id"]] = own.armoury.get(item["id"], 0) + item["quantity"]
        members = sorted(war.hits[side.id].values(), key=lambda row: (-row["score"], row["id"]))
        attacks = sum(row["attacks"] for row in members)
        return {"id": side.id, "name": side.name, "score": score, "attacks": attacks, "rank": rank, "rewards": rewards, "members": members}

    def _tell(self, war: War, what: str) -> None:
        for side in war.sides:
            own = self._factions.get(side.id)
            if own:
                other = war.other(side.id)
                text = f"The ranked war with {faction_link(other.id, other.name)} {what}"
                self._reporter.tell(own, "rankedWar", self._agenda.now, text)


def _rank_text(level: int) -> str:
    name, division = rank_of(level)
    return f"{name} {'I' * division}".strip()


def _move(faction: Faction, *, won: bool) -> dict[str, str]:
    """Move a faction one level of rank up or down."""
    rank = faction.basic["rank"]
    before = rank["level"]
    after = min(TOP_LEVEL, before + 1) if won else max(0, before - 1)
    rank["level"] = after
    rank["name"], rank["division"] = rank_of(after)
    rank["wins"] += won
    return {"before": _rank_text(before), "after": _rank_text(after)}
