"""Spans of time against the seconds that they hold."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torn_pipeline.torn import Span, day_span, days_of, merged, without

BEGIN = datetime(2026, 4, 29, tzinfo=UTC)
bounds = st.integers(0, 40)
spans = st.builds(lambda start, length: span(start, start + length), bounds, st.integers(1, 12))


def span(after: int, until: int) -> Span:
    return Span(BEGIN + timedelta(seconds=after), BEGIN + timedelta(seconds=until))


def seconds(*found: Span) -> set[int]:
    return {
        second
        for one in found
        for second in range(int((one.after - BEGIN).total_seconds()) + 1, int((one.until - BEGIN).total_seconds()) + 1)
    }


@given(st.lists(spans))
def test_merged_spans_hold_the_same_seconds_and_touch_nowhere(given_spans: list[Span]) -> None:
    found = merged(given_spans)
    assert seconds(*found) == seconds(*given_spans)
    assert all(one.until < other.after for one, other in pairwise(found))


@given(spans, st.lists(spans))
def test_what_is_left_of_a_span_is_its_seconds_without_the_others(whole: Span, others: list[Span]) -> None:
    left = without(whole, others)
    assert seconds(*left) == seconds(whole) - seconds(*others)
    assert left == merged(left)


def test_a_day_holds_its_first_second_and_not_the_next_days() -> None:
    day = day_span(date(2026, 4, 29))
    assert day == Span(datetime(2026, 4, 28, 23, 59, 59, tzinfo=UTC), datetime(2026, 4, 29, 23, 59, 59, tzinfo=UTC))
    assert list(days_of(day)) == [date(2026, 4, 29)]
    assert day_span(date(2026, 4, 30)).after == day.until


def test_days_of_a_span_are_all_that_it_has_a_second_of() -> None:
    assert list(days_of(day_span(date(2026, 4, 28), date(2026, 5, 1)))) == [date(2026, 4, 28) + timedelta(days=n) for n in range(4)]
    assert list(days_of(span(-5, 0))) == [date(2026, 4, 28), date(2026, 4, 29)]


def test_a_span_without_time_is_refused() -> None:
    with pytest.raises(ValueError, match="no time lies"):
        span(3, 3)
