"""Copies of the whole warehouse, and the way back to one of them and on to a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from torn_pipeline.steps.context import Pipeline
    from torn_pipeline.warehouse import Backup

__all__ = ["back_up", "backups", "restore"]


def back_up(pipeline: Pipeline, folder: Path | None = None) -> Backup:
    """Copy the warehouse as it is now; the newest ``keep_backups`` copies stay.

    Raises:
        WarehouseError: when there is nothing yet, or no room.
    """
    return pipeline.warehouse.backup(folder, keep=pipeline.config.defaults.keep_backups)


def backups(pipeline: Pipeline, folder: Path | None = None) -> list[Backup]:
    """The copies that are there, oldest first."""
    return pipeline.warehouse.backups(folder)


def restore(pipeline: Pipeline, as_of: datetime, folder: Path | None = None) -> tuple[Backup, Backup | None]:
    """Put the newest copy that is not after a moment in place: that copy, and the one of what was there.

    Raises:
        UsageError: when there is no such copy.
        WarehouseError: when it is damaged, or the disk refuses; then all is as it was.
    """
    there = backups(pipeline, folder)
    chosen = max((backup for backup in there if backup.moment <= as_of), key=lambda backup: backup.moment, default=None)
    if chosen is None:
        oldest = f"the oldest is of {there[0].moment:%Y-%m-%dT%H:%M:%SZ}" if there else "there is none at all"
        message = f"there is no backup of {as_of:%Y-%m-%dT%H:%M:%SZ} or before, {oldest}: see torn-pipeline restore --list"
        raise UsageError(message)
    return chosen, pipeline.warehouse.restore(chosen, folder, keep=pipeline.config.defaults.keep_backups)
