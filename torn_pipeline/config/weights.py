"""How much each check matters for the score of a table: the section ``weights`` of the config file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Weights"]


class Weights(BaseModel):
    """The weight of each check; 0 leaves one out. A check that a table does not have leaves its share to the others.

    Every table has the check ``contract``, so that it cannot be left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    contract: int = Field(default=25, ge=1)
    freshness: int = Field(default=20, ge=0)
    completeness: int = Field(default=15, ge=0)
    quarantine: int = Field(default=15, ge=0)
    rules: int = Field(default=10, ge=0)
    relations: int = Field(default=5, ge=0)
    volume: int = Field(default=5, ge=0)
    nulls: int = Field(default=5, ge=0)
