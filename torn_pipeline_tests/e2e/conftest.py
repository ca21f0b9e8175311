"""A console for each test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from torn_pipeline.simulator import Simulator, Size, World
from torn_pipeline_tests.dagster.running import write_config
from torn_pipeline_tests.e2e.console import Console

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """The console script in an empty folder, with a small world of two factions and an account for each."""
    for name in [name for name in os.environ if name.startswith(("TORN_", "DAGSTER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    config = write_config(tmp_path / "config")
    world = World(seed=7, size=Size(members=12, crimes=40, items=12))
    with Simulator(world, calls_per_window=10_000) as simulator:
        first, second = world.keys
        environment = {
            "TORN_API_URL": simulator.url,
            "TORN_CONFIG": str(config.relative_to(tmp_path)),
            "TORN_API_KEY": first,
            "TORN_API_KEY_SECOND": second,
        }
        yield Console(folder=tmp_path, world=world, simulator=simulator, environment=environment)
