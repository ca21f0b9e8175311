"""Discord, by a webhook of a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from torn_pipeline.alerts.channels.posting import Address
from torn_pipeline.alerts.channels.texts import about, clipped, fitted, label, lines_of, one_line
from torn_pipeline.alerts.message import MessageKind
from torn_pipeline.alerts.observation import Severity

if TYPE_CHECKING:
    from torn_pipeline.alerts.message import Message
    from torn_pipeline.config.channels import DiscordChannel

__all__ = ["Discord"]

_TITLE, _DESCRIPTION, _FOOTER, _LINK = 256, 4096, 200, 500  # characters; Discord allows 6,000 in all
_MARKDOWN = frozenset(r"\*_~`|<>[]()#@-+")
_COLOURS = {
    Severity.WARNING: 0xF1C40F,
    Severity.ERROR: 0xE74C3C,
    Severity.CRITICAL: 0x992D22,
    MessageKind.ESCALATION: 0x9B59B6,
    MessageKind.RECOVERY: 0x2ECC71,
    MessageKind.TEST: 0x3498DB,
    MessageKind.REPORT: 0x3498DB,
}


class Discord:
    """Posts each message as an embed that pings nobody. Discord knows no message ids: what is sent twice is shown twice."""

    is_idempotent = False

    def __init__(self, channel: DiscordChannel, secret: str) -> None:
        self.name = channel.name
        self._address = Address(f"channel {channel.name} (discord)", channel.secret_variable, secret, secret)

    def send(self, message: Message) -> None:
        """Send it.

        Raises:
            ChannelRefused: Discord does not take it, and would not later.
            ChannelUnavailable: Discord, or the way to it, is in trouble.
        """
        self._address.post({"embeds": [_embed(message)], "allowed_mentions": {"parse": []}}, params={"wait": "true"})


def _embed(message: Message) -> dict[str, object]:
    # A link stands in the text: in the embed's own field Discord refuses addresses such as those of this machine.
    link = f"\n<{quote(message.link, safe=':/?#[]@!$&()*+,;=%')}>" if message.link and len(message.link) < _LINK else ""
    text = fitted(lines_of(message), _DESCRIPTION - len(link), _escaped) + link
    return {
        "title": clipped(one_line(message.title) or label(message), _TITLE, _escaped),
        "description": text.strip(),
        "color": _COLOURS[message.severity if message.kind is MessageKind.ALERT else message.kind],
        "footer": {"text": clipped(one_line(about(message)), _FOOTER)},
        "timestamp": message.at.isoformat(),
    }


def _escaped(char: str) -> str:
    return f"\\{char}" if char in _MARKDOWN else char
