"""Changes of tables in BigQuery that were asked for, the copies kept before them, and the way back.

A table is altered where BigQuery can do that to its metadata; otherwise one statement writes it anew. Either stands in one
script with the copy before it and with what is recorded of it. The script takes the job that the next load of these tables
would have, so that no load comes between. A copy is a clone: it costs nothing until the table changes.
"""

# ruff: noqa: S608 - names are quoted, values are bound

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from torn_pipeline.tables.table import ColumnType
from torn_pipeline.warehouse import bigquery_meta as meta
from torn_pipeline.warehouse.bigquery_load import writing
from torn_pipeline.warehouse.bigquery_service import job_name
from torn_pipeline.warehouse.bigquery_sql import Values, identifier, key_of
from torn_pipeline.warehouse.bigquery_tables import SQL_TYPES, LiveTable, clauses, describe, live_table, shape, text_of, wider
from torn_pipeline.warehouse.changes import Kind, columns_of_version, copies_among, copy_name, never_made, value_lost
from torn_pipeline.warehouse.protocol import SchemaVersion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse.bigquery_load import Writing
    from torn_pipeline.warehouse.bigquery_service import Place, Service
    from torn_pipeline.warehouse.changes import Change

__all__ = ["apply", "roll_back", "versions"]


def apply(service: Service, changes: Sequence[Change], groups: Sequence[Sequence[Table]], keep: int, run_id: str) -> None:
    """Make the changes, group by group of the tables that loads write together; no load comes between.

    Raises:
        WarehouseError: when a change is one to another type, or would lose a value; then none is made.
        WarehouseBusy: when others write the tables all the time.
    """
    left = {table.name: (table, list(found)) for table, found in groupby(changes, lambda change: change.table)}
    for table, found in left.values():
        if found[0].kind is not Kind.CREATE:
            _check_loss(service, _reshape(_there(service, table), found))
    for group in [*groups, [table for table, _ in left.values()]]:
        here = {table.name: left.pop(table.name)[1] for table in group if table.name in left}
        if here:
            tables = {table.name: table for table in group} | {name: found[0].table for name, found in here.items()}
            _apply(service, tuple(tables.values()), here, keep, run_id)


def _apply(service: Service, group: Sequence[Table], changes: Mapping[str, Sequence[Change]], keep: int, run_id: str) -> None:
    with writing(service, group, run_id) as work:
        for attempt in work.attempts():
            with attempt:
                live = work.look(strict=False)
                created = {name: live[name] for name, found in changes.items() if found[0].kind is Kind.CREATE}
                reshapes = [_reshape(_there(service, live[name].table), found) for name, found in changes.items() if name not in created]
                _run(service, work, reshapes, created, keep, run_id)
        _describe(service, work, [found[0].table for found in changes.values()])


def versions(service: Service, table: str | None) -> list[SchemaVersion]:
    """Every change, oldest first; of one table when given."""
    kept = _copies(service)
    return [
        SchemaVersion(
            table=row["table_name"],
            version=row["version"],
            change=row["change"],
            columns=json.loads(row["columns"]),
            run_id=row["run_id"],
            changed_at=row["changed_at"],
            has_backup=row["version"] in kept.get(row["table_name"], ()),
        )
        for row in meta.schema_versions(service, table)
    ]


def roll_back(service: Service, table: Table, version: int, beside: Sequence[Table], keep: int, run_id: str) -> tuple[str, ...]:
    """Give a table the columns of a version back, and what was done; rows stay, dropped values come from the copy that was kept.

    Raises:
        WarehouseError: when there is no such version, or a value would be lost.
        WarehouseBusy: when others write the table all the time.
    """
    with writing(service, [table, *beside], run_id) as work:
        for attempt in work.attempts():
            with attempt:
                work.look(strict=False)
                done = _run(service, work, [_way_back(service, table, version)], {}, keep, run_id)
        _describe(service, work, [table])
    return done


@dataclass(slots=True)
class _Reshape:
    """What becomes of one table: columns to come, to get another type, to go, to be null; and what is said of it."""

    live: LiveTable
    casts: dict[str, ColumnType] = field(default_factory=dict)
    adds: dict[str, ColumnType] = field(default_factory=dict)
    drops: list[str] = field(default_factory=list)
    relaxed: list[str] = field(default_factory=list)
    source: int | None = None
    """The version of the copy that ``filled`` are taken from, which must stay."""
    copy: LiveTable | None = None
    filled: dict[str, str] = field(default_factory=dict)
    """What becomes of added columns, as expressions over ``b``, the copy."""
    note: str = ""

    @property
    def rewrites(self) -> bool:
        """Whether values that are there are changed or removed."""
        return bool(self.casts or self.drops or self.note)

    @property
    def said(self) -> list[tuple[str, dict[str, str]]]:
        """What is recorded: each change, with the columns as they are then."""
        now, said = {name: str(kind) for name, kind in self.live.columns.items()}, []
        for name, kind in self.adds.items():
            now[name] = kind
            said.append((f"added {name} {kind}", dict(now)))
        for name, kind in self.casts.items():
            before, now[name] = now[name], kind
            widened = before in set(ColumnType) and wider(ColumnType(before), kind) is kind
            said.append((f"{'widened' if widened else 'narrowed'} {name} from {before} to {kind}", dict(now)))
        for name in self.drops:
            del now[name]
            said.append((f"dropped {name}", dict(now)))
        return said + ([(self.note, dict(now))] if self.note else [])

    def statements(self, place: Place) -> list[str]:
        """The statements that make it so."""
        name = place.table(self.live.table.name)
        relaxed = [f"ALTER TABLE {name} ALTER COLUMN {identifier(column)} DROP NOT NULL" for column in self.relaxed]
        if self.filled or not all(self._is_floating(column) for column in self.casts):
            return [self._anew(place)]
        floating = [f"ALTER TABLE {name} ALTER COLUMN {identifier(column)} SET DATA TYPE FLOAT64" for column in self.casts]
        added = [f"ALTER TABLE {name} ADD COLUMN {identifier(column)} {SQL_TYPES[kind]}" for column, kind in self.adds.items()]
        return [*relaxed, *floating, *added, *(f"ALTER TABLE {name} DROP COLUMN {identifier(column)}" for column in self.drops)]

    def _is_floating(self, column: str) -> bool:
        return (self.live.columns[column], self.casts[column]) == (ColumnType.INTEGER, ColumnType.FLOAT)

    def _anew(self, place: Place) -> str:
        """One statement that writes the table anew; its columns can be null then."""
        name = place.table(self.live.table.name)
        casts = [f"{_cast(f't.{identifier(one)}', self.live.columns[one], kind)} AS {identifier(one)}" for one, kind in self.casts.items()]
        added = [f"{self.filled.get(one, f'CAST(NULL AS {SQL_TYPES[kind]})')} AS {identifier(one)}" for one, kind in self.adds.items()]
        but = f" EXCEPT ({', '.join(map(identifier, self.drops))})" if self.drops else ""
        but += f" REPLACE ({', '.join(casts)})" if casts else ""
        source = self._copied(place) if self.filled else ""
        selected = ", ".join([f"t.*{but}", *added])
        return f"CREATE OR REPLACE TABLE {name} {clauses(*self.live.layout)} AS SELECT {selected} FROM {self.live.whole(name)} t{source}"

    def _copied(self, place: Place) -> str:
        """The rows of the copy, one for each that is the same row of the same fetch."""
        row = list(dict.fromkeys([*self.live.table.key, "_fetch_id"]))
        values = ", ".join(f"ANY_VALUE({identifier(name)}) AS {identifier(name)}" for name in self.filled)
        assert self.copy is not None  # noqa: S101 - nothing is filled without one
        copy = self.copy.whole(_copy_of(place, self.live.table.name, self.source or 0))
        return f" LEFT JOIN (SELECT {key_of('c', row)} AS k, {values} FROM {copy} c GROUP BY k) b ON {key_of('t', row)} = b.k"


def _reshape(live: LiveTable, changes: Iterable[Change]) -> _Reshape:
    found = _Reshape(live)
    for change in changes:
        match change.kind:
            case Kind.ADD:
                found.adds[change.column] = ColumnType(change.after)
            case Kind.WIDEN | Kind.NARROW:
                found.casts[change.column] = ColumnType(change.after)
            case Kind.DROP:
                found.drops.append(change.column)
            case Kind.RELAX:
                found.relaxed.append(change.column)
            case Kind.DESCRIBE:
                pass  # every table is described at the end
            case _:
                raise never_made(change)
    return found


def _way_back(service: Service, table: Table, version: int) -> _Reshape:
    known = {row["version"]: json.loads(row["columns"]) for row in meta.schema_versions(service, table.name)}
    wanted = columns_of_version(table.name, version, known)
    live = _there(service, table)
    found = _Reshape(live, note=f"rolled back to version {version}", drops=[name for name in live.columns if name not in wanted])
    found.adds = {name: kind for name, kind in wanted.items() if name not in live.columns}
    found.casts = {name: kind for name, kind in wanted.items() if live.columns.get(name, kind) != kind}
    found.source = min((number for number in _copies(service).get(table.name, ()) if number >= version), default=None)
    if found.source is not None:
        found.copy = live_table(table, service.table(service.place.meta, copy_name(table.name, found.source)))
    held = found.copy.columns if found.copy else {}
    found.filled = {name: _cast(f"b.{identifier(name)}", held[name], kind) for name, kind in found.adds.items() if name in held}
    return found


def _run(
    service: Service, work: Writing, reshapes: Sequence[_Reshape], created: Mapping[str, LiveTable], keep: int, run_id: str
) -> tuple[str, ...]:
    """Make it so, after a look for values that would be lost; what was done, table by table."""
    for one in reshapes:
        _check_loss(service, one)
    shape(service, created)
    script, gone, rows, values = [], [], [], Values()
    for one in reshapes:
        if one.rewrites:
            script.append(_kept(service.place, one, work.ledger))
            gone += _superfluous(service, one, work.ledger, keep)
        script += one.statements(service.place)
    said = {name: one.changes(None) for name, one in created.items()} | {one.live.table.name: one.said for one in reshapes}
    for name, found in said.items():
        rows += [(name, _version(work.ledger, name) + place, columns, change) for place, (change, columns) in enumerate(found, start=1)]
    script += [meta.version_written(service.place, values, rows, run_id)] if rows else []
    if script:
        service.run(";\n".join(script + gone), values, work.lane() if reshapes else job_name(work.call), work.call)
    return tuple(change for found in said.values() for change, _ in found)


def _describe(service: Service, work: Writing, tables: Iterable[Table]) -> None:
    """Give tables the descriptions again that a statement does not keep which writes them anew."""
    for table in tables:
        for attempt in work.attempts():
            with attempt:
                describe(service, _there(service, table))


def _check_loss(service: Service, one: _Reshape) -> None:
    """Refuse casts by which a value would not be the same any more; as text every value is."""
    checked = {name: kind for name, kind in one.casts.items() if kind is not ColumnType.TEXT}
    conditions = {name: _differs(name, one.live.columns[name], kind) for name, kind in checked.items()}
    if not conditions:
        return
    counts = [
        f"COUNTIF({condition}) AS n{place}, MIN(IF({condition}, {identifier(name)}, NULL)) AS v{place}"
        for place, (name, condition) in enumerate(conditions.items())
    ]
    table = one.live.table.name
    (row,) = service.rows(f"SELECT {', '.join(counts)} FROM {one.live.whole(service.place.table(table))}")
    for place, name in enumerate(conditions):
        if row[f"n{place}"]:
            raise value_lost(table, name, one.casts[name], row[f"n{place}"], row[f"v{place}"])


def _differs(column: str, before: ColumnType | str, after: ColumnType) -> str:
    """The condition that a value is not the same as another type."""
    value = identifier(column)
    cast = f"SAFE_CAST({value} AS {SQL_TYPES[after]})"
    not_back: dict[tuple[str, str], str] = {
        (ColumnType.INTEGER, ColumnType.FLOAT): f"SAFE_CAST({cast} AS INT64) IS NULL OR SAFE_CAST({cast} AS INT64) <> {value}",
        (ColumnType.FLOAT, ColumnType.INTEGER): f"CAST({cast} AS FLOAT64) <> {value}",
        (ColumnType.TEXT, ColumnType.INTEGER): f"CAST({cast} AS STRING) <> {value}",
    }
    return f"{value} IS NOT NULL AND ({cast} IS NULL OR {not_back.get((before, after), 'FALSE')})"


def _cast(value: str, before: ColumnType | str, after: ColumnType) -> str:
    if before == after:
        return value
    return text_of(value) if after is ColumnType.TEXT else f"SAFE_CAST({value} AS {SQL_TYPES[after]})"


def _there(service: Service, table: Table) -> LiveTable:
    """A table as it stands now, and nothing more."""
    return live_table(table, service.table(service.place.dataset, table.name))


def _version(ledger: meta.Ledger, table: str) -> int:
    return ledger.columns.get(table, (0, {}))[0]


def _kept(place: Place, one: _Reshape, ledger: meta.Ledger) -> str:
    """The statement that copies a table as it is now."""
    name = one.live.table.name
    return f"CREATE OR REPLACE TABLE {_copy_of(place, name, _version(ledger, name))} CLONE {place.table(name)}"


def _superfluous(service: Service, one: _Reshape, ledger: meta.Ledger, keep: int) -> list[str]:
    """The statements that drop the oldest copies of a table above ``keep``, but for the one that was taken from."""
    name = one.live.table.name
    there = sorted(_copies(service).get(name, set()) | {_version(ledger, name)})
    return [f"DROP TABLE IF EXISTS {_copy_of(service.place, name, version)}" for version in there[:-keep] if version != one.source]


def _copy_of(place: Place, table: str, version: int) -> str:
    return place.meta_table(copy_name(table, version))


def _copies(service: Service) -> dict[str, set[int]]:
    """The versions of each table that a copy is kept of."""
    return copies_among(one.table_id for one in service.listed(service.place.meta))
