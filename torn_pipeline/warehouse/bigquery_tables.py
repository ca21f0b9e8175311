"""The shape of the tables in BigQuery: created, partitioned, clustered, widened, described, never narrowed.

None of this can stand in a transaction, so it comes before one: what a load that then fails leaves behind is a
column without values. What changed is written to ``schema_versions`` by the transaction that follows.
"""

# ruff: noqa: S608 - names are quoted

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from google.cloud.bigquery import SchemaField, TimePartitioning
from google.cloud.bigquery import Table as BigQueryTable

from torn_pipeline.errors import WarehouseError
from torn_pipeline.tables.table import ColumnType
from torn_pipeline.warehouse.bigquery_sql import all_days, identifier, logical, physical
from torn_pipeline.warehouse.changes import LiveColumn, Shape, description_of
from torn_pipeline.warehouse.layouts import Layout, layout, partitions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse.bigquery_service import Service

__all__ = [
    "SQL_TYPES",
    "LiveTable",
    "clauses",
    "describe",
    "every",
    "field_of",
    "live_table",
    "look",
    "shape",
    "shapes",
    "text_of",
    "whole",
    "widen",
    "wider",
]

SQL_TYPES = {
    ColumnType.INTEGER: "INT64",
    ColumnType.FLOAT: "FLOAT64",
    ColumnType.BOOLEAN: "BOOL",
    ColumnType.TEXT: "STRING",
    ColumnType.TIMESTAMP: "TIMESTAMP",
}
_FIELD_TYPES = {
    ColumnType.INTEGER: "INTEGER",
    ColumnType.FLOAT: "FLOAT",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.TEXT: "STRING",
    ColumnType.TIMESTAMP: "TIMESTAMP",
}
_COLUMN_TYPES = {name: kind for kind, name in [*_FIELD_TYPES.items(), *SQL_TYPES.items()]}
_DESCRIPTION = 1024  # characters a column's description may have


@dataclass(slots=True)
class LiveTable:
    """A table as it stands: what BigQuery knows of it (``None``: it is not there), and its columns' types by name.

    ``columns`` grows by what the contract and the load need; a type that no contract has stands as BigQuery calls it.
    """

    table: Table
    there: BigQueryTable | None
    columns: dict[str, ColumnType | str] = field(default_factory=dict)
    widened: dict[str, ColumnType] = field(default_factory=dict)
    days: str | None = None
    """The column that whoever reads the table must say days of, if that is required."""
    asked: set[str] = field(default_factory=set)
    """The columns that the contract and the load need."""
    misfits: list[str] = field(default_factory=list)
    """What is to be said of columns that have another type than the contract's."""

    @property
    def has_rows(self) -> bool:
        """Whether there is any row."""
        return self.there is not None and bool(self.there.num_rows)

    @property
    def partition(self) -> str | None:
        """The column it is partitioned by, day by day."""
        return self.layout.partition

    def whole(self, name: str) -> str:
        """What a statement reads all days of the table from; ``name`` is its full name."""
        return f"(SELECT * FROM {name} w WHERE {all_days(self.days, 'w')})" if self.days else name

    def every(self, row: str) -> str:
        """What a condition on the table's rows ends with when it is about all days."""
        return f" AND {all_days(self.days, row)}" if self.days else ""

    @property
    def layout(self) -> Layout:
        """What it is partitioned and clustered by."""
        return _layout(self.there) if self.there else Layout(None, [])

    def make_room(self, name: str, incoming: ColumnType) -> None:
        """Add a column, or widen it when its values came in another type before.

        Raises:
            WarehouseError: when it has a type that nothing of ours has.
        """
        self.asked.add(name)
        there = self.columns.setdefault(name, incoming)
        if not isinstance(there, ColumnType):
            raise WarehouseError(_other_type(self.table, name, there, incoming))
        if there is not incoming and (wide := wider(there, incoming)) is not there:
            self.columns[name] = self.widened[name] = wide

    def changes(self, recorded: Mapping[str, str] | None) -> list[tuple[str, dict[str, str]]]:
        """What is new since the columns were last recorded, each with the columns as they are then."""
        if recorded is None:
            now = {column.name: column.type.value for column in self.table.columns}
            found = [("created", dict(now))]
        else:
            now, found = dict(recorded), []
        for name, kind in self.columns.items():
            before = now.get(name)
            if before == kind or (before is None and name not in self.asked):
                continue  # as it was, or added by hand
            now[name] = str(kind)
            found.append((_change(name, before, kind), dict(now)))
        return found


def look(service: Service, tables: Iterable[Table], *, strict: bool = True) -> dict[str, LiveTable]:
    """The tables as they stand, with room for the columns of their contracts.

    Raises:
        WarehouseError: when a name is that of something else; if ``strict``, when a column has another type than its
            contract says.
    """
    found = {}
    for table in tables:
        there = service.table(service.place.dataset, table.name)
        if there is not None and there.table_type != "TABLE":
            message = (
                f"{service.place.dataset}.{table.name} is a {there.table_type.lower().replace('_', ' ')} and no table of ours: "
                "rename it, or name another dataset in TORN_WAREHOUSE"
            )
            raise WarehouseError(message)
        live = live_table(table, there)
        live.asked = {column.name for column in table.columns}
        for column in table.columns:
            if live.columns.setdefault(column.name, column.type) != column.type:
                live.misfits.append(_other_type(table, column.name, live.columns[column.name], column.type))
                live.columns[column.name] = column.type
        if strict and live.misfits:
            raise WarehouseError(live.misfits[0])
        found[table.name] = live
    return found


def live_table(table: Table, there: BigQueryTable | None) -> LiveTable:
    """A table as it stands, without anything that its contract has besides."""
    columns = {logical(one.name): _COLUMN_TYPES.get(one.field_type, one.field_type) for one in _fields(there)}
    return LiveTable(table, there, columns, days=_required(there))


def shapes(service: Service, names: Iterable[str]) -> dict[str, Shape]:
    """How tables stand; those that are not there are left out."""
    found = {}
    for name in names:
        there = service.table(service.place.dataset, name)
        if there is not None and there.table_type == "TABLE":
            columns = {
                logical(one.name): LiveColumn(
                    type=_COLUMN_TYPES.get(one.field_type),
                    native=one.field_type,
                    nullable=one.mode != "REQUIRED",
                    description=one.description or "",
                )
                for one in there.schema
            }
            found[name] = Shape(columns=columns, description=there.description or "", layout=_layout(there))
    return found


def shape(service: Service, live: Mapping[str, LiveTable]) -> None:
    """Create what is missing of the tables and their columns, and describe them.

    Raises:
        Stale: when somebody else changed a table meanwhile.
    """
    times = partitions([one.table for one in live.values()])
    for name, one in live.items():
        if one.there is None:
            _create(service, one, times[name])
        else:
            describe(service, one)


def widen(service: Service, live: Mapping[str, LiveTable], job_id: str, call: str) -> bool:
    """Give columns wider types; whether any needed it.

    A number becomes a float where it stands. For text BigQuery has no such way: the table is written anew in one
    statement, which no other writer may come between; so it takes the place of the load that would come next.
    """
    statements = [statement for one in live.values() for statement in _widening(service, one)]
    if statements:
        service.run(";\n".join(statements), None, job_id, call)
    return bool(statements)


def whole(service: Service, name: str) -> str:
    """What a statement reads all days of a table from, and not only some that it names."""
    filtered, full = every(service, name, "w"), service.place.table(name)
    return f"(SELECT * FROM {full} w WHERE TRUE{filtered})" if filtered else full


def every(service: Service, name: str, row: str) -> str:
    """What a condition on a table's rows ends with when it is about all days."""
    days = _required(service.table(service.place.dataset, name)) if service.place.require_partition_filter else None
    return f" AND {all_days(days, row)}" if days else ""


def clauses(partition: str | None, clustered: Sequence[str]) -> str:
    """The same, as a statement says it that makes a table."""
    by_day = f"PARTITION BY TIMESTAMP_TRUNC({identifier(partition)}, DAY) " if partition else ""
    return by_day + (f"CLUSTER BY {', '.join(map(identifier, clustered))}" if clustered else "")


def wider(one: ColumnType, other: ColumnType) -> ColumnType:
    """The type that holds the values of both."""
    if one is other:
        return one
    return ColumnType.FLOAT if {one, other} == {ColumnType.INTEGER, ColumnType.FLOAT} else ColumnType.TEXT


def text_of(column: str) -> str:
    """A value of a column as text: 1.0 stays ``1.0``, which a cast makes ``1``; a null, which becomes the text ``NULL``, stays null."""
    return f"IF({column} IS NULL, NULL, FORMAT('%t', {column}))"


def field_of(name: str, kind: ColumnType, description: str = "") -> SchemaField:
    """A nullable column."""
    given = {"name": name, "type": _FIELD_TYPES[kind], "mode": "NULLABLE"}
    return SchemaField.from_api_repr(given | ({"description": description[:_DESCRIPTION]} if description else {}))


def _layout(there: BigQueryTable) -> Layout:
    spec = there.time_partitioning
    partition = logical(spec.field) if spec and spec.field else None
    return Layout(partition, [logical(name) for name in there.clustering_fields or ()])


def _required(there: BigQueryTable | None) -> str | None:
    """The column that whoever reads the table must name days of."""
    spec = there.time_partitioning if there and there.require_partition_filter else None
    return logical(spec.field) if spec and spec.field else None


def _create(service: Service, live: LiveTable, time: str | None) -> None:

    table = live.table
    descriptions = {column.name: description_of(column) for column in table.columns}
    fields = [field_of(physical(name), ColumnType(kind), descriptions.get(name, "")) for name, kind in live.columns.items()]
    new = service.new_table(service.place.dataset, table.name, fields)
    new.description = table.description or None
    partition, clustered = layout(table, time)
    if partition is not None:
        new.time_partitioning = TimePartitioning(field=physical(partition))
        if service.place.require_partition_filter:
            new.require_partition_filter, live.days = True, partition
    new.clustering_fields = [physical(name) for name in clustered] or None
    service.create_table(new)


def describe(service: Service, live: LiveTable) -> None:
    """Give a table that is there the columns that it has room for, its contract's descriptions, and what all tables have.

    Raises:
        Stale: when somebody else changed it meanwhile.
    """
    there = live.there
    assert there is not None  # noqa: S101 - who calls has looked
    wanted = {physical(column.name): description_of(column)[:_DESCRIPTION] for column in live.table.columns}
    fields = []
    for one in there.schema:
        described = one.to_api_repr() | {"description": wanted.get(one.name) or one.description}
        fields.append(SchemaField.from_api_repr(described) if wanted.get(one.name, "") not in {"", one.description} else one)
    known = {one.name.casefold() for one in fields}
    fields += [
        field_of(physical(name), ColumnType(kind), wanted.get(physical(name), ""))
        for name, kind in live.columns.items()
        if physical(name).casefold() not in known
    ]
    changed = ["schema"] if fields != list(there.schema) else []
    there.schema = fields
    if live.table.description and there.description != live.table.description:
        there.description = live.table.description
        changed.append("description")
    if service.label(there):
        changed.append("labels")
    if service.place.require_partition_filter and live.partition is not None and not there.require_partition_filter:
        there.require_partition_filter, live.days = True, live.partition
        changed.append("require_partition_filter")
    if changed:
        service.update_table(there, changed)


def _widening(service: Service, live: LiveTable) -> list[str]:
    """The statements that widen what is there of a table; its new columns come with their type."""
    name = service.place.table(live.table.name)
    before = {logical(one.name): _COLUMN_TYPES.get(one.field_type, one.field_type) for one in _fields(live.there)}
    needed = {column: kind for column, kind in live.widened.items() if before.get(column, kind) != kind}
    texts = [f"{text_of(identifier(column))} AS {identifier(column)}" for column, kind in needed.items() if kind is ColumnType.TEXT]
    floats = [column for column, kind in needed.items() if kind is ColumnType.FLOAT]
    statements = [f"ALTER TABLE {name} ALTER COLUMN {identifier(column)} SET DATA TYPE FLOAT64" for column in floats]
    if texts and live.there is not None:
        statements.append(
            f"CREATE OR REPLACE TABLE {name} {clauses(*live.layout)} AS SELECT * REPLACE ({', '.join(texts)}) FROM {live.whole(name)}"
        )
    return statements


def _change(name: str, before: str | None, now: ColumnType | str) -> str:
    if before is None:
        return f"added {name} {now}"
    widens = before in set(ColumnType) and wider(ColumnType(before), ColumnType(now)) == now
    return f"{'widened' if widens else 'changed'} {name} from {before} to {now}"


def _fields(there: BigQueryTable | None) -> Sequence[SchemaField]:
    return there.schema if there else ()


def _other_type(table: Table, column: str, there: str, wanted: ColumnType) -> str:
    return (
        f"column {column} of table {table.name} is {there} in the warehouse and {wanted} in the contract; "
        "columns are never narrowed: rebuild the table with `torn-pipeline replay ENDPOINT --rebuild`"
    )
