"""What a faction wants of its own data: the sections ``rules`` and ``kpis`` of the config file.

A rule is a query for the rows that must not be there, a KPI a query for one number. Here they are judged as far as they can be
without their tables, which follow from the contracts: see :mod:`torn_pipeline.quality.wishes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from torn_pipeline.config.names import NAME
from torn_pipeline.config.weights import Weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torn_pipeline.config.rules import Problem

__all__ = ["BusinessRule", "Kpi", "same_rule_problems"]


def _query(sql: str) -> str:
    """A query as it may stand within another one."""
    query = sql.strip().removesuffix(";").rstrip()
    if not query:
        message = "is empty: write one SELECT"
        raise ValueError(message)
    return query


Name = Annotated[str, Field(pattern=NAME)]
Query = Annotated[str, AfterValidator(_query)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class BusinessRule(_Model):
    """A rule that the rows of ``table`` have to keep: ``sql`` is a query for those that break it, of which ``most`` may be there.

    It is a check of the table under its own ``name``, of this ``severity``.
    """

    name: Name
    table: Name
    sql: Query
    severity: Literal["warn", "error"] = "warn"
    most: int = Field(default=0, ge=0)
    description: str = ""

    @field_validator("name")
    @classmethod
    def _is_its_own(cls, name: str) -> str:
        if name in Weights.model_fields:
            message = f"is {name}, as a check that every table may have: choose another name"
            raise ValueError(message)
        return name


class Kpi(_Model):
    """A number that ``sql`` finds, one row of one column: at least ``at_least`` and at most ``at_most`` are wanted where these are given.

    ``table`` is the one that it is drawn from, ``unit`` what it is counted in, such as ``%``.
    """

    name: Name
    table: Name
    sql: Query
    unit: str = ""
    at_least: float | None = Field(default=None, allow_inf_nan=False)
    at_most: float | None = Field(default=None, allow_inf_nan=False)
    description: str = ""

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            message = f"nothing is at least {self.at_least:g} and at most {self.at_most:g}: correct one of them"
            raise ValueError(message)
        return self

    @property
    def target(self) -> str:
        """What is wanted, for people; empty where nothing is."""
        unit = f" {self.unit}" if self.unit else ""
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        return " and ".join(f"{words} {bound:g}{unit}" for words, bound in bounds if bound is not None)

    def is_met(self, value: float | None) -> bool | None:
        """Whether a value is as wanted; ``None`` where nothing is wanted, or there is no value."""
        if value is None or not self.target:
            return None
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


def same_rule_problems(entries: Sequence[object]) -> Iterator[Problem]:
    """Rules, as the file has them, with the name of another one of the same table."""
    first: set[tuple[object, object]] = set()
    for index, entry in enumerate(entries):
        if isinstance(entry, dict) and isinstance(entry.get("name"), str) and isinstance(entry.get("table"), str):
            if (key := (entry["table"], entry["name"])) in first:
                yield ("rules", index, "name"), f"is used twice for the table `{key[0]}`: give each of its rules a name of its own"
            first.add(key)
