"""The section ``logging``: what it may say, and that it leaves all as it was where it says nothing."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from pydantic import ValidationError

from torn_pipeline.config.log import LogConfig
from torn_pipeline.settings import LOG_FORMATS, LOG_LEVELS, LogDefaults


def test_what_is_left_out_is_as_without_a_config() -> None:
    assert LogConfig().model_dump() == asdict(LogDefaults())


def test_levels_and_formats_are_those_of_the_environment() -> None:
    assert [LogConfig.model_validate({"level": level.lower()}).level for level in LOG_LEVELS] == list(LOG_LEVELS)
    assert [LogConfig.model_validate({"format": one}).format for one in LOG_FORMATS] == list(LOG_FORMATS)


@pytest.mark.parametrize("file", ["", "logs/", "..", "/var/log/", "a\nb"])
def test_a_file_has_a_name(file: str) -> None:
    with pytest.raises(ValidationError, match="write the name of a file, such as logs/"):
        LogConfig.model_validate({"file": file})


@pytest.mark.parametrize(
    "wrong", [{"level": "LOUD"}, {"level": 10}, {"format": "xml"}, {"max_mb": 0}, {"max_mb": 0.5}, {"keep": 0}, {"keep": 101}]
)
def test_other_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LogConfig.model_validate(wrong)
