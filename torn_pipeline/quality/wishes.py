"""Whether the rules and KPIs of the config fit its endpoints: their tables are there, and no name stands for two things."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from torn_pipeline.config.weights import Weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torn_pipeline.config import BusinessRule, Kpi, PipelineConfig
    from torn_pipeline.plan import EndpointPlan

__all__ = ["KPIS", "wish_problems"]

KPIS = "kpis"
"""The name of the job of all KPIs."""


def wish_problems(config: PipelineConfig, plans: Sequence[EndpointPlan]) -> Iterator[str]:
    """A line, with file and line, for each thing that is wrong with the rules and KPIs; ``plans`` are those of all endpoints."""
    tables = list(dict.fromkeys(table.name for plan in plans for table in plan.all_tables))
    sections: dict[str, Sequence[BusinessRule | Kpi]] = {"rules": config.rules, "kpis": config.kpis}
    for section, wishes in sections.items():
        for index, wish in enumerate(wishes):
            if wish.table not in tables:
                close = get_close_matches(wish.table, tables, n=1)
                meant = f"did you mean {close[0]}?" if close else f"the tables are {', '.join(tables)}"
                yield (
                    f"{config.where(section, index, 'table')}: {section}.{wish.name}.table: "
                    f"no endpoint of this config writes a table {wish.table}; {meant}"
                )
    yield from _namesakes(config, tables)
    if config.kpis and any(endpoint.name == KPIS for endpoint in config.endpoints):
        yield f"{config.where('endpoints', KPIS, 'name')}: endpoints.{KPIS}.name: is the name of the job of all KPIs: choose another name"


def _namesakes(config: PipelineConfig, tables: Sequence[str]) -> Iterator[str]:
    """Rules that Dagster, which puts a table's and a check's name together, would take for another check."""
    taken = {f"{table}_{check}": (table, check) for table in tables for check in Weights.model_fields} if config.rules else {}
    for index, rule in enumerate(config.rules):
        table, check = taken.setdefault(f"{rule.table}_{rule.name}", (rule.table, rule.name))
        if table != rule.table:
            yield (
                f"{config.where('rules', index, 'name')}: rules.{rule.name}.name: {rule.table}_{rule.name} is the check {check} "
                f"of the table {table} too: choose another name"
            )
