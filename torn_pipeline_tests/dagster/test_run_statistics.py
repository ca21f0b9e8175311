"""Dagster's runs as plain data, read in pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from torn_pipeline.automation import run_statistics
from torn_pipeline.steps.statistics import RunState

if TYPE_CHECKING:
    import pytest

STATUSES = (
    (dg.DagsterRunStatus.SUCCESS, RunState.SUCCEEDED),
    (dg.DagsterRunStatus.FAILURE, RunState.FAILED),
    (dg.DagsterRunStatus.CANCELED, RunState.CANCELED),
    (dg.DagsterRunStatus.STARTED, RunState.RUNNING),
    (dg.DagsterRunStatus.NOT_STARTED, RunState.QUEUED),
)


@dg.job
def some_job() -> None:
    """A job of no endpoint's."""


def test_every_run_is_seen_once_newest_first_and_only_those_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_statistics, "_PAGE", 2)
    began = datetime.now(UTC)
    with dg.DagsterInstance.ephemeral() as instance:
        for status, _ in STATUSES:
            instance.create_run_for_job(some_job, status=status, tags={"dagster/partition": "second|2026-05-04"})
        seen = list(run_statistics.runs_since(instance, [], began - timedelta(minutes=1)))
        assert [run.state for run in seen] == [state for _, state in reversed(STATUSES)]
        assert {(run.endpoint, run.account) for run in seen} == {("some_job", "second")}
        assert list(run_statistics.runs_since(instance, [], began + timedelta(hours=1))) == []
        assert run_statistics.open_runs(instance) == (1, 1)


def test_what_failed_last_is_what_failed_when_it_ended_last() -> None:
    pair = ("some_job", "")
    long_ago = datetime.now(UTC) - timedelta(days=1)
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_statistics.failed_last(instance, [], {pair}, long_ago) == set()
        for status, expected in (("SUCCESS", set()), ("FAILURE", {pair}), ("STARTED", {pair}), ("CANCELED", set())):
            instance.create_run_for_job(some_job, status=dg.DagsterRunStatus(status))
            assert run_statistics.failed_last(instance, [], {pair, ("never", "")}, long_ago) == expected
