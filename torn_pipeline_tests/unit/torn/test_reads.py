"""The rows a day, on a clock that tests turn."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torn_pipeline.errors import ApiUnavailable, RequestRefused
from torn_pipeline.torn.ledger import ledger_at
from torn_pipeline.torn.reads import DailyRows, DayIsFull, kind_of, rows_of
from torn_pipeline_tests.unit.torn.clocks import Clock
from torn_pipeline_tests.unit.torn.conftest import LEDGERS
from torn_pipeline_tests.unit.torn.loopback import Reply, refusal, reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torn_pipeline_tests.unit.torn.conftest import MakeClient
    from torn_pipeline_tests.unit.torn.loopback import Loopback

DAY = 86_400.0
SLEEP = "torn_pipeline.torn.reads.time"
NOON = 1_777_500_000.0

both = pytest.mark.parametrize("place", LEDGERS, indirect=True)


@pytest.fixture
def daily(place: Path | str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[DailyRows]:
    monkeypatch.setattr(SLEEP, clock)
    with closing(ledger_at(place)) as ledger:
        yield DailyRows(ledger, 300)


def read(daily: DailyRows, rows: int | None, kind: str = "news", account: str = "default") -> None:
    with daily.reading(account, kind) as reading:
        reading.rows = rows


@pytest.mark.parametrize(
    ("url", "kind", "rows"),
    [
        ("https://api.torn.com/v2/faction/news?cat=main&limit=50", "news", 50),
        ("https://api.torn.com/v2/user/events?limit=x", "events", 100),
        ("https://api.torn.com/v2/user/newevents", "events", 100),
        ("https://api.torn.com/v2/user/log?limit=1000", "log", 1000),
        ("https://api.torn.com/v2/user/12/personalstats", "personalstats", 100),
        ("https://api.torn.com/v2/key/log", "", 100),
        ("https://api.torn.com/v2/faction/crimes", "", 100),
        ("https://api.torn.com/v2/torn/attacklog", "", 100),
    ],
)
def test_what_is_counted_by_the_day(url: str, kind: str, rows: int) -> None:
    assert (kind_of(url), rows_of(url)) == (kind, rows)


@both
def test_a_full_day_is_a_clear_error_that_says_until_when(daily: DailyRows, clock: Clock) -> None:
    for rows in (100, 100, 20):
        read(daily, rows)
    clock.now += 3600
    with pytest.raises(DayIsFull, match=r"300 rows of news in 24 hours.+run it again after 2026-04-30 22:00 UTC") as caught:
        read(daily, 1)
    assert caught.value.wait == DAY - 3600
    read(daily, 100, kind="events")
    read(daily, 100, account="second")
    assert clock.slept == []


@both
def test_a_day_that_is_nearly_over_is_waited_for(daily: DailyRows, clock: Clock) -> None:
    for _ in range(3):
        read(daily, 100)
    clock.now += DAY - 500
    read(daily, 100)
    assert 500 <= sum(clock.slept) <= 502


@both
def test_rows_that_nobody_knows_of_count_as_a_whole_page(daily: DailyRows, clock: Clock) -> None:
    daily.limit = 200
    read(daily, None)
    read(daily, 1)
    with pytest.raises(DayIsFull):
        read(daily, 0)
    clock.now -= 2 * DAY  # somebody has set the clock back: they count as read now
    with pytest.raises(DayIsFull):
        read(daily, 0)


@settings(max_examples=60, deadline=None)
@given(
    limit=st.integers(1, 300),
    calls=st.lists(st.tuples(st.floats(0, DAY / 3), st.integers(1, 150), st.none() | st.integers(0, 150)), max_size=40),
)
def test_in_no_day_are_more_rows_than_the_limit(limit: int, calls: list[tuple[float, int, int | None]]) -> None:
    clock, rows, waits = Clock(NOON), list[tuple[float, int]](), list[float]()
    with TemporaryDirectory() as folder, patch(SLEEP, clock), patch("torn_pipeline.torn.ledger.time", clock):
        daily = DailyRows(ledger_at(Path(folder) / "quota.sqlite"), limit)
        for pause, expected, came in calls:
            clock.now += pause
            try:
                with daily.reading("default", "log", expected) as reading:
                    reading.rows = came if came is None else min(came, expected, limit)
                    rows.append((clock.now, min(expected, limit) if reading.rows is None else reading.rows))
            except DayIsFull as full:
                waits.append(full.wait or 0.0)
    assert all(600 < wait <= DAY for wait in waits)
    for start, _ in rows:
        assert sum(count for at, count in rows if start <= at < start + DAY) <= limit


def test_a_client_counts_the_rows_of_each_answer(api: Loopback, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    client = make_client()
    monkeypatch.setattr(client._daily, "limit", 200)
    api.replies = [
        reply({"news": [{"id": number} for number in range(99)]}),
        refusal(6),
        refusal(5),
        Reply(b""),
        reply({"news": [{"id": 1}]}),
    ]
    client.get("/faction/news", {"limit": "100"})
    for error in (RequestRefused, ApiUnavailable, ApiUnavailable):
        with pytest.raises(error):
            client.get("/faction/news", {"limit": "100"})
    with pytest.raises(DayIsFull):  # the lost answer may have had a page
        client.get("/faction/news", {"limit": "100"})
    assert len(api.requests) == 4
    client.get("/faction/news", {"limit": "1"})
    client.get("/faction/basic")
    assert len(api.requests) == 6
