"""Configs to test with."""

from __future__ import annotations

from pathlib import Path

import pytest

from torn_pipeline.config import PipelineConfig, load_config
from torn_pipeline.settings import Settings

SHIPPED = Path(__file__).parents[3] / "config" / "pipeline.yaml"


@pytest.fixture
def shipped() -> PipelineConfig:
    """The config that the project comes with."""
    return load_config(Settings(config=SHIPPED))
