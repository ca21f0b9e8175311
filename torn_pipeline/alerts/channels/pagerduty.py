"""PagerDuty, by its Events API v2."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from torn_pipeline.alerts.channels.posting import Address
from torn_pipeline.alerts.channels.texts import clipped, fitted, label, lines_of, one_line
from torn_pipeline.alerts.message import MessageKind

if TYPE_CHECKING:
    from torn_pipeline.alerts.message import Message
    from torn_pipeline.config.channels import PagerDutyChannel

__all__ = ["PagerDuty"]

_SUMMARY, _DETAILS = 1024, 30_000  # characters; of an event PagerDuty takes 512 KB


class PagerDuty:
    """Opens an alert for each incident and resolves it with the recovery; the incident's id is PagerDuty's ``dedup_key``."""

    is_idempotent = True

    def __init__(self, channel: PagerDutyChannel, secret: str) -> None:
        self.name = channel.name
        self._key = secret
        self._address = Address(f"channel {channel.name} (pagerduty)", channel.secret_variable, secret, channel.url)

    def send(self, message: Message) -> None:
        """Send it.

        Raises:
            ChannelRefused: PagerDuty does not take it, and would not later.
            ChannelUnavailable: PagerDuty, or the way to it, is in trouble.
        """
        action = "resolve" if message.kind is MessageKind.RECOVERY else "trigger"
        self._address.post({"routing_key": self._key, "event_action": action, "dedup_key": message.incident, "payload": _payload(message)})


def _payload(message: Message) -> dict[str, object]:
    return {
        "summary": clipped(one_line(message.title) or label(message), _SUMMARY),
        "source": socket.gethostname() or "torn-pipeline",
        "severity": "info" if message.kind is MessageKind.TEST else message.severity,
        "timestamp": message.at.isoformat(),
        "custom_details": {"text": fitted(lines_of(message), _DETAILS), "kind": message.kind, "link": message.link},
    }
