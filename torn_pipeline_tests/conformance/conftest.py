"""What the suites of this folder share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from torn_pipeline_tests.conformance.warehouse_loads import OPENERS

if TYPE_CHECKING:
    from pathlib import Path

    from torn_pipeline.warehouse import Warehouse


@pytest.fixture(params=sorted(OPENERS))
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    return OPENERS[request.param](tmp_path)
