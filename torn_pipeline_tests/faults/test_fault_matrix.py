"""Every fault alone, through the console script: at each call of a paged list, staying for ever, and of endpoints in one piece.

The table of kinds says which of two ends is right: the tables are the world, value by value; or exit status 1, one sentence
on stderr, and tables and landing as before.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from torn_pipeline.errors import KeyRefused, PipelineError
from torn_pipeline.simulator.faults import KeyDies, NewField
from torn_pipeline_tests.e2e.console import Console, Result
from torn_pipeline_tests.faults.matrix import (
    ALONE,
    CALLS,
    FACTION,
    KINDS,
    NOVELTY,
    PLACES,
    SECONDS,
    Case,
    City,
    Outcome,
    assert_sentence,
    open_city,
    within,
)
from torn_pipeline_tests.ledger import forgive
from torn_pipeline_tests.reference import TABLES, differences, reference_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = [name for name in ALONE if KINDS[name].error is KeyRefused]
STAYING = [name for name in ALONE if KINDS[name].stays is not None]
# What strikes a page of a list has nothing to strike here.
IN_ONE_PIECE = [name for name in ALONE if not name.startswith(("row", "page of", "link", "list that", "new field of"))]
ON_DAGSTER = ("empty list", "row added", "error 8", "error 2", "dead key", "other body", "link to another host")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with open_city(tmp_path_factory.mktemp("alone")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's environment."""
    for name in [name for name in os.environ if name.startswith(("TORN_", "DAGSTER_"))]:
        monkeypatch.delenv(name)


def console_of(case: Case, *, keys: int = 1) -> Console:
    return Console(folder=case.folder, world=case.city.world, simulator=case.city.simulator, environment=case.environment(keys=keys))


def call(case: Case, *arguments: str, keys: int = 1) -> Result:
    """Call the console script, which must come to an end."""
    with within(SECONDS):
        return console_of(case, keys=keys)(*arguments)


def sentences(result: Result) -> list[str]:
    """What stderr says besides the warnings of the log."""
    return [line for line in result.err.splitlines() if " WARNING " not in line]


def load(case: Case) -> None:
    assert call(case, "load", "faction_crimes").status == 0


def assert_end(case: Case, result: Result, outcome: Outcome) -> None:
    if outcome is Outcome.RECOVERED:
        assert (result.status, sentences(result)) == (0, [])
        case.assert_recovered(lambda: load(case))
    else:
        assert (result.status, result.out) == (1, "")
        (sentence,) = sentences(result)
        assert_sentence(sentence)
        assert case.city.content(case.warehouse) == case.city.before
        assert case.complete() == []
    case.assert_untold(result.out, result.err)
    case.remove()


def begin(city: City, kind: str) -> Case:
    case = city.case(KINDS[kind])
    case.take_warehouse()
    return case


@pytest.mark.parametrize("place", CALLS)
@pytest.mark.parametrize("kind", ALONE)
def test_once(city: City, kind: str, place: str) -> None:
    case = begin(city, kind)
    city.plant(KINDS[kind].make(), CALLS.index(place))
    result = call(case, "fetch", "faction_crimes")
    assert_end(case, result, KINDS[kind].at_proof if place == "proof" else KINDS[kind].once)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", STAYING)
def test_from_then_on(city: City, kind: str, place: str) -> None:
    case, outcome = begin(city, kind), KINDS[kind].stays
    assert outcome is not None
    city.plant(KINDS[kind].make(), CALLS.index(place), ever=True)
    assert_end(case, call(case, "fetch", "faction_crimes"), outcome)


@pytest.mark.parametrize("place", CALLS)
@pytest.mark.parametrize("kind", KEYS)
def test_another_key_takes_over(city: City, kind: str, place: str) -> None:
    case = begin(city, kind)
    city.plant(KINDS[kind].make(), CALLS.index(place))
    assert_end(case, call(case, "fetch", "faction_crimes", keys=2), Outcome.RECOVERED)


@pytest.mark.parametrize("place", CALLS)
def test_both_keys_die_and_come_to_life_again(city: City, place: str) -> None:
    case = begin(city, "dead key")
    for code in (14, 18):
        city.plant(KeyDies(code=code), CALLS.index(place))
    result = call(case, "fetch", "faction_crimes", keys=2)
    assert (result.status, case.complete()) == (1, [])
    city.simulator.faults.clear()
    forgive(case.folder / "data")
    assert_end(case, call(case, "fetch", "faction_crimes", keys=2), Outcome.RECOVERED)


@pytest.mark.parametrize("kind", ON_DAGSTER)
def test_a_run_of_dagster(city: City, kind: str) -> None:
    case = begin(city, kind)
    city.plant(KINDS[kind].make(), CALLS.index("middle"))
    result = call(case, "materialize", "faction_crimes")
    if KINDS[kind].once is Outcome.RECOVERED:
        assert (result.status, sentences(result)) == (0, [])
        case.assert_tables(case.assert_landed())
    else:
        assert result.status == 1
        (sentence,) = sentences(result)
        assert_sentence(sentence)
        assert sentence.startswith("faction_crimes for default: ")
        assert city.content(case.warehouse) == city.before
        assert case.complete() == []
    case.assert_untold(result.out, result.err)
    case.remove()


@pytest.mark.parametrize("kind", ["half a body", "dead key"])
def test_a_process_of_its_own(city: City, kind: str) -> None:
    case = begin(city, kind)
    city.plant(KINDS[kind].make(), 0)
    assert_end(case, console_of(case).child("fetch", "faction_crimes"), KINDS[kind].once)


# --- endpoints that are asked with one call -------------------------------------------------------------------------------


def plain(body: dict[str, Any]) -> dict[str, Any]:
    """A body without the field that a fault put into its rows."""
    (name,) = set(body) - {"_metadata"}
    rows = body[name] if isinstance(body[name], list) else [body[name]]
    for row in rows:
        row.pop(NOVELTY, None)
    return {name: body[name]}


@pytest.mark.parametrize("endpoint", ["faction_members", "faction_basic"])
@pytest.mark.parametrize("kind", IN_ONE_PIECE)
def test_an_endpoint_in_one_piece(city: City, kind: str, endpoint: str) -> None:
    root = endpoint.removeprefix("faction_")
    path, case = f"/faction/{root}", city.case(KINDS[kind])
    city.plant(NewField(name=NOVELTY, place=root) if kind == "new field" else KINDS[kind].make(), 0)
    with within(SECONDS):
        if KINDS[kind].once is Outcome.REFUSED:
            with pytest.raises(PipelineError) as raised:
                case.fetch(endpoint)
            assert isinstance(raised.value, KINDS[kind].error)
            assert_sentence(str(raised.value))
            assert case.complete(endpoint) == []
        else:
            case.fetch(endpoint)
            (fetched,) = case.complete(endpoint)
            landed = case.pipeline.landing.get(fetched.pages[0])
            world = {root: getattr(city.world.faction(FACTION), root)}
            assert (len(fetched.pages), plain(orjson.loads(landed))) == (1, world)
            if (landed,) not in city.loaded:
                case.take_warehouse()
                case.load(fetched)
                assert_one_piece(case, path, world, fetched.fetch_id)
                city.loaded.add((landed,))
    case.remove()


def assert_one_piece(case: Case, path: str, world: dict[str, Any], fetch_id: str) -> None:
    """The table is the world; where rows are appended, what was there stays."""
    (table,) = TABLES[path]
    rows = [{name: value for name, value in row.items() if name != NOVELTY} for row in case.pipeline.warehouse.read(table).to_dicts()]
    new = [row for row in rows if row["_fetch_id"] == fetch_id]
    assert differences(table, new, reference_tables(path, [world])[table]) == []
    assert len(rows) - len(new) == (1 if table == "faction_basic" else 0)
