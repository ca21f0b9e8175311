"""Where records of the log go and how they look: the section ``logging`` of the config file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from torn_pipeline.settings import LogDefaults

__all__ = ["LogConfig"]

_LEFT_OUT = LogDefaults()


def _upper(word: object) -> object:
    """Levels are taken in small letters too, as the environment's are."""
    return word.upper() if isinstance(word, str) else word


class LogConfig(BaseModel):
    """Where records of the log go and how they look; level and format of the environment win over these.

    ``level`` is the lowest that is told, ``format`` that of stderr. ``file`` is relative to the data directory, or absolute; it
    rotates at ``max_mb`` MB, and ``keep`` older files stay beside it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)] = Field(
        default=_LEFT_OUT.level, validate_default=True
    )
    format: Literal["text", "json"] = Field(default=_LEFT_OUT.format, validate_default=True)
    file: str = _LEFT_OUT.file
    max_mb: int = Field(default=_LEFT_OUT.max_mb, ge=1, le=10_000)
    keep: int = Field(default=_LEFT_OUT.keep, ge=1, le=100)

    @field_validator("file")
    @classmethod
    def _is_a_file(cls, file: str) -> str:
        if not file or file.endswith(("/", ".")) or not file.isprintable():
            message = f"is {file!r}: write the name of a file, such as {_LEFT_OUT.file}, relative to the data directory, or a whole path"
            raise ValueError(message)
        return file
