"""The limit of calls counts for the owner of a key, in a sliding window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

from torn_pipeline.simulator import Simulator
from torn_pipeline.simulator.limits import CallLimit
from torn_pipeline_tests.unit.simulator.conftest import Caller

if TYPE_CHECKING:
    from torn_pipeline.simulator import World


def test_the_limit_is_shared_by_the_keys_of_one_owner_only(world: World) -> None:
    with Simulator(world, calls_per_window=3) as simulator, requests.Session() as session:
        caller = Caller(simulator, session)
        for key in ("full-of-one", "second-of-one", "full-of-one"):
            assert "basic" in caller.json("/faction/basic", key)
        assert caller.json("/faction/basic", "second-of-one") == {"error": {"code": 5, "error": "Too many requests"}}
        assert "basic" in caller.json("/faction/basic", "full-of-two")


def test_a_window_slides() -> None:
    limit = CallLimit(calls=2, seconds=60)
    assert [limit.take(1, at) for at in (0.0, 50.0, 59.9, 60.0, 109.9, 110.0)] == [True, True, False, True, False, True]


def test_wrong_keys_and_refused_calls_do_not_count() -> None:
    limit = CallLimit(calls=1, seconds=10)
    assert [limit.take(1, at) for at in (0.0, 9.0, 10.0)] == [True, False, True]


def test_a_short_window_lets_calls_through_again(world: World) -> None:
    with Simulator(world, calls_per_window=1, window=0.05) as simulator, requests.Session() as session:
        caller = Caller(simulator, session)
        assert "basic" in caller.json("/faction/basic")
        while "error" in caller.json("/faction/basic"):
            pass
        first, last = simulator.calls[0].at, simulator.calls[-1].at
        assert last - first > 0.049
