"""Every fault, as a client meets it, and which calls it takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import requests

from torn_pipeline.simulator import CutJson, Delay, Drop, ErrorCode, HalfBody, Html, HttpStatus, NextLink
from torn_pipeline.simulator.faults import (
    FAULTS,
    DuplicatePage,
    EmptyBody,
    EmptyList,
    Fault,
    InvalidUtf8,
    KeyDies,
    NewField,
    OtherBody,
    RowMoved,
    RowsAdded,
)

if TYPE_CHECKING:
    from torn_pipeline.simulator import World
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


def test_an_empty_body_is_whole_for_http(caller: Caller) -> None:
    fault(caller, EmptyBody())
    response = caller.get("/faction/basic")
    assert (response.status_code, response.headers["Content-Length"], response.content) == (200, "0", b"")


def test_an_empty_list_has_no_further_page(caller: Caller) -> None:
    fault(caller, EmptyList(), EmptyList())
    assert caller.json("/faction/crimes") == {"crimes": [], "_metadata": {"links": {"next": None, "prev": None}}}
    assert caller.json("/faction/members") == {"members": []}
    assert caller.json("/faction/crimes")["crimes"] != []


def test_an_empty_list_leaves_one_object_alone(world: World, caller: Caller) -> None:
    fault(caller, EmptyList())
    assert caller.json("/faction/basic") == {"basic": world.faction(40_832).basic}


def test_invalid_utf8_is_in_the_body(caller: Caller) -> None:
    fault(caller, InvalidUtf8())
    with pytest.raises(UnicodeDecodeError):
        caller.get("/faction/basic").content.decode()


def test_the_body_of_something_else(caller: Caller) -> None:
    fault(caller, OtherBody(), OtherBody(body="[]"))
    assert list(caller.json("/faction/basic")) == ["timestamp"]
    assert caller.json("/faction/basic") == []


def test_a_page_once_more_is_the_page_before_of_that_path(caller: Caller) -> None:
    fault(caller, DuplicatePage(call=3))
    first = caller.json("/faction/crimes", limit=5)
    caller.json("/faction/basic")
    assert caller.json("/faction/crimes", limit=5, offset=5) == first
    assert caller.json("/faction/crimes", limit=5, offset=5) != first


def test_the_first_answer_of_a_path_has_no_page_before(world: World, caller: Caller) -> None:
    fault(caller, DuplicatePage())
    assert caller.json("/faction/basic") == {"basic": world.faction(40_832).basic}


def test_a_field_appears_in_every_object_of_one_kind(world: World, caller: Caller) -> None:
    fault(caller, NewField(), NewField(name="mood", value="fine", place="crimes.slots.user"), NewField(place="basic"))
    crimes = caller.json("/faction/crimes")["crimes"]
    assert [crime.pop("novelty") for crime in crimes] == [1] * 20
    users = [slot["user"] for crime in caller.json("/faction/crimes")["crimes"] for slot in crime["slots"]]
    assert {user["mood"] for user in users if user} == {"fine"}
    assert None in users
    assert caller.json("/faction/basic") == {"basic": world.faction(40_832).basic | {"novelty": 1}}


@pytest.mark.parametrize("code", [2, 10, 13, 14, 16, 18])
def test_a_key_dies_and_comes_to_life_again(code: int, caller: Caller) -> None:
    dead = KeyDies(code=code, call=2)
    fault(caller, dead)
    assert "basic" in caller.json("/faction/basic")
    assert [caller.code("/faction/basic"), caller.code("/faction/members")] == [code, code]
    assert "basic" in caller.json("/faction/basic", key="second-of-one")
    caller.simulator.faults.remove(dead)
    assert "basic" in caller.json("/faction/basic")


def test_a_key_that_dies_may_be_named_and_is_not_shown(caller: Caller) -> None:
    dead = KeyDies(key="full-of-two")
    fault(caller, dead)
    assert "basic" in caller.json("/faction/basic")
    assert caller.code("/faction/basic", key="full-of-two") == 18
    assert "full-of-two" not in repr(dead)


def ids(caller: Caller) -> list[int]:
    return [crime["id"] for page in caller.pages("/faction/crimes", limit=10) for crime in page]


def test_rows_are_added_at_the_head_while_the_list_is_read(caller: Caller) -> None:
    before = ids(caller)
    fault(caller, RowsAdded(count=2, call=len(caller.simulator.calls) + 2))
    while_reading, after = ids(caller), ids(caller)
    assert while_reading == before[:10] + before[8:]
    assert after[2:] == before
    assert len(after) == len(before) + 2


@pytest.mark.parametrize(("source", "target"), [(-1, 0), (0, -1), (12, -1), (-1, 12), (5, 30), (30, 5)])
def test_a_row_changes_place(source: int, target: int, caller: Caller) -> None:
    wanted = ids(caller)
    moved = wanted.pop(source)
    wanted.insert(target if target >= 0 else len(wanted) + 1 + target, moved)
    fault(caller, RowMoved(source=source, target=target))
    assert ids(caller) == wanted


def test_a_wrong_key_changes_no_world(world: World, caller: Caller) -> None:
    before = repr(world.faction(40_832).crimes)
    fault(caller, RowsAdded(), RowMoved())
    assert [caller.code("/faction/crimes", key="wrong") for _ in range(2)] == [2, 2]
    assert repr(world.faction(40_832).crimes) == before


def test_every_fault_is_listed_by_its_name_and_says_in_a_sentence_what_it_is() -> None:
    assert set(FAULTS.values()) == set(Fault.__subclasses__())
    for name, kind in FAULTS.items():
        assert name == kind.__name__
        assert kind.__doc__ is not None
        assert kind.__doc__.endswith(".")
        assert "\n" not in kind.__doc__
