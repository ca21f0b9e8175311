"""What the suites of this folder share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from torn_pipeline_tests.conformance.warehouse_loads import OPENERS
from torn_pipeline_tests.emulator import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torn_pipeline.warehouse import Warehouse


EVERY = 1 if EXHAUSTIVE else 8


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out seven of eight tests on BigQuery, unless everything is asked for."""
    slow = [item for item in items if item.path.parent.name == "conformance" and "bigquery" in item.name.partition("[")[2]]
    left_out = {id(item) for place, item in enumerate(slow) if place % EVERY}
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if id(item) in left_out])
        items[:] = [item for item in items if id(item) not in left_out]


@pytest.fixture(params=sorted(OPENERS))
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    with OPENERS[request.param](tmp_path) as opened:
        yield opened
