"""Mail reaches a real server by STARTTLS and a login; what the server answers is understood."""

from __future__ import annotations

import socket
import ssl
import threading
import traceback
from base64 import b64encode
from dataclasses import replace
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from torn_pipeline.alerts import MessageKind
from torn_pipeline.alerts.channels import Sender, email, open_channel
from torn_pipeline.alerts.channels.texts import clipped, one_line
from torn_pipeline.config.channels import EmailChannel
from torn_pipeline.errors import ChannelRefused, ChannelUnavailable, ConfigError
from torn_pipeline_tests.exhaustive import examples
from torn_pipeline_tests.mail import Mailbox, mail_server
from torn_pipeline_tests.unit.alerts.channels.messages import HOSTILE, message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HUSH = "hush-hush-password"
LOGINS = {"alerts": HUSH}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1", key_type=trustme.KeyType.ECDSA).configure_cert(context)
    return context


@pytest.fixture
def _trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))


def opened(port: int, tmp_path: Path, password: str = HUSH, **fields: object) -> Sender:
    given_fields = {"name": "post", "host": "localhost", "port": port, "from": "torn@example.org", "to": ["a@example.org", "b@example.org"]}
    return open_channel(EmailChannel.model_validate(given_fields | {"user": "alerts"} | fields), password, data_dir=tmp_path)


def told(sender: Sender, kind_of_error: type[Exception]) -> str:
    """The error's sentence, which shows the password no more than its traceback does."""
    with pytest.raises(kind_of_error) as caught:
        sender.send(message())
    shown = "".join(traceback.format_exception(caught.value))
    assert HUSH not in shown
    assert b64encode(HUSH.encode()).decode().rstrip("=") not in shown
    return str(caught.value)


@pytest.mark.usefixtures("_trusted")
def test_a_mail_arrives_by_tls_and_login(tls: ssl.SSLContext, tmp_path: Path) -> None:
    mailbox = Mailbox(LOGINS)
    with mail_server(mailbox, tls=tls) as port:
        sender = opened(port, tmp_path)
        sender.send(message("faction_crimes <failed> für Łukasz", "one & two", "three", link="http://127.0.0.1:3000/runs/1?a=1&b=2"))
    assert (mailbox.used_tls, mailbox.logged_in) == ([True], ["alerts"])
    assert mailbox.recipients == [["a@example.org", "b@example.org"]]
    [mail] = mailbox.mails
    assert mail["From"] == "torn@example.org"
    assert mail["To"] == "a@example.org, b@example.org"
    assert mail["Subject"] == "[error] faction_crimes <failed> für Łukasz"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime.tzinfo
    text, html = (part.get_content() for part in mail.iter_parts())
    assert text.splitlines() == [
        "faction_crimes <failed> für Łukasz",
        "",
        "one & two",
        "three",
        "",
        "http://127.0.0.1:3000/runs/1?a=1&b=2",
        "error · incident incident-1 · 2026-05-04 03:02 UTC",
    ]
    assert "<h3>faction_crimes &lt;failed&gt; für Łukasz</h3>" in html
    assert '<a href="http://127.0.0.1:3000/runs/1?a=1&amp;b=2">' in html


@pytest.mark.usefixtures("_trusted")
def test_a_small_page_is_attached_and_one_that_is_large_or_gone_is_not(tls: ssl.SSLContext, tmp_path: Path) -> None:
    mailbox = Mailbox(LOGINS)
    pages = [tmp_path / name for name in ("small.html", "large.html", "gone.html")]
    pages[0].write_text("<p>ä</p>")
    pages[1].write_bytes(b"x" * 1_000_001)
    with mail_server(mailbox, tls=tls) as port:
        for page in pages:
            opened(port, tmp_path).send(replace(message("Report ready", kind=MessageKind.REPORT), file=str(page)))
    attached = [[(one.get_filename(), one.get_content().strip()) for one in mail.iter_attachments()] for mail in mailbox.mails]
    assert attached == [[("small.html", "<p>ä</p>")], [], []]
    for mail in mailbox.mails:
        assert mail["Subject"] == "[report] Report ready"
        text = mail.get_body(("plain",))
        assert text
        assert text.get_content().splitlines()[-1] == "report · 2026-05-04 03:02 UTC"


@pytest.mark.usefixtures("_trusted")
def test_an_incident_is_a_thread_and_a_mail_that_comes_again_has_its_id(tls: ssl.SSLContext, tmp_path: Path) -> None:
    mailbox = Mailbox(LOGINS)
    with mail_server(mailbox, tls=tls) as port:
        sender = opened(port, tmp_path)
        for number, kind in ((1, MessageKind.ALERT), (1, MessageKind.ALERT), (2, MessageKind.RECOVERY)):
            sender.send(message(kind=kind, number=number))
    ids = [mail["Message-ID"] for mail in mailbox.mails]
    assert ids == ["<message-1@example.org>", "<message-1@example.org>", "<message-2@example.org>"]
    threads = {(mail["In-Reply-To"], mail["References"]) for mail in mailbox.mails}
    assert threads == {("<incident.incident-1@example.org>", "<incident.incident-1@example.org>")}
    assert not sender.is_idempotent


@pytest.mark.usefixtures("_trusted")
def test_no_text_makes_a_header_or_a_recipient(tls: ssl.SSLContext, tmp_path: Path) -> None:
    mailbox = Mailbox(LOGINS)
    with mail_server(mailbox, tls=tls) as port:
        sender = opened(port, tmp_path, to=["a@example.org"])
        for text in HOSTILE:
            sender.send(message(text, *HOSTILE, link=text))
    assert mailbox.recipients == [["a@example.org"]] * len(HOSTILE)
    expected = {
        "from",
        "to",
        "subject",
        "date",
        "message-id",
        "in-reply-to",
        "references",
        "auto-submitted",
        "mime-version",
        "content-type",
    }
    for mail in mailbox.mails:
        assert {name.lower() for name in mail} == expected
        assert len(mail["Subject"]) <= 200
        assert "<script>" not in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]  # every mail has one


@pytest.mark.usefixtures("_trusted")
def test_no_header_begins_with_an_empty_line(tls: ssl.SSLContext, tmp_path: Path) -> None:
    mailbox = Mailbox(LOGINS)
    titles = [f"Recovered: check {'r' * length} of torn/faction_crimes for default passed" for length in range(1, 40, 3)]
    with mail_server(mailbox, tls=tls) as port:
        sender = opened(port, tmp_path)
        for title in titles:
            sender.send(message(title, "é" * 200))
    assert [mail["Subject"] for mail in mailbox.mails] == [f"[error] {title}" for title in titles]
    assert {len(line) <= 78 for mail in mailbox.mails for line in mail.get_body(("plain",)).get_payload().splitlines()} == {True}  # type: ignore[union-attr]  # every mail has one


@settings(max_examples=examples(60), deadline=None, derandomize=True)
@given(st.text(max_size=300), st.text(max_size=50))
def test_a_title_is_the_subject_whatever_is_in_it(title: str, line: str) -> None:
    channel = EmailChannel.model_validate({"name": "post", "host": "localhost", "from": "torn@example.org", "to": ["a@example.org"]})
    mail = message_from_bytes(email._mail(message(title, line), channel).as_bytes(), policy=policy.default)
    subject = clipped(f"[error] {one_line(title)}", 200)
    assert "".join(mail["Subject"].split()) == "".join(subject.split())  # a long line may be folded, at spaces
    assert mail["Message-ID"] == "<message-1@example.org>"
    assert mail["To"] == "a@example.org"


# --- what a server may answer ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_trusted")
def test_a_wrong_password_is_refused_for_good(tls: ssl.SSLContext, tmp_path: Path) -> None:
    mailbox = Mailbox({"alerts": "another"})
    with mail_server(mailbox, tls=tls) as port:
        sentence = told(opened(port, tmp_path), ChannelRefused)
    assert sentence == (
        "channel post (email) got the answer 535, '5.7.8 Authentication credentials invalid': "
        "check `user` and the password in TORN_ALERT_POST"
    )
    assert mailbox.mails == []


def test_a_certificate_that_nobody_vouches_for_gets_no_password(tls: ssl.SSLContext, tmp_path: Path) -> None:
    mailbox = Mailbox(LOGINS)
    with mail_server(mailbox, tls=tls) as port:
        assert "certificate that cannot be verified" in told(opened(port, tmp_path), ChannelUnavailable)
    assert (mailbox.tried, mailbox.mails) == ([], [])


def test_a_server_without_tls_gets_no_password(tmp_path: Path) -> None:
    mailbox = Mailbox(LOGINS)
    with mail_server(mailbox) as port:
        assert told(opened(port, tmp_path), ChannelRefused) == (
            "channel post (email) finds no server that offers STARTTLS and a known login: check `host` and `port`"
        )
    assert (mailbox.tried, mailbox.mails) == ([], [])


def test_on_this_machine_a_mail_may_go_without_tls_and_login(tmp_path: Path) -> None:
    mailbox = Mailbox()
    with mail_server(mailbox) as port:
        opened(port, tmp_path, "", user="", starttls=False).send(message())
    assert (len(mailbox.mails), mailbox.used_tls) == (1, [False])


@pytest.mark.usefixtures("_trusted")
@pytest.mark.parametrize(
    ("refuse", "error", "words"),
    [
        ({"a@example.org": "550 no", "b@example.org": "550 no"}, ChannelRefused, "could send the mail to nobody"),
        ({"a@example.org": "550 no", "b@example.org": "451 later"}, ChannelUnavailable, "could send the mail to nobody"),
        ({"DATA": "451 later"}, ChannelUnavailable, "got the answer 451, 'later'"),
        ({"DATA": "554 looks like spam"}, ChannelRefused, "got the answer 554, 'looks like spam': check `host`, `port` and `from`"),
        ({"DATA": f"554 {HUSH}"}, ChannelRefused, "got the answer 554, '***'"),
    ],
)
def test_a_refusal_is_told_from_a_delay(
    refuse: dict[str, str], error: type[Exception], words: str, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    mailbox = Mailbox(LOGINS, refuse)
    with mail_server(mailbox, tls=tls) as port:
        assert told(opened(port, tmp_path), error).startswith(f"channel post (email) {words}")
    assert mailbox.recipients == []


@pytest.mark.usefixtures("_trusted")
@pytest.mark.parametrize("answer", ["550 no such user", "452 full"])
def test_one_recipient_who_is_refused_costs_the_others_neither_the_mail_nor_a_second_one(
    answer: str, tls: ssl.SSLContext, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox = Mailbox(LOGINS, {"a@example.org": answer})
    with mail_server(mailbox, tls=tls) as port:
        opened(port, tmp_path).send(message())
    assert mailbox.recipients == [["b@example.org"]]
    [sentence] = [record.getMessage() for record in caplog.records if record.name == email.__name__]
    code, _, words = answer.partition(" ")
    assert sentence == f"channel post (email) sent the mail, but not to a@example.org ({code}, '{words}'): check `to`"


@pytest.mark.usefixtures("_trusted")
def test_a_mail_that_was_taken_stays_so_however_the_connection_ends(tls: ssl.SSLContext, tmp_path: Path) -> None:
    mailbox = Mailbox(LOGINS, {"QUIT": "421 too busy to say goodbye"})
    with mail_server(mailbox, tls=tls) as port:
        opened(port, tmp_path).send(message())
    assert len(mailbox.mails) == 1


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize(
    ("greeting", "error"),
    [
        (b"", ChannelUnavailable),
        (b"421 come later\r\n", ChannelUnavailable),
        (b"554 not you\r\n", ChannelRefused),
        (b"HTTP/1.1\r\n", ChannelUnavailable),
    ],
)
def test_a_greeting_that_is_none(greeting: bytes, error: type[Exception], listening: socket.socket, tmp_path: Path) -> None:
    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.sendall(greeting)

    serving = threading.Thread(target=serve)
    serving.start()
    told(opened(listening.getsockname()[1], tmp_path, host="127.0.0.1"), error)
    serving.join()


def test_a_server_that_says_nothing_is_not_waited_for(listening: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email, "TIMEOUT", 0.2)
    sender = opened(listening.getsockname()[1], tmp_path, host="127.0.0.1")
    assert told(sender, ChannelUnavailable) == "channel post (email) got no answer within 0.2 s"


def test_nobody_there_is_trouble(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert told(opened(port, tmp_path, host="127.0.0.1"), ChannelUnavailable).endswith("cannot reach its server, or was cut off by it")


def test_a_password_that_no_login_can_carry_is_refused_unseen(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^TORN_ALERT_POST holds more than ASCII") as caught:
        opened(25, tmp_path, f"{HUSH}ü")
    assert HUSH not in str(caught.value)


@pytest.mark.parametrize("fields", [{"user": "alerts"}, {"user": "alerts", "starttls": False}])
def test_a_login_needs_its_password(fields: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^channel post \(email\) has no secret: set TORN_ALERT_POST$"):
        opened(25, tmp_path, "", **fields)
