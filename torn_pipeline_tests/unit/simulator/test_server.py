"""The server: what it records, the hook, many connections at once, and a clean end."""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from torn_pipeline.simulator import Delay, Simulator

if TYPE_CHECKING:
    import pytest

    from torn_pipeline.simulator import World
    from torn_pipeline_tests.unit.simulator.conftest import Caller


def test_calls_are_recorded_without_the_key(caller: Caller) -> None:
    before = time.monotonic()
    caller.json("/faction/crimes", "full-of-two", cat="all")
    caller.json("/faction/basic", "", key_="full-of-one")
    caller.json("/faction/basic", "nobody's")
    calls = caller.simulator.calls
    assert [(call.path, call.query, call.owner) for call in calls] == [
        ("/faction/crimes", {"cat": "all"}, 22),
        ("/faction/basic", {}, 11),
        ("/faction/basic", {}, None),
    ]
    times = [before, *(call.at for call in calls), time.monotonic()]
    assert times == sorted(times)
    assert not any(secret in repr(calls) for secret in ("full-of-one", "full-of-two", "nobody"))


def test_the_hook_changes_the_world_between_pages(world: World, caller: Caller) -> None:
    asked = []

    def add_before_the_second(number: int, path: str) -> None:
        asked.append((number, path))
        if number == 2:
            world.add_crime(40_832)

    caller.simulator.before_call = add_before_the_second
    first, second, _ = caller.pages("/faction/crimes")
    assert asked == [(number, "/faction/crimes") for number in (1, 2, 3)]
    assert first[-1] == second[0]


def test_one_connection_serves_many_calls(caller: Caller) -> None:
    parts = urlsplit(caller.simulator.origin)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port)
    try:
        connection.connect()
        sock = connection.sock
        for _ in range(5):
            connection.request("GET", "/v2/faction/basic", headers={"Authorization": "ApiKey full-of-one"})
            assert connection.getresponse().read().startswith(b'{"basic"')
        assert connection.sock is sock
    finally:
        connection.close()


def test_only_get_is_served(caller: Caller) -> None:
    assert caller.session.post(f"{caller.simulator.url}/faction/basic", timeout=10).status_code == 501


def test_many_connections_are_served_at_once(world: World) -> None:
    together = threading.Barrier(8, timeout=10)

    def meet(_number: int, _path: str) -> None:
        together.wait()

    with Simulator(world) as simulator:
        simulator.before_call = meet
        headers = {"Authorization": "ApiKey full-of-one"}
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: requests.get(f"{simulator.url}/faction/basic", headers=headers, timeout=10), range(8)))
        assert [answer.json() for answer in answers] == [{"basic": world.faction(40_832).basic}] * 8
        assert len(simulator.calls) == 8


def test_closing_ends_idle_and_waiting_connections_and_their_threads(world: World) -> None:
    threads = threading.active_count()
    arrived = threading.Event()
    simulator = Simulator(world)
    with simulator, ThreadPoolExecutor(1) as pool:
        idle = http.client.HTTPConnection("127.0.0.1", urlsplit(simulator.origin).port)
        idle.request("GET", "/v2/faction/basic")
        idle.getresponse().read()
        simulator.faults.append(Delay(seconds=600))
        simulator.before_call = lambda _number, _path: arrived.set()
        waiting = pool.submit(requests.get, f"{simulator.url}/faction/basic", timeout=30)
        assert arrived.wait(10)
        started = time.monotonic()
        simulator.close()
        assert time.monotonic() - started < 5
        idle.close()
        assert waiting.exception(10) is None or isinstance(waiting.exception(), requests.ConnectionError)
    assert threading.active_count() == threads


def test_closing_before_and_after_serving_is_harmless(world: World) -> None:
    never = Simulator(world)
    never.close()
    with Simulator(world) as simulator:
        pass
    simulator.close()


def test_a_port_can_be_used_again_at_once(world: World) -> None:
    with Simulator(world) as first:
        port = urlsplit(first.origin).port
        requests.get(f"{first.url}/faction/basic", timeout=10)
    assert port is not None
    with Simulator(world, port=port) as second:
        assert second.url == f"http://127.0.0.1:{port}/v2"


def test_serving_for_ever_ends_when_closed(world: World) -> None:
    simulator = Simulator(world)
    answered = threading.Event()
    simulator.before_call = lambda _number, _path: answered.set()
    thread = threading.Thread(target=simulator.serve_forever)
    thread.start()
    requests.get(f"{simulator.url}/faction/basic", timeout=10)
    assert answered.is_set()
    simulator.close()
    thread.join(10)
    assert not thread.is_alive()


def test_a_client_that_goes_away_leaves_no_noise(caller: Caller, capfd: pytest.CaptureFixture[str]) -> None:
    here = urlsplit(caller.simulator.origin)
    asked = threading.Event()
    gone = threading.Event()

    def hold(number: int, _path: str) -> None:
        if number == 1:
            asked.set()
            gone.wait(10)

    caller.simulator.before_call = hold
    connection = http.client.HTTPConnection("127.0.0.1", here.port)
    connection.request("GET", "/v2/torn/items", headers={"Authorization": "ApiKey full-of-one"})
    assert asked.wait(10)
    connection.close()
    gone.set()
    assert "items" in caller.json("/torn/items")
    caller.simulator.close()
    assert capfd.readouterr().err == ""


def test_the_simulator_needs_nothing_else_of_the_package() -> None:
    code = (
        "import sys, torn_pipeline.simulator;"
        "own = [m for m in sys.modules if m.startswith('torn_pipeline.') and not m.startswith('torn_pipeline.simulator')];"
        "print(own, 'dagster' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own code
    assert printed.strip() == "[] False"
