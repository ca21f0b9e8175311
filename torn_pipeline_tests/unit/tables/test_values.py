"""From JSON values to columns, against a conversion of one value at a time that is written out here."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torn_pipeline.tables.contract import ScalarType
from torn_pipeline.tables.table import ColumnType
from torn_pipeline.tables.values import DTYPES, infer_type, json_type, show, to_series, unify
from torn_pipeline_tests.exhaustive import examples

INTEGER, FLOAT, BOOLEAN, TEXT, TIMESTAMP = ColumnType.INTEGER, ColumnType.FLOAT, ColumnType.BOOLEAN, ColumnType.TEXT, ColumnType.TIMESTAMP
DECLARED: dict[ColumnType, ScalarType] = {INTEGER: "integer", TIMESTAMP: "integer", FLOAT: "number", BOOLEAN: "boolean", TEXT: "string"}
YEAR_1, YEAR_9999 = -62_135_596_800, 253_402_300_799
EDGES = [
    0,
    1,
    -1,
    2**53,
    2**53 + 1,
    -(2**53),
    -(2**53) - 1,
    2**63 - 1,
    2**63,
    -(2**63),
    2**64 - 1,
    YEAR_1,
    YEAR_1 - 1,
    YEAR_9999,
    YEAR_9999 + 1,
]
WRONG = object()

integers = st.one_of(st.sampled_from(EDGES), st.integers(-(2**63), 2**64 - 1), st.integers(0, 2_000_000_000), st.integers(-5, 5))
floats = st.one_of(
    st.sampled_from([0.0, -0.0, 82.0, 82.5, 1e300, -1e300, 2.0**53, 2.0**63, 5e-324]), st.floats(allow_nan=False, allow_infinity=False)
)
plain = st.one_of(st.none(), st.booleans(), integers, floats, st.text(max_size=5), st.sampled_from(["", "5", "true", "null", "2026-04-29"]))
anything = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2), max_leaves=4
)
columns = st.one_of(
    st.lists(anything, max_size=8),
    *(st.lists(st.none() | kind, max_size=8) for kind in (integers, floats, st.booleans(), st.text(max_size=5))),
)


def naive(value: Any, wanted: str, *, is_moment: bool = False) -> Any:  # noqa: ANN401, PLR0911  # JSON is of any type, and this is all its cases
    """One value as the rules want it, or ``WRONG``."""
    if value is None:
        return None
    if wanted == "any":
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if wanted == "string":
        return value if isinstance(value, str) else WRONG
    if wanted == "boolean":
        return value if isinstance(value, bool) else WRONG
    if isinstance(value, bool) or not isinstance(value, int | float):
        return WRONG
    if wanted == "number":
        return float(value) if isinstance(value, float) or abs(value) <= 2**53 else WRONG
    if value != math.trunc(value):
        return WRONG
    if is_moment:
        in_range = YEAR_1 <= value <= YEAR_9999
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(value)) if value else None) if in_range else WRONG
    return int(value) if -(2**63) <= value < 2**63 else WRONG


def same(one: object, other: object) -> bool:
    """Equal and of one type; 0.0 and -0.0 told apart."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return type(one) is type(other) and one == other


@given(columns, st.sampled_from(list(ColumnType)))
@settings(max_examples=examples(400), deadline=None, derandomize=True)
def test_a_column_holds_what_one_value_at_a_time_gives(values: list[Any], column_type: ColumnType) -> None:
    expected = [naive(value, DECLARED[column_type], is_moment=column_type is TIMESTAMP) for value in values]

    series, wrong = to_series("field", list(values), column_type, DECLARED[column_type])

    assert series.dtype == DTYPES[column_type]
    assert series.name == "field"
    assert [found.row for found in wrong] == [row for row, value in enumerate(expected) if value is WRONG]
    found = series.to_list()
    assert all(same(one, None if other is WRONG else other) for one, other in zip(found, expected, strict=True)), (found, expected)


@given(st.lists(anything, max_size=8))
@settings(max_examples=examples(150), deadline=None, derandomize=True)
def test_values_of_unknown_type_become_text_that_says_the_same(values: list[Any]) -> None:
    series, wrong = to_series("field", list(values), TEXT, "any")

    assert wrong == []
    for value, found in zip(values, series.to_list(), strict=True):
        if value is None or isinstance(value, str):
            assert found == value
        else:
            assert json.loads(found) == value
            assert same(type(json.loads(found)), type(value))


@pytest.mark.parametrize(
    ("value", "column_type", "expected"),
    [
        (82.0, INTEGER, 82),
        (-0.0, INTEGER, 0),
        (2**63 - 1, INTEGER, 2**63 - 1),
        (-(2**63), INTEGER, -(2**63)),
        (7, FLOAT, 7.0),
        (2**53, FLOAT, 2.0**53),
        (-(2**53), FLOAT, -(2.0**53)),
        (1e300, FLOAT, 1e300),
        (-0.0, FLOAT, -0.0),
        (0, TIMESTAMP, None),
        (0.0, TIMESTAMP, None),
        (1, TIMESTAMP, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        (-1, TIMESTAMP, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (1_777_500_000.0, TIMESTAMP, datetime(2026, 4, 29, 22, 0, tzinfo=UTC)),
        (YEAR_9999, TIMESTAMP, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (YEAR_1, TIMESTAMP, datetime(1, 1, 1, tzinfo=UTC)),
        (False, BOOLEAN, False),
        ("", TEXT, ""),
    ],
)
@pytest.mark.parametrize("beside", [[], [None], [5, 2**31], [None, 0]])
def test_what_converts(value: Any, column_type: ColumnType, expected: object, beside: list[Any]) -> None:  # noqa: ANN401  # JSON is of any type
    beside = beside if column_type in {INTEGER, FLOAT, TIMESTAMP} else [None]

    series, wrong = to_series("field", [value, *beside], column_type, DECLARED[column_type])

    assert wrong == []
    assert same(series.to_list()[0], expected)


@pytest.mark.parametrize(
    ("value", "column_type", "reason"),
    [
        (True, INTEGER, "expected integer, got boolean true"),
        (False, FLOAT, "expected number, got boolean false"),
        (True, TIMESTAMP, "expected integer, got boolean true"),
        (1, BOOLEAN, "expected boolean, got integer 1"),
        ("true", BOOLEAN, 'expected boolean, got string "true"'),
        (82.5, INTEGER, "expected integer, got number 82.5"),
        ("82", INTEGER, 'expected integer, got string "82"'),
        (2**63, INTEGER, "expected an integer of 64 bits, got integer 9223372036854775808"),
        (2**64 - 1, INTEGER, "expected an integer of 64 bits, got integer 18446744073709551615"),
        (2.0**63, INTEGER, f"expected an integer of 64 bits, got number {show(2.0**63)}"),
        (2**53 + 1, FLOAT, "expected number, got integer 9007199254740993"),
        (-(2**53) - 1, FLOAT, "expected number, got integer -9007199254740993"),
        (2**64 - 1, FLOAT, "expected number, got integer 18446744073709551615"),
        ("1.5", FLOAT, 'expected number, got string "1.5"'),
        (YEAR_9999 + 1, TIMESTAMP, "expected seconds since 1970, up to the year 9999, got integer 253402300800"),
        (1_777_500_000_000, TIMESTAMP, "expected seconds since 1970, up to the year 9999, got integer 1777500000000"),
        (1.5, TIMESTAMP, "expected integer, got number 1.5"),
        (5, TEXT, "expected string, got integer 5"),
        ([1], TEXT, "expected string, got array [1]"),
        ({"a": 1}, INTEGER, 'expected integer, got object {"a":1}'),
    ],
)
def test_what_does_not_convert_is_told_with_its_row(value: Any, column_type: ColumnType, reason: str) -> None:  # noqa: ANN401  # JSON is of any type
    series, wrong = to_series("field", [None, value, None], column_type, DECLARED[column_type])

    assert [(found.row, found.reason) for found in wrong] == [(1, reason)]
    assert series.to_list() == [None, None, None]


def test_every_json_type_has_a_word_and_long_values_are_cut() -> None:
    every: list[object] = [True, 1, 1.5, "a", [], {}, None]

    assert [json_type(value) for value in every] == [
        "boolean",
        "integer",
        "number",
        "string",
        "array",
        "object",
        "null",
    ]
    assert [show(value) for value in ("a", "é", None, {"a": [1, 2.0]})] == ['"a"', '"é"', "null", '{"a":[1,2.0]}']
    assert show("x" * 100) == '"' + "x" * 78 + "…"
    assert get_args(ScalarType) == ("integer", "number", "boolean", "string", "any")


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("n", [None, None], None),
        ("n", [], None),
        ("n", [1, None], (INTEGER, "integer")),
        ("n", [1, 2.5], (FLOAT, "number")),
        ("n", [1.0], (FLOAT, "number")),
        ("n", [True, None], (BOOLEAN, "boolean")),
        ("n", [True, 1], (TEXT, "any")),
        ("n", ["a", 1], (TEXT, "any")),
        ("n", ["a", None], (TEXT, "any")),
        ("n", [[1]], (TEXT, "any")),
        ("n", [2**53 + 1, 0.5], (TEXT, "any")),
        ("n", [2**63], (TEXT, "any")),
        ("n", [2**63 - 1], (INTEGER, "integer")),
        ("created_at", [1_777_500_000, 0], (TIMESTAMP, "integer")),
        ("createdAt", [1_777_500_000], (TIMESTAMP, "integer")),
        ("created_at", [1_777_500_000_000], (INTEGER, "integer")),
        ("created_at", [1.5, 2], (FLOAT, "number")),
        ("lap_time", [1_777_500_000], (INTEGER, "integer")),
    ],
)
def test_the_type_of_a_field_that_no_contract_knows(name: str, values: list[object], expected: object) -> None:
    assert infer_type(name, values) == expected


@given(st.lists(anything, min_size=1, max_size=8), st.sampled_from(["field", "seen_at"]))
@settings(max_examples=examples(150), deadline=None, derandomize=True)
def test_a_type_that_was_found_takes_every_value(values: list[Any], name: str) -> None:
    found = infer_type(name, values)

    if found is None:
        assert values == [None] * len(values)
    else:
        assert to_series(name, values, *found)[1] == []


def frame(**columns: list[Any]) -> pl.DataFrame:
    return pl.DataFrame(
        {name: to_series(name, values, *found)[0] for name, values in columns.items() if (found := infer_type(name, values))}
    )


def test_frames_with_other_new_fields_go_one_below_the_other() -> None:
    found = unify([frame(a=[1], b=["x"]), frame(a=[2], c=[True]), frame(a=[3])])

    assert found.to_dicts() == [{"a": 1, "b": "x", "c": None}, {"a": 2, "b": None, "c": True}, {"a": 3, "b": None, "c": None}]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([[1, None], [2.5]], [1.0, None, 2.5]),
        ([[2.5], [2**53]], [2.5, 2.0**53]),
        ([[2.5], [2**53 + 1]], ["2.5", "9007199254740993"]),
        ([[1], ["a"]], ["1", "a"]),
        ([[1], [2.5], ["a"]], ["1", "2.5", "a"]),
        ([[True], [1]], ["true", "1"]),
    ],
)
def test_frames_whose_new_field_differs_in_type_lose_no_value(parts: list[list[Any]], expected: list[Any]) -> None:
    for order in (1, -1):
        found = unify([frame(n=part) for part in parts][::order])["n"].to_list()
        assert sorted(found, key=str) == sorted(expected, key=str)


def test_a_moment_that_turns_out_to_be_none_is_its_seconds_again() -> None:
    found = unify([frame(seen_at=[1_777_500_000]), frame(seen_at=["never"])])

    assert found["seen_at"].to_list() == ["1777500000", "never"]
