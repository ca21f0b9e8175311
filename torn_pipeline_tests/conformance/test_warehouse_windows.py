"""Fetches of a time window: in the mode ``replace`` they take the place of what lies in it, and of nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torn_pipeline.errors import WarehouseError
from torn_pipeline.tables.table import StorageMode
from torn_pipeline_tests.conformance.warehouse_loads import BEGAN, OPENERS, THINGS, contents, fetch, frames
from torn_pipeline_tests.conformance.warehouse_loads import load as load_into
from torn_pipeline_tests.emulator import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torn_pipeline.landing import Fetch
    from torn_pipeline.warehouse import Load, Warehouse

REPLACE = StorageMode.REPLACE
Bounds = tuple[int | None, int | None]


def at(day: int | None) -> datetime | None:
    return None if day is None else BEGAN + timedelta(days=day)


def of_window(number: int, after: int | None, until: int | None, *, account: str = "default") -> Fetch:
    return replace(fetch(number, account=account), window_from=at(after), window_to=at(until))


def seen(of: Fetch, things: Mapping[int, int | None], *, broken: Sequence[int] = (), partial: bool = False, version: str = "1") -> Load:
    """A load of things with one part each, by the day on which each was seen."""
    batch = frames(of, {thing: (f"part of {thing}",) for thing in things}, version=version)
    days = pl.Series([at(day) for day in things.values()], dtype=pl.Datetime("us", "UTC"))
    batches = [{**batch, "things": batch["things"].with_columns(seen_at=days)}]
    one = load_into(of, {}, mode=REPLACE, batches=batches, broken=broken, partial=partial, version=version)
    return replace(one, window_column="seen_at")


def stored(warehouse: Warehouse) -> dict[int, int]:
    """By thing, the number of the fetch that its row came with; every thing must have its one part."""
    found = contents(warehouse)
    assert all(parts == (f"part of {thing}",) for (_, thing, _), parts in found.items())
    assert len({thing for _, thing, _ in found}) == len(found)
    return {thing: int(name.split(" ")[2].rsplit("-", 1)[1]) for _, thing, name in found}


def test_rows_outside_the_window_stay(warehouse: Warehouse) -> None:
    warehouse.load(seen(of_window(1, 0, 10), {1: 1, 5: 5, 9: 9}))
    receipt = warehouse.load(seen(of_window(2, 4, 6), {6: 6}))
    assert stored(warehouse) == {1: 1, 6: 2, 9: 1}
    assert {name: (one.rows, one.deleted, one.total) for name, one in receipt.tables.items()} == {
        "things": (1, 1, 3),
        "things_parts": (1, 1, 3),
    }


def test_a_window_begins_after_its_start_and_ends_with_its_end(warehouse: Warehouse) -> None:
    warehouse.load(seen(of_window(1, 0, 10), {4: 4, 5: 5, 6: 6, 7: 7}))
    warehouse.load(seen(of_window(2, 4, 6), {}))
    assert stored(warehouse) == {4: 1, 7: 1}


@pytest.mark.parametrize(("bounds", "left"), [((None, 5), {6: 1}), ((5, None), {4: 1, 5: 1})])
def test_a_window_may_have_one_bound(warehouse: Warehouse, bounds: Bounds, left: dict[int, int]) -> None:
    warehouse.load(seen(of_window(1, 0, 10), {4: 4, 5: 5, 6: 6}))
    warehouse.load(seen(of_window(2, *bounds), {}))
    assert stored(warehouse) == left


def test_other_accounts_have_windows_of_their_own(warehouse: Warehouse) -> None:
    warehouse.load(seen(of_window(1, 0, 10), {1: 1}))
    warehouse.load(seen(of_window(2, 0, 10, account="friend"), {}))
    assert stored(warehouse) == {1: 1}


def test_a_row_whose_time_is_not_known_lies_in_no_window(warehouse: Warehouse) -> None:
    warehouse.load(seen(of_window(1, 0, 10), {1: None, 2: 2}))
    warehouse.load(seen(of_window(2, 0, 10), {}))
    assert stored(warehouse) == {1: 1}


def test_a_row_that_moved_into_the_window_is_not_doubled(warehouse: Warehouse) -> None:
    warehouse.load(seen(of_window(1, 0, 10), {1: 1, 2: 2}))
    warehouse.load(seen(of_window(2, 5, 10), {1: 7}))
    assert stored(warehouse) == {1: 2, 2: 1}


def test_a_fetch_of_all_replaces_all(warehouse: Warehouse) -> None:
    warehouse.load(seen(of_window(1, 0, 10), {1: 1, 2: None}))
    warehouse.load(seen(fetch(2), {3: 3}))
    assert stored(warehouse) == {3: 2}


def test_a_broken_root_in_the_window_keeps_its_rows(warehouse: Warehouse) -> None:
    warehouse.load(seen(of_window(1, 0, 10), {1: 1, 2: 2}))
    warehouse.load(seen(of_window(2, 0, 10), {}, broken=[2]))
    assert stored(warehouse) == {2: 1}


# --- late and again ------------------------------------------------------------------------------------------


def test_a_late_window_leaves_alone_what_newer_windows_hold(warehouse: Warehouse) -> None:
    warehouse.load(seen(of_window(2, 5, 10), {6: 6, 9: 9}))
    receipt = warehouse.load(seen(of_window(1, 0, 7), {3: 3, 6: 6, 7: 7}))
    assert stored(warehouse) == {3: 1, 6: 2, 9: 2}
    assert receipt.kept_newer == 2
    assert receipt.tables["things_parts"].rows == 1


def test_a_late_fetch_of_all_fills_what_newer_windows_leave(warehouse: Warehouse) -> None:
    warehouse.load(seen(of_window(2, 5, 10), {6: 6}))
    warehouse.load(seen(fetch(1), {3: 3, 7: 7}))
    assert stored(warehouse) == {3: 1, 6: 2}


def test_a_late_window_inside_a_newer_one_is_skipped(warehouse: Warehouse) -> None:
    warehouse.load(seen(of_window(2, 0, 10), {6: 6}))
    assert "newer" in warehouse.load(seen(of_window(1, 3, 7), {4: 4})).skipped
    assert stored(warehouse) == {6: 2}


def test_a_late_window_after_a_newer_fetch_of_all_is_skipped(warehouse: Warehouse) -> None:
    warehouse.load(seen(fetch(2), {6: 6}))
    assert warehouse.load(seen(of_window(1, 3, 7), {4: 4})).skipped


def test_a_mended_window_corrects_its_rows_and_no_others(warehouse: Warehouse) -> None:
    warehouse.load(seen(of_window(1, 0, 5), {1: 1, 2: 2}))
    warehouse.load(seen(of_window(2, 5, 10), {6: 6}))
    warehouse.load(seen(of_window(1, 0, 5), {1: 1, 3: 3}, version="2"))
    assert stored(warehouse) == {1: 1, 3: 1, 6: 2}


def test_a_mended_root_of_a_window_is_added(warehouse: Warehouse) -> None:
    warehouse.load(seen(of_window(1, 0, 5), {1: 1}, broken=[2]))
    warehouse.load(seen(of_window(2, 5, 10), {6: 6}))
    warehouse.load(seen(of_window(1, 0, 5), {2: 2}, partial=True))
    assert stored(warehouse) == {1: 1, 2: 1, 6: 2}


# --- refusals ------------------------------------------------------------------------------------------------


def test_a_window_of_no_column_is_refused_before_it_drops_the_rest(warehouse: Warehouse) -> None:
    warehouse.load(seen(of_window(1, 0, 10), {1: 1}))
    with pytest.raises(
        WarehouseError, match="is of a time window, and the rows of things have no column that says which of them lie in it"
    ):
        warehouse.load(replace(seen(of_window(2, 4, 6), {}), window_column=""))
    assert stored(warehouse) == {1: 1}


def test_a_window_of_rows_without_a_key_is_refused(warehouse: Warehouse) -> None:
    root, child = THINGS
    keyless = tuple(replace(one, root_key=("_account",)) for one in (root, child))
    with pytest.raises(WarehouseError, match="the rows of things have no key: use storage_mode append"):
        warehouse.load(replace(seen(of_window(1, 4, 6), {}), tables=keyless))


def test_a_snapshot_of_a_window_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="a snapshot is of all there is"):
        warehouse.load(replace(seen(of_window(1, 4, 6), {}), mode=StorageMode.SNAPSHOT))


@pytest.mark.parametrize("mode", [StorageMode.APPEND, StorageMode.UPSERT])
def test_other_modes_need_no_column_for_a_window(warehouse: Warehouse, mode: StorageMode) -> None:
    warehouse.load(replace(seen(of_window(1, 4, 6), {5: 5}), mode=mode, window_column=""))
    assert stored(warehouse) == {5: 1}


# --- any order -----------------------------------------------------------------------------------------------

windows = st.one_of(
    st.just((None, None)),
    st.tuples(st.integers(0, 7), st.integers(1, 4)).map(lambda pair: (pair[0], pair[0] + pair[1])),
)


orders = st.lists(st.tuples(windows, st.sets(st.integers(1, 10))), min_size=2, max_size=5).flatmap(
    lambda made: st.permutations(list(enumerate(made)))
)

EXAMPLES = {"bigquery": 10 if EXHAUSTIVE else 3, "duckdb": 15}
"""How many orders are tried; a load into BigQuery's emulator takes a second."""


@pytest.mark.parametrize("opener", sorted(OPENERS))
def test_windows_in_any_order_end_like_those_in_order(tmp_path_factory: pytest.TempPathFactory, opener: str) -> None:
    @settings(max_examples=EXAMPLES[opener], deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(fetches=orders)
    def end_like_those_in_order(fetches: list[tuple[int, tuple[Bounds, set[int]]]]) -> None:
        with OPENERS[opener](tmp_path_factory.mktemp("windows")) as warehouse:
            check(warehouse, fetches)

    end_like_those_in_order()


def check(warehouse: Warehouse, fetches: list[tuple[int, tuple[Bounds, set[int]]]]) -> None:
    """Load fetches in this order, and compare with what their order in time leaves."""
    warehouse.prepare(THINGS, "a run")
    expected: dict[int, int] = {}
    for number, ((after, until), brought) in sorted(fetches):
        low, high = (0 if after is None else after), (99 if until is None else until)
        expected = {thing: of for thing, of in expected.items() if not low < thing <= high}
        expected |= {thing: number for thing in brought if low < thing <= high}
    for number, ((after, until), brought) in fetches:
        low, high = (0 if after is None else after), (99 if until is None else until)
        warehouse.load(seen(of_window(number, after, until), {thing: thing for thing in brought if low < thing <= high}))
    assert stored(warehouse) == expected
