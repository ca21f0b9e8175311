"""Contracts as expectation suites of Great Expectations (GX Core 1.x), for those who hold their tables against such.

Nothing here is asked of the data by this platform: its loads are held against the contracts themselves. What GX cannot say stands in
the suite's ``meta``, each with its reason.
"""

# ruff: noqa: S608 - names are quoted by the warehouse's spelling

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torn_pipeline.errors import UsageError
from torn_pipeline.tables.contract import Object, Scalar
from torn_pipeline.tables.table import ColumnType, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps.context import Pipeline
    from torn_pipeline.tables.contract import Reference, Rule
    from torn_pipeline.tables.table import Column, Table
    from torn_pipeline.warehouse.spelling import Spelling

__all__ = ["expectation_suites"]

_TYPES = {
    "duckdb": {
        ColumnType.INTEGER: "BigInteger",
        ColumnType.FLOAT: "Float",
        ColumnType.BOOLEAN: "Boolean",
        ColumnType.TEXT: "String",
        ColumnType.TIMESTAMP: "TIMESTAMP",
    },
    "bigquery": {
        ColumnType.INTEGER: "INT64",
        ColumnType.FLOAT: "FLOAT64",
        ColumnType.BOOLEAN: "BOOL",
        ColumnType.TEXT: "STRING",
        ColumnType.TIMESTAMP: "TIMESTAMP",
    },
}
"""How GX calls the types of columns, by warehouse: SQLAlchemy's own classes, or those of BigQuery's dialect."""

_QUOTED = re.compile(r'"(?P<name>[^"]+)"')
_DAY = re.compile(r"\bDATE '(?P<day>[0-9-]+)'")


def expectation_suites(pipeline: Pipeline, names: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """A suite for each table of the config, or for each that is named: plain data, as GX keeps it in JSON.

    Raises:
        UsageError: when no endpoint of the config has such a table.
        ConfigError: when an endpoint has no contract.
    """
    plans: dict[str, EndpointPlan] = {}
    for endpoint in pipeline.config.endpoints:
        plan = pipeline.plan(endpoint.name)
        plans |= {table.name: plan for table in plan.all_tables if table.name not in plans}
    if unknown := [name for name in names if name not in plans]:
        message = f"no endpoint of {pipeline.settings.config} has a table {', '.join(unknown)}; the tables are {', '.join(plans)}"
        raise UsageError(message)
    spelling = pipeline.warehouse.spelling
    return {name: _suite(plans[name], name, spelling, set(plans)) for name in dict.fromkeys(names or plans)}


def _suite(plan: EndpointPlan, name: str, spelling: Spelling, known: set[str]) -> dict[str, Any]:
    table = next(table for table in plan.all_tables if table.name == name)
    builder = _Builder(table, plan, spelling)
    builder.columns()
    builder.key()
    builder.values()
    if name in {one.name for one in plan.tables}:
        builder.rules(known)
    else:
        builder.left_out("rules and relations", "they are about the rows as they are now, and this table has every version of them")
    described = {"table": name, "endpoint": plan.endpoint.name, "contract": plan.contract.version, "warehouse": spelling.kind}
    return {"name": name, "expectations": builder.expectations, "meta": {**described, "not_expressed": builder.omitted}}


@dataclass(slots=True)
class _Builder:
    """The expectations of one table as they come together, and what GX cannot say."""

    table: Table
    plan: EndpointPlan
    spelling: Spelling
    expectations: list[dict[str, Any]] = field(default_factory=list)
    omitted: list[dict[str, str]] = field(default_factory=list)

    def left_out(self, what: str, why: str) -> None:
        """Name what is not in the suite."""
        self.omitted.append({"what": what, "why": why})

    def columns(self) -> None:
        """Every column is there, whatever else is, and has its type."""
        names = [column.name for column in self.table.columns]
        self._expect("expect_table_columns_to_match_set", "every column of the contract is there", column_set=names, exact_match=False)
        types = _TYPES[self.spelling.kind]
        for column in self.table.columns:
            about = f"the contract's type is {column.type}"
            self._expect("expect_column_values_to_be_of_type", about, column=column.name, type_=types[column.type])

    def key(self) -> None:
        """The key is never null, and no two rows share one."""
        for name in self.table.key:
            self._expect("expect_column_values_to_not_be_null", "part of the key", column=name)
        if len(self.table.key) > 1:
            self._expect("expect_compound_columns_to_be_unique", "the key", column_list=list(self.table.key))
        elif self.table.key:
            self._expect("expect_column_values_to_be_unique", "the key", column=self.table.key[0])
        else:
            self.left_out("key", "there is one row, which needs none")

    def values(self) -> None:
        """What the API always sends is there, and text that is one of a few words is one of those seen so far."""
        for column in self.table.columns:
            if column.name in self.table.key or column.role is not Role.OWN:
                continue
            if _is_always_there(column, self.table):
                self._expect_value(column)
            if column.known:
                self._warn("expect_column_values_to_be_in_set", "the values seen so far", column=column.name, value_set=list(column.known))

    def _expect_value(self, column: Column) -> None:
        if column.type is ColumnType.TIMESTAMP:
            self.left_out(f"{column.name} is not null", "the API says 0 where there is no such moment, which becomes null")
        else:
            self._warn("expect_column_values_to_not_be_null", "the API always sends it", column=column.name)

    def rules(self, known: set[str]) -> None:
        """What is known from observation; ``known`` are the tables of the config."""
        base = self.plan.root.name
        for rule in self.plan.contract.rules:
            if "_".join(filter(None, (base, rule.table))) == self.table.name:
                query = self._repeated(rule.unique) if rule.unique else f"SELECT * FROM {{batch}} WHERE NOT ({self._spelt(rule.holds)})"
                self._ask(rule, query)
        for reference in self.plan.contract.references:
            if "_".join(filter(None, (base, reference.table))) != self.table.name:
                continue
            if reference.target in known:
                self._ask(reference, self._unmatched(reference))
            else:
                self.left_out(reference.name, f"no endpoint of the config has the table {reference.target}")

    def _repeated(self, unique: Sequence[str]) -> str:
        """The values that come more than once in one root as one fetch brought it."""
        spelt = self.spelling.identifier
        own = ["_fetched_at"] if "_fetched_at" in self.table.key else []
        columns = ", ".join(map(spelt, dict.fromkeys((*self.table.root_key, *own, *unique))))
        given = " AND ".join(f"{spelt(name)} IS NOT NULL" for name in unique)
        return f"SELECT {columns}, COUNT(*) AS n FROM {{batch}} WHERE {given} GROUP BY {columns} HAVING COUNT(*) > 1"

    def _unmatched(self, reference: Reference) -> str:
        """The rows that lead nowhere, where rows are only added those of each account's last fetch; none where the target is empty."""
        spelt, target = self.spelling.identifier, self.spelling.table(reference.target)
        column = spelt(reference.column)
        of_account = " AND t._account = r._account" if reference.within_account else ""
        rows, conditions = "SELECT * FROM {batch}", [f"r.{column} IS NOT NULL"]
        if "_fetched_at" in self.table.key:
            rows = "SELECT *, MAX(_fetched_at) OVER (PARTITION BY _account) AS last_fetch FROM {batch}"
            conditions.append("r._fetched_at = r.last_fetch")
        same = f"t.{spelt(reference.target_column)} = r.{column}{of_account}"
        conditions += [f"({self._spelt(reference.where)})", f"EXISTS (SELECT 1 FROM {target})"]
        conditions += [f"NOT EXISTS (SELECT 1 FROM {target} AS t WHERE {same})"]
        return f"SELECT r.* FROM ({rows}) AS r WHERE {' AND '.join(conditions)}"

    def _spelt(self, condition: str) -> str:
        """A condition of a contract as the warehouse spells names and moments."""
        named = _QUOTED.sub(lambda found: self.spelling.identifier(found["name"]), condition)
        return _DAY.sub(lambda found: f"{self.spelling.moment} '{found['day']} 00:00:00+00'", named)

    def _ask(self, what: Rule | Reference, query: str) -> None:
        self._warn("unexpected_rows_expectation", what.description, what.name, unexpected_rows_query=query)

    def _warn(self, kind: str, about: str, name: str = "", /, **arguments: object) -> None:
        """Add what is known from observation."""
        self._expect(kind, about, name, **arguments)
        self.expectations[-1]["severity"] = "warning"

    def _expect(self, kind: str, about: str, name: str = "", /, **arguments: object) -> None:
        meta = {"about": about, **({"rule": name} if name else {})}
        self.expectations.append({"type": kind, "kwargs": arguments, "meta": meta, "severity": "critical"})


def _is_always_there(column: Column, table: Table) -> bool:
    """Whether the contract says that a row's own value is sent and never null, nor anything that it stands in."""
    node: Any = table.element
    for name in column.path:
        node = next((one for one in node.fields if one.name == name), None) if isinstance(node, Object) else None
        if node is None or node.nullable or not node.required:
            return False
    return isinstance(node, Scalar) and not node.nullable
