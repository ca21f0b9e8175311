"""DAGSTER_HOME: the folder of Dagster's own state, and the settings in it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from torn_pipeline.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make_home"]

_NEW_INSTANCE = "telemetry: {enabled: false}\nnux: {enabled: false}\nconcurrency: {runs: {max_concurrent_runs: 4}}\n"
_NEW_INSTANCES = {
    "dagster.yaml": _NEW_INSTANCE,
    "dagster.postgres.yaml": _NEW_INSTANCE + "storage: {postgres: {postgres_url: {env: DAGSTER_POSTGRES_URL}}}\n",
}
"""What stands in for a template where there is none, as outside of a checkout."""


def make_home(home: Path, template: Path) -> None:
    """Make the folder, with the ``dagster.yaml`` at ``template`` unless somebody has put another one there.

    Raises:
        ConfigError: when it cannot be made.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        _take(template, home / "dagster.yaml")
    except OSError as error:
        message = f"DAGSTER_HOME cannot be {home}: {error.strerror or error}; name a folder that can be written"
        raise ConfigError(message) from error


def _take(template: Path, settings: Path) -> None:
    """Link a template to its place, or write what stands in for it, unless a file of somebody else's is there."""
    if settings.exists():
        is_linked = settings.is_symlink() and settings.readlink().parent == template.parent
        if not is_linked and settings.read_text(encoding="utf-8") not in _NEW_INSTANCES.values():
            return
    beside = settings.with_name(f"{settings.name}.{uuid4().hex}")  # another process may be doing the same
    if template.is_file():
        beside.symlink_to(template)
    else:
        beside.write_text(_NEW_INSTANCES[template.name], encoding="utf-8")
    beside.replace(settings)
