"""Logging: lines of text for people, JSON for programs, and no secret in any of it.

Here belongs where log records go. What is worth a record is decided where it happens.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from dataclasses import dataclass, field
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from filelock import FileLock

from torn_pipeline.correlation import bound_fields
from torn_pipeline.ops.log_lines import JsonLine, TextLine
from torn_pipeline.redaction import Redactor
from torn_pipeline.settings import LogDefaults

if TYPE_CHECKING:
    from io import TextIOWrapper

    from torn_pipeline.config.log import LogConfig
    from torn_pipeline.settings import Settings

__all__ = ["configure", "follow", "log_file"]

_DEFAULTS = LogDefaults()
_MB = 1024 * 1024
_LOCK_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """Where the records of a process go, and how; ``console`` is whether people watch its stderr for a command's answer."""

    level: str
    format: str
    file: Path
    max_bytes: int
    keep: int
    secrets: tuple[str, ...] = field(repr=False)
    console: bool


def log_file(settings: Settings, config: LogConfig | LogDefaults = _DEFAULTS) -> Path:
    """Where the log file is."""
    return settings.log_file or settings.data_dir.absolute() / config.file


def configure(settings: Settings, config: LogConfig | LogDefaults = _DEFAULTS, *, console: bool = False) -> None:
    """Send every record of this process at the level asked for, or above, to stderr and to the log file.

    ``TORN_LOG_LEVEL`` and ``TORN_LOG_FORMAT`` win over ``config``, which is the section of the config file once that is read
    (:func:`follow`). On stderr a record is a line of text or of JSON; a traceback follows a line of text, and is a field of one of
    JSON. With ``console``, stderr is spared what is merely worth knowing, unless another level than INFO is asked for, and what a
    command says itself when it gives up: an answer or an error should not drown in it. The file is always JSON lines, rotates, and
    is made with the first record; several processes may write to it. Each record carries what is bound to the work it was written
    in (:mod:`torn_pipeline.correlation`). Every secret of the settings is replaced by ``***``. Calling it again replaces what it
    did before.
    """
    _send(_target(settings, config, console=console))


def follow(settings: Settings, config: LogConfig) -> None:
    """Log as the config file says from now on, if this process was told to log at all; nothing is done where it does so already."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _Stderr):
            target = _target(settings, config, console=handler.target.console)
            if target != handler.target:
                _send(target)
            return


def _target(settings: Settings, config: LogConfig | LogDefaults, *, console: bool) -> _Target:
    return _Target(
        level=settings.log_level or config.level,
        format=settings.log_format or config.format,
        file=log_file(settings, config),
        max_bytes=config.max_mb * _MB,
        keep=config.keep,
        secrets=settings.secrets,
        console=console,
    )


def _send(target: _Target) -> None:
    redact = Redactor(target.secrets)
    stderr, file = _Stderr(target), _SharedFile(target.file, max_bytes=target.max_bytes, keep=target.keep)
    stderr.setFormatter(JsonLine(redact) if target.format == "json" else TextLine(redact))
    file.setFormatter(JsonLine(redact))
    root = logging.getLogger()
    before = [handler for handler in root.handlers if isinstance(handler, _Stderr | _SharedFile)]
    for ours in (stderr, file):
        ours.addFilter(_with_bound_fields)
        root.addHandler(ours)
    for handler in before:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(target.level)
    # The client tells of every retry itself, in words; the file's own lock must not log into the file; Dagster has Alembic
    # look at each of its databases, one a run.
    for name in ("stamina", "filelock", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _with_bound_fields(record: logging.LogRecord) -> bool:
    """Give a record the fields that are bound to the work, as far as it does not bring them itself; it is always kept."""
    for name, value in bound_fields().items():
        record.__dict__.setdefault(name, value)
    return True


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

    def __init__(self, target: _Target) -> None:
        super().__init__()
        self.target = target
        if target.console and target.level == "INFO":
            self.setLevel(logging.WARNING)
            self.addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a command does not say itself what a record of ours says: what it gives up is its last sentence."""
    return record.levelno < logging.CRITICAL or not record.name.startswith("torn_pipeline.")


class _SharedFile(_Handler, RotatingFileHandler):
    """A rotating file that several processes write to: each follows when another one has rotated it."""

    def __init__(self, path: Path, *, max_bytes: int, keep: int) -> None:
        super().__init__(path, maxBytes=max_bytes, backupCount=keep, encoding="utf-8", delay=True)
        self._path = path

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802  # the name is logging's
        """Whether the file, which may be another one by now, is full."""
        self._follow()
        return bool(super().shouldRollover(record))

    def doRollover(self) -> None:  # noqa: N802  # the name is logging's
        """Rotate, unless another process has just done it."""
        # Hidden, and named so that it is never the log itself, whatever that is called.
        with FileLock(self._path.with_name(f".{self._path.name}.lock"), timeout=_LOCK_SECONDS):
            self._follow()
            if self._path.stat().st_size * 2 > self.maxBytes:
                super().doRollover()
                self._drop_more()

    def _drop_more(self) -> None:
        """Remove older files than are to be kept, which stay where more were kept before."""
        number = self.backupCount + 1
        while (older := Path(f"{self._path}.{number}")).exists():
            older.unlink()
            number += 1

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
