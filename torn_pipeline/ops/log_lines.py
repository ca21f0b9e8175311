"""How a log record looks: a line of text for people, or one of JSON for programs, with no secret in either."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from pythonjsonlogger.json import JsonFormatter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

__all__ = ["JsonLine", "TextLine", "record_of"]

_BRIEF = {"endpoint": "{}", "account": "{}", "run_id": "run {}", "fetch_id": "fetch {}", "call_id": "call {}"}
_RUN = 8  # characters of a run's id that Dagster's UI shows
_JSON_FIELDS = {"levelname": "level", "name": "logger", "process": "pid", "threadName": "thread", "message": "message"}


class TextLine(logging.Formatter):
    """One line: time in UTC, level, logger, process, message, and in brackets what it belongs to. A traceback follows it."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__("%(asctime)s %(levelname)-8s %(name)s[%(process)d] %(message)s")
        self.converter = time.gmtime
        self._redact = redact

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the name is logging's
        """The line itself, without line breaks that would make two records of one."""
        line = f"{super().formatMessage(record)}{_brief(record)}"
        return line.replace("\r", "\\r").replace("\n", "\\n")

    def format(self, record: logging.LogRecord) -> str:
        """The whole record, traceback included, without secrets."""
        return self._redact(super().format(record))


def _brief(record: logging.LogRecord) -> str:
    """What a record belongs to, ids shortened to the part that tells them apart."""
    found = {name: str(value) for name in _BRIEF if (value := record.__dict__.get(name))}
    told = [_BRIEF[name].format(value[:_RUN] if name == "run_id" else value.rpartition("-")[2]) for name, value in found.items()]
    return f" [{' '.join(told)}]" if told else ""


class JsonLine(JsonFormatter):
    """One JSON object: timestamp, level, logger, pid, thread, message, and what the record has besides."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__(list(_JSON_FIELDS), rename_fields=_JSON_FIELDS, timestamp=True)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """The whole record, traceback and extras included, without secrets."""
        return self._redact(super().format(record))


def record_of(fields: Mapping[str, Any], moment: datetime) -> logging.LogRecord:
    """The record, written at ``moment``, that a line of JSON was made of, as far as a line of text needs it."""
    own = {name: fields.get(field) for name, field in {**_JSON_FIELDS, "msg": "message", "exc_text": "exc_info"}.items()}
    brief = {name: fields.get(name) for name in _BRIEF}
    return logging.makeLogRecord({**own, **brief, "created": moment.timestamp(), "msecs": moment.microsecond // 1000})
