"""How the rows of a table are laid out where a warehouse does that: by day of one column, and by clusters of others.

What is asked of a table is asked by its key (a load replaces rows), by its account (a slice), by the moment of its history or of its
fetch (a window of time). A layout covers such a condition when rows that do not meet it are not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torn_pipeline.tables.table import VALID_TO, ColumnType, Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torn_pipeline.tables.table import Table

__all__ = ["Layout", "layout", "partitions"]

_BEGINNINGS = ("created_at", "started_at", "started", "start", "timestamp", "signed_up")
"""When the thing that a root's row is about began: a moment that later fetches do not change."""
_CLUSTERED = 4  # columns a table can be clustered by


class Layout(NamedTuple):
    """The column a table is partitioned by, day by day, if any, and those it is clustered by, the first before the others."""

    partition: str | None
    clustered: Sequence[str]

    def covers(self, other: Layout) -> bool:
        """Whether what the other one spares to read is spared by this one too."""
        return other.partition in {None, self.partition} and tuple(self.clustered[: len(other.clustered)]) == tuple(other.clustered)

    def __str__(self) -> str:
        """The layout in words, such as ``days of created_at and clusters of _account, id``."""
        days = [f"days of {self.partition}"] if self.partition else []
        clusters = [f"clusters of {', '.join(self.clustered)}"] if self.clustered else []
        return " and ".join(days + clusters) or "nothing"


def layout(table: Table, time: str | None) -> Layout:
    """What a table is partitioned and clustered by, of which ``time`` is the partition: its key's first columns."""
    clustered = [name for name in table.key if name != time and table.column(name).type is not ColumnType.FLOAT]
    return Layout(time, clustered[:_CLUSTERED])


def partitions(tables: Sequence[Table]) -> dict[str, str | None]:
    """The column that each table of a group is partitioned by.

    Rows that are only added are partitioned by when they were fetched; rows that are replaced by when the thing
    they are about began, if the API says, so that a merge touches few days: a child has it from its root; versions in
    a history by when they ended, so that those that hold stand together. Others are not partitioned.
    """
    known = {table.name: table for table in tables}
    return {table.name: _time(table, known) for table in tables}


def _time(table: Table, known: Mapping[str, Table]) -> str | None:
    if any(column.role is Role.VALIDITY for column in table.columns):
        return VALID_TO
    if "_fetched_at" in table.key:
        return "_fetched_at"
    if table.parent is None:
        own = {column.name for column in table.columns if column.role is Role.OWN and column.type is ColumnType.TIMESTAMP}
        return next((name for name in _BEGINNINGS if name in own), None)
    parent = known.get(table.parent)
    above = _time(parent, known) if parent else None
    return next((column.name for column in table.columns if column.role is Role.PARENT and column.path == (above,)), None)
