"""A load into BigQuery that fails, is killed, loses an answer or finds no room leaves the warehouse as before or as after."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest
import requests

from torn_pipeline.errors import WarehouseError
from torn_pipeline.warehouse.bigquery import BigQueryWarehouse
from torn_pipeline_tests.emulator import EXHAUSTIVE, bigquery
from torn_pipeline_tests.faults.bigquery_worker import (
    NO_ROOM,
    Stage,
    name_of,
    processes,
    settled,
    stage,
    watched,
    work_and_die,
    work_on_a_full_disk,
)
from torn_pipeline_tests.faults.fault_pairs import Pair, check_count
from torn_pipeline_tests.faults.warehouse_works import SCENES, Scene, upsert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ERROR_BEFORE, ERROR_AFTER, KILLED = "error before", "error after", "killed before"
NOT_SENT, LOST, TROUBLE = "connection lost before", "answer lost", "in trouble"
FULL_DISK, SPOILT, LATE, ABORTED = "full disk", "load job fails", "transaction fails late", "another transaction aborts it"
KINDS = (ERROR_BEFORE, LOST, ERROR_AFTER, KILLED, NOT_SENT, TROUBLE)
STOPS = {ERROR_BEFORE, ERROR_AFTER, KILLED}
"""What ends the work; the other faults are such that it goes on."""
AFTERWARDS = {ERROR_AFTER, LOST}
AGAIN = 10  # of so many works that were stopped before they were done, one is done again


class Fault(Exception):
    """What a call is made to raise."""


def chosen(on: Stage, scene: Scene) -> list[Pair]:
    """The moments at which something goes wrong, and what: each call of one piece of work fails, and each second one loses its answer.

    Of the other faults, and in other works, each is tried at some of the calls, and at the one that begins the transaction.
    """
    calls = range(0, len(on.moments), 2)
    pairs = [(call + (kind in AFTERWARDS), kind) for call in calls for kind in KINDS]
    if EXHAUSTIVE:
        return pairs
    whole = (
        {(place, kind) for place, kind in pairs if kind == ERROR_BEFORE or (kind == LOST and place % 4 == 1)} if scene is upsert else set()
    )
    every = 24 if scene is upsert else 48
    thinned = (place for place in pairs if (place[0] // 2 + 2 * KINDS.index(place[1])) % every == 0)
    at_commit = ((place, kind) for place, kind in pairs if place // 2 == on.commit // 2 and kind in {KILLED, ERROR_AFTER})
    return sorted(whole | set(thinned) | set(at_commit))


def disturb(on: Stage, warehouse: BigQueryWarehouse, place: int, kind: str) -> None:
    """Do the work with something going wrong once, at that moment."""
    left = iter(range(place, -1, -1))

    def hook(_moment: str, request: requests.PreparedRequest) -> requests.Response | None:
        if next(left, 1):
            return None
        if kind == TROUBLE:
            return unavailable(request)
        raise (Fault if kind in STOPS else requests.ConnectionError)(name_of(request))

    with watched(hook):
        on.work.do(warehouse)


def unavailable(request: requests.PreparedRequest) -> requests.Response:
    """What BigQuery answers when it is in trouble: https://cloud.google.com/bigquery/docs/error-messages."""
    answer = requests.Response()
    answer.status_code, answer.request, answer.url = 503, request, str(request.url)
    reason = {"reason": "backendError", "message": "Error encountered during execution. Retrying may solve the problem."}
    answer._content = json.dumps({"error": {"code": 503, "message": reason["message"], "errors": [reason]}}).encode()
    answer.headers["Content-Type"] = "application/json"
    return answer


def kill(on: Stage, place: int) -> None:
    worker = processes().Process(target=work_and_die, args=(on.work, on.place, place))
    worker.start()
    worker.join(120)
    assert worker.exitcode == -signal.SIGKILL


def go_wrong(on: Stage, warehouse: BigQueryWarehouse, place: int, kind: str) -> dict[str, Any]:
    """Let one thing go wrong; what has to stand there afterwards."""
    if kind == KILLED:
        kill(on, place)
    elif kind in STOPS:
        with pytest.raises(Fault):
            disturb(on, warehouse, place, kind)
    elif (kind, on.moments[place][1]) == (LOST, "POST queries"):
        # The emulator refuses a query whose requestId it knows. BigQuery answers it as before:
        # https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query#QueryRequest.FIELDS.request_id
        with pytest.raises(WarehouseError, match="Already Exists"):
            disturb(on, warehouse, place, kind)
        return on.before
    else:
        disturb(on, warehouse, place, kind)
        return on.after
    settled(on.place)
    if kind in {ERROR_BEFORE, ERROR_AFTER} and on.commit <= place < on.commit + 3:
        return min(on.found(), on.after, key=lambda found: found != on.before)  # the job may find the staged rows gone, as its caller is
    return on.after if place >= on.commit else on.before


def go_wrong_everywhere(on: Stage, pairs: list[Pair]) -> Iterator[Pair]:
    warehouse, change = on.begin(), on.change
    for number, (place, kind) in enumerate(pairs):
        expected = go_wrong(on, warehouse, place, kind)
        assert on.found() == expected, f"{kind}: {on.moments[place]}"
        again = (place >= on.commit and kind in STOPS) or number % AGAIN == 0
        if again:
            do_again(on, f"{kind}: {on.moments[place]}")
        as_it_was = not again and place < change and expected is on.before
        warehouse = BigQueryWarehouse(on.place) if as_it_was else on.begin()
        yield place, kind


def do_again(on: Stage, what: str) -> None:
    on.work.do(BigQueryWarehouse(on.place))
    assert without_numbers(on.found()) == without_numbers(on.after), f"tried again after {what}"


def without_numbers(found: dict[str, Any]) -> dict[str, Any]:
    """All but the numbers of loads and the versions of the tables' shapes: tables that are rebuilt twice have been created twice."""
    return {
        table: sorted([{name: value for name, value in row.items() if name != "load_id"} for row in rows], key=repr)
        for table, rows in found.items()
        if "schema_versions" not in table
    }


@pytest.mark.parametrize("scene", SCENES)
def test_a_fault_at_any_call_leaves_before_or_after(scene: Scene, record_property: Callable[[str, object], None]) -> None:
    with bigquery() as warehouse:
        on = stage(scene, warehouse)
        assert on.before != on.after
        check_count("bigquery", scene.__name__, list(go_wrong_everywhere(on, chosen(on, scene))), record_property)


@pytest.fixture(scope="module")
def on() -> Iterator[Stage]:
    """The work of which more can go wrong."""
    with bigquery() as warehouse:
        yield stage(upsert, warehouse)


@pytest.mark.parametrize("size", [1, 2000])
def test_no_room_for_the_rows_on_their_way_leaves_everything_as_it_was(on: Stage, size: int) -> None:
    on.begin()
    worker = processes().Process(target=work_on_a_full_disk, args=(on.work, on.place, size))
    worker.start()
    worker.join(120)
    assert worker.exitcode == NO_ROOM
    assert on.found() == on.before
    do_again(on, f"there was no room beyond {size}")


def test_a_load_job_that_fails_leaves_everything_as_it_was(on: Stage) -> None:
    def spoil(moment: str, request: requests.PreparedRequest) -> None:
        if moment == "before" and "upload to" in name_of(request):
            body: Any = request.body
            request.body = bytes(body).replace(b"PAR1", b"RAP1")

    warehouse = on.begin()
    with watched(spoil), pytest.raises(WarehouseError, match="refused") as caught:
        on.work.do(warehouse)
    assert "\n" not in str(caught.value)
    assert on.found() == on.before
    do_again(on, SPOILT)


def insert_once(statement: str) -> Callable[[str, requests.PreparedRequest], None]:
    """Have the first transaction end with another statement before its commit."""
    left = iter([True])

    def spoil(moment: str, request: requests.PreparedRequest) -> None:
        if moment == "before" and name_of(request) == "POST jobs" and next(left, False):
            body: Any = request.body
            text = body if isinstance(body, str) else bytes(body).decode()
            assert "COMMIT TRANSACTION" in text
            request.prepare_body(text.replace("COMMIT TRANSACTION", f"{statement}; COMMIT TRANSACTION").encode(), None)

    return spoil


def test_a_transaction_that_fails_late_leaves_everything_as_it_was(on: Stage) -> None:
    """Its last statement finds its table gone: everything before it is taken back."""
    warehouse = on.begin()
    with watched(insert_once("DELETE FROM nothing WHERE TRUE")), pytest.raises(WarehouseError, match="nothing"):
        on.work.do(warehouse)
    assert on.found() == on.before
    do_again(on, LATE)


def test_a_transaction_that_another_one_aborts_is_tried_again(on: Stage) -> None:
    """BigQuery gives up one of two that change a table: https://cloud.google.com/bigquery/docs/transactions#transaction_concurrency."""
    warehouse = on.begin()
    said = "Transaction is aborted due to concurrent update against table torn:things"
    with watched(insert_once(f"SELECT ERROR('{said}')")):
        on.work.do(warehouse)
    assert on.found() == on.after
