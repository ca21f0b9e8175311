"""What must change for a table to have its contract's shape: every pair of types, and everything else that can differ."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torn_pipeline.tables.table import ColumnType
from torn_pipeline.warehouse.changes import Kind, LiveColumn, Shape, changes_of, description_of, refused
from torn_pipeline.warehouse.layouts import Layout
from torn_pipeline_tests.conformance.warehouse_loads import THINGS

ROOT, CHILD = THINGS
INTEGER, FLOAT, BOOLEAN, TEXT, TIMESTAMP = ColumnType


def shape_of(**columns: LiveColumn | None) -> Shape:
    """The root table as its contract has it, but for these columns; ``None`` is one that is not there."""
    live = {column.name: LiveColumn(type=column.type, native=column.type, description=description_of(column)) for column in ROOT.columns}
    found = {name: column for name, column in {**live, **columns}.items() if column is not None}
    return Shape(columns=found, description=ROOT.description)


def found(shape: Shape | None) -> list[str]:
    return [str(change) for change in changes_of([ROOT], {} if shape is None else {"things": shape})]


def test_a_table_as_its_contract_has_it_needs_nothing() -> None:
    assert found(shape_of()) == []


def test_a_table_that_is_not_there_is_created() -> None:
    assert found(None) == ["create the table"]


def test_every_difference_is_told() -> None:
    shape = shape_of(
        name=None,
        score=LiveColumn(type=INTEGER, native="BIGINT", description="the score (s)"),
        id=LiveColumn(type=TEXT, native="VARCHAR", nullable=False, description="the id"),
        is_old=LiveColumn(type=BOOLEAN, native="BOOLEAN", description="whether it was"),
        seen_at=LiveColumn(type=None, native="DATE", description="the seen_at"),
        colour=LiveColumn(type=TEXT, native="VARCHAR"),
    )
    assert found(replace(shape, description="")) == [
        "describe the table",
        "narrow id from text to integer",
        "let id be null",
        "add name text",
        "widen score from integer to float",
        "describe is_old",
        "make seen_at, which is DATE, timestamp",
        "drop colour text, which the contract does not have",
    ]


@pytest.mark.parametrize("there", ColumnType)
@pytest.mark.parametrize("wanted", ColumnType)
def test_every_pair_of_types_is_one_kind_of_change(there: ColumnType, wanted: ColumnType) -> None:
    columns = tuple(replace(column, type=wanted) if column.name == "score" else column for column in ROOT.columns)
    live = shape_of(score=LiveColumn(type=there, native="", description="the score (s)"))
    kinds = [change.kind for change in changes_of([replace(ROOT, columns=columns)], {"things": live})]
    wider = {(INTEGER, FLOAT), (INTEGER, TEXT), (FLOAT, TEXT), (BOOLEAN, TEXT), (TIMESTAMP, TEXT)}
    expected = Kind.WIDEN if (there, wanted) in wider else Kind.NARROW if (wanted, there) in wider else Kind.OTHER
    assert kinds == ([] if there is wanted else [expected])


def test_only_what_is_allowed_is_narrowed_or_dropped_and_another_type_never_is() -> None:
    shape = shape_of(
        id=LiveColumn(type=TEXT, native="VARCHAR", description="the id"),
        is_old=LiveColumn(type=INTEGER, native="BIGINT", description="the is_old"),
        colour=LiveColumn(type=TEXT, native="VARCHAR"),
    )
    changes = changes_of([ROOT], {"things": shape})
    left = {
        frozenset(allowed): {change.kind for change in refused(changes, allowed)} for allowed in ({Kind.NARROW}, {Kind.DROP}, set(Kind))
    }
    assert left == {
        frozenset({Kind.NARROW}): {Kind.DROP, Kind.OTHER},
        frozenset({Kind.DROP}): {Kind.NARROW, Kind.OTHER},
        frozenset(Kind): {Kind.OTHER},
    }


@given(st.sets(st.sampled_from([column.name for column in ROOT.columns])))
def test_what_is_missing_is_added_in_the_order_of_the_contract(missing: set[str]) -> None:
    changes = changes_of([ROOT, CHILD], {"things": shape_of(**dict.fromkeys(missing)), "things_parts": Shape(columns={})})
    of_root = [change.column for change in changes if change.table is ROOT]
    assert of_root == [column.name for column in ROOT.columns if column.name in missing]
    assert not any(change.rewrites for change in changes)


def test_a_layout_is_told_of_tables_that_have_one_and_of_a_child_only_beside_its_parent() -> None:
    live = {table.name: replace(shape_of(), layout=Layout(None, [])) for table in (ROOT, CHILD)}
    told = {
        len(tables): [one.table.name for one in changes_of(tables, live) if one.kind is Kind.LAY_OUT] for tables in ([CHILD], [ROOT, CHILD])
    }
    assert told == {1: [], 2: ["things", "things_parts"]}
    assert found(replace(shape_of(), layout=Layout(None, ["_account", "id"]))) == []
