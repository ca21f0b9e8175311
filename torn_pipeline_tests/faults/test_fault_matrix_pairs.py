"""Every ordered pair of faults, at the first, a middle or the last call of a paged list: recovered, or refused without a trace.

The calls take turns, so that each fault is the first and the second one at each of them; with ``TORN_EXHAUSTIVE=true`` every pair
is tried at all three.

The second fault strikes the call after the one that the first struck: the next try of the same page, the first page again,
the next page or the proof, whatever the first led to. Where the first ends the fetch, the second strikes the next fetch,
which is one of a later time: the keys work again, and the API is open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from torn_pipeline.errors import PipelineError
from torn_pipeline_tests.exhaustive import EXHAUSTIVE
from torn_pipeline_tests.faults.matrix import (
    CALLS,
    KINDS,
    PAIRED,
    PLACES,
    SECONDS,
    Case,
    City,
    Kind,
    Outcome,
    assert_sentence,
    open_city,
    within,
)
from torn_pipeline_tests.ledger import forgive

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_CALLS = 30
CASES = [
    (first, second, place)
    for row, first in enumerate(PAIRED)
    for column, second in enumerate(PAIRED)
    for turn, place in enumerate(PLACES)
    if EXHAUSTIVE or (row + column) % len(PLACES) == turn
]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with open_city(tmp_path_factory.mktemp("pairs")) as opened:
        yield opened


def assert_refused(case: Case, kind: Kind) -> None:
    with pytest.raises(PipelineError) as raised:
        case.fetch()
    error = raised.value
    assert (isinstance(error, kind.error), error.exit_status) == (True, 1)
    assert_sentence(str(error))
    case.assert_untold(str(error))
    assert case.complete() == []


@pytest.mark.parametrize(("first", "second", "place"), CASES)
def test_pair(city: City, first: str, second: str, place: str) -> None:
    one, other = KINDS[first], KINDS[second]
    case, call = city.case(one, other), CALLS.index(place)
    begun = city.simulator.received
    city.plant(one.make(), call)
    outcome = other.at_proof if one.accepted and place == "last" else other.once
    with within(SECONDS):
        if one.once is Outcome.REFUSED:
            assert_refused(case, one)
            city.simulator.faults.clear()
            forgive(case.folder / "data")
            city.ask()
            city.plant(other.make(), call)
        else:
            city.plant(other.make(), call + 1)
        if outcome is Outcome.REFUSED:
            assert_refused(case, other)
        else:
            case.fetch()
            case.assert_recovered()
    assert city.simulator.received - begun < MOST_CALLS
    case.remove()
