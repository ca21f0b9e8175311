"""A platform for each test that changes one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from torn_pipeline_tests.dagster.running import Platform, open_platform

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A small world of two factions, an account for each, and an empty warehouse."""
    with open_platform(tmp_path) as opened:
        yield opened
