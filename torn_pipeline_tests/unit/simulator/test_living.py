"""A world that has lived for two weeks, read whole: every list brings what there is, and reports agree with their lists."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
import requests

from torn_pipeline.simulator import Simulator, Size, World
from torn_pipeline_tests.unit.simulator.conftest import KEYS, Caller
from torn_pipeline_tests.unit.simulator.made import ONE

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def living() -> Iterator[Caller]:
    world = World(seed=3, keys=KEYS, size=Size(members=40, crimes=60, items=60))
    world.advance(14 * 86_400)
    with Simulator(world, calls_per_window=10_000) as simulator, requests.Session() as session:
        session.trust_env = False
        yield Caller(simulator, session)


def test_every_list_brings_what_there_is(living: Caller) -> None:
    faction = living.simulator.world.faction(ONE)
    news = {row["id"]: row for category, row in faction.news if category in {"crime", "attack", "chain"}}
    expected: dict[str, list[dict[str, Any]]] = {
        "attacks?limit=50": faction.attacks,
        "chains?limit=5": faction.chains,
        "news?cat=crime,attack,chain&limit=30": list(news.values()),
        "crimes?limit=30": faction.crimes,
    }
    for path, rows in expected.items():
        link = "next" if "crimes" in path else "prev"
        found = {row["id"]: row for row in chain(*living.pages(f"/faction/{path}", link=link))}
        assert rows, path
        assert found == {row["id"]: row for row in rows}, path


def test_the_simplified_attacks_are_the_same(living: Caller) -> None:
    attacks = living.simulator.world.faction(ONE).attacks[-1_000:]
    found = living.json("/faction/attacksfull", sort="ASC", filters="idFilter", from_=attacks[0]["id"] - 1)["attacks"]
    assert [row["id"] for row in found] == [row["id"] for row in attacks]


def test_a_chain_has_a_report_by_its_id_and_the_last_without(living: Caller) -> None:
    rows = living.json("/faction/chains")["chains"]
    for row in rows[:3]:
        report = living.json(f"/faction/{row['id']}/chainreport", "full-of-two")["chainreport"]
        assert (report["id"], report["faction_id"], report["details"]["chain"]) == (row["id"], ONE, row["chain"])
    running = living.json("/faction/chain")["chain"]["id"]
    assert living.json("/faction/chainreport")["chainreport"]["id"] in {running, rows[0]["id"]}


def test_the_chain_that_runs_has_a_report_for_its_own_faction_only(living: Caller) -> None:
    world = living.simulator.world
    for _ in range(500):
        if world.faction(ONE).chain["current"] >= 10:
            break
        world.add_attack(ONE)
        world.advance(20)
    running = world.faction(ONE).chain["id"]
    assert living.json("/faction/chainreport")["chainreport"]["id"] == running
    assert living.json(f"/faction/{running}/chainreport")["chainreport"]["id"] == running
    assert living.code(f"/faction/{running}/chainreport", "full-of-two") == 7


def test_a_ranked_war_has_a_report_by_its_id(living: Caller) -> None:
    wars = living.json("/faction/rankedwars")["rankedwars"]
    ended = [war for war in wars if war["winner"]]
    assert ended
    for war in ended:
        report = living.json(f"/faction/{war['id']}/rankedwarreport", "second-of-one")["rankedwarreport"]
        assert (report["id"], report["winner"], report["start"]) == (war["id"], war["winner"], war["start"])
