"""The channels: how a message gets to people.

Here belongs what a service wants a message to look like, how it is sent, and what its answer means. Not here: who hears of what,
and when it is tried again (the rest of ``alerts``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from torn_pipeline.config.channels import DiscordChannel, EmailChannel, FileChannel, PagerDutyChannel, SlackChannel, WebhookChannel
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
    return _sender(channel, given, data_dir)


def _sender(channel: Channel, secret: str, data_dir: Path) -> Sender:
    """Imports what this channel alone needs: most have one or two, and each brings libraries of its own."""
    match channel:
        case DiscordChannel():
            from torn_pipeline.alerts.channels.discord import Discord  # noqa: PLC0415 - see above, and so the others

            return Discord(channel, secret)
        case SlackChannel():
            from torn_pipeline.alerts.channels.slack import Slack  # noqa: PLC0415

            return Slack(channel, secret)
        case EmailChannel():
            from torn_pipeline.alerts.channels.email import Email  # noqa: PLC0415

            return Email(channel, secret)
        case PagerDutyChannel():
            from torn_pipeline.alerts.channels.pagerduty import PagerDuty  # noqa: PLC0415

            return PagerDuty(channel, secret)
        case WebhookChannel():
            from torn_pipeline.alerts.channels.webhook import Webhook  # noqa: PLC0415

            return Webhook(channel, secret)
        case FileChannel():
            from torn_pipeline.alerts.channels.file import File  # noqa: PLC0415

            return File(channel, data_dir)
