"""Taking things out of the landing: fetches, what belongs to no fetch, and files that were never finished.

Here belongs how they are removed, so that a process killed half-way leaves nothing that looks like a fetch. Which ones may go
is not decided here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from torn_pipeline.errors import LandingError
from torn_pipeline.landing.store import FETCH, RESPONSE, STAMP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from torn_pipeline.landing.store import Landing

__all__ = ["Landed", "fetch_ids", "landed", "remove", "remove_files", "stray", "unfinished"]

_QUIET = timedelta(days=2)  # after which nothing is written into the folder of a day any more


@dataclass(frozen=True, slots=True)
class Landed:
    """A fetch in the landing by the file that describes it. ``files`` are its responses that are there, ``size`` is of all in bytes."""

    fetch_id: str
    file: Path
    complete: bool
    files: tuple[Path, ...]
    size: int


def fetch_ids(landing: Landing, endpoint: str) -> set[str]:
    """The ids of all fetches of an endpoint, complete or not, that the landing has."""
    found = landing.root.glob(f"{landing.source}/{endpoint}/account=*/date=*/*{FETCH}")
    return {file.name.removesuffix(FETCH) for file in found}


def landed(landing: Landing, endpoint: str = "*", *, before: datetime, wanted: Callable[[str], bool]) -> Iterator[Landed]:
    """The fetches of an endpoint, or of all, that began before a moment and whose ids are wanted.

    Raises:
        LandingError: when the description of one cannot be read.
    """
    for day in landing.root.glob(f"{landing.source}/{endpoint}/account=*/date=*"):
        for file in sorted(day.glob(f"*{FETCH}")) if _may_be_before(day, before) else ():
            fetch_id = file.name.removesuffix(FETCH)
            if _is_before(fetch_id, before) and wanted(fetch_id):
                yield _read(landing, file, fetch_id)


def stray(landing: Landing, *, before: datetime) -> list[Path]:
    """The responses of fetches that began before a moment and were never described: their process was killed."""
    found: list[Path] = []
    for day in landing.root.glob(f"{landing.source}/*/account=*/date=*"):
        if _may_be_before(day, before):
            described = {file.name.partition("-")[0] for file in day.glob(f"*{FETCH}")}
            responses = ((file, file.name.partition("_")[0]) for file in day.glob(f"*{RESPONSE}"))
            found += [file for file, stamp in responses if stamp not in described and _is_before(stamp, before)]
    return sorted(found)


def unfinished(landing: Landing) -> list[Path]:
    """The files that a process began to write beside their place."""
    return sorted(landing.root.glob(f"{landing.source}/*/account=*/date=*/.*"))


def remove(fetch: Landed) -> None:
    """Remove a fetch: from the first step on it is none any more, and what is left of it by a kill is :func:`stray`.

    Raises:
        LandingError: when the disk refuses.
    """
    remove_files((fetch.file, *fetch.files))


def remove_files(files: Sequence[Path]) -> None:
    """Remove files in their order, and the folders of days long past that are empty then.

    Raises:
        LandingError: when the disk refuses.
    """
    for file in files:
        try:
            file.unlink(missing_ok=True)
            is_past = file.parent.name < f"date={(datetime.now(UTC) - _QUIET).date()}"
            if is_past and next(file.parent.iterdir(), None) is None:
                file.parent.rmdir()
        except OSError as error:
            message = f"the landing cannot be written at {file}: {error.strerror or error}; check its permissions"
            raise LandingError(message) from error


def _may_be_before(day: Path, moment: datetime) -> bool:
    return day.name <= f"date={moment.astimezone(UTC).date()}"


def _is_before(name: str, moment: datetime) -> bool:
    """Whether what begins with a moment, as all names in the landing do, is of one before."""
    return name < moment.astimezone(UTC).strftime(STAMP)


def _read(landing: Landing, file: Path, fetch_id: str) -> Landed:
    try:
        given = json.loads(file.read_bytes())
        files = [landing.root / f"{page['raw_id']}{RESPONSE}" for page in given["pages"]]
        there = tuple(path for path in files if path.exists())
        size = sum(path.stat().st_size for path in (file, *there))
        return Landed(fetch_id, file, bool(given["complete"]), there, size)
    except (OSError, ValueError, TypeError, KeyError) as error:
        message = f"the description of a fetch {file} cannot be read: {error}; restore it from a backup"
        raise LandingError(message) from error
