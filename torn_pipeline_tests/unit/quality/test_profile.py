"""Plots of characters: where the values lie, and how many rows came day by day."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torn_pipeline.quality.profile import bars, days_until, histogram


def test_evenly_spread_values_fill_every_part_alike() -> None:
    assert histogram([0.0, 25.0, 50.0, 75.0, 100.0], bins=4) == pytest.approx([0.25] * 4)


def test_many_of_one_value_stand_in_one_place() -> None:
    assert histogram([0.0, 0.0, 0.0, 0.0, 80.0], bins=4) == pytest.approx([0.75 + 0.0625, 0.0625, 0.0625, 0.0625])
    assert histogram([0.0, 80.0, 80.0, 80.0, 80.0], bins=4)[-1] == pytest.approx(0.75 + 0.0625)


@pytest.mark.parametrize("quantiles", [[], [5.0], [5.0, 5.0, 5.0]])
def test_where_all_values_are_the_same_there_is_nothing_to_draw(quantiles: list[float]) -> None:
    assert histogram(quantiles) == []


@given(st.lists(st.integers(-(10**9), 10**9), min_size=2, max_size=30).map(sorted), st.integers(1, 40))
def test_all_values_are_somewhere(quantiles: list[int], bins: int) -> None:
    found = histogram(quantiles, bins)
    assert not found or (len(found) == bins and sum(found) == pytest.approx(1))


def test_a_bar_is_as_high_as_its_value() -> None:
    assert bars([0, 1, 2, 3, 4, 5, 6, 7, 8]) == "·▂▃▄▅▆▇██"
    assert bars([0, 0]) == "··"
    assert bars([]) == ""


def test_days_without_rows_are_shown() -> None:
    counts = {date(2026, 2, 27): 5, date(2026, 3, 1): 2, date(2026, 3, 3): 9}
    assert days_until(date(2026, 3, 2), counts, 4) == [5, 0, 2, 0]
