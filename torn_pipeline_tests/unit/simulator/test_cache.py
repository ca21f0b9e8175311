"""The cache hands out an old answer for some seconds of the world's time, whatever the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from torn_pipeline.simulator import Simulator
from torn_pipeline_tests.unit.simulator.conftest import Caller
from torn_pipeline_tests.unit.simulator.made import ONE, START, fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torn_pipeline.simulator import World


@pytest.fixture
def cached(world: World) -> Iterator[Caller]:
    fill(world)
    with Simulator(world, cache_seconds=30) as simulator, requests.Session() as session:
        session.trust_env = False
        yield Caller(simulator, session)


def test_an_answer_stays_for_thirty_seconds(world: World, cached: Caller) -> None:
    before = cached.json("/faction/basic")
    world.faction(ONE).basic["tag"] = "NEW"
    world.advance(29)
    assert cached.json("/faction/basic") == before
    world.advance(1)
    assert cached.json("/faction/basic")["basic"]["tag"] == "NEW"


def test_another_window_is_served_the_old_page_unless_the_caller_wants_a_fresh_one(cached: Caller) -> None:
    first = cached.json("/faction/attacks", limit=5)["attacks"]
    assert cached.json("/faction/attacks", limit=5, to=START + 3)["attacks"] == first
    fresh = cached.json("/faction/attacks", limit=5, to=START + 3, timestamp=1)["attacks"]
    assert fresh[0]["ended"] == START + 3
    assert cached.json("/faction/attacks", limit=5, to=START + 2, timestamp=1)["attacks"] != fresh


def test_a_fresh_page_is_one_of_its_own_when_asked_for_again(world: World, cached: Caller) -> None:
    page = cached.json("/faction/chains", timestamp=5)
    world.faction(ONE).chains.clear()
    assert cached.json("/faction/chains", timestamp=5, comment="again") == page
    assert cached.json("/faction/chains", timestamp=6)["chains"] == []


def test_selections_ids_parameters_and_keys_have_answers_of_their_own(cached: Caller) -> None:
    assert cached.json("/faction/crimes", limit=5) != cached.json("/faction/crimes", limit=5, offset=5)
    assert cached.json("/faction/basic") != cached.json("/faction/8991/basic")
    assert cached.json("/faction/members") != cached.json("/faction/members", "full-of-two")
    assert cached.json("/faction/members")["members"] != cached.json("/faction/members", "second-of-one")["members"]


def test_times_and_keys_are_never_old(world: World, cached: Caller) -> None:
    before = cached.json("/torn/timestamp")["timestamp"], cached.json("/key/info")
    world.advance(5)
    assert cached.json("/torn/timestamp")["timestamp"] == before[0] + 5


def test_another_shape_empties_the_cache(cached: Caller) -> None:
    assert "previous_crime_id" in cached.json("/faction/crimes")["crimes"][0]
    cached.simulator.shape = "1.3"
    assert "previous_crime_id" not in cached.json("/faction/crimes")["crimes"][0]


def test_tests_have_no_cache_unless_they_ask(world: World, caller: Caller) -> None:
    caller.json("/faction/balance")
    world.faction(ONE).balance["faction"]["money"] = 1
    assert caller.json("/faction/balance")["balance"]["faction"]["money"] == 1
