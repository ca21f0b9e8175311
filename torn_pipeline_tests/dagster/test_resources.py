"""The pipeline as a resource: for whom a run works is told by its tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from torn_pipeline import steps
from torn_pipeline.resources import pipeline_resource
from torn_pipeline.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("tags", "rank"),
    [
        ({}, steps.Rank.INTERACTIVE),
        ({"dagster/schedule_name": "faction_crimes_schedule"}, steps.Rank.SCHEDULED),
        ({"dagster/backfill": "abc", "dagster/schedule_name": "x"}, steps.Rank.BACKFILL),
    ],
)
def test_a_click_goes_before_a_schedule_and_a_schedule_before_a_backfill(tmp_path: Path, tags: dict[str, str], rank: steps.Rank) -> None:
    config = tmp_path / "pipeline.json"
    config.write_text('{"endpoints": [{"name": "faction_basic", "path": "/faction/basic", "frequency": "PT12H"}]}')
    resource = pipeline_resource(Settings(config=config, data_dir=tmp_path / "data"))
    assert resource.open(tags).rank is rank
