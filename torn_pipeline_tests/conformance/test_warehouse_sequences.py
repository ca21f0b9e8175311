"""Any sequence of loads, in every warehouse, against a dictionary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torn_pipeline.tables.table import StorageMode
from torn_pipeline_tests.conformance.warehouse_loads import MODES, OPENERS, THINGS, Things, contents, fetch, load
from torn_pipeline_tests.emulator import EXHAUSTIVE

if TYPE_CHECKING:
    from torn_pipeline.warehouse import Warehouse

APPEND, REPLACE = StorageMode.APPEND, StorageMode.REPLACE


class Model:
    """The same in a dictionary: what stands at (account, thing), with ``append`` at (account, thing, fetch)."""

    def __init__(self, mode: StorageMode) -> None:
        self.mode = mode
        self.rows: dict[tuple[object, ...], tuple[int, str, tuple[str, ...]]] = {}
        self.loaded: dict[tuple[str, int], str] = {}
        self.quarantine: set[tuple[str, int, int]] = set()

    def place(self, account: str, thing: int, number: int) -> tuple[object, ...]:
        return (account, thing, number) if self.mode is APPEND else (account, thing)

    def load(self, account: str, number: int, version: str, things: Things, broken: set[int], *, partial: bool) -> None:
        if not partial and self.loaded.get((account, number)) == version:
            return
        if self.mode is REPLACE and any(who == account and other > number for who, other in self.loaded):
            return
        kept = broken if not partial else {thing for thing in range(10) if thing not in things}
        for place, (of, _, _) in list(self.rows.items()):
            if place[0] != account or place[1] in kept:
                continue
            own = of == number
            gone = own if self.mode is not REPLACE or partial else True
            if gone:
                del self.rows[place]
        for thing, parts in things.items():
            place = self.place(account, thing, number)
            if place not in self.rows or self.rows[place][0] <= number:
                self.rows[place] = (number, f"{thing} by things-{account}-{number} v{version}", parts)
        if not partial:
            self.loaded[account, number] = version
            self.quarantine = {row for row in self.quarantine if row[:2] != (account, number)}
        self.quarantine |= {(account, number, thing) for thing in broken}

    def contents(self) -> dict[tuple[str, int, str], tuple[str, ...]]:
        return {(str(place[0]), int(str(place[1])), name): parts for place, (_, name, parts) in self.rows.items()}


ops = st.tuples(
    st.sampled_from(["default", "friend"]),
    st.integers(1, 4),
    st.sampled_from(["1", "2"]),
    st.dictionaries(st.integers(0, 5), st.lists(st.sampled_from("abc"), max_size=2).map(tuple), max_size=4),
    st.sets(st.integers(0, 5), max_size=2),
    st.booleans(),
)


EXAMPLES = {"bigquery": 20 if EXHAUSTIVE else 5, "duckdb": 25}
"""How many sequences are tried; a load into BigQuery's emulator takes a second."""


@pytest.mark.parametrize("opener", sorted(OPENERS))
def test_any_sequence_of_loads_ends_like_the_model(tmp_path_factory: pytest.TempPathFactory, opener: str) -> None:
    @settings(max_examples=EXAMPLES[opener], deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(mode=st.sampled_from(MODES), steps=st.lists(ops, min_size=2, max_size=8), together=st.booleans())
    def ends_like_the_model(mode: StorageMode, steps: list[Any], *, together: bool) -> None:
        with OPENERS[opener](tmp_path_factory.mktemp("loads")) as warehouse:
            check(warehouse, mode, steps, together=together)

    ends_like_the_model()


def check(warehouse: Warehouse, mode: StorageMode, steps: list[Any], *, together: bool) -> None:
    """Load the steps, one by one or together, and compare."""
    warehouse.prepare(THINGS, "a run")
    model, loads = Model(mode), []
    for account, number, version, things, broken, partial in steps:
        again = partial and (account, number) in model.loaded
        model.load(account, number, version, things, broken - set(things), partial=again)
        loads.append(
            load(fetch(number, account=account), things, mode=mode, version=version, broken=sorted(broken - set(things)), partial=again)
        )
    if together:
        warehouse.load_all(loads)
    else:
        for one in loads:
            warehouse.load(one)
    assert contents(warehouse) == model.contents()
    assert {(row.account, int(row.fetch_id[-1]), int(row.json_path[9:10])) for row in warehouse.quarantined()} == model.quarantine
