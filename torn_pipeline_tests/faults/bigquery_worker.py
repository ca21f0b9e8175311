"""Work on a BigQuery warehouse that can be stopped before and after each of its calls.

Processes are forked from a server that has imported this module and nothing of Dagster, so one costs
some hundredths of a second.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import resource
import signal
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from torn_pipeline.errors import PipelineError
from torn_pipeline.warehouse.bigquery import BigQueryWarehouse
from torn_pipeline.warehouse.bigquery_service import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.context import ForkServerContext

    from torn_pipeline.warehouse.bigquery_service import Place
    from torn_pipeline_tests.faults.warehouse_works import Scene, Work

__all__ = ["NO_ROOM", "Stage", "name_of", "processes", "settled", "stage", "watched", "work_and_die", "work_on_a_full_disk"]

META = ("fetches", "loads", "schema_versions", "quarantine", "measurements")
LEFT_OUT = {"loads": "loaded_at, bytes", "schema_versions": "changed_at", "quarantine": "quarantined_at"}
NO_ROOM = 3
"""The exit status of a worker whose work ended with one of our errors."""
_NAMES = re.compile(r"[0-9a-f]{32}(_[0-9]+)?|_[0-9a-f]{8}(?=[?/]|$)|d[0-9a-f]{12}|\?.*")


@contextmanager
def watched(hook: Callable[[str, requests.PreparedRequest], requests.Response | None]) -> Iterator[None]:
    """Call ``hook(moment, request)`` before each call goes out and after its answer came; what it gives before is the answer.

    Calls that ask whether a job has ended are left out, or stand there once: how many there are is a matter of time.
    """
    send, names = requests.Session.send, [""]

    def watched_send(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # noqa: ANN401 - handed on
        names.append(name_of(request))
        if names[-1].startswith("GET jobs/") or (names[-1] == names[-2] and names[-1].startswith("GET queries/")):
            return send(self, request, **options)
        answer = hook("before", request)
        if answer is None:
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


# --- what a process of its own does ------------------------------------------------------------------------------


def work_and_die(work: Work, place: Place, number: int) -> None:
    """Do the work up to the moment of that number, and be killed there."""
    _check_light()
    left = iter(range(number, -1, -1))

    def hook(_moment: str, _request: requests.PreparedRequest) -> None:
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    with watched(hook):
        work.do(BigQueryWarehouse(place))


def work_on_a_full_disk(work: Work, place: Place, size: int) -> None:
    """Do the work where no file gets larger than so many bytes: what lies beyond is refused as on a disk that is full."""
    _check_light()
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        work.do(BigQueryWarehouse(place))
    except PipelineError:
        os._exit(NO_ROOM)


def _check_light() -> None:
    """Processes are many: they must not load what takes seconds."""
    assert "dagster" not in sys.modules


def processes() -> ForkServerContext:
    """Where worker processes come from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", __name__, "torn_pipeline_tests.faults.warehouse_works"])
    return context


def settled(place: Place) -> None:
    """Wait until every job has ended: one goes on when its caller is gone."""
    client = Service(place).client
    while any(job.state != "DONE" for job in client.list_jobs(max_results=20)):
        time.sleep(0.01)  # only while a job runs: the server tells nobody of its end


# --- before and after --------------------------------------------------------------------------------------------


@dataclass
class Stage:
    """A piece of work on a dataset that is brought back to what it was before it.

    ``moments`` come in twos, before and after a call.
    """

    place: Place
    work: Work
    tables: tuple[str, ...]
    before: dict[str, Any] = field(default_factory=dict)
    moments: list[tuple[str, str]] = field(default_factory=list)
    after: dict[str, Any] = field(default_factory=dict)

    @property
    def commit(self) -> int:
        """The moment from which on the transaction's job is BigQuery's business: the last job that is begun."""
        return max(number for number, moment in enumerate(self.moments) if moment == ("after", "POST jobs"))

    @property
    def change(self) -> int:
        """The moment before which nothing of the tables is changed, their columns included."""
        changing = ("PATCH datasets//tables", "POST datasets", "POST jobs")
        return next(number for number, (_, call) in enumerate(self.moments) if call.startswith(changing) and "_meta" not in call)

    def begin(self) -> BigQueryWarehouse:
        """The warehouse before the work, opened anew."""
        if self.before:
            self._bring_back()
        else:
            self._drop()
        return BigQueryWarehouse(self.place)

    def found(self) -> dict[str, list[dict[str, str]]]:
        """Every row of every table, sorted, values as texts, without nulls, times of writing and sizes in memory.

        Tables of no row are left out, so that a column or table that a load has left empty is nothing.
        """
        service, place = Service(self.place), self.place
        there = [place.table(name) for name in service.tables()] if _exists(service) else []
        if not there:
            return {}
        names = there + [place.meta_table(name) for name in META]
        parts = [
            f"SELECT '{name}' AS name, TO_JSON_STRING(t) AS line FROM (SELECT * {_except(name)} FROM {name}) t"  # noqa: S608 - our own names
            for name in names
        ]
        found: dict[str, list[dict[str, str]]] = {}
        for row in service.rows("\nUNION ALL ".join(parts)):
            line = {name: str(value) for name, value in json.loads(row["line"]).items() if value is not None}
            found.setdefault(row["name"], []).append(line)
        return {table: sorted(rows, key=repr) for table, rows in found.items()}

    def keep(self) -> None:
        """Keep copies of all tables as they are."""
        self._copy([(self._kept(name), name) for name in self._names()])

    def _bring_back(self) -> None:
        """Copy the tables back; the dataset is as new to the loads: their jobs' names come from when it was made."""
        service = Service(self.place)
        for name in set(service.tables()) - set(self.tables):
            service.rows(f"DROP TABLE {self.place.table(name)}")
        self._copy([(name, self._kept(name)) for name in self._names()])
        service.rows(f"UPDATE {self.place.meta_table('version')} SET applied_at = CURRENT_TIMESTAMP() WHERE TRUE")  # noqa: S608 - our own name

    def _drop(self) -> None:
        for dataset in (self.place.dataset, self.place.meta):
            Service(self.place).client.delete_dataset(dataset, delete_contents=True, not_found_ok=True)

    def _names(self) -> list[str]:
        return [self.place.table(name) for name in self.tables] + [self.place.meta_table(name) for name in META]

    def _kept(self, name: str) -> str:
        return self.place.meta_table("kept_" + name.rpartition(".")[2].strip("`"))

    def _copy(self, pairs: list[tuple[str, str]]) -> None:
        Service(self.place).rows(";\n".join(f"CREATE OR REPLACE TABLE {to} COPY {source}" for to, source in pairs))


def stage(scene: Scene, warehouse: BigQueryWarehouse) -> Stage:
    """Prepare a piece of work, and do it once to see its calls and its end."""
    work = scene(warehouse)
    service = Service(warehouse.place)
    there = tuple(service.tables()) if _exists(service) else ()
    on = Stage(warehouse.place, work, there)
    on.before = on.found()
    if there:
        on.keep()
    begun = on.begin()
    with watched(lambda moment, request: on.moments.append((moment, name_of(request)))):
        on.work.do(begun)
    on.after = on.found()
    return on


def _exists(service: Service) -> bool:
    return any(dataset.dataset_id == service.place.dataset for dataset in service.client.list_datasets())


def _except(name: str) -> str:
    columns = LEFT_OUT.get(name.rpartition(".")[2].strip("`"))
    return f"EXCEPT ({columns})" if columns else ""
