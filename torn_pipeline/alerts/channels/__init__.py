"""The channels: how a message gets to people.

Here belongs what a service wants a message to look like, how it is sent, and what its answer means. Not here: who hears of what,
and when it is tried again (the rest of ``alerts``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from torn_pipeline.alerts.channels.discord import Discord
from torn_pipeline.alerts.channels.email import Email
from torn_pipeline.alerts.channels.file import File
from torn_pipeline.alerts.channels.pagerduty import PagerDuty
from torn_pipeline.alerts.channels.slack import Slack
from torn_pipeline.alerts.channels.webhook import Webhook
from torn_pipeline.config.channels import DiscordChannel, EmailChannel, FileChannel, PagerDutyChannel, SlackChannel
from torn_pipeline.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from torn_pipeline.alerts.message import Message
    from torn_pipeline.config.channels import Channel

__all__ = ["Sender", "open_channel"]


class Sender(Protocol):
    """Sends messages by one channel. ``is_idempotent`` says whether a message that is sent again is shown once."""

    @property
    def name(self) -> str:
        """The channel's name."""

    @property
    def is_idempotent(self) -> bool:
        """Whether the receiver tells by its id a message that comes again."""

    def send(self, message: Message) -> None:
        """Send it; when nothing is raised, the service has taken it.

        Raises:
            ChannelRefused: trying again changes nothing until somebody changes how the channel is set up.
            ChannelUnavailable: trying again later may help.
        """


def open_channel(channel: Channel, secret: str | None, *, data_dir: Path) -> Sender:
    """The sender of a channel, with its secret from the settings. Nothing is asked or written before the first message.

    Raises:
        ConfigError: the channel needs a secret and has none, or one that cannot be used.
    """
    given = secret or ""
    if channel.secret_variable and not given:
        message = f"channel {channel.name} ({channel.kind}) has no secret: set {channel.secret_variable}"
        raise ConfigError(message)
    if isinstance(channel, DiscordChannel):
        return Discord(channel, given)
    if isinstance(channel, SlackChannel):
        return Slack(channel, given)
    if isinstance(channel, EmailChannel):
        return Email(channel, given)
    if isinstance(channel, PagerDutyChannel):
        return PagerDuty(channel, given)
    return File(channel, data_dir) if isinstance(channel, FileChannel) else Webhook(channel, given)
