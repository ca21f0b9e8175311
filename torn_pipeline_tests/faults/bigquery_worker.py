"""Work on a BigQuery warehouse that can be stopped before and after each of its calls.

Processes are forked from a server that has imported this module and nothing of Dagster, so one costs
some hundredths of a second.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import requests

from torn_pipeline.warehouse.bigquery import BigQueryWarehouse
from torn_pipeline.warehouse.bigquery_service import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.context import ForkServerContext

    from torn_pipeline.warehouse import Load
    from torn_pipeline.warehouse.bigquery_service import Place

__all__ = ["calls_of", "dump", "name_of", "processes", "settled", "watched", "work_and_die"]

CLOCKS = {"loads": "loaded_at", "schema_versions": "changed_at", "quarantine": "quarantined_at"}
_NAMES = re.compile(r"[0-9a-f]{32}(_[0-9]+)?|_[0-9a-f]{8}(?=[?/]|$)|d[0-9a-f]{12}|\?.*")


@contextmanager
def watched(hook: Callable[[str, requests.PreparedRequest], None]) -> Iterator[None]:
    """Call ``hook(moment, request)`` before each call goes out and after its answer came."""
    send = requests.Session.send

    def watched_send(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # noqa: ANN401 - handed on
        hook("before", request)
        answer = send(self, request, **options)
        hook("after", request)
        return answer

    requests.Session.send = watched_send  # type: ignore[method-assign] # the point of this function
    try:
        yield
    finally:
        requests.Session.send = send  # type: ignore[method-assign] # as above


def name_of(request: requests.PreparedRequest) -> str:
    """What a call is: its method and path, without what is different each time."""
    url = str(request.url)
    upload = "upload to " if "/upload/" in url else ""
    return f"{request.method} {upload}{_NAMES.sub('', url.rsplit('/projects/torn/', 1)[-1])}"


def calls_of(place: Place, load: Load) -> list[tuple[str, str]]:
    """Do the work and list the moments that the hook saw."""
    moments: list[tuple[str, str]] = []
    with watched(lambda moment, request: moments.append((moment, name_of(request)))):
        BigQueryWarehouse(place).load(load)
    return moments


def work_and_die(place: Place, load: Load, number: int) -> None:
    """Do the work up to the moment of that number, and be killed there."""
    left = iter(range(number, -1, -1))

    def hook(_moment: str, _request: requests.PreparedRequest) -> None:
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    with watched(hook):
        BigQueryWarehouse(place).load(load)


def processes() -> ForkServerContext:
    """Where worker processes come from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", __name__])
    return context


def settled(place: Place) -> None:
    """Wait until every job has ended: one goes on when its caller is gone."""
    client = Service(place).client
    while any(job.state != "DONE" for job in client.list_jobs(max_results=20)):
        time.sleep(0.01)  # only while a job runs: the server tells nobody of its end


def dump(place: Place, tables: tuple[str, ...]) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, sorted, without nulls and without the columns that hold the time of writing."""
    names = {place.table(table): table for table in tables}
    names |= {place.meta_table(table): table for table in ("fetches", "loads", "schema_versions", "quarantine")}
    found: dict[str, list[dict[str, Any]]] = {table: [] for table in names.values()}
    parts = [
        f"SELECT '{table}' AS name, TO_JSON_STRING(t) AS line FROM (SELECT * {_except(table)} FROM {name}) t"  # noqa: S608 - our own names
        for name, table in names.items()
    ]
    for row in Service(place).rows("\nUNION ALL ".join(parts)):
        line = {name: value for name, value in json.loads(row["line"]).items() if value is not None}
        found[row["name"]].append(line)
    return {table: sorted(rows, key=repr) for table, rows in found.items()}


def _except(table: str) -> str:
    return f"EXCEPT ({CLOCKS[table]})" if table in CLOCKS else ""
