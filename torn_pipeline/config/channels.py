"""The channels of ``alerts.yaml``: where messages about incidents can go. Their secrets come from the environment."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 - Pydantic reads the annotations
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from torn_pipeline.config.models import Name  # noqa: TC001 - likewise
from torn_pipeline.settings import LOOPBACK_HOSTS, Settings, address_problem

__all__ = [
    "Channel",
    "DiscordChannel",
    "EmailChannel",
    "FileChannel",
    "PagerDutyChannel",
    "SlackChannel",
    "WebhookChannel",
]

HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9a-fA-F:]*:[0-9a-fA-F:]*", re.ASCII)
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", re.ASCII)
TLS_FROM_THE_START = 465


class _Channel(BaseModel):
    """What every channel has: a name, which rules choose it by and which names the variable of its secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Name

    @field_validator("name")
    @classmethod
    def _has_a_variable(cls, name: str) -> str:
        if name.endswith("_file"):
            message = "must not end in `_file`: TORN_ALERT_<NAME>_FILE would be read as the file with a secret, choose another name"
            raise ValueError(message)
        return name

    @property
    def secret_variable(self) -> str:
        """The environment variable that this channel's secret comes from; empty when it needs none."""
        return Settings.alert_variable(self.name)


class DiscordChannel(_Channel):
    """A channel of a Discord server, by a webhook whose URL is the secret."""

    kind: Literal["discord"] = "discord"


class SlackChannel(_Channel):
    """A channel of a Slack workspace, by an incoming webhook whose URL is the secret."""

    kind: Literal["slack"] = "slack"


class EmailChannel(_Channel):
    """Mail by the SMTP server ``host``; with a ``user`` the secret is the password. ``starttls: false`` is for this machine alone."""

    kind: Literal["email"] = "email"
    host: str
    port: int = Field(default=587, ge=1, le=65535)
    sender: str = Field(alias="from")
    to: Annotated[tuple[str, ...], Field(strict=False)]
    user: str = ""
    starttls: bool = True

    @property
    def secret_variable(self) -> str:
        """The environment variable that the password comes from; empty where nobody logs in."""
        return super().secret_variable if self.user else ""

    @field_validator("host")
    @classmethod
    def _is_a_host(cls, host: str) -> str:
        if not HOST.fullmatch(host):
            message = "is no name or address of a mail server: write for example smtp.example.org, and the port in `port`"
            raise ValueError(message)
        return host

    @field_validator("port")
    @classmethod
    def _begins_in_the_clear(cls, port: int) -> int:
        if port == TLS_FROM_THE_START:
            message = "is 465, which speaks TLS from the first byte, and this channel STARTTLS: use the server's port 587"
            raise ValueError(message)
        return port

    @field_validator("user")
    @classmethod
    def _can_log_in(cls, user: str) -> str:
        if not (user.isascii() and user.isprintable()):
            message = "holds more than plain ASCII, which no SMTP login can carry: use another name of the account"
            raise ValueError(message)
        return user

    @field_validator("sender")
    @classmethod
    def _is_an_address(cls, sender: str) -> str:
        return _address(sender)

    @field_validator("to")
    @classmethod
    def _are_addresses(cls, to: tuple[str, ...]) -> tuple[str, ...]:
        if not to:
            message = "names nobody: write at least one address, such as [leader@example.org]"
            raise ValueError(message)
        return tuple(dict.fromkeys(map(_address, to)))

    @model_validator(mode="after")
    def _hides_the_password(self) -> Self:
        if not self.starttls and self.host not in LOOPBACK_HOSTS:
            message = f"`starttls: false` would send the mail, and the password, in the clear to {self.host}: leave it out"
            raise ValueError(message)
        return self


class PagerDutyChannel(_Channel):
    """A service of PagerDuty, by its Events API v2; the secret is the integration's routing key."""

    kind: Literal["pagerduty"] = "pagerduty"
    url: str = "https://events.pagerduty.com/v2/enqueue"

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if problem := address_problem(url):
            raise ValueError(problem)
        return url


class WebhookChannel(_Channel):
    """Any service that takes the message as JSON; the URL is the secret."""

    kind: Literal["webhook"] = "webhook"


class FileChannel(_Channel):
    """A file of its own that gets a JSON line a message; ``path`` is below the data directory unless it is absolute."""

    kind: Literal["file"] = "file"
    path: Annotated[Path, Field(strict=False)]

    @property
    def secret_variable(self) -> str:
        """Empty: a file needs no secret."""
        return ""

    @field_validator("path")
    @classmethod
    def _is_a_file(cls, path: Path) -> Path:
        if not path.name or ".." in path.parts:
            message = "must name a file below the data directory, such as alerts.jsonl, or be an absolute path"
            raise ValueError(message)
        if path.suffix != ".jsonl":  # what else there is, such as the warehouse, must not be written into
            message = f"is {str(path)!r}, which does not end in `.jsonl`: write for example alerts.jsonl"
            raise ValueError(message)
        return path


Channel = Annotated[
    DiscordChannel | SlackChannel | EmailChannel | PagerDutyChannel | WebhookChannel | FileChannel,
    Field(discriminator="kind"),
]
"""One of the channels, told apart by ``kind``."""


def _address(text: str) -> str:
    if not ADDRESS.fullmatch(text):
        message = "holds something that is no plain mail address: write for example leader@example.org"
        raise ValueError(message)
    return text
