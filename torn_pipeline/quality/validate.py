"""Holds batches against the Pandera schemas: good rows go on, a broken row takes its whole root out."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pandera.errors
import polars as pl

from torn_pipeline.errors import ContractError
from torn_pipeline.tables.findings import SHOWN, Finding, Kind, Offender
from torn_pipeline.tables.naming import json_path
from torn_pipeline.tables.normalise import Batch, Rejected
from torn_pipeline.tables.schemas import KNOWN, RULE, is_right, schema_of
from torn_pipeline.tables.values import show

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandera.polars as pa

    from torn_pipeline.tables.contract import Contract, Rule
    from torn_pipeline.tables.table import Table

__all__ = ["Validator"]


class Validator:
    """Validates the batches of one endpoint. ``tables`` are the contract's, under the names they have in the warehouse."""

    def __init__(self, contract: Contract, tables: Sequence[Table]) -> None:
        self.tables = {table.name: table for table in tables}
        base = tables[0].name
        self._rules: dict[str, list[Rule]] = {
            table.name: [rule for rule in contract.rules if "_".join(filter(None, (base, rule.table))) == table.name] for table in tables
        }
        self._schemas: dict[str, pa.DataFrameSchema] = {}

    def validate(self, batch: Batch) -> Batch:
        """The batch without the roots of broken rows, which join its rejected ones; observations join its findings."""
        for name in list(batch.frames):
            frame = batch.frames[name]  # without the roots that the tables before it took out
            failures = self._failures(name, frame)
            if failures is not None:
                self._observe(name, failures, frame, batch)
                self._reject(name, failures, frame, batch)
        return batch

    def _failures(self, name: str, frame: pl.DataFrame) -> pl.DataFrame | None:
        table, rules = self.tables[name], self._rules[name]
        own = frame.select([column.name for column in table.columns])
        if is_right(table, rules, own):
            return None
        if name not in self._schemas:
            self._schemas[name] = schema_of(table, rules)
        try:
            self._schemas[name].validate(own, lazy=True)
        except pandera.errors.SchemaErrors as errors:
            failures: pl.DataFrame = errors.failure_cases
            structural = failures.filter(pl.col("index").is_null())
            if structural.height:
                first = structural.row(0, named=True)
                message = (
                    f"the frame of {name} does not have the contract's form: {first['check']} of {first['column']}: {first['failure_case']}"
                )
                raise ContractError(message) from errors
            return failures
        return None

    def _observe(self, name: str, failures: pl.DataFrame, frame: pl.DataFrame, batch: Batch) -> None:
        """Count what is known only from observation: values outside a known list, rules that do not hold."""
        seen = failures.filter(_is_observation())
        first = pl.col("failure_case", "index").head(SHOWN)
        grouped = seen.group_by("column", "check", maintain_order=True).agg(pl.len(), first)
        for row in grouped.iter_rows(named=True):
            keys = [_cells(frame, index, self.tables[name].key) for index in row["index"]]
            if row["check"] == KNOWN:
                column = self.tables[name].column(row["column"])
                where = json_path(column.path, self.tables[name].json_path)
                values = [show(value) for value in row["failure_case"]]
                finding = Finding(Kind.UNKNOWN_VALUE, name, where, "", row["len"], values[0], tuple(map(Offender, keys, values)))
            else:
                rule = row["check"].removeprefix(RULE)
                columns = self._concerned(name, rule)
                values = [json.dumps(_cells(frame, index, columns)) for index in row["index"]]
                finding = Finding(Kind.RULE, name, rule, "", row["len"], show(keys[0]), tuple(map(Offender, keys, values)))
            batch.findings.add(finding)

    def _concerned(self, name: str, rule: str) -> list[str]:
        """The columns that a rule is about."""
        (found,) = (one for one in self._rules[name] if one.name == rule)
        words = {*found.unique, *re.findall(r"\w+", found.holds)}
        return [column.name for column in self.tables[name].columns if column.name in words]

    def _reject(self, name: str, failures: pl.DataFrame, frame: pl.DataFrame, batch: Batch) -> None:
        """Take the roots of broken rows out of every table of their group."""
        broken = failures.filter(~_is_observation()).unique("index", keep="first", maintain_order=True)
        if not broken.height:
            return
        table = self.tables[name]
        root = self.tables[table.root]
        rows = frame[broken["index"].cast(pl.UInt32)]
        keys = rows.select(table.root_key).rows() if table.root_key else [()] * rows.height
        known: set[tuple[object, ...]] = set()
        for failure, raw_id, key in zip(broken.iter_rows(named=True), rows["_raw_id"], keys, strict=True):
            if key in known:
                continue
            known.add(key)
            root_key = dict(zip(root.root_key, key, strict=True))
            reason = f"{failure['check']} of {failure['column']}: {show(failure['failure_case'])}"
            batch.rejected.append(
                Rejected(table=name, root=root.name, key=root_key, json_path=table.json_path, reason=reason, raw=b"", raw_id=raw_id)
            )
        bad = pl.DataFrame(list(known), schema=rows.select(table.root_key).schema, orient="row")
        for other in self.tables.values():
            if other.root == root.name:
                batch.frames[other.name] = _without(batch.frames[other.name], bad, other.root_key)


def _cells(frame: pl.DataFrame, row: int, columns: Sequence[str]) -> dict[str, object]:
    """The values of some columns of a row, as JSON has them."""
    cells = frame.select(columns).row(row, named=True)
    return {name: value if value is None or isinstance(value, int | float | str) else str(value) for name, value in cells.items()}


def _is_observation() -> pl.Expr:
    check = pl.col("check")
    return (check == KNOWN) | check.str.starts_with(RULE)


def _without(frame: pl.DataFrame, bad: pl.DataFrame, root_key: Sequence[str]) -> pl.DataFrame:
    if not root_key:
        return frame.clear()
    return frame.join(
        bad.rename(dict(zip(bad.columns, root_key, strict=True))), on=list(root_key), how="anti", nulls_equal=True, maintain_order="left"
    )
