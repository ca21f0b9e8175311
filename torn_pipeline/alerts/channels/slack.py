"""Slack, by an incoming webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from torn_pipeline.alerts.channels.posting import Address
from torn_pipeline.alerts.channels.texts import about, clipped, fitted, label, lines_of, one_line

if TYPE_CHECKING:
    from torn_pipeline.alerts.message import Message
    from torn_pipeline.config.channels import SlackChannel

__all__ = ["Slack"]

_HEADER, _SECTION, _CONTEXT, _LINK = 150, 3000, 300, 500  # characters
_CONTROL = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class Slack:
    """Posts each message as blocks, with a text for notifications. Slack knows no message ids: what is sent twice is shown twice."""

    is_idempotent = False

    def __init__(self, channel: SlackChannel, secret: str) -> None:
        self.name = channel.name
        self._address = Address(f"channel {channel.name} (slack)", channel.secret_variable, secret, secret)

    def send(self, message: Message) -> None:
        """Send it.

        Raises:
            ChannelRefused: Slack does not take it, and would not later.
            ChannelUnavailable: Slack, or the way to it, is in trouble.
        """
        title = one_line(message.title) or label(message)
        self._address.post({"text": clipped(f"[{label(message)}] {title}", _SECTION, _escaped), "blocks": _blocks(message, title)})


def _blocks(message: Message, title: str) -> list[dict[str, object]]:
    text = fitted(lines_of(message), _SECTION, _escaped)
    foot = clipped(one_line(f"{about(message)} · {message.at:%Y-%m-%d %H:%M} UTC"), _CONTEXT, _escaped)
    if message.link and len(message.link) < _LINK:
        address = quote(message.link, safe=":/?#[]@!$&()*+,;=%")
        foot += f" · <{''.join(map(_escaped, address))}|open>"
    header: dict[str, object] = {"type": "plain_text", "text": clipped(title, _HEADER), "emoji": False}
    blocks: list[dict[str, object]] = [{"type": "header", "text": header}]
    if text:
        blocks.append({"type": "section", "text": _markdown(text)})
    return [*blocks, {"type": "context", "elements": [_markdown(foot)]}]


def _markdown(text: str) -> dict[str, object]:
    """Verbatim, so that Slack makes no links or mentions of names and numbers."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _escaped(char: str) -> str:
    return _CONTROL.get(char, char)
