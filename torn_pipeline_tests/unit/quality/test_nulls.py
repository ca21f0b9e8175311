"""Sudden nulls: a column that was full and is empty, and what is no news."""

from __future__ import annotations

from torn_pipeline.quality.nulls import LEAST_ROWS, NullCounts, sudden_nulls

COLUMNS = ("id", "name", "score")
FULL = [NullCounts(100, {})] * 8


def sudden(now: NullCounts, past: list[NullCounts]) -> list[str]:
    return [found.column for found in sudden_nulls(now, past, COLUMNS)]


def test_a_column_that_was_full_and_is_null_is_told_with_what_was_usual() -> None:
    (found,) = sudden_nulls(NullCounts(50, {"name": 50, "score": 3}), FULL, COLUMNS)
    assert found == ("name", 1.0, 0.0, 0.2)


def test_a_fifth_more_is_no_news() -> None:
    assert sudden(NullCounts(100, {"name": 20}), FULL) == []
    assert sudden(NullCounts(100, {"name": 21}), FULL) == ["name"]


def test_a_column_that_is_often_null_may_be() -> None:
    past = [NullCounts(100, {"name": nulls}) for nulls in (10, 90, 30, 70, 50, 20, 80, 40)]
    assert sudden(NullCounts(100, {"name": 100}), past) == []


def test_too_few_rows_and_too_little_past_say_nothing() -> None:
    assert sudden(NullCounts(LEAST_ROWS - 1, {"name": LEAST_ROWS - 1}), FULL) == []
    assert sudden(NullCounts(100, {"name": 100}), [*FULL[:7], *[NullCounts(1, {})] * 100]) == []


def test_other_columns_are_not_looked_at() -> None:
    assert sudden(NullCounts(100, {"new": 100}), FULL) == []
