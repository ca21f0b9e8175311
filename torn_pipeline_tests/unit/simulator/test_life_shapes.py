"""Everything that a world holds is in the shape of the API's own description (``TORN_SPEC_DIR``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from torn_pipeline.simulator import World
from torn_pipeline_tests.unit.simulator.living import lived
from torn_pipeline_tests.unit.simulator.test_spec import problems, spec

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["spec"]


RARE = ("FactionRaid", "FactionTerritory")  # a world that has not lived yet may be without


def of_faction(world: World, faction_id: int) -> Iterator[tuple[str, list[Any]]]:
    faction = world.faction(faction_id)
    yield "Attack", faction.attacks
    yield "FactionChain", faction.chains
    yield "FactionOngoingChain", [faction.chain]
    yield "Revive", faction.revives
    yield "FactionNews", [row for _, row in faction.news]
    yield "FactionNewsCategory", sorted({category for category, _ in faction.news})
    yield "FactionWarsResponse", [faction.wars]
    yield "FactionPosition", faction.positions
    yield "FactionMember", faction.members
    yield "FactionCrime", faction.crimes
    yield "FactionBasic", [faction.basic]
    yield "FactionBalance", [faction.balance]
    yield "FactionChainReport", [world.chain_report(faction_id, chain["id"]) for chain in faction.chains]


def of_world(world: World) -> Iterator[tuple[str, list[Any]]]:
    for faction_id in world.factions:
        yield from of_faction(world, faction_id)
    yield "FactionRankedWarDetails", world.ranked_wars
    wars = [world.ranked_war_report(war["id"]) for war in world.ranked_wars if war["winner"]]
    yield "FactionRankedWarReportResponse", [{"rankedwarreport": war} for war in wars]
    yield "FactionRaidWarfare", world.raids
    yield "FactionRaidReport", [world.raid_report(raid["id"]) for raid in world.raids if raid["end"]]
    yield "FactionTerritoryWarFinished", world.territory_wars
    yield "FactionTerritoryWarReport", [world.territory_war_report(war["id"]) for war in world.territory_wars]
    yield "TornItem", world.items


@pytest.mark.parametrize("make", [World, lambda: lived(1), lambda: lived(2)], ids=["new", "lived-1", "lived-2"])
def test_everything_is_in_the_shape_of_the_description(spec: dict[str, Any], make: Any) -> None:  # noqa: ANN401 - makes a world; a fixture
    world = make()
    for name, values in of_world(world):
        schema = spec["components"]["schemas"][name]
        assert values or name in {"FactionChainReport"} or (name.startswith(RARE) and make is World)
        found = [problem for value in values for problem in problems(spec, schema, value, name)]
        assert found == []


def test_a_running_war_and_chain_are_in_shape_too(spec: dict[str, Any]) -> None:
    world = World()
    schemas = spec["components"]["schemas"]
    seen = set()
    for _ in range(10 * 24):
        world.advance(3_600)
        for faction in world.factions.values():
            assert problems(spec, schemas["FactionWarsResponse"], faction.wars, "wars") == []
            assert problems(spec, schemas["FactionOngoingChain"], faction.chain, "chain") == []
            wars = faction.wars["wars"]
            seen |= {("war", wars["ranked"] is not None), ("chain", faction.chain["current"] > 0)}
            seen |= {("raid", bool(wars["raids"])), ("territory", bool(wars["territory"]))}
        assert problems(spec, {"type": "array", "items": schemas["FactionRankedWarDetails"]}, world.ranked_wars, "rankedwars") == []
        assert problems(spec, {"type": "array", "items": schemas["FactionRaidWarfare"]}, world.raids, "raids") == []
    assert len(seen) == 8
