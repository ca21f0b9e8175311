"""What the parts of life share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torn_pipeline.simulator.agenda import Agenda
    from torn_pipeline.simulator.chance import Chance
    from torn_pipeline.simulator.news import Reporter
    from torn_pipeline.simulator.state import Faction, Rival

__all__ = ["Scene"]


class Scene(NamedTuple):
    """The agenda that leads all parts, the factions they act on, who writes the news, and the chance of what is nobody's own."""

    agenda: Agenda
    factions: Mapping[int, Faction]
    rivals: Mapping[int, Rival]
    reporter: Reporter
    chance: Chance
