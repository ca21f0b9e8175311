"""The client against a server that says whatever it likes."""

from __future__ import annotations

import gzip
import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from torn_pipeline.errors import (
    ApiClosed,
    ApiUnavailable,
    BodyRefused,
    ConfigError,
    KeyRefused,
    PipelineError,
    RateLimited,
    RequestRefused,
)
from torn_pipeline.torn import Quota, TornClient
from torn_pipeline.torn.ledger import ledger_at
from torn_pipeline_tests.unit.torn.conftest import KEY, OTHER_KEY, MakeClient
from torn_pipeline_tests.unit.torn.loopback import OURS, PREFIX, Loopback, Reply, Request, raw, refusal, reply

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = {"crimes": [{"id": 1, "name": "Mob Mentality"}]}
HTML = b"<!doctype html><html><body>Just a moment</body></html>"


def close_abruptly() -> Reply:
    return Reply(b"")


def short_content() -> Reply:
    return Reply(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"crimes": []}')


def half_a_chunk() -> Reply:
    return Reply(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"crimes": []}')


def no_last_chunk() -> Reply:
    return Reply(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n{"crimes": []}\r\n')


BROKEN: dict[str, Callable[[], Reply]] = {
    "connection closed": close_abruptly,
    "short content": short_content,
    "half a chunk": half_a_chunk,
    "no last chunk": no_last_chunk,
    "no HTTP": lambda: Reply(b"\x00\x01nonsense\r\n\r\n"),
    "half a JSON": lambda: raw(b'{"crimes": [{"id": 1}, {"i'),
    "empty": lambda: raw(b""),
    "not a number": lambda: raw(b'{"crimes": [NaN]}'),
    "invalid UTF-8": lambda: raw(b'{"crimes": "\xff"}'),
    "no gzip": lambda: raw(b'{"crimes": []}', headers={"Content-Encoding": "gzip"}),
    "half a gzip": lambda: raw(gzip.compress(b'{"crimes": [1, 2, 3, 4]}')[:-20], headers={"Content-Encoding": "gzip"}),
    "web page": lambda: raw(HTML, headers={"Content-Type": "text/html"}),
    "web page as JSON": lambda: raw(HTML),
    "forbidding web page": lambda: raw(HTML, status=403, headers={"Content-Type": "text/html"}),
    "502": lambda: raw(HTML, status=502, headers={"Content-Type": "text/html"}),
    "503": lambda: reply({}, status=503),
    "500 with data": lambda: reply(DATA, status=500),
    "code 17": lambda: refusal(17),
}


def test_an_answer_is_what_was_received(api: Loopback, make_client: MakeClient) -> None:
    content = b'{"crimes" :\t[{"id":1}] }'
    api.replies = [raw(gzip.compress(content), headers={"Content-Encoding": "gzip"})]
    before = datetime.now(UTC)
    answer = make_client().get("/faction/crimes", {"cat": "all", "limit": "100"})
    assert answer.content == content
    assert answer.body == {"crimes": [{"id": 1}]}
    assert answer.url == f"{api.url}/faction/crimes?cat=all&limit=100"
    assert before <= answer.began <= answer.received_at <= datetime.now(UTC)
    assert answer.began.tzinfo is UTC


def test_the_key_goes_into_the_header_and_nowhere_else(api: Loopback, make_client: MakeClient) -> None:
    api.replies = [reply(DATA)]
    make_client().get("faction/crimes", {"key": KEY, "cat": "all"})
    [request] = api.requests
    assert request.headers["authorization"] == f"ApiKey {KEY}"
    assert request.headers["user-agent"].startswith("torn-pipeline/")
    assert request.query == {"cat": "all"} | OURS
    assert "cookie" not in request.headers


def test_connections_are_reused_and_cookies_are_not_kept(api: Loopback, make_client: MakeClient) -> None:
    api.replies = [reply(DATA, headers={"Set-Cookie": "id=1"})]
    client = make_client()
    for _ in range(3):
        client.get("/faction/crimes")
    assert len({request.peer for request in api.requests}) == 1
    assert not any("cookie" in request.headers for request in api.requests)


def test_neither_netrc_nor_a_proxy_of_the_environment_sees_a_call_on_this_machine(
    api: Loopback, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://user:password@127.0.0.1:9")
    api.replies = [reply(DATA)]
    make_client().get("/faction/crimes")
    assert api.requests[0].key == KEY


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_tried_again(name: str, api: Loopback, make_client: MakeClient, caplog: pytest.LogCaptureFixture) -> None:
    api.replies = [BROKEN[name](), BROKEN[name](), reply(DATA)]
    assert make_client(max_retries=2).get("/faction/crimes").body == DATA
    assert len(api.requests) == 3
    told = [record for record in caplog.records if record.name == "torn_pipeline.torn.client" and record.levelno == logging.WARNING]
    assert len(told) == 2
    assert "retry 2 of 2 in 0.0" in told[1].getMessage()


@pytest.mark.parametrize("name", BROKEN)
def test_what_stays_broken_is_an_unavailable_api(name: str, api: Loopback, make_client: MakeClient) -> None:
    api.replies = [BROKEN[name]()]
    with pytest.raises(ApiUnavailable, match=r"^GET /faction/crimes for account default: .+; run it again later") as caught:
        make_client(max_retries=1).get("/faction/crimes", {"cat": "all"})
    assert len(api.requests) == 2
    assert caught.value.__cause__ is None


def test_a_server_that_is_not_there(make_client: MakeClient) -> None:
    with pytest.raises(ApiUnavailable, match="Connection refused"):
        make_client(url="http://127.0.0.1:1/v2").get("/faction/crimes")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"crimes"',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_a_server_that_falls_silent(data: bytes, api: Loopback, make_client: MakeClient) -> None:
    api.replies = [Reply(data, hold=True)]
    with pytest.raises(ApiUnavailable, match=r"no complete answer within 0\.2 s"):
        make_client(timeout=0.2).get("/faction/crimes")


@pytest.mark.parametrize(
    ("head", "drip"),
    [(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", b" "), (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n")],
)
def test_a_server_that_never_comes_to_an_end(head: bytes, drip: bytes, api: Loopback, make_client: MakeClient) -> None:
    api.replies = [Reply(head, drip=drip)]
    started = time.monotonic()
    with pytest.raises(ApiUnavailable, match=r"no complete answer within 0\.3 s"):
        make_client(timeout=0.3).get("/faction/crimes")
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (refusal(6, "Incorrect ID"), RequestRefused, "'Incorrect ID'"),
        (refusal(123, "Brand new"), RequestRefused, "error 123, 'Brand new'"),
        (reply({"code": 7, "error": "Flat"}), RequestRefused, "'Flat'"),
        (refusal(22, status=400), RequestRefused, "error 22 with HTTP status 400"),
        (raw(b"<html>", status=404), RequestRefused, "HTTP status 404"),
        (reply([1, 2]), BodyRefused, "no object"),
        (reply(None), BodyRefused, "no object"),
        (reply("text"), BodyRefused, "no object"),
        (refusal(9), ApiClosed, "in some minutes"),
        (refusal(24), ApiClosed, "in some minutes"),
    ],
)
def test_what_cannot_be_helped_at_once_is_asked_once(
    answer: Reply, kind: type[PipelineError], says: str, api: Loopback, make_client: MakeClient
) -> None:
    api.replies = [answer]
    with pytest.raises(kind, match=says) as caught:
        make_client(max_retries=3).get("/faction/crimes")
    assert isinstance(caught.value, kind)
    assert len(api.requests) == 1


@pytest.mark.parametrize("location", ["http://127.0.0.1:9/v2/faction/crimes", "/elsewhere", "http://["])
def test_redirects_are_not_followed(location: str, api: Loopback, make_client: MakeClient) -> None:
    api.replies = [raw(b"", status=302, headers={"Location": location})]
    with pytest.raises((RequestRefused, ApiUnavailable)):
        make_client().get("/faction/crimes")
    assert len(api.requests) == 1


def test_too_many_calls_wait_for_a_window(api: Loopback, make_client: MakeClient) -> None:
    api.replies = [refusal(5, "Too many requests"), reply({}, status=429), reply(DATA)]
    started = time.monotonic()
    make_client(max_retries=2, window=0.15).get("/faction/crimes")
    assert time.monotonic() - started >= 0.3


def test_a_limit_that_stays_is_the_error(api: Loopback, make_client: MakeClient) -> None:
    api.replies = [refusal(5, "Too many requests")]
    with pytest.raises(RateLimited, match="rate_limit"):
        make_client(max_retries=1).get("/faction/crimes")
    assert len(api.requests) == 2


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_in_seconds_is_kept_to(status: int, api: Loopback, make_client: MakeClient) -> None:
    api.replies = [reply({}, status=status, headers={"Retry-After": "0.2"}), reply(DATA)]
    started = time.monotonic()
    make_client(max_retries=1).get("/faction/crimes")
    assert 0.2 <= time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("30", 30, 30),
        ("999999", 600, 600),
        ("-5", 0, 0),
        ("nan", 0, 600),
        ("soon", None, None),
        (timedelta(seconds=300), 200, 300),
        (timedelta(days=300), 600, 600),
        (timedelta(days=-3), 0, 0),
        ("Wed, 99 Xyz 2026 99:99:99 GMT", None, None),
    ],
)
def test_retry_after_is_read(
    header: str | timedelta, low: float | None, high: float | None, api: Loopback, make_client: MakeClient
) -> None:
    value = header if isinstance(header, str) else format_datetime(datetime.now(UTC) + header, usegmt=True)
    api.replies = [reply({}, status=503, headers={"Retry-After": value})]
    with pytest.raises(ApiUnavailable) as caught:
        make_client().get("/faction/crimes")
    if low is None or high is None:
        assert caught.value.wait is None
    else:
        assert caught.value.wait is not None
        assert low <= caught.value.wait <= high


def test_a_refused_key_gives_way_to_the_next_for_good(api: Loopback, make_client: MakeClient, caplog: pytest.LogCaptureFixture) -> None:
    api.answer = lambda request: refusal(2, f"Incorrect key {request.key}") if request.key == KEY else reply(DATA)
    client = make_client(keys=(KEY, OTHER_KEY))
    client.get("/faction/crimes")
    client.get("/faction/members")
    assert [request.key for request in api.requests] == [KEY, OTHER_KEY, OTHER_KEY]
    assert "to key 1 of TORN_API_KEY; put a working key" in caplog.text


def test_when_every_key_is_refused_the_variable_is_named(api: Loopback, make_client: MakeClient) -> None:
    api.answer = lambda request: refusal(2 if request.key == KEY else 13)
    client = make_client(keys=(KEY, OTHER_KEY), account="second", max_retries=3)
    with pytest.raises(KeyRefused, match=r"error 13.+TORN_API_KEY_SECOND"):
        client.get("/faction/crimes")
    assert len(api.requests) == 2
    with pytest.raises(KeyRefused, match=r"TORN_API_KEY_SECOND"):
        client.get("/faction/members")
    assert len(api.requests) == 2


def test_a_key_of_too_low_access_stays_good_for_other_endpoints(api: Loopback, make_client: MakeClient) -> None:
    api.answer = lambda request: refusal(16) if request.path == "/faction/crimes" else reply(DATA)
    client = make_client()
    with pytest.raises(KeyRefused, match="higher access level into TORN_API_KEY"):
        client.get("/faction/crimes")
    assert client.get("/faction/basic").body == DATA


def test_among_keys_the_one_of_sufficient_access_is_kept_in_use(api: Loopback, make_client: MakeClient) -> None:
    api.answer = lambda request: refusal(16) if request.key == KEY else reply(DATA)
    client = make_client(keys=(KEY, OTHER_KEY))
    client.get("/faction/crimes")
    client.get("/faction/crimes")
    assert [request.key for request in api.requests] == [KEY, OTHER_KEY, OTHER_KEY]


@pytest.mark.parametrize("status", [401, 403])
def test_a_status_can_refuse_a_key(status: int, api: Loopback, make_client: MakeClient) -> None:
    api.replies = [reply({}, status=status)]
    with pytest.raises(KeyRefused, match="TORN_API_KEY"):
        make_client(max_retries=3).get("/faction/crimes")
    assert len(api.requests) == 1


@pytest.mark.parametrize("keys", [(), ("with\nbreak",), ("with blank",), ("schlüssel",)])
def test_a_missing_or_impossible_key_names_its_variable(keys: tuple[str, ...], make_client: MakeClient) -> None:
    with pytest.raises(ConfigError, match="TORN_API_KEY_SECOND") as caught:
        make_client(keys=keys, account="second")
    assert not any(key in str(caught.value) for key in keys)


OUTSIDE = [
    "http://localhost:{port}/v2/faction/crimes",
    "http://127.0.0.1:1/v2/faction/crimes",
    "https://127.0.0.1:{port}/v2/faction/crimes",
    "http://127.0.0.1:{port}@example.com/v2/faction/crimes",
    "http://someone@127.0.0.1:{port}/v2/faction/crimes",
    "http://127.0.0.1:{port}/v1/faction/crimes",
    "http://127.0.0.1:{port}/v2faction/crimes",
    "http://127.0.0.1:{port}/v2/../v1/crimes",
    "http://127.0.0.1:{port}/v2/%2e%2e/v1/crimes",
    "http://127.0.0.1:{port}\\@example.com/v2/crimes",
    "http://127.0.0.1:{port}.example.com/v2/crimes",
    "http://[/v2/crimes",
    "http://",
]


@pytest.mark.parametrize("url", OUTSIDE)
def test_the_key_never_leaves_for_another_place(url: str, api: Loopback, make_client: MakeClient) -> None:
    api.replies = [reply(DATA)]
    with pytest.raises(RequestRefused, match="TORN_API_URL"):
        make_client().get(url.format(port=api.port))
    assert not api.requests


def test_a_url_below_the_base_is_asked_as_it_is(api: Loopback, make_client: MakeClient) -> None:
    api.replies = [reply(DATA)]
    url = f"{api.url}/faction/crimes?filters=a%2Cb&offset=100"
    assert make_client().get(url).url == url
    assert make_client().get(f"{url}&key={KEY}").url == url
    assert all("key" not in request.query for request in api.requests)


def test_the_key_owner_sees_who_asks_and_what_landed_does_not(api: Loopback, make_client: MakeClient) -> None:
    api.replies = [reply(DATA)]
    client, url = make_client(), f"{api.url}/faction/crimes"
    asked = [url, f"{url}?offset=100", f"{url}?comment=torn_pipeline&offset=100", f"{url}?offset=100&comment=mine"]
    answered = [client.get(one).url for one in asked]
    assert answered == [url, f"{url}?offset=100", f"{url}?offset=100", f"{url}?offset=100&comment=mine"]
    assert [request.query["comment"] for request in api.requests] == ["torn_pipeline"] * 3 + ["mine"]


def echo(request: Request) -> Reply:
    """Says the key in every place a server can."""
    said = f"no such key: {request.key}"
    headers = {"X-Key": request.key, "Location": f"{PREFIX}/?key={request.key}", "Retry-After": request.key}
    status = {"/text": 200, "/limited": 429, "/redirect": 302, "/refused": 403, "/down": 503}[request.path]
    return reply({"error": {"code": 17 if status == 503 else 2 if status == 403 else 99, "error": said}}, status=status, headers=headers)


@pytest.mark.parametrize("path", ["/text", "/limited", "/redirect", "/refused", "/down"])
def test_the_key_is_in_no_message_and_no_record(
    path: str, api: Loopback, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    api.answer = echo
    with pytest.raises(PipelineError) as caught:
        make_client(max_retries=1).get(path, {"cat": KEY})
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    ours = [record for record in caplog.records if record.name.startswith("torn_pipeline")]
    assert ours
    assert not any(KEY in record.getMessage() or KEY in str(vars(record)) for record in ours)


def test_a_key_in_a_broken_header_stays_out_of_the_error(api: Loopback, make_client: MakeClient) -> None:
    api.answer = lambda request: Reply(f"HTTP/1.1 {request.key} {request.key}\r\n\r\n".encode())
    with pytest.raises(ApiUnavailable) as caught:
        make_client().get("/faction/crimes")
    assert KEY not in str(caught.value)
    assert caught.value.__suppress_context__


def test_each_call_is_logged_with_its_numbers(api: Loopback, make_client: MakeClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="torn_pipeline")
    api.replies = [reply(DATA)]
    size = len(make_client().get("/faction/crimes").content)
    [_, record] = [record for record in caplog.records if record.name == "torn_pipeline.torn.client"]
    assert record.levelno == logging.INFO
    assert f"HTTP status 200, {size} bytes" in record.getMessage()
    told = {name: vars(record)[name] for name in ("method", "path", "status", "bytes", "attempt", "account")}
    assert told == {"method": "GET", "path": "/faction/crimes", "status": 200, "bytes": size, "attempt": 1, "account": "default"}


def test_a_call_without_an_answer_is_logged_too(api: Loopback, make_client: MakeClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="torn_pipeline")
    api.replies = [Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")]
    with pytest.raises(ApiUnavailable):
        make_client(max_retries=0).get("/faction/crimes")
    record = [record for record in caplog.records if record.name == "torn_pipeline.torn.client"][-1]
    assert "no answer" in record.getMessage()
    assert vars(record)["status"] is None


def test_threads_share_a_client(api: Loopback, make_client: MakeClient) -> None:
    api.answer = lambda request: refusal(2) if request.key == KEY else reply({"n": request.query["n"]})
    client = make_client(keys=(KEY, OTHER_KEY))
    found: dict[int, object] = {}
    threads = [threading.Thread(target=lambda n=n: found.__setitem__(n, client.get("/x", {"n": str(n)}).body["n"])) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: str(n) for n in range(12)}


pieces = st.text(st.sampled_from("aZ09_-./%?&=+,: \\é#"), max_size=12)


@settings(deadline=None)
@given(path=pieces, params=st.dictionaries(pieces, pieces, max_size=3))
def test_a_url_goes_out_as_requests_writes_it(path: str, params: dict[str, str]) -> None:
    quota = Quota(ledger_at(Path("nowhere/quota.sqlite")), 1, hold=1)
    asked = f"http://127.0.0.1:1/v2/{path.lstrip('/')}"
    with TornClient("http://127.0.0.1:1/v2", keys=[KEY], account="default", quota=quota, timeout=1, max_retries=0, retry_delay=1) as client:
        try:
            wanted = requests.Request("GET", asked, params=params).prepare().url
        except ValueError:
            return
        assert client._prepared(asked, params) == wanted
