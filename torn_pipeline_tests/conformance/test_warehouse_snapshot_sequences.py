"""Any sequence of snapshots against a model in plain Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torn_pipeline.errors import TooManyClosed
from torn_pipeline.tables.table import StorageMode, histories_of
from torn_pipeline_tests.conformance.test_warehouse_snapshots import Snapshots, minutes, snapshot
from torn_pipeline_tests.conformance.warehouse_loads import OPENERS, THINGS, contents, fetch
from torn_pipeline_tests.emulator import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.landing import Fetch
    from torn_pipeline.warehouse import Load, Warehouse

HISTORIES = histories_of(THINGS, StorageMode.SNAPSHOT)
ACCOUNTS = ("default", "friend")
FEW = 10


class Model:
    """Rows by account, table and key. A version is its value and when it began; it is open, or has an end."""

    def __init__(self) -> None:
        self.open: dict[tuple[str, int, int | None], tuple[str, int]] = {}
        self.closed: list[tuple[tuple[str, int, int | None], str, int, int]] = []
        self.loaded: dict[tuple[str, int], str] = {}

    def load(self, account: str, number: int, version: str, things: Snapshots, broken: set[int], *, partial: bool, most: float) -> bool:
        """Whether the load is taken."""
        if not partial and self.loaded.get((account, number)) == version:
            return True
        if any(who == account and other > number for who, other in self.loaded):
            return True
        concerned = set(things) if partial else {thing for thing in range(20) if thing not in broken}
        before = dict(self.open), list(self.closed)
        self._undo(account, number, concerned)
        held = {thing for who, thing, place in self.open if who == account and place is None}
        absent = (held - set(things)) & concerned
        if not partial and len(held) >= FEW and len(absent) > len(held) * most:
            self.open, self.closed = before
            return False
        rows: dict[tuple[str, int, int | None], str] = {(account, thing, None): name for thing, (name, _) in things.items()}
        rows |= {(account, thing, place): part for thing, (_, parts) in things.items() for place, part in enumerate(parts)}
        for key, (value, since) in list(self.open.items()):
            if key[0] == account and key[1] in concerned and rows.get(key) != value:
                del self.open[key]
                self.closed.append((key, value, since, number))
        for key, value in rows.items():
            self.open.setdefault(key, (value, number))
        if not partial:
            self.loaded[account, number] = version
        return True

    def _undo(self, account: str, number: int, concerned: set[int]) -> None:
        for key, (_, since) in list(self.open.items()):
            if key[0] == account and key[1] in concerned and since == number:
                del self.open[key]
        for ended in list(self.closed):
            key, value, since, until = ended
            if key[0] == account and key[1] in concerned and until == number:
                self.closed.remove(ended)
                self.open[key] = (value, since)

    def versions(self) -> set[tuple[str, int, int | None, str, int, int | None]]:
        held = {(*key, value, since, None) for key, (value, since) in self.open.items()}
        return held | {(*key, value, since, until) for key, value, since, until in self.closed}


def stored(warehouse: Warehouse) -> set[tuple[str, int, int | None, str, int, int | None]]:
    things = [(row["_account"], row["id"], None, row["name"], *minutes(row)) for row in warehouse.read("things_history").to_dicts()]
    parts = [
        (row["_account"], row["thing_id"], row["_index"], row["part"], *minutes(row))
        for row in warehouse.read("things_parts_history").to_dicts()
    ]
    assert len({*things, *parts}) == len(things) + len(parts), "a version stands there twice"
    return {*things, *parts}


def tables_hold_what_is_open(warehouse: Warehouse, model: Model) -> bool:
    now = {(account, thing): (name, parts) for (account, thing, name), parts in contents(warehouse).items()}
    held = {(account, thing): value for (account, thing, place), (value, _) in model.open.items() if place is None}
    parts = {
        key: tuple(
            value for (*owner, place), (value, _) in sorted(model.open.items(), key=repr) if place is not None and tuple(owner) == key
        )
        for key in held
    }
    return now == {key: (held[key], parts[key]) for key in held}


things = st.dictionaries(
    st.integers(0, 12), st.tuples(st.sampled_from("ab"), st.lists(st.sampled_from("xy"), max_size=2).map(tuple)), max_size=13
)
ops = st.tuples(
    st.sampled_from(ACCOUNTS),
    st.integers(1, 5),
    st.sampled_from(["1", "2"]),
    things,
    st.sets(st.integers(0, 12), max_size=2),
    st.booleans(),
    st.sampled_from([0.3, 1.0]),
)


EXAMPLES = {"bigquery": 12 if EXHAUSTIVE else 3, "duckdb": 20}
"""How many sequences are tried; a load into BigQuery's emulator takes a second."""
REBUILDS = {"bigquery": 6 if EXHAUSTIVE else 1, "duckdb": 8}
SLOW = [HealthCheck.too_slow]


@pytest.mark.parametrize("opener", sorted(OPENERS))
def test_any_sequence_of_snapshots_ends_like_the_model(tmp_path_factory: pytest.TempPathFactory, opener: str) -> None:
    @settings(max_examples=EXAMPLES[opener], deadline=None, suppress_health_check=SLOW)
    @given(steps=st.lists(ops, min_size=2, max_size=8), together=st.booleans())
    def ends_like_the_model(steps: list[Any], *, together: bool) -> None:
        with OPENERS[opener](tmp_path_factory.mktemp("snapshots")) as warehouse:
            check(warehouse, steps, together=together)

    ends_like_the_model()


def check(warehouse: Warehouse, steps: list[Any], *, together: bool) -> None:
    """Load the steps, one by one or all that are taken together, and compare."""
    warehouse.prepare((*THINGS, *HISTORIES), "a run")
    model, loads = Model(), []
    for account, number, version, found, broken, partial, most in steps:
        again = partial and (account, number) in model.loaded
        left = broken - set(found)
        taken = model.load(account, number, version, found, left, partial=again, most=most)
        one = of_things(fetch(number, account=account), found, version=version, broken=sorted(left), partial=again, max_closed=most)
        if taken and together:
            loads.append(one)
        elif taken:
            warehouse.load(one)
        elif not together:
            with pytest.raises(TooManyClosed):
                warehouse.load(one)
    if loads:
        warehouse.load_all(loads)
    assert stored(warehouse) == model.versions()
    assert tables_hold_what_is_open(warehouse, model)


def of_things(
    of: Fetch, found: Snapshots, *, version: str = "1", broken: Sequence[int] = (), partial: bool = False, max_closed: float
) -> Load:
    """A snapshot of things, each with its name and its parts."""
    names, parts = {thing: name for thing, (name, _) in found.items()}, {thing: parts for thing, (_, parts) in found.items()}
    return snapshot(of, names, parts, version=version, broken=broken, partial=partial, max_closed=max_closed)


@pytest.mark.parametrize("opener", sorted(OPENERS))
def test_a_rebuild_of_any_sequence_gives_the_same_history(tmp_path_factory: pytest.TempPathFactory, opener: str) -> None:
    @settings(max_examples=REBUILDS[opener], deadline=None, suppress_health_check=SLOW)
    @given(steps=st.lists(st.tuples(things, st.sampled_from([0.3, 1.0])), min_size=2, max_size=6))
    def gives_the_same_history(steps: list[Any]) -> None:
        with OPENERS[opener](tmp_path_factory.mktemp("snapshots")) as warehouse:
            check_rebuild(warehouse, steps)

    gives_the_same_history()


def check_rebuild(warehouse: Warehouse, steps: list[Any]) -> None:
    """Load the steps, then rebuild the tables from them, and compare."""
    warehouse.prepare((*THINGS, *HISTORIES), "a run")
    loads = [of_things(fetch(number), found, max_closed=most) for number, (found, most) in enumerate(steps)]
    refused = []
    for one in loads:
        try:
            warehouse.load(one)
            refused.append(False)
        except TooManyClosed:
            refused.append(True)
    before = stored(warehouse), contents(warehouse)
    receipts = warehouse.load_all(loads, rebuild={"things": (*THINGS, *HISTORIES)})
    assert [bool(receipt.refused) for receipt in receipts] == refused
    assert (stored(warehouse), contents(warehouse)) == before
