"""Discord, Slack, PagerDuty and webhooks: what is posted keeps to the service's limits, and its answers are understood."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter
from werkzeug import Response

from torn_pipeline.alerts import MessageKind, Severity
from torn_pipeline.alerts.channels import Sender, open_channel, posting
from torn_pipeline.config.channels import Channel
from torn_pipeline.errors import ChannelRefused, ChannelUnavailable, ConfigError
from torn_pipeline_tests.unit.alerts.channels.messages import HOSTILE, message

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_httpserver import HTTPServer
    from werkzeug import Request

KINDS = ("discord", "slack", "pagerduty", "webhook")
HIDDEN = "abcdefghijklmnopqrstuvwx0123456789"
PATH = f"/api/webhooks/12345/{HIDDEN}"
CHANNELS = TypeAdapter[Channel](Channel)

every_kind = pytest.mark.parametrize("kind", KINDS)


def opened(kind: str, url: str, data_dir: Path) -> Sender:
    """The channel of that kind at the URL; of PagerDuty the secret is the token, of the others the URL."""
    config = {"kind": kind, "name": "leaders"} | ({"url": url.removesuffix(PATH) + "/v2/enqueue"} if kind == "pagerduty" else {})
    return open_channel(CHANNELS.validate_python(config), HIDDEN if kind == "pagerduty" else url, data_dir=data_dir)


@pytest.fixture
def sender_of(httpserver: HTTPServer, tmp_path: Path) -> Callable[[str], Sender]:
    return lambda kind: opened(kind, httpserver.url_for(PATH), tmp_path)


def posted(server: HTTPServer) -> list[dict[str, Any]]:
    bodies = [request.get_json() for request, _ in server.log]
    assert all(isinstance(body, dict) for body in bodies)
    return bodies


def path_of(kind: str) -> str:
    return "/v2/enqueue" if kind == "pagerduty" else PATH


# --- what is posted ------------------------------------------------------------------------------------------------


def in_utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def check_discord(body: dict[str, Any]) -> None:
    [embed] = body["embeds"]
    assert body["allowed_mentions"] == {"parse": []}
    assert set(embed) == {"title", "description", "color", "footer", "timestamp"}
    assert 0 < in_utf16(embed["title"]) <= 256
    assert in_utf16(embed["description"]) <= 4096
    assert 0 < in_utf16(embed["footer"]["text"]) <= 2048
    assert 0 <= embed["color"] <= 0xFFFFFF
    assert datetime.fromisoformat(embed["timestamp"]).tzinfo


def check_slack(body: dict[str, Any]) -> None:
    header, *sections, context = body["blocks"]
    assert 0 < in_utf16(body["text"]) <= 3000
    assert (header["type"], header["text"]["type"], context["type"]) == ("header", "plain_text", "context")
    assert 0 < in_utf16(header["text"]["text"]) <= 150
    texts = [*(section["text"] for section in sections), *context["elements"]]
    assert all(section["type"] == "section" for section in sections)
    for text in texts:
        assert (text["type"], text["verbatim"]) == ("mrkdwn", True)
        assert 0 < in_utf16(text["text"]) <= 3000
    # What is left of `<` belongs to the one link that is made here.
    written = "".join([body["text"], *(text["text"] for text in texts)])
    assert written.count("<") == written.count("|open>") <= 1


def check_pagerduty(body: dict[str, Any]) -> None:
    assert set(body) == {"routing_key", "event_action", "dedup_key", "payload"}
    assert body["event_action"] in {"trigger", "resolve"}
    assert 0 < len(body["dedup_key"]) <= 255
    payload = body["payload"]
    assert 0 < in_utf16(payload["summary"]) <= 1024
    assert payload["severity"] in {"critical", "error", "warning", "info"}
    assert payload["source"]
    assert len(str(payload)) < 512 * 1024


def check_webhook(body: dict[str, Any]) -> None:
    assert set(body) == {"id", "incident", "kind", "severity", "title", "lines", "at", "link"}


CHECKS = {"discord": check_discord, "slack": check_slack, "pagerduty": check_pagerduty, "webhook": check_webhook}


@every_kind
def test_every_message_keeps_to_the_limits_of_the_service(kind: str, sender_of: Callable[[str], Sender], httpserver: HTTPServer) -> None:
    httpserver.expect_request(path_of(kind), method="POST").respond_with_data("ok")
    sender = sender_of(kind)
    for text in HOSTILE:
        sender.send(message(text, *HOSTILE, link="http://127.0.0.1:3000/runs/1?a=b&c=<d>|e"))
        sender.send(message(text, text, link="http://127.0.0.1:3000/" + "x" * 5000))
        sender.send(message(text, text, link="http://127.0.0.1:3000/" + "x" * 400))
    for kind_of in MessageKind:
        for severity in Severity:
            sender.send(message(kind=kind_of, severity=severity))
    sender.send(message("many", *(f"line {number} of many" for number in range(2000))))
    bodies = posted(httpserver)
    assert len(bodies) == 3 * len(HOSTILE) + len(MessageKind) * len(Severity) + 1
    for body in bodies:
        CHECKS[kind](body)
    for request, _ in httpserver.log:
        assert request.headers["Content-Type"] == "application/json"
        assert request.headers["User-Agent"].startswith("torn-pipeline/")


def test_discord_shows_names_as_they_are(sender_of: Callable[[str], Sender], httpserver: HTTPServer) -> None:
    httpserver.expect_request(PATH, query_string="wait=true").respond_with_json({"id": "1"})
    sender_of("discord").send(message("*_Duke_* failed", "by <@1> @everyone", "## [x](y)", link="http://127.0.0.1:3000/runs/a b"))
    [embed] = posted(httpserver)[0]["embeds"]
    assert embed["title"] == r"\*\_Duke\_\* failed"
    assert embed["description"] == "by \\<\\@1\\> \\@everyone\n\\#\\# \\[x\\]\\(y\\)\n<http://127.0.0.1:3000/runs/a%20b>"
    assert embed["footer"] == {"text": "error · incident incident-1"}
    assert embed["timestamp"] == "2026-05-04T03:02:01+00:00"


def test_discord_keeps_the_query_of_its_url(httpserver: HTTPServer, tmp_path: Path) -> None:
    httpserver.expect_request(PATH, query_string={"thread_id": "7", "wait": "true"}).respond_with_data("")
    opened("discord", httpserver.url_for(f"{PATH}?thread_id=7"), tmp_path).send(message())
    httpserver.check_assertions()


def test_what_does_not_fit_is_counted(sender_of: Callable[[str], Sender], httpserver: HTTPServer) -> None:
    httpserver.expect_request(PATH).respond_with_data("ok")
    sender_of("slack").send(message("storm", *(f"{number:04} {'x' * 94}" for number in range(100))))
    text = posted(httpserver)[0]["blocks"][1]["text"]["text"]
    *lines, last = text.split("\n")
    assert [line[:4] for line in lines] == [f"{number:04}" for number in range(len(lines))]
    assert last == f"… and {100 - len(lines)} more lines"
    assert len(lines) > 25


def test_slack_knows_its_control_characters_escaped(sender_of: Callable[[str], Sender], httpserver: HTTPServer) -> None:
    httpserver.expect_request(PATH).respond_with_data("ok")
    sender_of("slack").send(message("a < b", "<!channel> & co", kind=MessageKind.RECOVERY, link="http://127.0.0.1/?a=1&b=2"))
    body = posted(httpserver)[0]
    header, section, context = body["blocks"]
    assert body["text"] == "[recovery] a &lt; b"
    assert header["text"]["text"] == "a < b"
    assert section["text"]["text"] == "&lt;!channel&gt; &amp; co"
    assert context["elements"][0]["text"] == "recovery · incident incident-1 · 2026-05-04 03:02 UTC · <http://127.0.0.1/?a=1&amp;b=2|open>"


def test_pagerduty_hears_of_an_incident_and_of_its_end(sender_of: Callable[[str], Sender], httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v2/enqueue").respond_with_json({"status": "success"}, 202)
    sender = sender_of("pagerduty")
    for number, kind in enumerate((MessageKind.ALERT, MessageKind.ESCALATION, MessageKind.RECOVERY, MessageKind.TEST)):
        sender.send(message("stale", "first", "second", kind=kind, severity=Severity.CRITICAL, number=number))
    bodies = posted(httpserver)
    assert [body["event_action"] for body in bodies] == ["trigger", "trigger", "resolve", "trigger"]
    assert [body["payload"]["severity"] for body in bodies] == ["critical", "critical", "critical", "info"]
    assert {body["dedup_key"] for body in bodies} == {"incident-1"}
    assert {body["routing_key"] for body in bodies} == {HIDDEN}
    assert bodies[0]["payload"]["custom_details"] == {"text": "first\nsecond", "kind": "alert", "link": ""}


def test_a_webhook_can_tell_a_message_that_comes_again(sender_of: Callable[[str], Sender], httpserver: HTTPServer) -> None:
    httpserver.expect_request(PATH).respond_with_data("", 204)
    sender = sender_of("webhook")
    for number in (1, 1, 2):
        sender.send(message("title", "one\ntwo", "", number=number, link="http://127.0.0.1:3000/"))
    assert [request.headers["Idempotency-Key"] for request, _ in httpserver.log] == ["message-1", "message-1", "message-2"]
    assert posted(httpserver)[0] == {
        "id": "message-1",
        "incident": "incident-1",
        "kind": "alert",
        "severity": "error",
        "title": "title",
        "lines": ["one", "two"],
        "at": "2026-05-04T03:02:01+00:00",
        "link": "http://127.0.0.1:3000/",
    }


@every_kind
def test_only_what_tells_messages_apart_is_idempotent(kind: str, sender_of: Callable[[str], Sender]) -> None:
    assert sender_of(kind).name == "leaders"
    assert sender_of(kind).is_idempotent is (kind in {"pagerduty", "webhook"})


# --- what is answered ----------------------------------------------------------------------------------------------


def told(sender: Sender, kind_of_error: type[Exception]) -> str:
    """The error's sentence, which shows the secret no more than its traceback does."""
    with pytest.raises(kind_of_error) as caught:
        sender.send(message())
    assert HIDDEN not in "".join(traceback.format_exception(caught.value))
    assert "/api/webhooks" not in str(caught.value)
    return str(caught.value)


@every_kind
@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413])
def test_a_refusal_is_for_good(kind: str, status: int, sender_of: Callable[[str], Sender], httpserver: HTTPServer) -> None:
    httpserver.expect_request(path_of(kind)).respond_with_data("", status)
    assert told(sender_of(kind), ChannelRefused) == (
        f"channel leaders ({kind}) answered with status {status}: check that TORN_ALERT_LEADERS is what the service gave, and still holds"
    )


@every_kind
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_what_may_pass_is_no_refusal(kind: str, status: int, sender_of: Callable[[str], Sender], httpserver: HTTPServer) -> None:
    path = path_of(kind)
    httpserver.expect_oneshot_request(path).respond_with_data("<html>busy</html>", status)
    httpserver.expect_request(path).respond_with_data("ok")
    sender = sender_of(kind)
    assert told(sender, ChannelUnavailable) == f"channel leaders ({kind}) answered with status {status}"
    sender.send(message())
    assert len(httpserver.log) == 2


@every_kind
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(kind: str, status: int, sender_of: Callable[[str], Sender], httpserver: HTTPServer) -> None:
    path = path_of(kind)
    httpserver.expect_request(path).respond_with_data("", status, {"Location": httpserver.url_for("/elsewhere")})
    assert "leads elsewhere" in told(sender_of(kind), ChannelRefused)
    assert [request.path for request, _ in httpserver.log] == [path]


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("discord", '{"message": "Unknown Webhook", "code": 10015}', "'Unknown Webhook'"),
        ("slack", "no_service", "'no_service'"),
        ("pagerduty", '{"message": "Event object is invalid", "errors": ["\'routing_key\' is bad"]}', "is invalid, 'routing_key' is bad"),
        ("webhook", f"nothing at {PATH}, with {HIDDEN}\r\n{'y' * 9000}", "nothing at ***, with *** yyyy"),
    ],
)
def test_the_services_own_words_are_told_without_the_secret(
    kind: str, body: str, words: str, sender_of: Callable[[str], Sender], httpserver: HTTPServer
) -> None:
    httpserver.expect_request(path_of(kind)).respond_with_data(body, 404)
    sentence = told(sender_of(kind), ChannelRefused)
    assert words in sentence
    assert len(sentence) < 500


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({"Retry-After": "7"}, "", 7.0),
        ({"Retry-After": "1"}, '{"message": "You are being rate limited.", "retry_after": 2.5, "global": false}', 2.5),
        ({"Retry-After": "99999999"}, "", 3600.0),
        ({"Retry-After": "soon"}, '{"retry_after": "later"}', None),
        ({"Retry-After": "-5"}, '{"retry_after": NaN}', None),
        ({"Retry-After": "nan"}, "[]", None),
        ({"Retry-After": format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True)}, "", 0.0),
        ({}, "", None),
    ],
)
def test_the_wait_that_is_asked_for_is_told(
    headers: dict[str, str], body: str, wait: float | None, sender_of: Callable[[str], Sender], httpserver: HTTPServer
) -> None:
    httpserver.expect_request(PATH).respond_with_data(body, 429, headers)
    with pytest.raises(ChannelUnavailable) as caught:
        sender_of("discord").send(message())
    assert caught.value.wait == wait


def test_a_moment_to_wait_for_is_a_wait(sender_of: Callable[[str], Sender], httpserver: HTTPServer) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    httpserver.expect_request(PATH).respond_with_data("", 503, {"Retry-After": moment})
    with pytest.raises(ChannelUnavailable) as caught:
        sender_of("webhook").send(message())
    assert 90 < (caught.value.wait or 0) <= 100


@every_kind
def test_an_answer_that_does_not_come_is_not_waited_for(
    kind: str, sender_of: Callable[[str], Sender], httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "TIMEOUT", 0.2)
    over = threading.Event()

    def wait(_: Request) -> Response:
        over.wait(10)
        return Response("late")

    httpserver.expect_request(path_of(kind)).respond_with_handler(wait)
    try:
        assert told(sender_of(kind), ChannelUnavailable) == f"channel leaders ({kind}) did not answer within 0.2 s"
    finally:
        over.set()


@pytest.mark.parametrize("said", [b"", b"no HTTP at all\r\n\r\n", b"HTTP/1.1 500 Broken\r\nContent-Length: 100\r\n\r\nhalf"])
def test_half_an_answer_is_trouble(said: bytes, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(said)

        serving = threading.Thread(target=serve)
        serving.start()
        sender = opened("webhook", f"http://127.0.0.1:{listening.getsockname()[1]}{PATH}", tmp_path)
        assert told(sender, ChannelUnavailable).startswith("channel leaders (webhook) ")
        serving.join()


def test_an_answer_that_never_ends_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "TIMEOUT", 0.2)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 500 Broken\r\nContent-Length: 100000\r\n\r\n")
                while not over.wait(0.02):
                    connection.sendall(b"x")

        serving = threading.Thread(target=serve)
        serving.start()
        sender = opened("webhook", f"http://127.0.0.1:{listening.getsockname()[1]}{PATH}", tmp_path)
        sentence = told(sender, ChannelUnavailable)
        assert sentence.startswith("channel leaders (webhook) answered with status 500, 'x")
        assert sentence.count("x") < 20  # as many as there was time for
        over.set()
        serving.join()


def test_neither_a_proxy_nor_a_netrc_comes_in_between(
    sender_of: Callable[[str], Sender], httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login torn password hush", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    httpserver.expect_request(PATH).respond_with_data("ok")
    sender_of("slack").send(message())
    [(request, _)] = httpserver.log
    assert "Authorization" not in request.headers


@every_kind
def test_nobody_there_is_trouble_and_nothing_secret_is_logged(kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with caplog.at_level(logging.INFO):
        sentence = told(opened(kind, f"http://127.0.0.1:{port}{PATH}", tmp_path), ChannelUnavailable)
    assert sentence == f"channel leaders ({kind}) cannot be reached, or closed the connection before it answered"
    assert HIDDEN not in caplog.text


# --- secrets -------------------------------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("secret", [None, ""])
def test_without_its_secret_a_channel_says_where_it_belongs(kind: str, secret: str | None, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"^channel leaders \({kind}\) has no secret: set TORN_ALERT_LEADERS$"):
        open_channel(CHANNELS.validate_python({"kind": kind, "name": "leaders"}), secret, data_dir=tmp_path)


@pytest.mark.parametrize("kind", ["discord", "slack", "webhook"])
@pytest.mark.parametrize(
    "url",
    [
        f"http://discord.example{PATH}",
        f"ftp://discord.example{PATH}",
        PATH,
        f"https://{PATH}",
        f"https://a b{PATH}",
        f"https://[bad{PATH}",
        f"https://.{PATH}",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_unseen(kind: str, url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^TORN_ALERT_LEADERS ") as caught:
        opened(kind, url, tmp_path)
    assert HIDDEN not in "".join(traceback.format_exception(caught.value, chain=False))
    assert HIDDEN not in str(caught.value)
