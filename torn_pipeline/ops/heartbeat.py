"""A sign of life for those who watch from outside: a file that is always fresh, and a URL that is asked."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from torn_pipeline.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HEARTBEAT_FILE", "beat", "last_beat"]

_log = logging.getLogger(__name__)

HEARTBEAT_FILE = Path("heartbeat.json")
"""Where the file is below the data directory."""

# Not a whole minute: beats that come once a minute, give or take a second, are to be a ping each.
_BETWEEN_PINGS = timedelta(seconds=55)


def beat(path: Path, *, what: str, at: datetime, ping: str = "") -> None:
    """Write into the file at ``path`` that ``what`` of this process is alive at the moment ``at`` (UTC), and ask the URL ``ping``.

    The file is replaced as a whole. The URL, a secret, is asked at most once a minute over all processes; that it cannot be
    asked is logged and raises nothing.
    """
    pinged = _moment(_read(path), "pinged_at")
    is_due = bool(ping) and not (pinged and abs(at - pinged) < _BETWEEN_PINGS)
    if is_due:
        pinged = at
    entry = {"time": at.isoformat(), "pid": os.getpid(), "what": what, "pinged_at": pinged and pinged.isoformat()}
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.write_text(f"{json.dumps(entry)}\n", encoding="utf-8")
    new.replace(path)
    if is_due:
        _ask(ping)


def last_beat(path: Path) -> datetime | None:
    """The moment (UTC) of the last beat; ``None`` when there was none, or the file is not one of ours."""
    return _moment(_read(path), "time")


def _ask(url: str) -> None:
    from torn_pipeline.alerts.channels.posting import Address

    try:
        Address("the service that watches the heartbeat", "TORN_HEARTBEAT_URL", url, url).get()
    except PipelineError as error:
        _log.warning("%s", error)


def _read(path: Path) -> Mapping[str, object]:
    try:
        entry = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return entry if isinstance(entry, dict) else {}


def _moment(entry: Mapping[str, object], name: str) -> datetime | None:
    """A moment of the file; one without a time zone is as good as none."""
    try:
        moment = datetime.fromisoformat(str(entry.get(name)))
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None
