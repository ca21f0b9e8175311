"""How much room there is on the disks that the platform writes to."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LEAST_FREE", "free_bytes", "nearest"]

LEAST_FREE = 10**9
"""Bytes below which a disk counts as nearly full: a DuckDB load and Dagster's own state must always have room."""


def nearest(path: Path) -> Path:
    """The path itself, or the nearest folder above it that is there."""
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())


def free_bytes(*paths: Path) -> dict[Path, int]:
    """The free bytes of each disk that the paths are on, by the first path on it that is there."""
    places = [nearest(path) for path in paths]
    first = {place.stat().st_dev: place for place in reversed(places)}.values()
    return {place: shutil.disk_usage(place).free for place in first}
