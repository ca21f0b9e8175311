"""The arithmetic over runs and fetches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from torn_pipeline.steps.statistics import FetchSeen, RunSeen, RunState, statistics_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def run(state: RunState, seconds: float = 0, *, account: str = "default", error: str = "", retry: bool = False) -> RunSeen:
    """A run of crimes that began at noon and took so long, if it has ended."""
    ended = after(seconds) if state in {RunState.SUCCEEDED, RunState.FAILED} else None
    return RunSeen(endpoint="crimes", account=account, state=state, started=NOON, ended=ended, is_retry=retry, error=error)


def fetch(*, calls: int, rows: int, seconds: float, loaded: float | None = None, size: int = 0) -> FetchSeen:
    return FetchSeen(
        endpoint="crimes",
        account="default",
        complete=loaded is not None,
        calls=calls,
        rows=rows,
        started=NOON,
        ended=after(seconds),
        loaded=None if loaded is None else after(loaded),
        loaded_bytes=size,
    )


def test_nothing_done_is_no_rate_and_no_time() -> None:
    total, each = statistics_of([], [], 24)
    assert each == []
    assert (total.runs.submitted, total.runs.runs_an_hour, total.fetches.fetches) == (0, 0, 0)
    times = (total.runs.success_rate, total.runs.median_seconds, total.runs.p95_seconds)
    assert (*times, total.fetches.rows_a_second, total.fetches.median_seconds_to_load) == (None,) * 5
    assert (total.last_error, total.last_failed) == ("", None)


def test_runs_are_counted_by_what_became_of_them_and_only_those_done_have_a_share_and_a_time() -> None:
    runs = [
        run(RunState.SUCCEEDED, 1),
        run(RunState.SUCCEEDED, 5, retry=True),
        run(RunState.SUCCEEDED, 3),
        run(RunState.FAILED, 9, error="the API was down"),
        run(RunState.CANCELED),
        run(RunState.RUNNING),
        run(RunState.QUEUED),
    ]
    total, (only,) = statistics_of(runs, [], 2)
    assert total.runs == only.runs
    counts = (only.runs.succeeded, only.runs.failed, only.runs.canceled, only.runs.running, only.runs.queued, only.runs.retries)
    assert counts == (3, 1, 1, 1, 1, 1)
    assert (only.runs.submitted, only.runs.runs_an_hour, only.runs.success_rate) == (7, 3.5, 0.75)
    assert (only.runs.median_seconds, only.runs.p95_seconds) == (4, 9)


def test_the_95th_percentile_is_the_least_that_95_of_100_do_not_exceed() -> None:
    for number, expected in ((1, 1), (20, 19), (21, 20), (100, 95), (101, 96)):
        total, _ = statistics_of([run(RunState.SUCCEEDED, seconds) for seconds in range(number, 0, -1)], [], 1)
        assert total.runs.p95_seconds == expected


def test_the_last_failure_is_told_of_each_and_of_all() -> None:
    runs = [
        run(RunState.FAILED, 1, error="first"),
        run(RunState.FAILED, 7, error="later"),
        run(RunState.FAILED, 3, account="second", error="the key"),
        run(RunState.SUCCEEDED, 8),
    ]
    total, each = statistics_of(runs, [], 24)
    assert [(one.account, one.last_error, one.last_failed) for one in each] == [
        ("default", "later", after(7)),
        ("second", "the key", after(3)),
    ]
    assert (total.last_error, total.last_failed) == ("later", after(7))


def test_fetches_add_up_and_their_speed_is_that_of_fetching() -> None:
    fetches = [
        fetch(calls=20, rows=2_000, seconds=4, loaded=10, size=50_000),
        fetch(calls=3, rows=200, seconds=1, loaded=2, size=5_000),
        fetch(calls=2, rows=50, seconds=5),
    ]
    total, (only,) = statistics_of([run(RunState.SUCCEEDED, 1)], fetches, 24)
    assert (only.endpoint, only.account) == ("crimes", "default")
    assert total.fetches == only.fetches
    assert (only.fetches.fetches, only.fetches.incomplete, only.fetches.calls) == (3, 1, 25)
    assert (only.fetches.rows, only.fetches.loaded_bytes) == (2_250, 55_000)
    assert (only.fetches.rows_a_second, only.fetches.median_seconds_to_load) == (225, 6)
