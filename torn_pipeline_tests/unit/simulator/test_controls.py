"""The controls: the page, the state as JSON, every change, and who may not make one."""

from __future__ import annotations

import http.client
import json
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from torn_pipeline.simulator import FAULTS, ErrorCode, HttpStatus, NewField
from torn_pipeline_tests.unit.simulator.made import ONE, TWO

if TYPE_CHECKING:
    import requests

    from torn_pipeline.simulator import World
    from torn_pipeline_tests.unit.simulator.conftest import Caller


def state(caller: Caller) -> Any:  # noqa: ANN401 - a body is any JSON
    answer = caller.session.get(f"{caller.simulator.origin}/control/state", timeout=10)
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()


def post(caller: Caller, what: str, headers: dict[str, str] | None = None, **given: object) -> requests.Response:
    return caller.session.post(f"{caller.simulator.origin}/control/{what}", json=given, headers=headers, timeout=10)


def done(caller: Caller, what: str, **given: object) -> str:
    answer = post(caller, what, None, **given)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["done"])


def test_the_page_needs_nothing_from_elsewhere(caller: Caller) -> None:
    class Links(HTMLParser):
        found: list[str] = []  # noqa: RUF012 - a test's own

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found += [f"{tag} {value}" for name, value in attrs if name in {"src", "href", "action"}]

    answer = caller.session.get(f"{caller.simulator.origin}/", timeout=10)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["X-Frame-Options"] == "DENY"
    parser = Links()
    parser.feed(answer.text)
    assert [link[:15] for link in parser.found] == ["link data:image"]
    assert "innerHTML" not in answer.text
    assert "@import" not in answer.text
    assert caller.simulator.calls == []


def test_the_state_shows_the_world(world: World, caller: Caller) -> None:
    caller.json("/faction/crimes", limit=7)
    caller.json("/faction/balance", "second-of-one")
    caller.json("/faction/basic", "nobody's", key_="nobody's")
    shown = state(caller)
    faction = world.faction(ONE)
    assert (shown["now"], shown["speed"], shown["seed"], shown["shape"], shown["url"]) == (world.now, 0, 1, "5.8", caller.simulator.url)
    one = shown["factions"][0]
    assert (one["id"], one["name"], one["members"]) == (ONE, faction.basic["name"], 24)
    assert sum(one["crimes"].values()) == len(faction.crimes)
    assert (one["attacks"], one["news"], one["chains"]) == (len(faction.attacks), len(faction.news), len(faction.chains))
    first = shown["keys"][0]
    assert first["export"] == "export TORN_API_KEY=full-of-one"
    assert (first["owner"], first["access"], first["state"], first["calls"]) == (11, "Full", "active", 2)
    assert [(call["path"], call["query"], call["owner"], call["answer"]) for call in shown["calls"]] == [
        ("/faction/basic", "", None, "error 2: Incorrect key"),
        ("/faction/balance", "", 11, "error 16: Access level of this key is not high enough"),
        ("/faction/crimes", "limit=7", 11, "7 crimes"),
    ]
    assert "nobody's" not in json.dumps(shown)


def test_the_state_keeps_the_last_fifty_calls(caller: Caller) -> None:
    for _ in range(60):
        caller.json("/torn/timestamp")
    shown = state(caller)
    assert shown["received"] == 60
    assert [call["number"] for call in shown["calls"]] == list(range(60, 10, -1))


def test_time_is_moved_and_accelerated(world: World, caller: Caller) -> None:
    now = world.now
    assert done(caller, "advance", seconds=3_600).startswith("It is 2026-04-29T23:")
    assert world.now == now + 3_600
    assert done(caller, "speed", speed=60) == "The world lives 60 seconds in each real one."
    assert caller.simulator.clock.speed == 60
    done(caller, "speed", speed=0)
    assert state(caller)["speed"] == 0


def test_the_shape_is_changed(caller: Caller) -> None:
    done(caller, "shape", shape="6.0")
    assert caller.simulator.shape == "6.0"


def test_crimes_attacks_and_members_come_and_go(world: World, caller: Caller) -> None:
    faction = world.faction(TWO)
    crimes, attacks, members = len(faction.crimes), len(faction.attacks), len(faction.members)
    done(caller, "crime", faction=TWO)
    done(caller, "crime", faction=TWO, status="Successful")
    assert [crime["status"] for crime in faction.crimes[crimes:]] == ["Recruiting", "Successful"]
    done(caller, "attack", faction=TWO)
    done(caller, "attack", faction=TWO, incoming=True)
    assert len(faction.attacks) == attacks + 2
    done(caller, "join", faction=TWO)
    assert len(faction.members) == members + 1
    leaver = faction.members[3]["id"]
    assert done(caller, "leave", faction=TWO, member=leaver) == f"{leaver} left."
    done(caller, "leave", faction=TWO)
    assert leaver not in {member["id"] for member in faction.members}
    assert len(faction.members) == members - 1


def test_a_key_dies_and_comes_back(caller: Caller) -> None:
    done(caller, "key", key="full-of-one", state="paused")
    assert caller.code("/faction/basic") == 18
    assert state(caller)["keys"][0]["state"] == "paused"
    done(caller, "key", key="full-of-one", state="active")
    assert "basic" in caller.json("/faction/basic")


def test_a_fault_is_added_for_a_later_call_and_cleared(caller: Caller) -> None:
    caller.json("/torn/timestamp")
    assert (
        done(caller, "fault", kind="ErrorCode", code=17, path="/faction/basic", call=2, times=3)
        == "ErrorCode waits for the call 3 of /faction/basic."
    )
    assert caller.simulator.faults == [ErrorCode(code=17, path="/faction/basic", call=3, times=3)]
    assert "basic" in caller.json("/faction/basic")
    assert caller.code("/faction/basic") == 17
    (shown,) = state(caller)["faults"]
    assert shown == {"kind": "ErrorCode", "path": "/faction/basic", "call": 3, "times": 2, "code": 17, "message": None, "flat": False}
    assert state(caller)["calls"][0]["answer"] == "ErrorCode instead of basic"
    done(caller, "clear")
    assert caller.simulator.faults == []


def test_parameters_of_faults_have_their_kinds(caller: Caller) -> None:
    done(caller, "fault", kind="HttpStatus", status=429, retry_after=None)
    done(caller, "fault", kind="Delay", seconds=0)
    done(caller, "fault", kind="NewField", value={"any": [1]})
    assert caller.simulator.faults[0] == HttpStatus(status=429)
    assert caller.simulator.faults[2] == NewField(value={"any": [1]})
    kinds = {kind["kind"]: kind for kind in state(caller)["kinds"]}
    assert list(kinds) == list(FAULTS)
    assert kinds["ErrorCode"]["parameters"][0] == {"name": "code", "is": "whole number", "needed": True, "default": None}
    assert all(kind["means"].endswith(".") or kind["means"].endswith(":") for kind in kinds.values())


@pytest.mark.parametrize(
    ("what", "given", "sentence"),
    [
        ("advance", {}, "seconds has to be a whole number"),
        ("advance", {"seconds": True}, "seconds has to be a whole number"),
        ("advance", {"seconds": 10**9}, "cannot pass at once"),
        ("speed", {"speed": "fast"}, "speed has to be a number"),
        ("speed", {"speed": -1}, "cannot be: use 0"),
        ("shape", {"shape": "new"}, "is no shape"),
        ("crime", {"faction": 5}, "there are the factions 40832, 8991"),
        ("crime", {"faction": ONE, "status": "Late"}, "one of the statuses Recruiting"),
        ("leave", {"faction": ONE, "member": 5}, "no member 5"),
        ("key", {"key": "nobody's", "state": "paused"}, "name a key of this world"),
        ("key", {"key": "full-of-one", "state": "dead"}, "active, paused"),
        ("fault", {"kind": "Fire"}, "there are the faults CutJson"),
        ("fault", {"kind": "ErrorCode"}, "ErrorCode needs code"),
        ("fault", {"kind": "ErrorCode", "code": "5"}, "takes no code of '5'"),
        ("fault", {"kind": "ErrorCode", "code": 5, "colour": 1}, "takes no colour of 1"),
        ("fault", {"kind": "Html", "call": 0}, "call and times of at least 1"),
        ("chaos", {}, "share has to be a number"),
        ("chaos", {"share": 1.5}, "use 0 to 1"),
        ("chaos", {"share": 0.5, "seconds": 1000}, "0 to 60 seconds"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(world: World, caller: Caller, what: str, given: dict[str, Any], sentence: str) -> None:
    before = world.now, len(world.faction(ONE).crimes), dict(world.keys)
    answer = post(caller, what, None, **given)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert caller.simulator.faults == []
    assert (world.now, len(world.faction(ONE).crimes), dict(world.keys)) == before


def test_chaos_is_switched_on_and_off(caller: Caller) -> None:
    assert state(caller)["chaos"] is None
    assert done(caller, "chaos", share=1, seconds=0) == "100% of the calls go wrong."
    assert state(caller)["chaos"] == {"share": 1, "seconds": 0}
    assert done(caller, "clear") == "No fault is left."
    assert state(caller)["chaos"] is None
    done(caller, "chaos", share=0.2)
    done(caller, "chaos", share=0)
    assert caller.simulator.chaos is None


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"7"])
def test_what_is_no_object_is_refused(caller: Caller, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = caller.session.post(f"{caller.simulator.origin}/control/clear", data=body, headers=headers, timeout=10)
    assert answer.status_code == 400
    assert "JSON" in answer.json()["error"]


def test_there_is_nothing_else(caller: Caller) -> None:
    assert post(caller, "explode").status_code == 404
    assert caller.session.get(f"{caller.simulator.origin}/control/explode", timeout=10).status_code == 404
    assert caller.session.put(f"{caller.simulator.origin}/control/clear", timeout=10).status_code == 501


@pytest.mark.parametrize("path", ["/", "/control/state", "/v2/torn/timestamp"])
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil.example", "192.168.0.7", "127.0.0.1@evil.example", ""]
)
def test_a_name_that_is_not_loopback_is_refused(caller: Caller, path: str, host: str) -> None:
    answer = caller.session.get(caller.simulator.origin + path, headers={"Host": host, "Authorization": "ApiKey full-of-one"}, timeout=10)
    assert answer.status_code == 403
    assert caller.simulator.calls == []


@pytest.mark.parametrize("host", ["localhost:8000", "LOCALHOST", "[::1]:80", "127.0.0.1"])
def test_every_name_of_loopback_will_do(caller: Caller, host: str) -> None:
    assert caller.session.get(f"{caller.simulator.origin}/control/state", headers={"Host": host}, timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_another_page_cannot_change_anything(world: World, caller: Caller, headers: dict[str, str], status: int) -> None:
    now = world.now
    assert post(caller, "advance", headers=headers, seconds=60).status_code == status
    assert world.now == now
    assert post(caller, "advance", headers={"Origin": caller.simulator.origin}, seconds=60).status_code == 200
    assert world.now == now + 60


@pytest.mark.parametrize(("length", "status"), [("70000", 413), ("-1", 413), ("x", 413), ("²", 413)])
def test_a_body_has_a_length_that_can_be_read(caller: Caller, length: str, status: int) -> None:
    parts = urlsplit(caller.simulator.origin)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    try:
        connection.putrequest("POST", "/control/clear")
        connection.putheader("Content-Length", length.encode("latin-1"))
        connection.endheaders()
        assert connection.getresponse().status == status
    finally:
        connection.close()
