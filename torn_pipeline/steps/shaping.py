"""The shape of tables: what must change for it to be the contracts', making it so, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.errors import UsageError
from torn_pipeline.warehouse import Change, changes_of, refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torn_pipeline.steps.context import Pipeline
    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse import Kind, SchemaVersion

__all__ = ["apply_changes", "roll_back", "schema_changes", "schema_versions"]


def schema_changes(pipeline: Pipeline, endpoints: Iterable[str]) -> list[Change]:
    """What must change for the tables of the endpoints to have the shape of their contracts.

    Raises:
        PipelineError: when the warehouse cannot be read.
    """
    tables = {table.name: table for endpoint in endpoints for table in pipeline.plan(endpoint).all_tables}
    return changes_of(list(tables.values()), pipeline.warehouse.shapes(list(tables)))


def apply_changes(pipeline: Pipeline, changes: Sequence[Change], allowed: set[Kind], *, run_id: str = "") -> list[Change]:
    """Make the changes in one transaction, but for those that need to be allowed and are not; these are returned.

    Raises:
        WarehouseError: when a change would lose a value; then none is made.
    """
    left = refused(changes, allowed)
    taken = [change for change in changes if change not in left]
    if taken:
        groups = _written_together(pipeline, {change.table.name for change in taken})
        pipeline.warehouse.change(taken, groups=groups, keep_backups=pipeline.config.defaults.keep_backups, run_id=run_id)
    return left


def schema_versions(pipeline: Pipeline, table: str | None = None) -> list[SchemaVersion]:
    """Every change of the tables' shapes, oldest first; of one table when given."""
    return pipeline.warehouse.schema_versions(table)


def roll_back(pipeline: Pipeline, table: str, version: int | None = None, *, run_id: str = "") -> tuple[str, ...]:
    """Give a table the columns back that it had in a version, the one before the last unless given; what was done to it.

    Raises:
        UsageError: when no endpoint of the config has such a table.
        WarehouseError: when the table had no such version, or a value would be lost.
    """
    warehouse, found = pipeline.warehouse, _table(pipeline, table)
    if version is None:
        numbers = [known.version for known in warehouse.schema_versions(table)]
        version = sorted(numbers)[-2] if len(numbers) > 1 else 0
    keep = pipeline.config.defaults.keep_backups
    beside = [one for group in _written_together(pipeline, {table}) for one in group]
    return warehouse.roll_back(found, version, beside=beside, keep_backups=keep, run_id=run_id)


def _written_together(pipeline: Pipeline, names: set[str]) -> list[tuple[Table, ...]]:
    """The tables of every endpoint that has one of these names among them."""
    groups = [pipeline.plan(endpoint.name).all_tables for endpoint in pipeline.config.endpoints]
    return [group for group in groups if names & {table.name for table in group}]


def _table(pipeline: Pipeline, name: str) -> Table:
    tables = {table.name: table for endpoint in pipeline.config.endpoints for table in pipeline.plan(endpoint.name).all_tables}
    if name not in tables:
        message = f"no endpoint of {pipeline.settings.config} has a table {name!r}; the tables are {', '.join(tables)}"
        raise UsageError(message)
    return tables[name]
