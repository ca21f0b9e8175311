"""What Dagster says of an endpoint and its tables: in Markdown, the first sentence plain, because lists show nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from torn_pipeline.config import StorageMode
from torn_pipeline.tables.table import Shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.tables.table import Column, Table

__all__ = ["API_DOCUMENTATION", "column_schema", "describe_answer", "describe_table"]

API_DOCUMENTATION = "https://www.torn.com/swagger.php"

_KEPT = {
    StorageMode.APPEND: "every fetch is added, so the table is a history; the latest has the greatest `_fetched_at`",
    StorageMode.REPLACE: "a fetch takes the place of the one before, so the table is what is true now",
    StorageMode.UPSERT: "a row that comes again takes the place of what was known of it; rows that no longer come stay",
    StorageMode.SNAPSHOT: "a fetch takes the place of the one before, and every version of a row is in `{name}_history`",
}
_UNITS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))


def describe_answer(plan: EndpointPlan) -> str:
    """The answers of an endpoint: what they are, how they are asked for, and where they are kept."""
    endpoint = plan.endpoint
    return "\n".join(
        (
            # First what it is: the graph cuts long lines, and calls the table by the same name.
            f"The API's answers: {plan.contract.description.removesuffix('.')}.",
            "",
            f"- **Asked** from `{endpoint.path}` with a key of access level {plan.contract.access} or higher: {_when(plan)}.",
            "- **Kept** for ever in the landing, each page as it was received.",
            f"- **To make its tables again** from there, without a call: `torn-pipeline replay {endpoint.name}`.",
            f"- **Described** by the API's makers in [its documentation]({API_DOCUMENTATION}).",
        )
    )


def describe_table(plans: Sequence[EndpointPlan], table: Table) -> str:
    """A table of endpoints that share it: what one row is, what tells rows apart, how they are kept, how often they come and from where."""
    plan = plans[0]
    endpoint = plan.endpoint
    when = _when(plan) if len(plans) == 1 else "; ".join(f"`{one.endpoint.name}` {_when(one)}" for one in plans)
    return "\n".join(
        (
            table.description,
            "",
            f"- **One row** is {_row(plan, table)}, told from others by `{', '.join(table.key)}`.",
            f"- **Storage mode** `{endpoint.storage_mode}`: {_kept(plan, table)}.",
            f"- **Comes** from [{endpoint.path}]({API_DOCUMENTATION}), where it is `{table.json_path}`: {when}.",
            f"- **For a spreadsheet**: `torn-pipeline export {table.name} --to {table.name}.csv`.",
        )
    )


def column_schema(plan: EndpointPlan, table: Table) -> dg.TableSchema:
    """The columns with types, descriptions, units, the values known so far and what they refer to."""
    suffix = table.name.removeprefix(plan.root.name).removeprefix("_")
    refers = {one.column: f"{one.target}.{one.target_column}" for one in plan.contract.references if one.table == suffix}
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type.value,
                description=" ".join(_column(column, refers.get(column.name, ""))),
                constraints=dg.TableColumnConstraints(nullable=column.name not in table.key),
            )
            for column in table.columns
        ]
    )


def _column(column: Column, refers: str) -> Iterator[str]:
    if column.description:
        yield column.description
    if column.unit:
        yield f"[{column.unit}]"
    if column.known:
        yield f"Known so far: {', '.join(f'`{value}`' for value in column.known)}."
    if refers:
        yield f"Refers to `{refers}`."


def _row(plan: EndpointPlan, table: Table) -> str:
    if table in plan.histories:
        return f"one version of a row of `{table.name.removesuffix('_history')}`"
    is_history = plan.endpoint.storage_mode is StorageMode.APPEND
    if table.shape is Shape.OBJECT:
        return "one fetch" if is_history else "what one account has"
    parents = [other for other in plan.tables if other.name == table.parent and other.shape is not Shape.OBJECT]
    inside = [*(_entity(parent) for parent in parents), *(["fetch"] if is_history else [])]
    return " of ".join(f"one {name}" for name in (_entity(table), *inside))


def _kept(plan: EndpointPlan, table: Table) -> str:
    if table in plan.histories:
        return "a row that changes, or is gone, ends its version here, and what it becomes begins the next; none is ever removed"
    return _KEPT[plan.endpoint.storage_mode].format(name=table.name)


def _entity(table: Table) -> str:
    return table.element.name.replace("_", " ") if table.element else "row"


def _when(plan: EndpointPlan) -> str:
    endpoint = plan.endpoint
    if not endpoint.enabled:
        return "only when somebody starts it, as it is disabled in the config"
    accounts = "once for all accounts, as it is the same for each," if plan.is_global else "for each account"
    return f"{accounts} every {_words(endpoint.frequency)}"


def _words(length: timedelta) -> str:
    """``15 minutes``, ``hour``, ``12 hours``: in the largest unit that needs no fraction."""
    unit, name = next((unit, name) for unit, name in _UNITS if not length % unit)
    count = length // unit
    return name if count == 1 else f"{count} {name}s"
