"""Messages to send, the plain and the hostile."""

from __future__ import annotations

from datetime import UTC, datetime

from torn_pipeline.alerts import Message, MessageKind, Severity

__all__ = ["HOSTILE", "message"]

HOSTILE = (
    "@everyone @here <@123> <!channel> <#456> **bold** __under__ ~~gone~~ ||spoiler|| `code` [text](https://evil.example) # head",
    "line\r\nBcc: all@evil.example\r\n\r\nbody\x00\x1b[31m\u2028end\u202etxt.exe",
    "<script>alert(1)</script> &amp; <https://evil.example|here> *bold* _italic_ ~gone~",
    "👩‍🚀😀" * 3000,
    "x" * 10_000,
    "\\*_~`|<>[]()#@-+" * 700,
    "half a character: \ud83d",
    "",
)
"""Texts that break what takes them for granted."""


def message(
    title: str = "torn/faction_crimes failed",
    *lines: str,
    kind: MessageKind = MessageKind.ALERT,
    severity: Severity = Severity.ERROR,
    number: int = 1,
    link: str = "",
) -> Message:
    return Message(
        id=f"message-{number}",
        incident="incident-1",
        kind=kind,
        severity=severity,
        title=title,
        lines=lines,
        at=datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC),
        link=link,
    )
