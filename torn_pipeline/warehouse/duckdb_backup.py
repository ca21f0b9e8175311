"""Copies of a whole DuckDB file: made and put back whole, each with its checksum beside it."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from torn_pipeline.durable import sync_folder
from torn_pipeline.errors import WarehouseError
from torn_pipeline.warehouse.protocol import Backup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torn_pipeline.warehouse.duckdb_file import DatabaseFile

__all__ = ["backup", "backups", "restore"]

_MOMENT = "%Y%m%dT%H%M%S%fZ"
_PIECE = 2**20  # bytes


def backup(file: DatabaseFile, folder: Path | None, keep: int) -> Backup:
    """Copy the file into a folder, ``backups`` beside it unless one is named; its newest ``keep`` copies there stay.

    Raises:
        WarehouseBusy: when others use the file for too long.
        WarehouseError: when it is no database, or the disk refuses.
    """
    with file.alone() as settle, _sentences(file):
        settle()
        made = _make(file, folder)
        _trim(file, folder, keep, spare=made)
        return made


def backups(file: DatabaseFile, folder: Path | None) -> list[Backup]:
    """The copies of the file in a folder, oldest first; one without its checksum was never finished."""
    place = _folder(file, folder)
    name = re.compile(rf"{re.escape(file.path.stem)}-(?P<moment>\d{{8}}T\d{{12}}Z){re.escape(file.path.suffix)}")
    found = []
    for path in sorted(place.glob("*")) if place.is_dir() else ():
        named, checksum = name.fullmatch(path.name), path.with_name(f"{path.name}.sha256")
        if named and checksum.is_file():
            moment = datetime.strptime(named["moment"], _MOMENT).replace(tzinfo=UTC)
            found.append(Backup(moment=moment, place=str(path), size=path.stat().st_size, checksum=checksum.read_text().split(" ")[0]))
    return found


def restore(file: DatabaseFile, chosen: Backup, folder: Path | None, keep: int) -> Backup | None:
    """Put a copy in the file's place, which becomes a copy itself first; ``None`` where it was not there.

    A file that is no database any more is moved aside instead.

    Raises:
        WarehouseBusy: when others use the file for too long.
        WarehouseError: when the copy is gone or damaged, or the disk refuses; the file is as it was.
    """
    with file.alone() as settle, _sentences(file):
        staged = file.path.with_name(f"{file.path.name}.restored")
        try:
            if _copy(Path(chosen.place), staged) != chosen.checksum:
                message = f"the backup {chosen.place} is damaged, its checksum differs: name an earlier moment"
                raise WarehouseError(message)
            before = _set_aside(file, settle, folder)
            staged.replace(file.path)
        finally:
            staged.unlink(missing_ok=True)
        sync_folder(file.path.parent)
        _trim(file, folder, keep, spare=chosen)
        return before


def _set_aside(file: DatabaseFile, settle: Callable[[], None], folder: Path | None) -> Backup | None:
    """Keep what is there, before something else takes its place."""
    if not file.path.exists():
        return None
    try:
        settle()
    except WarehouseError:
        file.path.replace(file.path.with_name(f"{file.path.name}.damaged-{datetime.now(UTC):{_MOMENT}}"))
        return None
    return _make(file, folder)


def _folder(file: DatabaseFile, folder: Path | None) -> Path:
    return folder or file.path.parent / "backups"


def _make(file: DatabaseFile, folder: Path | None) -> Backup:
    place, moment = _folder(file, folder), datetime.now(UTC)
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{file.path.stem}-{moment:{_MOMENT}}{file.path.suffix}"
    unfinished = path.with_name(f"{path.name}.new")
    try:
        checksum = _copy(file.path, unfinished)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    unfinished.replace(path)
    # As sha256sum writes it, so that it can check it; and last, because a copy counts from then on.
    path.with_name(f"{path.name}.sha256").write_text(f"{checksum}  {path.name}\n", encoding="utf-8")
    sync_folder(place)
    return Backup(moment=moment, place=str(path), size=path.stat().st_size, checksum=checksum)


def _trim(file: DatabaseFile, folder: Path | None, keep: int, *, spare: Backup) -> None:
    for old in backups(file, folder)[:-keep]:
        if old.place != spare.place:
            path = Path(old.place)
            path.with_name(f"{path.name}.sha256").unlink()
            path.unlink()


def _copy(source: Path, target: Path) -> str:
    """Copy a file, on the disk when this returns; the SHA-256 of what was read."""
    digest = hashlib.sha256()
    with source.open("rb") as read, target.open("wb") as written:
        while piece := read.read(_PIECE):
            digest.update(piece)
            written.write(piece)
        written.flush()
        os.fsync(written.fileno())
    return digest.hexdigest()


@contextmanager
def _sentences(file: DatabaseFile) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"the backup of {file.path} failed: {error.strerror or error} ({error.filename}); check the disk and its permissions"
        raise WarehouseError(message) from error
