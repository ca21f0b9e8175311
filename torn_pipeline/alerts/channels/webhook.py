"""Any service that takes messages as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.alerts.channels.posting import Address
from torn_pipeline.alerts.channels.texts import content_of

if TYPE_CHECKING:
    from torn_pipeline.alerts.message import Message
    from torn_pipeline.config.channels import WebhookChannel

__all__ = ["Webhook"]


class Webhook:
    """Posts each message with its id in ``Idempotency-Key``, by which the receiver can tell a message that comes again."""

    is_idempotent = True

    def __init__(self, channel: WebhookChannel, secret: str) -> None:
        self.name = channel.name
        self._address = Address(f"channel {channel.name} (webhook)", channel.secret_variable, secret, secret)

    def send(self, message: Message) -> None:
        """Send it.

        Raises:
            ChannelRefused: the service does not take it, and would not later.
            ChannelUnavailable: the service, or the way to it, is in trouble.
        """
        self._address.post(content_of(message), headers={"Idempotency-Key": message.id})
