"""Logging: one set-up for every process, and no secret in any of it.

Here belongs where log records go and how they look. What is worth a record is decided where it happens.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from filelock import FileLock
from pythonjsonlogger.json import JsonFormatter

from torn_pipeline.correlation import bound_fields
from torn_pipeline.redaction import Redactor

if TYPE_CHECKING:
    from io import TextIOWrapper

    from torn_pipeline.settings import Settings

__all__ = ["LOG_FILE", "configure"]

LOG_FILE = Path("logs") / "torn_pipeline.log"
"""Where the log file is below the data directory."""

_FILE_BYTES = 10 * 1024 * 1024
_OLD_FILES = 5
_LOCK_SECONDS = 10.0
_BRIEF = {"endpoint": "{}", "account": "{}", "run_id": "run {}", "fetch_id": "fetch {}", "call_id": "call {}"}
_RUN = 8  # characters of a run's id that Dagster's UI shows
_JSON_FIELDS = {"levelname": "level", "name": "logger", "process": "pid", "threadName": "thread", "message": "message"}


def configure(settings: Settings) -> None:
    """Send every record of this process at ``TORN_LOG_LEVEL`` or above to stderr and to the log file.

    On stderr a record is a line of text, or of JSON with ``TORN_LOG_FORMAT=json``; a traceback follows a line of text, and is
    a field of one of JSON. The file is always JSON lines, rotates at 10 MB, keeps five old files and is made with the
    first record; several processes may write to it. Each record carries what is bound to the work it was written in
    (:mod:`torn_pipeline.correlation`). Every secret of the settings is replaced by ``***``. Calling it again replaces what it
    did before.
    """
    redact = Redactor(settings.secrets)
    stderr = _Stderr()
    stderr.setFormatter(_Json(redact) if settings.log_format == "json" else _Text(redact))
    file = _SharedFile(settings.data_dir.absolute() / LOG_FILE)
    file.setFormatter(_Json(redact))
    for ours in (stderr, file):
        ours.addFilter(_with_bound_fields)
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Stderr | _SharedFile)]:
        root.removeHandler(handler)
        handler.close()
    root.addHandler(stderr)
    root.addHandler(file)
    root.setLevel(settings.log_level)
    # The client tells of every retry itself, in words; the file's own lock must not log into the file; Dagster has Alembic
    # look at each of its databases, one a run.
    for name in ("stamina", "filelock", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _with_bound_fields(record: logging.LogRecord) -> bool:
    """Give a record the fields that are bound to the work, as far as it does not bring them itself; it is always kept."""
    for name, value in bound_fields().items():
        record.__dict__.setdefault(name, value)
    return True


class _Text(logging.Formatter):
    """One line: time in UTC, level, logger, process, message, and in brackets what it belongs to."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self, redact: Redactor) -> None:
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


class _Json(JsonFormatter):
    """One JSON object: timestamp, level, logger, pid, thread, message, and what the record has besides."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__(list(_JSON_FIELDS), rename_fields=_JSON_FIELDS, timestamp=True)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """The whole record, traceback and extras included, without secrets."""
        return self._redact(super().format(record))


class _Handler(logging.Handler):
    """Says once for each kind of error that records are lost, without what they held."""

    _told: frozenset[str] = frozenset()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the name is logging's
        """One sentence on stderr instead of logging's traceback, which repeats the record's arguments unredacted."""
        error = sys.exception()
        reason = str(error) if isinstance(error, OSError) else type(error).__name__
        if reason not in self._told and sys.stderr is not None:
            self._told |= {reason}
            with contextlib.suppress(OSError, ValueError):  # stderr itself may be what is broken
                sys.stderr.write(f"log records are lost, such as one of {record.name}, line {record.lineno}: {reason}\n")


class _Stderr(_Handler, logging.StreamHandler[TextIO]):
    """Writes to what ``sys.stderr`` is at set-up."""


class _SharedFile(_Handler, RotatingFileHandler):
    """A rotating file that several processes write to: each follows when another one has rotated it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=_FILE_BYTES, backupCount=_OLD_FILES, encoding="utf-8", delay=True)
        self._path = path

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802  # the name is logging's
        """Whether the file, which may be another one by now, is full."""
        self._follow()
        return bool(super().shouldRollover(record))

    def doRollover(self) -> None:  # noqa: N802  # the name is logging's
        """Rotate, unless another process has just done it."""
        with FileLock(self._path.with_suffix(".lock"), timeout=_LOCK_SECONDS):
            self._follow()
            if self._path.stat().st_size * 2 > self.maxBytes:
                super().doRollover()

    def _open(self) -> TextIOWrapper:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def _follow(self) -> None:
        """Change to the file that is at the path now."""
        if self.stream is None:
            return
        try:
            same = os.path.samestat(self._path.stat(), os.fstat(self.stream.fileno()))
        except FileNotFoundError:  # just moved away
            same = False
        if not same:
            self.stream.close()
            self.stream = self._open()
