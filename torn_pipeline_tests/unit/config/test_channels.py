"""What a channel's config may say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from torn_pipeline.config.channels import Channel, EmailChannel, FileChannel, PagerDutyChannel

CHANNELS = TypeAdapter[Channel](Channel)
MAIL = {"kind": "email", "name": "post", "host": "smtp.example.org", "from": "torn@example.org", "to": ["a@example.org"]}


def problem(config: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        CHANNELS.validate_python(config)
    [error] = caught.value.errors()
    return f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"


@pytest.mark.parametrize(
    ("config", "variable"),
    [
        ({"kind": "discord", "name": "leaders"}, "TORN_ALERT_LEADERS"),
        ({"kind": "slack", "name": "team_1"}, "TORN_ALERT_TEAM_1"),
        ({"kind": "webhook", "name": "hook"}, "TORN_ALERT_HOOK"),
        ({"kind": "pagerduty", "name": "night"}, "TORN_ALERT_NIGHT"),
        (MAIL, ""),
        (MAIL | {"user": "alerts"}, "TORN_ALERT_POST"),
        ({"kind": "file", "name": "file", "path": "alerts.jsonl"}, ""),
    ],
)
def test_a_channel_knows_its_secrets_variable(config: dict[str, Any], variable: str) -> None:
    channel = CHANNELS.validate_python(config)
    assert (channel.kind, channel.name, channel.secret_variable) == (config["kind"], config["name"], variable)


def test_what_is_left_out_is_filled_in() -> None:
    mail = CHANNELS.validate_python(MAIL)
    assert isinstance(mail, EmailChannel)
    assert (mail.port, mail.starttls, mail.user, mail.sender, mail.to) == (587, True, "", "torn@example.org", ("a@example.org",))
    duty = CHANNELS.validate_python({"kind": "pagerduty", "name": "night"})
    assert isinstance(duty, PagerDutyChannel)
    assert duty.url == "https://events.pagerduty.com/v2/enqueue"
    file = CHANNELS.validate_python({"kind": "file", "name": "all", "path": "/var/log/alerts.jsonl"})
    assert isinstance(file, FileChannel)
    assert file.path == Path("/var/log/alerts.jsonl")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_on_this_machine_mail_may_go_in_the_clear(host: str) -> None:
    assert CHANNELS.validate_python(MAIL | {"host": host, "starttls": False}).name == "post"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"starttls": False}, "email: Value error, `starttls: false` would send the mail, and the password, in the clear"),
        ({"port": 465}, "email.port: Value error, is 465, which speaks TLS from the first byte"),
        ({"port": 0}, "email.port: "),
        ({"to": []}, "email.to: Value error, names nobody"),
        ({"to": ["a@example.org", "b"]}, "email.to: Value error, holds something that is no plain mail address"),
        ({"to": ["a@example.org\nBcc: b@example.org"]}, "email.to: Value error, holds something"),
        ({"from": "Torn <torn@example.org>"}, "email.from: Value error, holds something"),
        ({"from": "torn@example.org\n"}, "email.from: Value error, holds something"),
        ({"host": "smtp.example.org:587"}, "email.host: Value error, is no name or address of a mail server"),
        ({"user": "ä"}, "email.user: Value error, holds more than plain ASCII"),
        ({"password": "hush"}, "email.password: Extra inputs are not permitted"),
        ({"name": "post_file"}, "email.name: Value error, must not end in `_file`"),
        ({"name": "Post"}, "email.name: "),
    ],
)
def test_a_mail_channel_that_could_not_work_is_refused(change: dict[str, Any], sentence: str) -> None:
    assert problem(MAIL | change).startswith(sentence)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"kind": "file", "name": "all", "path": "../alerts.jsonl"}, "file.path: Value error, must name a file below the data directory"),
        ({"kind": "file", "name": "all", "path": ""}, "file.path: Value error, must name a file"),
        (
            {"kind": "file", "name": "all", "path": "warehouse.duckdb"},
            "file.path: Value error, is 'warehouse.duckdb', which does not end in",
        ),
        ({"kind": "pagerduty", "name": "night", "url": "http://events.example/v2"}, "pagerduty.url: Value error, uses plain http"),
        ({"kind": "discord", "name": "leaders", "url": "https://discord.example/hush"}, "discord.url: Extra inputs are not permitted"),
        ({"kind": "telegram", "name": "leaders"}, ": Input tag 'telegram'"),
        ({"name": "leaders"}, ": Unable to extract tag"),
    ],
)
def test_other_channels_that_could_not_work_are_refused(config: dict[str, Any], sentence: str) -> None:
    assert problem(config).startswith(sentence)
