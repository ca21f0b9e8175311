"""Volume: what is usual, what is not, and what the past is too short to say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torn_pipeline.quality.volume import Counted, volume

MONDAY = date(2026, 4, 27)


def days(*rows: int) -> list[Counted]:
    """One value a day, the last of them yesterday."""
    return [Counted(MONDAY - timedelta(days=back), count) for back, count in zip(range(len(rows), 0, -1), rows, strict=True)]


def test_too_little_past_says_nothing() -> None:
    found = volume(Counted(MONDAY, 0), days(*[100] * 7))
    assert (found.ok, found.compared, found.median) == (True, 7, None)


@pytest.mark.parametrize(("rows", "ok"), [(100, True), (99, True), (90, True), (110, True), (89, False), (111, False), (0, False)])
def test_where_the_past_never_changed_a_tenth_is_no_news(rows: int, *, ok: bool) -> None:
    assert volume(Counted(MONDAY, rows), days(*[100] * 8)).ok is ok


@pytest.mark.parametrize(("rows", "ok"), [(1, True), (2, True), (5, True), (6, False)])
def test_of_few_rows_three_more_or_less_are_no_news(rows: int, *, ok: bool) -> None:
    assert volume(Counted(MONDAY, rows), days(*[2] * 8)).ok is ok


def test_what_always_changes_may_change() -> None:
    past = days(80, 120, 100, 90, 110, 85, 115, 95)
    assert volume(Counted(MONDAY, 40), past).ok
    assert not volume(Counted(MONDAY, 4), past).ok


def test_one_odd_day_does_not_change_what_is_usual() -> None:
    assert not volume(Counted(MONDAY, 5_000), days(*[100] * 8, 9_000)).ok


def test_more_than_usual_may_be_no_news() -> None:
    assert volume(Counted(MONDAY, 5_000), days(*[100] * 8), may_rise=True).ok
    assert not volume(Counted(MONDAY, 5), days(*[100] * 8), may_rise=True).ok


def test_a_weekday_is_held_against_itself_once_there_are_four_of_it() -> None:
    weeks = [500 if (MONDAY - timedelta(days=back)).weekday() == 0 else 50 for back in range(28, 0, -1)]
    found = volume(Counted(MONDAY, 50), days(*weeks))
    assert (found.ok, found.same_weekday, found.compared, found.median) == (False, True, 4, 500)
    assert volume(Counted(MONDAY, 500), days(*weeks)).ok
    assert not volume(Counted(MONDAY, 50), days(*weeks[7:])).same_weekday
    assert volume(Counted(MONDAY, 50), days(*weeks[7:])).ok


def test_many_fetches_of_one_day_are_one_weekday() -> None:
    past = [Counted(datetime(2026, 4, 27, hour, tzinfo=UTC), 10) for hour in range(12)]
    assert not volume(Counted(datetime(2026, 4, 27, 12, tzinfo=UTC), 10), past).same_weekday


@given(st.lists(st.integers(0, 10_000), min_size=8, max_size=40), st.integers(0, 10_000))
def test_what_is_usual_lies_around_the_median_and_is_never_below_none(rows: list[int], now: int) -> None:
    found = volume(Counted(MONDAY, now), days(*rows))
    assert found.median is not None
    assert found.least is not None
    assert found.most is not None
    assert 0 <= found.least <= found.median <= found.most
    assert found.ok == (found.least <= now <= found.most)
    assert volume(Counted(MONDAY, round(found.median)), days(*rows)).ok
