"""Whether the rules and KPIs of the config are about tables that its endpoints have."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torn_pipeline.config import BusinessRule, Kpi, PipelineConfig
    from torn_pipeline.plan import EndpointPlan

__all__ = ["wish_problems"]


def wish_problems(config: PipelineConfig, plans: Sequence[EndpointPlan]) -> Iterator[str]:
    """A line, with file and line, for each rule and each KPI whose table no endpoint writes; ``plans`` are those of all endpoints."""
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
