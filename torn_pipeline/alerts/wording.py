"""The words of messages: what is wrong, what has recovered or is looked at no more, from when to when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.alerts.message import Message, MessageKind
from torn_pipeline.alerts.observation import Severity
from torn_pipeline.alerts.outbox import Manner
from torn_pipeline.alerts.store import moment

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

__all__ = ["compose", "lines_of", "title_of"]

_MOST_LINES = 30
_FEW = 3  # things that are told in full


def compose(row: sqlite3.Row, severity: Severity, members: Sequence[sqlite3.Row], cause: str) -> Message:
    """The message that a row of the outbox stands for, about these members, of which there is at least one.

    ``cause`` is what they have in common, if anything.
    """
    is_over = row["kind"] == MessageKind.RECOVERY
    ordered = sorted(members, key=lambda member: (-Severity(member["severity"]).rank, member["id"]))
    lines = lines_of(ordered, is_over=is_over)
    if not is_over:
        lines.append(f"To acknowledge it: torn-pipeline alerts ack {row['incident']}")
    return Message(
        id=f"{row['incident']}-{row['number']}",
        incident=row["incident"],
        kind=MessageKind(row["kind"]),
        severity=severity,
        title=_over(row, ordered, cause) if is_over else _beginning(row, severity, ordered) + title_of(ordered, cause),
        lines=tuple(lines),
        at=max(moment(one["ended"]) for one in members) if is_over else min(moment(one["began"]) for one in members),
        link=next((one["link"] for one in ordered if one["link"]), ""),
    )


def title_of(members: Sequence[sqlite3.Row], cause: str) -> str:
    """One line about things that are, or were, wrong together."""
    if len(members) == 1:
        return str(members[0]["title"])
    return f"{cause} ({len(members)} things)" if cause else f"{len(members)} things went wrong"


def lines_of(members: Sequence[sqlite3.Row], *, is_over: bool = False) -> list[str]:
    """What there is to say about things that are wrong together, or with ``is_over`` were: one by one where they are several."""
    if len(members) == 1:
        (one,) = members
        return ([f"Was wrong {_span(one)}: {one['title']}"] if is_over else []) + _said(one)
    if len(members) <= _FEW and not is_over:
        return [line for one in members for line in (_line(one), *_said(one)[1:])]
    lines = [f"{one['title']}: {_span(one)}{_as_gone(one)}" if is_over else _line(one) for one in members[:_MOST_LINES]]
    rest = len(members) - _MOST_LINES
    return [*lines, f"and {rest} more"] if rest > 0 else lines


def _beginning(row: sqlite3.Row, severity: Severity, members: Sequence[sqlite3.Row]) -> str:
    if row["kind"] == MessageKind.ESCALATION:
        return f"Not acknowledged since {_moment(min(one['began'] for one in members))}: "
    return f"Worse, now {severity}: " if row["manner"] == Manner.WORSE else ""


def _over(row: sqlite3.Row, members: Sequence[sqlite3.Row], cause: str) -> str:
    """The title about things of which none is wrong any more: what one of them is now, of several what was wrong."""
    wrong, right_title = title_of(members, cause), members[0]["right_title"]
    is_gone = all(one["gone"] for one in members)
    if row["manner"] == Manner.OVER:
        return f"Was wrong, is {'no longer watched' if is_gone else 'right again'}: {wrong}"
    if is_gone:
        return f"Is no longer watched: {wrong}"
    return f"Recovered: {right_title}" if len(members) == 1 and right_title else f"Recovered from: {wrong}"


def _line(member: sqlite3.Row) -> str:
    """A thing that is wrong, and the first line of what there is to say of it."""
    return ": ".join((member["title"], *_said(member)[:1]))


def _said(member: sqlite3.Row) -> list[str]:
    return [line for line in member["text"].splitlines() if line.strip()]


def _span(member: sqlite3.Row) -> str:
    return f"from {_moment(member['began'])} to {_moment(member['ended'])}"


def _as_gone(member: sqlite3.Row) -> str:
    return ", is no longer watched" if member["gone"] else ""


def _moment(text: str) -> str:
    return f"{moment(text):%Y-%m-%d %H:%M} UTC"
