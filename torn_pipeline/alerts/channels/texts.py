"""Texts as channels take them: one line each, without what could do harm, and no longer than the service allows."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from torn_pipeline.alerts.message import MessageKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torn_pipeline.alerts.message import Message

__all__ = ["about", "clipped", "content_of", "fitted", "label", "lines_of", "one_line"]

_ROOM_FOR_THE_REST = 30  # "… and 1000 more lines", with a line break before it
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they make the rest of a line run backwards


def label(message: Message) -> str:
    """In a word what a message is: the severity of an alert, else its kind."""
    return message.severity if message.kind is MessageKind.ALERT else message.kind


def about(message: Message) -> str:
    """What a message is and which incident it is about, if any."""
    what = label(message)
    return what if message.kind is MessageKind.REPORT else f"{what} · incident {one_line(message.incident)}"


def one_line(text: str) -> str:
    """The text on one line, without control characters."""
    whole = text.encode("utf-8", "replace").decode()  # half a character out of broken JSON
    return " ".join("".join(" " if unicodedata.category(char) == "Cc" else char for char in whole if char not in _TURNING).split())


def lines_of(message: Message) -> list[str]:
    """The lines that are not empty, and of one that holds line breaks each part."""
    return [line for lines in message.lines for part in lines.splitlines() if (line := one_line(part))]


def content_of(message: Message) -> dict[str, object]:
    """The message as JSON has it: its fields by their names, the moment in ISO 8601."""
    return {
        "id": message.id,
        "incident": message.incident,
        "kind": message.kind,
        "severity": message.severity,
        "title": one_line(message.title),
        "lines": lines_of(message),
        "at": message.at.isoformat(),
        "link": message.link,
    }


def clipped(text: str, limit: int, escape: Callable[[str], str] = str) -> str:
    """As much of the text as fits into ``limit`` characters once each is escaped, ``…`` at the end where something is missing."""
    written = [escape(char) for char in text]
    if _length("".join(written)) <= limit:
        return "".join(written)
    room, kept = limit - 1, []
    for char in written:
        room -= _length(char)
        if room < 0:
            break
        kept.append(char)
    return "".join([*kept, "…"])


def fitted(lines: Sequence[str], limit: int, escape: Callable[[str], str] = str) -> str:
    """As many whole lines as fit into ``limit`` characters once escaped, and how many are missing; at least a part of the first."""
    written = ["".join(map(escape, line)) for line in lines]
    whole = "\n".join(written)
    if _length(whole) <= limit:
        return whole
    room, kept = limit - _ROOM_FOR_THE_REST, []
    for line in written:
        room -= _length(line) + 1
        if room < 0:
            break
        kept.append(line)
    kept = kept or [clipped(lines[0], limit - _ROOM_FOR_THE_REST, escape)]
    missing = len(lines) - len(kept)
    return "\n".join([*kept, *([f"… and {missing} more line{'s' if missing > 1 else ''}"] if missing else [])])


def _length(text: str) -> int:
    """Its length as services in JavaScript count it, which is never less than its number of characters."""
    return len(text.encode("utf-16-le")) // 2
