"""What follows from an endpoint's config and its contract: tables, and how its bodies are read.

Light to import: Dagster's definitions are built from plans, and so is the documentation.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from torn_pipeline.config import StorageMode
from torn_pipeline.errors import BodyRefused, ConfigError
from torn_pipeline.tables.contracts import CONTRACTS
from torn_pipeline.tables.naming import tables_of, value_at
from torn_pipeline.tables.table import Role, Shape, histories_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from datetime import datetime

    from torn_pipeline.config import BusinessRule, Endpoint, PipelineConfig
    from torn_pipeline.tables.contract import Contract, Lookup, TimeWindow
    from torn_pipeline.tables.table import Table

__all__ = ["EndpointPlan", "plan_of"]


@dataclass(frozen=True)
class EndpointPlan:
    """One endpoint, its contract and its tables. ``by_day`` says that these, which it may share, come day by day.

    ``rules`` are those that the config has for its tables.
    """

    endpoint: Endpoint
    contract: Contract
    tables: tuple[Table, ...]
    by_day: bool = False
    rules: tuple[BusinessRule, ...] = ()

    @property
    def root(self) -> Table:
        """The root table, the main one where a body has several."""
        return self.tables[0]

    @property
    def histories(self) -> tuple[Table, ...]:
        """The tables with every version of the rows, in the same order; none unless the storage mode is ``snapshot``."""
        return histories_of(self.tables, self.endpoint.storage_mode)

    @property
    def all_tables(self) -> tuple[Table, ...]:
        """Every table that a load writes: the contract's, then their histories."""
        return (*self.tables, *self.histories)

    @property
    def version(self) -> str:
        """Changes when loading the same responses again could give other rows."""
        return f"{self.contract.version}-{self.endpoint.on_new_field}"

    @property
    def is_global(self) -> bool:
        """Whether its rows belong to no account."""
        return self.endpoint.scope == "global"

    @property
    def root_key(self) -> str | None:
        """The body's key that holds the rows; ``None`` where the body itself is the row."""
        return self.root.path[0] if self.root.path else None

    @cached_property
    def key_of(self) -> Callable[[object], Hashable | None] | None:
        """Gives a row's key; ``None`` where rows have none."""
        columns = [self.root.column(name) for name in self.root.root_key]
        paths = [column.path for column in columns if column.role is Role.OWN]
        if not paths or self.root.shape is not Shape.LIST:
            return None

        def key(row: object) -> Hashable | None:
            parts = tuple([value_at(row, path) for path in paths])
            for part in parts:
                if type(part) is not int and type(part) is not str:
                    return None
            return parts

        return key

    @property
    def windows(self) -> tuple[TimeWindow, ...]:
        """The ways to ask for a time window; none where the endpoint, or the category it asks for, has none, or its rows no key."""
        return _windows(self.contract, self.endpoint) if self.key_of else ()

    @property
    def is_windowed(self) -> bool:
        """Whether its past can be asked for, day by day."""
        return bool(self.windows)

    def window_at(self, moment: datetime) -> TimeWindow:
        """The way to ask for the time after a moment."""
        return min(
            (window for window in self.windows if window.until is None or moment < window.until), key=lambda window: window.until is None
        )

    @property
    def lookup(self) -> Lookup | None:
        """How rows are found again that left the endpoint's list, where that is so."""
        lookup = self.contract.lookup
        return lookup if lookup and lookup.cat == self.endpoint.params.get("cat") else None

    @property
    def source(self) -> tuple[str, str]:
        """The table and the column that have the ids it is asked by; both empty where it is asked by none."""
        table, _, column = self.endpoint.ids_from.partition(".")
        return table, column

    @property
    def has_many_fetches(self) -> bool:
        """Whether one run may fetch several times: once for each part of its history, or each id."""
        return self.is_windowed or bool(self.endpoint.ids_from)

    @property
    def late(self) -> timedelta:
        """How long after its moment a row may still appear."""
        return max((window.late for window in self.windows), default=timedelta())

    @property
    def window_column(self) -> str:
        """The root's column that a time window is about, where there is one."""
        paths = [tuple(window.fields[0].split(".")) for window in self.windows if window.until is None]
        return next((column.name for column in self.root.columns if column.role is Role.OWN and column.path in paths), "")

    def check_body(self, body: object) -> None:
        """Refuse what is not the endpoint's body.

        Raises:
            BodyRefused: saying what is there instead.
        """
        expected = [node.name for node in self.contract.body]
        if not isinstance(body, dict):
            message = f"the answer of {self.endpoint.path} is no JSON object; check the endpoint's path"
            raise BodyRefused(message)
        if self.root_key is None:
            is_its_own = any(name in body for name in expected)
        else:
            wanted: type = list if self.root.shape is Shape.LIST else dict
            is_its_own = isinstance(body.get(self.root_key), wanted)
        if not is_its_own:
            found = ", ".join(map(repr, list(body)[:5])) or "nothing"
            wanted_keys = ", ".join(map(repr, expected))
            message = f"the answer of {self.endpoint.path} holds {found} where {wanted_keys} is expected; check the endpoint's path"
            if self.root_key in body:
                message = f"the answer of {self.endpoint.path} has no {self.root.shape} as {self.root_key!r}; check the endpoint's path"
            raise BodyRefused(message)

    def count_rows(self, body: Mapping[str, Any]) -> int:
        """How many rows of the root a body has."""
        return len(body[self.root_key]) if self.root_key and self.root.shape is not Shape.OBJECT else 1

    def find_root(self, body: Mapping[str, Any], key: Mapping[str, object], root: str = "") -> bytes:
        """The JSON of a row with that key in a landed body, of the root table named or the main one; ``null`` where none is found."""
        table = next((table for table in self.tables if table.name == root), self.root)
        rows = value_at(body, table.path)
        if table.shape is Shape.MAP and "key" in key:
            rows = value_at(rows, (str(key["key"]),))
        elif table.shape is not Shape.OBJECT:
            entries = list(rows.values()) if isinstance(rows, dict) else rows or []
            own = {name: table.column(name).path for name in key if table.column(name).role is Role.OWN}
            found = (row for row in reversed(entries) if own and all(value_at(row, path) == key[name] for name, path in own.items()))
            rows = next(found, None)
        return json.dumps(rows, ensure_ascii=False).encode()


def plan_of(endpoint: Endpoint, config: PipelineConfig) -> EndpointPlan:
    """The plan of one endpoint.

    Raises:
        ConfigError: when there is no contract for its path, or one that its storage mode does not suit.
    """
    contract = CONTRACTS.get(endpoint.path)
    if contract is None:
        message = (
            f"{_where(config, endpoint, 'path')}: there is no contract for {endpoint.path}; "
            f"there is one for {', '.join(sorted(CONTRACTS))}, and docs/adding-an-endpoint.md says how to add another"
        )
        raise ConfigError(message)
    tables = tables_of(contract, name=endpoint.table, shared_scope=endpoint.scope == "global", mode=endpoint.storage_mode)
    roots = [table for table in tables if table.parent is None]
    poor = [root.name for root in roots if not any(root.column(name).role is Role.OWN for name in root.root_key)]
    if endpoint.storage_mode is StorageMode.UPSERT and poor:
        message = (
            f"{_where(config, endpoint, 'storage_mode')}: the rows of {', '.join(poor)} have no key, "
            "so none can be told from another: use append or replace"
        )
        raise ConfigError(message)
    sharing = [other for other in config.endpoints if (other.table, other.path) == (endpoint.table, endpoint.path)]
    written = {table.name for table in (*tables, *histories_of(tables, endpoint.storage_mode))}
    return EndpointPlan(
        endpoint,
        contract,
        tables,
        by_day=any(_windows(contract, other) for other in sharing),
        rules=tuple(rule for rule in config.rules if rule.table in written),
    )


def _windows(contract: Contract, endpoint: Endpoint) -> tuple[TimeWindow, ...]:
    """The windows of the category that an endpoint asks for."""
    return tuple(window for window in contract.windows if window.params.get("cat") in {None, endpoint.params.get("cat")})


def _where(config: PipelineConfig, endpoint: Endpoint, field: str) -> str:
    return f"{config.where('endpoints', endpoint.name, field)}: endpoints.{endpoint.name}.{field}"
