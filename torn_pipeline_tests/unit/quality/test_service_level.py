"""In what share of the time a table was fresh: by hand, and against a count of minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torn_pipeline.quality.service_level import Arrival, service_level

ZERO = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(minute: float) -> datetime:
    return ZERO + minute * MINUTE


def naive(arrivals: list[tuple[int, int]], allowed: int, since: int, until: int) -> tuple[int, int, int]:
    """Minutes that are looked at, that are stale, and the most stale ones in a row: each asked in its middle."""
    start = max(since, min(loaded for loaded, _ in arrivals))
    stale = worst = row = 0
    for minute in range(start, until):
        newest = max(fetched for loaded, fetched in arrivals if loaded <= minute)
        row = row + 1 if minute + 0.5 - newest > allowed else 0
        stale += row > 0
        worst = max(worst, row)
    return max(0, until - start), stale, worst


@given(
    loads=st.lists(st.tuples(st.integers(-200, 400), st.integers(0, 60)), min_size=1, max_size=12),
    allowed=st.integers(0, 90),
    since=st.integers(-50, 100),
    length=st.integers(0, 300),
)
def test_it_is_what_a_count_of_minutes_gives(loads: list[tuple[int, int]], allowed: int, since: int, length: int) -> None:
    arrivals = [(loaded, loaded - age) for loaded, age in loads]
    until = since + length

    found = service_level((Arrival(at(one), at(other)) for one, other in arrivals), allowed * MINUTE, at(since), at(until))

    looked_at, stale, worst = naive(arrivals, allowed, since, until)
    if found is None:
        assert looked_at == 0
        return
    assert (found.looked_at, found.stale, found.worst) == (looked_at * MINUTE, stale * MINUTE, worst * MINUTE)
    assert found.share == pytest.approx(1 - stale / looked_at)
    assert (found.worst_since is None) == (stale == 0)


def test_what_was_never_loaded_has_none() -> None:
    assert service_level([], MINUTE, at(0), at(10)) is None
    assert service_level([Arrival(at(20), at(19))], MINUTE, at(0), at(10)) is None


def test_an_hour_without_fresh_data_in_a_hundred_spends_the_budget_exactly() -> None:
    arrivals = [Arrival(at(60 * hour), at(60 * hour)) for hour in range(100) if hour != 50]

    found = service_level(arrivals, timedelta(hours=1), at(0), at(6000))

    assert found is not None
    assert (found.share, found.worst, found.worst_since) == (0.99, timedelta(hours=1), at(51 * 60 - 60))
    assert abs(found.left(0.99)) < timedelta(seconds=1)
    assert found.left(0.995) < timedelta(minutes=-29)


def test_an_older_fetch_that_is_loaded_later_makes_nothing_fresh() -> None:
    arrivals = [Arrival(at(0), at(0)), Arrival(at(30), at(-60))]

    found = service_level(arrivals, 10 * MINUTE, at(0), at(40))

    assert found is not None
    assert (found.stale, found.worst, found.worst_since) == (30 * MINUTE, 30 * MINUTE, at(10))
