"""How much was done: the arithmetic over runs and fetches, by endpoint and account."""

from __future__ import annotations

import math
import statistics as arithmetic
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from torn_pipeline.steps.context import Pipeline

__all__ = ["FetchSeen", "FetchStatistics", "RunSeen", "RunState", "RunStatistics", "Statistics", "fetches_since", "statistics_of"]

_NEARLY_ALL = 0.95


class RunState(StrEnum):
    """What has become of a run so far."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSeen:
    """One run: what it was for, what has become of it, and when (UTC) it began and ended, ``None`` where it has not.

    ``is_retry``: it tries again what failed before. ``error`` is the sentence of a failed one, as far as somebody asked for it.
    """

    endpoint: str
    account: str
    state: RunState
    started: datetime | None = None
    ended: datetime | None = None
    is_retry: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSeen:
    """One fetch: how many calls and rows it took, and when (UTC) it began and ended.

    ``loaded`` is when its first load was written, ``None`` where there was none; ``loaded_bytes`` what its loads handed over.
    """

    endpoint: str
    account: str
    complete: bool
    calls: int
    rows: int
    started: datetime
    ended: datetime
    loaded: datetime | None = None
    loaded_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatistics:
    """What became of the runs that were submitted; ``retries`` of them try again what failed before.

    ``success_rate`` is the share of those that succeeded or failed, ``seconds`` (median, 95th percentile) are theirs too, from
    beginning to end; ``None`` where there was none.
    """

    submitted: int
    succeeded: int
    failed: int
    canceled: int
    running: int
    queued: int
    retries: int
    success_rate: float | None
    runs_an_hour: float
    median_seconds: float | None
    p95_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchStatistics:
    """What the fetches brought; ``incomplete`` of them broke off and were not loaded.

    ``rows_a_second`` is of the time that fetching took, ``median_seconds_to_load`` from a fetch's beginning to its first load.
    """

    fetches: int
    incomplete: int
    calls: int
    rows: int
    loaded_bytes: int
    rows_a_second: float | None
    median_seconds_to_load: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """How much was done for one endpoint and account; for all of them where both are empty.

    ``last_error`` is the sentence of the run that failed last, at ``last_failed`` (UTC); empty and ``None`` where none did.
    """

    endpoint: str
    account: str
    runs: RunStatistics
    fetches: FetchStatistics
    last_error: str
    last_failed: datetime | None


def fetches_since(pipeline: Pipeline, since: datetime) -> list[FetchSeen]:
    """The fetches that began at ``since`` (UTC) or later; none before the first load. It is one query of the platform's own tables.

    Raises:
        WarehouseError: when the warehouse refuses.
        WarehouseBusy: when another process holds it for too long.
    """
    if not pipeline.warehouse.schema_versions():
        return []
    sql = f"""SELECT f._fetch_id, f.endpoint, f.account, f.complete, f.pages, f.rows AS n, f.started, f.ended,
            MIN(l.loaded_at) AS loaded, SUM(l.bytes) AS size
        FROM torn_meta.fetches f LEFT JOIN torn_meta.loads l ON f._fetch_id = l._fetch_id
        WHERE f.started >= TIMESTAMP '{since:%Y-%m-%d %H:%M:%S}+00'
        GROUP BY f._fetch_id, f.endpoint, f.account, f.complete, f.pages, f.rows, f.started, f.ended"""  # noqa: S608 - a moment is no text
    return [
        FetchSeen(
            endpoint=row["endpoint"],
            account=row["account"],
            complete=row["complete"],
            calls=row["pages"],
            rows=row["n"],
            started=row["started"],
            ended=row["ended"],
            loaded=row["loaded"],
            loaded_bytes=int(row["size"] or 0),
        )
        for row in pipeline.warehouse.query(sql).to_pylist()
    ]


def statistics_of(runs: Iterable[RunSeen], fetches: Iterable[FetchSeen], hours: float) -> tuple[Statistics, list[Statistics]]:
    """The statistics of all runs and fetches of so many hours, and those of each endpoint and account that has any, by name."""
    all_runs, all_fetches = list(runs), list(fetches)
    of_pair: dict[tuple[str, str], tuple[list[RunSeen], list[FetchSeen]]] = {}
    for run in all_runs:
        of_pair.setdefault((run.endpoint, run.account), ([], []))[0].append(run)
    for fetch in all_fetches:
        of_pair.setdefault((fetch.endpoint, fetch.account), ([], []))[1].append(fetch)
    return _statistics("", "", all_runs, all_fetches, hours), [_statistics(*pair, *of_pair[pair], hours) for pair in sorted(of_pair)]


def _statistics(endpoint: str, account: str, runs: Sequence[RunSeen], fetches: Sequence[FetchSeen], hours: float) -> Statistics:
    failed = [(run.ended, run.error) for run in runs if run.state is RunState.FAILED and run.ended is not None]
    # Of the failures whose sentence is known the last: it is told of the newest alone, which need not be the last to end.
    last_failed, last_error = max(failed, key=lambda one: (bool(one[1]), one[0]), default=(None, ""))
    return Statistics(
        endpoint=endpoint,
        account=account,
        runs=_runs(runs, hours),
        fetches=_fetches(fetches),
        last_error=last_error,
        last_failed=last_failed,
    )


def _runs(runs: Sequence[RunSeen], hours: float) -> RunStatistics:
    states = Counter(run.state for run in runs)
    succeeded, failed = states[RunState.SUCCEEDED], states[RunState.FAILED]
    done = [run for run in runs if run.state in {RunState.SUCCEEDED, RunState.FAILED}]
    seconds = sorted((run.ended - run.started).total_seconds() for run in done if run.started is not None and run.ended is not None)
    return RunStatistics(
        submitted=len(runs),
        succeeded=succeeded,
        failed=failed,
        canceled=states[RunState.CANCELED],
        running=states[RunState.RUNNING],
        queued=states[RunState.QUEUED],
        retries=sum(run.is_retry for run in runs),
        success_rate=succeeded / (succeeded + failed) if done else None,
        runs_an_hour=len(runs) / hours,
        median_seconds=_median(seconds),
        # The least that 95 of 100 do not exceed, so that it is always one that was seen.
        p95_seconds=seconds[math.ceil(_NEARLY_ALL * len(seconds)) - 1] if seconds else None,
    )


def _fetches(fetches: Sequence[FetchSeen]) -> FetchStatistics:
    rows = sum(fetch.rows for fetch in fetches)
    seconds = sum((fetch.ended - fetch.started).total_seconds() for fetch in fetches)
    return FetchStatistics(
        fetches=len(fetches),
        incomplete=sum(not fetch.complete for fetch in fetches),
        calls=sum(fetch.calls for fetch in fetches),
        rows=rows,
        loaded_bytes=sum(fetch.loaded_bytes for fetch in fetches),
        rows_a_second=rows / seconds if seconds else None,
        median_seconds_to_load=_median([(fetch.loaded - fetch.started).total_seconds() for fetch in fetches if fetch.loaded is not None]),
    )


def _median(values: Sequence[float]) -> float | None:
    return arithmetic.median(values) if values else None
