"""Counts chains: runs of successful hits, each within the time-out of the one before."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torn_pipeline.simulator import rates
from torn_pipeline.simulator.state import NO_CHAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torn_pipeline.simulator.scene import Scene
    from torn_pipeline.simulator.state import Faction

__all__ = ["BONUSES", "Chains"]

FIRST_CHAIN_ID = 40_000_000
# The hits that bring a fixed respect, and how much.
BONUSES: Mapping[int, int] = {10: 10, 25: 20, 50: 40, 100: 80, 250: 160, 500: 320, 1_000: 640, 2_500: 1_280}
MARKS = tuple(BONUSES)


@dataclass(slots=True, eq=False)
class _Run:
    """A chain under way: ``start`` and ``last`` are when its first and latest hit ended."""

    id: int
    start: int
    last: int
    count: int = 0
    respect: float = 0.0


class Chains:
    """The chains of all factions, rivals too; those of the world's own factions show in their ``chain`` and ``chains``."""

    def __init__(self, scene: Scene) -> None:
        self._agenda, self._factions, _, self._reporter, self._chance = scene
        self._next_id = FIRST_CHAIN_ID
        self._runs: dict[int, _Run] = {}
        self._rests: dict[int, int] = {}

    def number(self, faction_id: int) -> int:
        """Which hit of its chain a success now would be; 0 while the faction has to rest after one."""
        now, run = self._agenda.now, self._runs.get(faction_id)
        if run and now < run.last + rates.CHAIN_TIMEOUT:
            return run.count + 1
        self._finish(faction_id)
        return 0 if now < self._rests.get(faction_id, 0) else 1

    def current(self, faction_id: int) -> int:
        """How long the running chain is."""
        run = self._runs.get(faction_id)
        return run.count if run and self._agenda.now < run.last + rates.CHAIN_TIMEOUT else 0

    def add(self, faction_id: int, respect: float) -> None:
        """Count a success that ends now, unless the faction has to rest."""
        now = self._agenda.now
        number = self.number(faction_id)
        if not number:
            return
        if number == 1:
            self._next_id += self._chance.randint(1, 900)
            run = self._runs[faction_id] = _Run(self._next_id, now, now)
            self._agenda.put(now + rates.CHAIN_TIMEOUT, self._look, faction_id, run)
        run = self._runs[faction_id]
        run.count, run.last, run.respect = number, now, run.respect + respect

    def multiplier(self, number: int) -> float:
        """What the place of a hit in its chain multiplies its respect by."""
        return 1 + 0.1 * bisect_right(MARKS, number)

    def show(self, faction: Faction) -> None:
        """Bring a faction's ``chain`` up to now."""
        now, run = self._agenda.now, self._runs.get(faction.id)
        rest = self._rests.get(faction.id, 0)
        faction.chain = {**NO_CHAIN, "cooldown": rest if rest > now else 0}
        if run is not None:
            ends = run.last + rates.CHAIN_TIMEOUT
            most = next((mark for mark in MARKS if mark > run.count), run.count)
            faction.chain |= {"id": run.id, "current": run.count, "max": most, "timeout": ends - now}
            faction.chain |= {"modifier": round(self.multiplier(run.count), 2), "start": run.start, "end": ends}

    def _look(self, faction_id: int, run: _Run) -> None:
        if self._runs.get(faction_id) is not run:
            return
        if self._agenda.now < run.last + rates.CHAIN_TIMEOUT:
            self._agenda.put(run.last + rates.CHAIN_TIMEOUT, self._look, faction_id, run)
        else:
            self._finish(faction_id)

    def _finish(self, faction_id: int) -> None:
        run = self._runs.pop(faction_id, None)
        if run is None or run.count < rates.CHAIN_LISTED:
            return
        over = run.last + rates.CHAIN_TIMEOUT
        self._rests[faction_id] = over + rates.CHAIN_REST * run.count
        faction = self._factions.get(faction_id)
        if faction is not None:
            row = {"id": run.id, "chain": run.count, "respect": round(run.respect, 2), "start": run.start, "end": run.last}
            faction.chains.append(row)
            faction.basic["best_chain"] = max(faction.basic["best_chain"], run.count)
            text = f"The chain ended after {run.count} hits with {row['respect']} respect"
            self._reporter.tell(faction, "chain", over, text)
