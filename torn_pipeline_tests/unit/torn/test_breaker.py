"""The circuit breaker: on a clock that tests turn, and between processes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from torn_pipeline.errors import ApiClosed, RequestRefused
from torn_pipeline_tests.unit.torn.conftest import LEDGERS
from torn_pipeline_tests.unit.torn.loopback import refusal, reply

if TYPE_CHECKING:
    from pathlib import Path

    from torn_pipeline_tests.unit.torn.clocks import Clock
    from torn_pipeline_tests.unit.torn.conftest import MakeClient
    from torn_pipeline_tests.unit.torn.loopback import Loopback, Request

pytestmark = pytest.mark.parametrize("place", LEDGERS, indirect=True)

DATA = {"basic": {"id": 7}}
PATH = "/faction/basic"
MINUTE = 60.0
OTHER_PROCESS = """
import sys
from pathlib import Path
from torn_pipeline.errors import ApiClosed
from torn_pipeline.torn import Quota, TornClient
from torn_pipeline.torn.ledger import ledger_at

url, place = sys.argv[1:]
quota = Quota(ledger_at(place if "://" in place else Path(place)), 100, 60.0, hold=5)
with TornClient(url, keys=["b" * 16], account="second", quota=quota, timeout=5, max_retries=3, retry_delay=1) as client:
    try:
        client.get("/faction/basic")
    except ApiClosed as error:
        print(error)
"""


def refused(make_client: MakeClient) -> str:
    with pytest.raises(ApiClosed) as caught:
        make_client(window=MINUTE, max_retries=3).get(PATH)
    return str(caught.value)


@pytest.mark.parametrize(("code", "minutes"), [(8, 10), (9, 5), (24, 5)])
def test_who_is_told_to_stay_away_stays_away_for_some_minutes(
    code: int, minutes: int, api: Loopback, make_client: MakeClient, clock: Clock
) -> None:
    api.replies = [refusal(code, "go away"), reply(DATA)]
    refused(make_client)
    clock.now += minutes * MINUTE - 1
    said = refused(make_client)
    assert f"as the API asked everybody to stay away (error {code}, 'go away')" in said
    assert "no call is made until 2026-04-29 22:" in said or "no call is made until 22:" in said
    assert len(api.requests) == 1
    clock.now += 1
    client = make_client(window=MINUTE)
    assert client.get(PATH).body == DATA
    assert client.get(PATH).body == DATA


def test_each_time_it_is_twice_as_long_up_to_an_hour(api: Loopback, make_client: MakeClient, clock: Clock) -> None:
    api.replies = [refusal(8)]
    for count, minutes in enumerate((10, 20, 40, 60, 60), start=1):
        refused(make_client)
        assert len(api.requests) == count
        clock.now += minutes * MINUTE - 1
        refused(make_client)
        assert len(api.requests) == count
        clock.now += 1
    clock.now += 61 * MINUTE  # that was another time
    refused(make_client)
    clock.now += 10 * MINUTE
    refused(make_client)
    assert len(api.requests) == 7


def test_only_one_tries_whether_it_is_over(api: Loopback, make_client: MakeClient, clock: Clock) -> None:
    api.replies = [refusal(9)]
    refused(make_client)
    clock.now += 5 * MINUTE
    said = []

    def answer(_: Request) -> object:
        said.append(refused(make_client))
        return reply(DATA)

    api.answer = answer  # type: ignore[assignment]
    make_client(window=MINUTE).get(PATH)
    assert len(api.requests) == 2
    assert "one call tries now if that is over" in said[0]
    api.answer = None
    api.replies = [reply(DATA)]
    make_client(window=MINUTE).get(PATH)


def test_who_tries_without_an_answer_lets_another_one_try(api: Loopback, make_client: MakeClient, clock: Clock) -> None:
    api.replies = [refusal(9), reply({}, status=502), refusal(6), reply(DATA)]
    refused(make_client)
    clock.now += 5 * MINUTE
    client = make_client(window=MINUTE, max_retries=1)
    with pytest.raises(RequestRefused):  # that is an answer too
        client.get(PATH)
    assert client.get(PATH).body == DATA


def test_calls_under_way_together_open_it_once(api: Loopback, make_client: MakeClient, clock: Clock) -> None:
    inner: list[bool] = []

    def answer(_: Request) -> object:
        if not inner:
            inner.append(True)
            refused(make_client)  # began later, and was told first
        return refusal(9)

    api.answer = answer  # type: ignore[assignment]
    began = clock.now
    refused(make_client)
    clock.now = began + 5 * MINUTE
    api.answer = lambda _: reply(DATA)
    assert make_client(window=MINUTE).get(PATH).body == DATA


def test_a_clock_that_was_set_back_keeps_nobody_away_for_long(api: Loopback, make_client: MakeClient, clock: Clock) -> None:
    api.replies = [refusal(9), reply(DATA)]
    refused(make_client)
    clock.now -= 86_400
    assert make_client(window=MINUTE).get(PATH).body == DATA


def test_another_process_stays_away_too(api: Loopback, make_client: MakeClient, place: Path | str) -> None:
    api.replies = [refusal(9, "API disabled")]
    refused(make_client)
    command = [sys.executable, "-c", OTHER_PROCESS, api.url, str(place)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)  # noqa: S603  # our own text
    assert "no call is made until" in done.stdout
    assert "error 9, 'API disabled'" in done.stdout
    assert len(api.requests) == 1
    assert [request.headers["authorization"] for request in api.asked_about] == [api.requests[0].headers["authorization"]]
