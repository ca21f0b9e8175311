"""Reading the log back: its records, oldest first, over its rotated files, and those that belong to one piece of work."""

from __future__ import annotations

import logging
import os
import re
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from torn_pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["LogReader", "Record", "Wanted"]

_POLL_SECONDS = 0.5
_LEVELS = logging.getLevelNamesMapping()


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its line as the file has it, the fields in it, and when it was written (UTC)."""

    line: str
    fields: Mapping[str, Any]
    moment: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which records are meant; an empty field is fine with all.

    A run's id may be its beginning, that of a fetch or a call its end: the parts that a line of text has. ``level`` is the lowest.
    """

    run: str = ""
    endpoint: str = ""
    account: str = ""
    fetch: str = ""
    call: str = ""
    level: str = "DEBUG"
    since: datetime | None = None

    def __contains__(self, record: Record) -> bool:
        """Whether a record is one of them."""
        said = record.fields.get
        return (
            str(said("run_id", "")).startswith(self.run)
            and self.endpoint in {"", said("endpoint")}
            and self.account in {"", said("account")}
            and str(said("fetch_id", "")).endswith(self.fetch)
            and str(said("call_id", "")).endswith(self.call)
            and _LEVELS.get(str(said("level")), logging.CRITICAL) >= _LEVELS[self.level]
            and (self.since is None or record.moment >= self.since)
        )


class LogReader:
    """Reads the log at ``path`` line by line, however long it is. ``skipped`` counts the lines that were no whole record."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped = 0

    def records(self, *, follow: bool = False) -> Iterator[Record]:
        """Every record, oldest first; with ``follow`` also those that are yet to be written, for ever.

        Raises:
            UsageError: when the log cannot be read.
        """
        try:
            with ExitStack() as stack:
                yield from self._records(stack, follow=follow)
        except OSError as error:
            message = f"the log {error.filename or self.path} cannot be read: {error.strerror or error}; check the file and its permissions"
            raise UsageError(message) from error

    def _records(self, stack: ExitStack, *, follow: bool) -> Iterator[Record]:
        files = deque(self._opened(stack))
        while files or follow:
            if not files:
                time.sleep(_POLL_SECONDS)
                files.extend(self._opened(stack))
                continue
            grows = follow and len(files) == 1
            yield from self._lines(files[0], grows=grows)
            if grows:
                files.extend(self._opened(stack, after=files[0]))
                if len(files) == 1:
                    time.sleep(_POLL_SECONDS)
                    continue
                yield from self._lines(files[0], grows=False)  # what was written before it was rotated
            files.popleft().close()

    def _opened(self, stack: ExitStack, after: BinaryIO | None = None) -> list[BinaryIO]:
        """The files of the log, or those that came ``after`` one of them, oldest first.

        They are opened from the newest on: when they move meanwhile, one is met twice, which shows, and none is missed.
        """
        found: list[BinaryIO] = []
        known = [] if after is None else [os.fstat(after.fileno())]
        for path in self._paths():
            try:
                file = path.open("rb")
            except FileNotFoundError:  # just moved on
                continue
            status = os.fstat(file.fileno())
            if after is not None and os.path.samestat(status, known[0]):
                file.close()
                break
            if any(os.path.samestat(status, other) for other in known):
                file.close()
                continue
            known.append(status)
            found.append(stack.enter_context(file))
        return found[::-1]

    def _paths(self) -> list[Path]:
        """The paths that the log may have files at, newest first; one more than there are, as they may move on at any time."""
        rotated = re.compile(rf"{re.escape(self.path.name)}\.([1-9]\d*)")
        try:
            names = [rotated.fullmatch(name) for name in os.listdir(self.path.parent)]  # noqa: PTH208 - names are all it takes
        except (FileNotFoundError, NotADirectoryError):
            return []
        numbers = sorted(int(name[1]) for name in names if name)
        more = [numbers[-1] + 1] if numbers else [1]
        return [self.path, *(self.path.with_name(f"{self.path.name}.{number}") for number in (*numbers, *more))]

    def _lines(self, file: BinaryIO, *, grows: bool) -> Iterator[Record]:
        """The records from where the file was read up to; of one that grows, a last line that is not whole is left for later."""
        while line := file.readline():
            if grows and not line.endswith(b"\n"):
                file.seek(-len(line), os.SEEK_CUR)
                return
            try:
                fields = orjson.loads(line)
                yield Record(line.decode().rstrip("\n"), fields, datetime.fromisoformat(fields["timestamp"]).astimezone(UTC))
            except (ValueError, TypeError, KeyError):
                self.skipped += 1
