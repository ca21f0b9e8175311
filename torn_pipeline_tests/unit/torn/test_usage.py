"""What is kept of calls once their window is over: how many there were in each minute of a day."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from torn_pipeline.torn import Quota
from torn_pipeline.torn.ledger import ledger_at
from torn_pipeline.torn.usage import minutes_above, usage_by_key
from torn_pipeline_tests.unit.torn.conftest import LEDGERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torn_pipeline.torn.ledger import Ledger
    from torn_pipeline.torn.usage import Usage
    from torn_pipeline_tests.unit.torn.clocks import Clock

BEGIN = 1_777_500_000.0  # a whole minute
LIMIT = 10

both = pytest.mark.parametrize("place", LEDGERS, indirect=True)


@pytest.fixture
def ledger(place: Path | str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    clock.now = BEGIN
    monkeypatch.setattr("torn_pipeline.torn.quota.time", clock)
    with closing(ledger_at(place)) as ledger:
        yield ledger


def calls(ledger: Ledger, count: int, account: str = "default", key: str = "a") -> None:
    for _ in range(count):
        with Quota(ledger, LIMIT, hold=30.0).call(account, key):
            pass


def usage(ledger: Ledger) -> dict[str, Usage]:
    with ledger.connection() as database:
        return dict(usage_by_key(database))


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(BEGIN + seconds, UTC)


@both
def test_calls_are_counted_by_minute_also_when_they_count_no_more(ledger: Ledger, clock: Clock) -> None:
    assert usage(ledger) == {}
    for minute, count in enumerate((2, 9, 3)):
        clock.now = BEGIN + 60 * minute + 30
        calls(ledger, count)
        calls(ledger, 1, key="b")
    found = usage(ledger)
    assert (found["a"].day, found["a"].most, found["a"].most_at) == (14, 9, at(60))
    assert (found["b"].day, found["b"].most) == (3, 1)
    clock.now = BEGIN + 3600
    assert usage(ledger) == found


@both
def test_a_day_is_kept_and_no_more(ledger: Ledger, clock: Clock) -> None:
    for minute in range(3 * 24 * 60 // 20):
        clock.now = BEGIN + 20 * 60 * minute
        calls(ledger, 9 if minute == 0 else 2)
    assert (usage(ledger)["a"].day, usage(ledger)["a"].most) == (2 * 72, 2)
    with ledger.connection() as database:
        (kept,) = database.execute("SELECT count(*) FROM minutes").fetchone()
    assert kept <= 73
    clock.now += 86_400
    assert usage(ledger) == {}


@both
def test_minutes_in_which_the_limit_was_nearly_reached(ledger: Ledger, clock: Clock) -> None:
    for minute in range(70):
        clock.now = BEGIN + 60 * minute
        calls(ledger, 5)
        calls(ledger, 5 if minute % 2 else 1, key="b")
        calls(ledger, 9, account="second")
    clock.now = BEGIN + 70 * 60
    calls(ledger, 10)  # of a minute that is not over
    assert minutes_above(ledger, 0.9 * LIMIT) == {"default": 30}
    assert minutes_above(ledger, 8) == {"default": 30, "second": 60}
    assert minutes_above(ledger, LIMIT) == {}


def test_a_clock_that_starts_again_counts_no_call_twice(ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    calls(ledger, 9)
    clock.now = BEGIN + 10
    monkeypatch.setattr(clock, "monotonic", lambda: 5.0)
    assert (usage(ledger)["a"].day, usage(ledger)["a"].most_at) == (9, at(0))
    calls(ledger, 1)
    assert usage(ledger)["a"].day == 10
