"""What holds for any contract, and for any answer of one: the normaliser against the naive one."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torn_pipeline.errors import ContractError
from torn_pipeline.tables import pieces
from torn_pipeline.tables.naming import tables_of
from torn_pipeline.tables.table import Role, StorageMode, Table
from torn_pipeline_tests.exhaustive import examples
from torn_pipeline_tests.unit.tables.builders import ORIGIN, normalised
from torn_pipeline_tests.unit.tables.naive import Naive, of_new_fields
from torn_pipeline_tests.unit.tables.trees import Fetched, any_contract, fetches

if TYPE_CHECKING:
    from torn_pipeline.tables.contract import Contract

MODES = st.sampled_from([StorageMode.APPEND, StorageMode.REPLACE, StorageMode.UPSERT])
Row = dict[str, Any]


@given(any_contract(), MODES, st.booleans())
@settings(max_examples=examples(150), deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_any_contract_gives_tables_that_keep_the_rules_or_is_refused(contract: Contract, mode: StorageMode, shared: bool) -> None:  # noqa: FBT001  # hypothesis gives it
    try:
        tables = tables_of(contract, mode=mode, shared_scope=shared)
    except ContractError:
        return  # which ones are refused is told by example
    by_name = {table.name: table for table in tables}

    assert len(by_name) == len(tables)
    for table in tables:
        assert_keeps_the_rules(table, by_name, mode)


def assert_keeps_the_rules(table: Table, tables: dict[str, Table], mode: StorageMode) -> None:
    names = [column.name for column in table.columns]
    roles = [column.role for column in table.columns]
    assert len(set(names)) == len(names)
    assert set(table.key) <= set(names)
    assert names[: len(table.key)] == list(table.key)
    assert {"_account", "_fetch_id", "_fetched_at", "_raw_id"} <= set(names)
    assert ("_fetched_at" in table.key) == (mode is StorageMode.APPEND)
    assert len(table.root_key) == len(tables[table.root].root_key)
    assert set(table.root_key) <= set(table.key)
    rest = [role for role in roles[len(table.key) :] if role not in {Role.INDEX, Role.MAP_KEY}]
    order = [Role.OWN, Role.PARENT, Role.ACCOUNT, Role.FETCH_ID, Role.FETCHED_AT, Role.RAW_ID]
    assert rest == sorted(rest, key=order.index)
    for column in table.columns:
        if column.role is Role.PARENT:
            assert table.parent is not None
            assert tables[table.parent].column(column.path[0]).type is column.type


@given(fetches(), st.sampled_from([1, 2, 3, 1000]))
@settings(
    max_examples=examples(250), deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
def test_any_fetch_becomes_what_a_naive_reading_makes_of_it(fetched: Fetched, piece: int) -> None:
    tables = tables_of(fetched.contract, mode=StorageMode.UPSERT)
    pages = [orjson.loads(orjson.dumps(page)) for page in fetched.pages]
    expected = Naive(tables, pages, ORIGIN)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE", piece)
        actual = normalised(tables, *fetched.pages)

    for table in tables:
        wanted = [row | new for row, new in zip(expected.rows[table.name], of_new_fields(table, expected.new[table.name]), strict=True)]
        assert in_order(actual.rows[table.name]) == in_order(wanted)
    assert sorted(same_json(rejected.raw) for rejected in actual.rejected) == sorted(map(same_json, expected.rejected))
    assert Counter({(finding.kind.value, finding.table, finding.path): finding.count for finding in actual.findings}) == expected.found


@given(fetches(stray=False))
@settings(
    max_examples=examples(60), deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
def test_a_valid_fetch_leaves_nothing_out_and_finds_nothing_but_repetition(fetched: Fetched) -> None:
    actual = normalised(fetched.contract, *fetched.pages)

    assert actual.rejected == []
    assert {finding.kind.value for finding in actual.findings} <= {"row repeated"}


def in_order(rows: list[Row]) -> list[str]:
    """Rows as text in an order of their own: equal when they hold equal values of equal types."""
    return sorted(repr([(name, _plain(value)) for name, value in sorted(row.items()) if value is not None]) for row in rows)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def same_json(raw: bytes) -> bytes:
    return orjson.dumps(orjson.loads(raw), option=orjson.OPT_SORT_KEYS)
