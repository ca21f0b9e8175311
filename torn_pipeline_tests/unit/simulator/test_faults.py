"""Every fault, as a client meets it, and which calls it takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import requests

from torn_pipeline.simulator import CutJson, Delay, Drop, ErrorCode, HalfBody, Html, HttpStatus, NextLink

if TYPE_CHECKING:
    from torn_pipeline.simulator import Fault, World
    from torn_pipeline_tests.unit.simulator.conftest import Caller


def fault(caller: Caller, *faults: Fault) -> None:
    caller.simulator.faults.extend(faults)


def test_an_error_code_comes_with_status_200_and_the_next_call_is_well(world: World, caller: Caller) -> None:
    fault(caller, ErrorCode(code=17))
    assert caller.json("/faction/basic") == {"error": {"code": 17, "error": "Backend error occurred, please try again"}}
    assert caller.json("/faction/basic") == {"basic": world.faction(40_832).basic}


def test_an_error_may_be_flat_and_have_its_own_text(caller: Caller) -> None:
    fault(caller, ErrorCode(code=123, message="not in v2: 'networth'", flat=True))
    assert caller.json("/faction/basic") == {"code": 123, "error": "not in v2: 'networth'"}


@pytest.mark.parametrize(("status", "retry_after"), [(429, "7"), (503, None), (520, None)])
def test_an_http_status_comes_from_the_proxy(caller: Caller, status: int, retry_after: str | None) -> None:
    fault(caller, HttpStatus(status=status, retry_after=retry_after))
    response = caller.get("/faction/basic")
    assert (response.status_code, response.headers.get("Retry-After")) == (status, retry_after)
    assert "<html>" in response.text


def test_html_comes_instead_of_json(caller: Caller) -> None:
    fault(caller, Html())
    response = caller.get("/faction/basic")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html")
    assert response.text.startswith("<!DOCTYPE html>")


def test_half_a_body_is_less_than_its_length_says(caller: Caller) -> None:
    fault(caller, HalfBody())
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        caller.get("/torn/items")
    assert "items" in caller.json("/torn/items")


def test_cut_json_is_whole_for_http(caller: Caller) -> None:
    fault(caller, CutJson())
    response = caller.get("/torn/items")
    assert int(response.headers["Content-Length"]) == len(response.content)
    with pytest.raises(requests.exceptions.JSONDecodeError):
        response.json()


def test_a_dropped_connection_has_no_answer(caller: Caller) -> None:
    fault(caller, Drop())
    with pytest.raises(requests.ConnectionError, match="without response"):
        caller.get("/faction/basic")
    assert "basic" in caller.json("/faction/basic")


def test_a_delay_outlasts_an_impatient_client(caller: Caller) -> None:
    fault(caller, Delay(seconds=30))
    with pytest.raises(requests.exceptions.ReadTimeout):
        caller.session.get(f"{caller.simulator.url}/faction/basic", timeout=0.05)


def test_a_delayed_answer_is_the_right_one(world: World, caller: Caller) -> None:
    fault(caller, Delay(seconds=0.05))
    started = time.monotonic()
    assert caller.json("/faction/basic") == {"basic": world.faction(40_832).basic}
    assert time.monotonic() - started >= 0.05


def test_a_link_to_itself_brings_the_same_page(caller: Caller) -> None:
    fault(caller, NextLink())
    page = caller.json("/faction/crimes", cat="all", limit=10)
    again = page["_metadata"]["links"]["next"]
    assert again == f"{caller.simulator.url}/faction/crimes?cat=all&limit=10"
    assert caller.json(again)["crimes"] == page["crimes"]


def test_a_link_to_another_origin(caller: Caller) -> None:
    fault(caller, NextLink(target="http://127.0.0.1:9/v2/faction/crimes?offset=20"))
    assert caller.json("/faction/crimes")["_metadata"]["links"]["next"] == "http://127.0.0.1:9/v2/faction/crimes?offset=20"


def test_a_link_is_not_given_to_an_answer_without_links(world: World, caller: Caller) -> None:
    fault(caller, NextLink())
    assert caller.json("/faction/basic") == {"basic": world.faction(40_832).basic}


def test_a_fault_waits_for_its_path_its_call_and_lasts_its_times(caller: Caller) -> None:
    fault(caller, ErrorCode(code=15, path="/faction/basic", call=3, times=2))
    paths = ["/faction/basic", "/faction/basic", "/faction/members", "/faction/basic", "/faction/basic", "/faction/basic"]
    assert ["error" in caller.json(path) for path in paths] == [False, False, False, True, True, False]
    assert caller.simulator.faults == []


def test_faults_are_taken_in_order_one_a_call(caller: Caller) -> None:
    fault(caller, ErrorCode(code=15), HttpStatus(status=502), ErrorCode(code=8))
    assert caller.code("/faction/basic") == 15
    assert caller.get("/faction/basic").status_code == 502
    assert caller.code("/faction/basic") == 8
