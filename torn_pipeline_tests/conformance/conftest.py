"""What the suites of this folder share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from torn_pipeline_tests.conformance.warehouse_loads import OPENERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torn_pipeline.warehouse import Warehouse


@pytest.fixture(params=sorted(OPENERS))
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    with OPENERS[request.param](tmp_path) as opened:
        yield opened
