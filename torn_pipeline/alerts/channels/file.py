"""A file with a JSON line a message."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import orjson
from filelock import FileLock, Timeout

from torn_pipeline.alerts.channels.texts import content_of
from torn_pipeline.durable import sync_folder
from torn_pipeline.errors import ChannelRefused, ChannelUnavailable, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torn_pipeline.alerts.message import Message
    from torn_pipeline.config.channels import FileChannel

__all__ = ["File"]

_LOOKED_BACK = 1 << 20  # bytes
_LOCK_SECONDS = 10.0
_TAKEN = frozenset({"backups", "dagster", "demo", "landing", "logs", "reports", "tmp"})
"""The folders of the data directory that the platform fills, and frees, itself."""


class File:
    """Appends each message and waits until it is on the disk; one whose id is in the last megabyte is not written again."""

    is_idempotent = True

    def __init__(self, channel: FileChannel, data_dir: Path) -> None:
        self.name = channel.name
        self._path = data_dir / channel.path
        if problem := _problem(self._path, data_dir):
            message = f"channel {channel.name} (file) {problem}"
            raise ConfigError(message)

    def send(self, message: Message) -> None:
        """Append it.

        Raises:
            ChannelRefused: the file cannot be written as it is.
            ChannelUnavailable: the disk is in trouble, or somebody else holds the file.
        """
        who = f"channel {self.name} (file)"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._path.with_name(f"{self._path.name}.lock"), timeout=_LOCK_SECONDS):
                _append(self._path, message)
        except Timeout:
            told = f"{who} waited {_LOCK_SECONDS:g} s for another process that writes to {self._path}"
            raise ChannelUnavailable(told) from None
        except (PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError) as error:
            told = f"{who} cannot write {self._path}, {error.strerror}: check `path`, and the permissions of its folder"
            raise ChannelRefused(told) from error
        except OSError as error:
            told = f"{who} cannot write {self._path} now: {error.strerror}"
            raise ChannelUnavailable(told) from error


def _problem(path: Path, data_dir: Path) -> str:
    """Why a file is none of a channel; empty when it may be."""
    whole, home = path.resolve(), data_dir.resolve()
    below = whole.relative_to(home).parts[:-1] if whole.is_relative_to(home) else ()
    if below and below[0] in _TAKEN:
        return f"would write into {home / below[0]}, which the platform fills itself: name another folder in `path`, such as alerts"
    try:
        with path.open("rb") as file:
            begins = file.read(1)
    except OSError:  # there is none yet, or the first message tells what is in the way
        return ""
    return "" if begins in {b"", b"{"} else f"would write into {path}, which holds something else than JSON lines: name another in `path`"


def _append(path: Path, message: Message) -> None:
    line = orjson.dumps(content_of(message)) + b"\n"
    is_new = not path.exists()
    with path.open("a+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LOOKED_BACK))
        end = file.read()
        if message.id in _ids(end):
            return
        # After a line that a power cut left unfinished this one begins anew.
        file.write(line if not end or end.endswith(b"\n") else b"\n" + line)
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(path.parent)


def _ids(lines: bytes) -> Iterator[object]:
    for line in lines.splitlines():
        try:
            entry = orjson.loads(line)
        except orjson.JSONDecodeError:  # the first may begin before what was read, the last be unfinished
            continue
        if isinstance(entry, dict):
            yield entry.get("id")
