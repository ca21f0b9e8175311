"""The clock: still, accelerated, moved, and read before every answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import requests

from torn_pipeline.simulator import Simulator
from torn_pipeline.simulator.clock import FASTEST, MOST_AT_ONCE, Clock

if TYPE_CHECKING:
    from torn_pipeline.simulator import World
    from torn_pipeline_tests.unit.simulator.conftest import Caller


class Watch:
    """A real clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_clock_stands_still_unless_told(world: World, caller: Caller) -> None:
    now = world.now
    assert caller.simulator.clock.speed == 0
    assert caller.json("/torn/timestamp") == {"timestamp": now}
    assert caller.simulator.advance(3_600) == now + 3_600
    assert caller.json("/torn/timestamp") == {"timestamp": now + 3_600}


def test_a_clock_keeps_the_fractions_of_seconds(world: World) -> None:
    watch, now = Watch(), world.now
    clock = Clock(world, 1.0, watch)
    for _ in range(10):
        watch.seconds += 0.25
        clock.tick()
    assert world.now == now + 2
    clock.speed = 60
    watch.seconds += 10
    assert clock.tick() == now + 602


def test_a_world_that_was_moved_goes_on_from_there(world: World) -> None:
    watch, now = Watch(), world.now
    clock = Clock(world, 2.0, watch)
    world.advance(1_000)
    watch.seconds += 5
    assert clock.tick() == now + 1_010
    clock.speed = 0
    watch.seconds += 5
    assert clock.tick() == now + 1_010


def test_a_clock_nobody_looked_at_makes_up_for_five_weeks_at_most(world: World) -> None:
    watch, now = Watch(), world.now
    clock = Clock(world, FASTEST, watch)
    watch.seconds += 1_000_000
    assert clock.tick() == now + MOST_AT_ONCE
    assert clock.tick() == now + MOST_AT_ONCE


@pytest.mark.parametrize("speed", [-1, FASTEST + 1, float("nan")])
def test_a_speed_that_cannot_be_is_refused(world: World, speed: float) -> None:
    with pytest.raises(ValueError, match="cannot be: use 0"):
        Clock(world, speed)


@pytest.mark.parametrize("seconds", [-1, MOST_AT_ONCE + 1])
def test_no_more_than_five_weeks_pass_at_once(world: World, seconds: int) -> None:
    with pytest.raises(ValueError, match="cannot pass at once"):
        Clock(world).advance(seconds)


def test_time_passes_between_answers(world: World) -> None:
    with Simulator(world, speed=10_000) as simulator, requests.Session() as session:
        headers = {"Authorization": "ApiKey full-of-one"}
        first = session.get(f"{simulator.url}/torn/timestamp", headers=headers, timeout=10).json()["timestamp"]
        deadline = time.monotonic() + 10
        while world.now < first + 100 and time.monotonic() < deadline:
            later = session.get(f"{simulator.url}/torn/timestamp", headers=headers, timeout=10).json()["timestamp"]
        assert later >= first + 100
        simulator.set_speed(0)
        still = world.now
        assert session.get(f"{simulator.url}/torn/timestamp", headers=headers, timeout=10).json()["timestamp"] == still
