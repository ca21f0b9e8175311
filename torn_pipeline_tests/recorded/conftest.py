"""Where the recorded responses and the API's own descriptions are; neither is part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def recorded_dir() -> Path:
    """The folder of the recorded responses, ``TORN_RECORDED_DIR``."""
    return _folder("TORN_RECORDED_DIR", "the recorded responses of the API")


@pytest.fixture(scope="session")
def spec_dir() -> Path:
    """The folder of the API's OpenAPI descriptions, ``TORN_SPEC_DIR``."""
    return _folder("TORN_SPEC_DIR", "the API's OpenAPI descriptions")


def _folder(variable: str, content: str) -> Path:
    """The folder that a variable names; without it a test is skipped, but in continuous integration it fails."""
    value = os.environ.get(variable, "")
    if value:
        folder = Path(value)
        if not folder.is_dir():
            pytest.fail(f"{variable} names {folder}, which is no folder: set it to the folder of {content}.")
        return folder
    if os.environ.get("CI") == "true":
        pytest.fail(f"{variable} is not set, and this test may not be skipped where CI is true: set it to the folder of {content}.")
    pytest.skip(f"{variable} is not set: set it to the folder of {content} to run this test.")
