"""Freshness: when a table is older than its endpoint's frequency allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from torn_pipeline.quality.freshness import GRACE, freshness

NOW = datetime(2026, 4, 29, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


@dataclass(frozen=True)
class State:
    fetched_at: datetime | None


@pytest.mark.parametrize(
    ("age", "ok"),
    [
        (timedelta(), True),
        (2 * QUARTER + GRACE, True),
        (2 * QUARTER + GRACE + timedelta(microseconds=1), False),
        (timedelta(days=300), False),
    ],
)
def test_two_ticks_and_a_run_may_pass(age: timedelta, *, ok: bool) -> None:
    found = freshness(State(NOW - age), QUARTER, NOW)
    assert (found.ok, found.age, found.allowed) == (ok, age, timedelta(minutes=90))


def test_what_was_never_fetched_is_not_fresh() -> None:
    assert freshness(State(None), QUARTER, NOW).age is None
    assert not freshness(State(None), QUARTER, NOW).ok


def test_a_run_may_be_given_more_time() -> None:
    state = State(NOW - timedelta(hours=9))
    assert not freshness(state, QUARTER, NOW).ok
    assert freshness(state, QUARTER, NOW, grace=timedelta(hours=10)).ok
