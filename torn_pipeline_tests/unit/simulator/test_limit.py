"""The limit of calls counts for the owner of a key, in a sliding window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

from torn_pipeline.simulator import Key, Simulator
from torn_pipeline.simulator.limits import CallLimit, Gate
from torn_pipeline_tests.unit.simulator.conftest import Caller
from torn_pipeline_tests.unit.simulator.made import fill

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


def test_an_address_may_make_ten_times_as_many_calls_as_a_user(world: World) -> None:
    world.keys |= {f"key-{number}": Key(1_000 + number, 40_832) for number in range(12)}
    with Simulator(world, calls_per_window=2) as simulator, requests.Session() as session:
        caller = Caller(simulator, session)
        answers = [caller.json("/torn/timestamp", f"key-{number}") for number in range(12) for _ in range(2)]
        assert ["error" in answer for answer in answers] == [False] * 20 + [True] * 4
        assert answers[-1]["error"]["code"] == 8


def test_an_address_with_many_wrong_keys_is_shut_out_for_a_while(caller: Caller) -> None:
    assert {caller.code("/faction/basic", f"guess-{number}") for number in range(31)} == {2}
    assert caller.code("/faction/basic", "guess") == 8
    assert caller.code("/faction/basic") == 8
    caller.simulator.api.let_in_again()
    assert "basic" in caller.json("/faction/basic")


def test_an_address_is_let_in_again_by_itself() -> None:
    gate = Gate(wrong_keys=2, seconds=300)
    for at in (0.0, 1.0, 2.0):
        gate.wrong_key("here", at)
    assert [gate.is_shut("here", at) for at in (2.0, 301.9, 302.0)] == [True, True, False]
    assert not gate.is_shut("elsewhere", 2.0)


def test_a_user_reads_so_many_rows_of_news_in_a_day(world: World, caller: Caller) -> None:
    fill(world)
    caller.simulator.api.reads.rows = 30
    pages = [caller.json("/faction/news", cat="crime,main,membership", limit=12) for _ in range(4)]
    assert [len(page.get("news", [])) for page in pages] == [12, 12, 12, 0]
    assert pages[3] == {"error": {"code": 14, "error": "Daily read limit reached"}}
    assert caller.code("/faction/news", "second-of-one", cat="crime") == 16
    assert "news" in caller.json("/faction/news", "minimal-of-one", cat="crime")
    assert "attacks" in caller.json("/faction/attacks")
    world.advance(86_400)
    assert "news" in caller.json("/faction/news", cat="crime")
