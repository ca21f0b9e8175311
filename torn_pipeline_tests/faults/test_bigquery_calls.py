"""A load into BigQuery that fails, is killed or loses an answer at any call leaves the warehouse as it was before or as it is after."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
import requests

from torn_pipeline.errors import WarehouseError
from torn_pipeline.warehouse.bigquery import BigQueryWarehouse
from torn_pipeline_tests.conformance.warehouse_loads import THINGS, contents, fetch, frames, load
from torn_pipeline_tests.emulator import EXHAUSTIVE, bigquery
from torn_pipeline_tests.faults.bigquery_worker import calls_of, dump, name_of, processes, settled, watched, work_and_die

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torn_pipeline.warehouse import Load
    from torn_pipeline.warehouse.bigquery_service import Place

EVERY = 1 if EXHAUSTIVE else 10
TABLES = tuple(table.name for table in THINGS)


class Fault(Exception):
    """What a call is made to raise."""


def work(number: int, case: int = 0) -> Load:
    """Rows replaced, added and put into quarantine; in the second batch a column that is new in each case."""
    of = fetch(number)
    colour = pl.lit(f"red {number}").alias(f"colour_{case}")
    second = frames(of, {4: ("d",)})
    batches = [frames(of, {1: ("A", "B"), number: ()}), {**second, "things": second["things"].with_columns(colour)}]
    return load(of, {}, batches=batches, broken=[2])


def expected(*numbers: int) -> dict[tuple[str, int, str], tuple[str, ...]]:
    """What stands in the tables after the first load and the work of these numbers."""
    last = numbers[-1]
    added = {("default", number, f"{number} by things-default-{number} v1"): () for number in numbers}
    kept: dict[tuple[str, int, str], tuple[str, ...]] = {
        ("default", 2, "2 by things-default-1 v1"): ("b", "c"),
        ("default", 3, "3 by things-default-1 v1"): (),
    }
    replaced: dict[tuple[str, int, str], tuple[str, ...]] = {
        ("default", 1, f"1 by things-default-{last} v1"): ("A", "B"),
        ("default", 4, f"4 by things-default-{last} v1"): ("d",),
    }
    return kept | added | replaced


@pytest.fixture(scope="module")
def moments() -> list[tuple[str, str]]:
    """The calls of a piece of work, each before and after."""
    with bigquery() as warehouse:
        begin(warehouse)
        return calls_of(warehouse.place, work(10))


@pytest.fixture
def begun() -> Iterator[BigQueryWarehouse]:
    """A warehouse with some rows."""
    with bigquery() as warehouse:
        begin(warehouse)
        yield warehouse


def begin(warehouse: BigQueryWarehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",), 2: ("b", "c"), 3: ()}, broken=[9]))


def commit(moments: list[tuple[str, str]]) -> int:
    """The moment from which on the transaction's job is BigQuery's business."""
    return moments.index(("after", "POST jobs"))


def fail_at(place: Place, number: int, piece: Load, error: type[Exception]) -> None:
    """Do the work with an error raised once, at the moment of that number."""
    left = iter(range(number, -1, -1))

    def hook(_moment: str, request: requests.PreparedRequest) -> None:
        if next(left, 1) == 0:
            raise error(name_of(request))

    with watched(hook):
        BigQueryWarehouse(place).load(piece)


def test_an_error_at_any_call_leaves_before_or_after(begun: BigQueryWarehouse, moments: list[tuple[str, str]]) -> None:
    place, before, at = begun.place, dump(begun.place, TABLES), commit(moments)
    assert len(moments) > 30
    for number in range(0, at, EVERY):
        with pytest.raises(Fault):
            fail_at(place, number, work(10, number), Fault)
        assert dump(place, TABLES) == before, f"failed {moments[number]}"
    done = []
    for number in range(at, len(moments), EVERY):
        done.append(fetched := 10 + number - at)
        try:
            fail_at(place, number, work(fetched, number), Fault)
        except Fault:
            settled(place)
        assert contents(begun) == expected(*done), f"failed {moments[number]}"
        after = dump(place, TABLES)
        assert "already loaded" in begun.load(work(fetched, number)).skipped
        assert dump(place, TABLES) == after, f"tried again after it failed {moments[number]}"


def test_a_lost_answer_is_asked_for_again(begun: BigQueryWarehouse, moments: list[tuple[str, str]]) -> None:
    """The call was heard, its answer was not: BigQuery's own client asks again, and a job that runs is found by its id.

    The emulator refuses a query whose ``requestId`` it knows. BigQuery answers it as before:
    https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query#QueryRequest.FIELDS.request_id
    """
    done = []
    answers = [(number, call) for number, (moment, call) in enumerate(moments) if moment == "after"]
    for number, call in answers[::EVERY]:
        fetched = 10 + number
        if call == "POST queries":
            with pytest.raises(WarehouseError, match="Already Exists"):
                fail_at(begun.place, number, work(fetched, number), requests.ConnectionError)
            continue
        done.append(fetched)
        fail_at(begun.place, number, work(fetched, number), requests.ConnectionError)
        assert contents(begun) == expected(*done), f"lost the answer to {call}"
    assert len(begun.quarantined()) == len(done) + 1


def test_a_kill_at_any_call_leaves_before_or_after(begun: BigQueryWarehouse, moments: list[tuple[str, str]]) -> None:
    place, at = begun.place, commit(moments)
    before = dump(place, TABLES)
    numbers = [*[number for number in range(at) if moments[number][0] == "before"][::EVERY], at]
    for number in numbers:
        worker = processes().Process(target=work_and_die, args=(place, work(10, number), number))
        worker.start()
        worker.join(120)
        assert worker.exitcode == -signal.SIGKILL
        settled(place)
        if number < at:
            assert dump(place, TABLES) == before, f"killed {moments[number]}"
    assert contents(begun) == expected(10)
    assert "already loaded" in begun.load(work(10, at)).skipped
    assert contents(begun) == expected(10)


def test_a_load_job_that_fails_leaves_everything_as_it_was(begun: BigQueryWarehouse) -> None:
    before = dump(begun.place, TABLES)

    def spoil(moment: str, request: requests.PreparedRequest) -> None:
        if moment == "before" and "upload to" in name_of(request):
            body: Any = request.body
            request.body = bytes(body).replace(b"PAR1", b"RAP1")

    with watched(spoil), pytest.raises(WarehouseError, match="refused") as caught:
        begun.load(work(10))
    assert "\n" not in str(caught.value)
    assert dump(begun.place, TABLES) == before
    begun.load(work(10))
    assert contents(begun) == expected(10)


def test_a_transaction_that_fails_late_leaves_everything_as_it_was(begun: BigQueryWarehouse) -> None:
    """Its last statement finds its table gone: everything before it is taken back."""
    before = dump(begun.place, TABLES)

    def spoil(moment: str, request: requests.PreparedRequest) -> None:
        if moment == "before" and name_of(request) == "POST jobs":
            body: Any = request.body
            text = body if isinstance(body, str) else bytes(body).decode()
            request.prepare_body(text.replace("COMMIT TRANSACTION", "DELETE FROM nothing WHERE TRUE; COMMIT TRANSACTION").encode(), None)

    with watched(spoil), pytest.raises(WarehouseError, match="nothing"):
        begun.load(work(10))
    assert dump(begun.place, TABLES) == before
    begun.load(work(10))
    assert contents(begun) == expected(10)
