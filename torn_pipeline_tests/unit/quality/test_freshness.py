"""Freshness: when a table is older than its endpoint's frequency allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from torn_pipeline.quality.freshness import allowed_age, freshness

NOW = datetime(2026, 4, 29, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Asked:
    frequency: timedelta
    max_runtime: timedelta = HOUR


@pytest.mark.parametrize(
    ("frequency", "max_runtime", "allowed"),
    [
        (15 * MINUTE, HOUR, 45 * MINUTE),
        (MINUTE, HOUR, 12 * MINUTE),
        (10 * MINUTE, HOUR, 30 * MINUTE),
        (HOUR, HOUR, 3 * HOUR),
        (6 * HOUR, HOUR, 13 * HOUR),
        (DAY, 2 * HOUR, 50 * HOUR),
        (15 * MINUTE, 5 * MINUTE, 35 * MINUTE),
        (MINUTE, 5 * MINUTE, 7 * MINUTE),
    ],
)
def test_one_tick_may_fail_and_a_run_may_take_a_while(frequency: timedelta, max_runtime: timedelta, allowed: timedelta) -> None:
    assert allowed_age(Asked(frequency, max_runtime)) == allowed


@pytest.mark.parametrize(
    ("age", "ok"),
    [(timedelta(), True), (45 * MINUTE, True), (45 * MINUTE + timedelta(microseconds=1), False), (300 * DAY, False)],
)
def test_what_is_older_than_that_is_not_fresh(age: timedelta, *, ok: bool) -> None:
    found = freshness(Asked(15 * MINUTE), NOW - age, NOW)
    assert (found.ok, found.age, found.allowed) == (ok, age, 45 * MINUTE)


def test_what_was_never_loaded_is_not_fresh() -> None:
    found = freshness(Asked(15 * MINUTE), None, NOW)
    assert (found.ok, found.age) == (False, None)
