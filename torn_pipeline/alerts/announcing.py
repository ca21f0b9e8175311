"""What is no incident but news, such as a report that is ready: told once, to whom a rule says so by its kind."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from torn_pipeline.alerts.message import Message, MessageKind
from torn_pipeline.alerts.outbox import Manner
from torn_pipeline.alerts.rules import routes
from torn_pipeline.alerts.store import stamp

if TYPE_CHECKING:
    import sqlite3

    from torn_pipeline.alerts.observation import Observation
    from torn_pipeline.alerts.outbox import Outbox

__all__ = ["NEWS", "announce"]

NEWS = "report-"
"""What the ids of reports begin with, which stand among those of incidents that are over."""

_INSERT = "INSERT OR IGNORE INTO incidents (id, cause, opened, closed) VALUES (?, '', ?, ?)"
_MEMBER = """
    INSERT INTO members (incident, key, kind, severity, title, text, link, began, seen, ended) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_QUEUE = "INSERT INTO outbox (incident, channel, kind, manner, severity, due) VALUES (?, ?, ?, ?, ?, ?)"


def announce(database: sqlite3.Connection, outbox: Outbox, news: Observation, file: str) -> list[str]:
    """Write what is to be said of news that were not told before; the channels they go to. Mail takes ``file`` along."""
    at, name = stamp(news.at), f"{NEWS}{news.subject}"
    found = [route for route in routes(outbox.config, news) if not route.escalates]
    if not found or not database.execute(_INSERT, (name, at, at)).rowcount:
        return []
    thing = (name, news.key, news.kind, news.severity, news.title, news.text, news.link)
    member = database.execute(_MEMBER, (*thing, at, at, at)).lastrowid
    database.executemany("INSERT OR IGNORE INTO routes VALUES (?, ?, ?, ?)", [(member, *route) for route in found])
    channels = list(dict.fromkeys(route.channel for route in found))
    for channel in channels:
        row = (name, channel, MessageKind.REPORT, Manner.FIRST, news.severity, stamp(outbox.now))
        number = database.execute(_QUEUE, row).lastrowid
        message = Message(
            id=f"{name}-{number}",
            incident=name,
            kind=MessageKind.REPORT,
            severity=news.severity,
            title=news.title,
            lines=tuple(news.text.splitlines()),
            at=news.at,
            link=news.link,
            file=file,
        )
        database.execute("UPDATE outbox SET body = ? WHERE number = ?", (json.dumps(asdict(message) | {"at": at}), number))
    return channels
