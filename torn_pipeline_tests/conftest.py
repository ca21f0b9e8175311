"""What makes the whole suite cheaper: temporary folders in memory, and Dagster's migrations read once. No log outlives its test."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.script import ScriptDirectory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.config import Config

MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of its own in it, for its user alone
DEAR = {"conformance", "e2e", "faults", "warehouse"}
ENOUGH = 2 * 2**30  # bytes; the suite needs a twentieth of it


def pytest_configure() -> None:
    """Temporary folders in memory where there is room: a third of the time of the cheapest tests is a disk's."""
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The folders with the dear tests first, so that at the end no worker waits for another."""
    items.sort(key=lambda item: not DEAR & {parent.name for parent in item.path.parents})


@pytest.fixture(autouse=True, scope="session")
def _migrations_are_read_once() -> Iterator[None]:
    """Each storage of a Dagster instance reads some ninety files of migrations, which stay the same."""
    read = ScriptDirectory.from_config
    known: dict[str | None, ScriptDirectory] = {}

    def read_once(config: Config) -> ScriptDirectory:
        place = config.get_main_option("script_location")
        if place not in known:
            known[place] = read(config)
        return known[place]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "from_config", read_once)
        yield


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """Leave the root logger as it was, which the console script and Dagster's definitions set up."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    for name in ("stamina", "filelock", "alembic"):
        logging.getLogger(name).setLevel(logging.NOTSET)
