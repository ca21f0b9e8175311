"""What a snapshot leaves behind: the tables as they are now, and every version of their rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from torn_pipeline.errors import TooManyClosed
from torn_pipeline.tables.table import ColumnType, StorageMode, histories_of
from torn_pipeline_tests.conformance.warehouse_loads import BEGAN, DTYPES, THINGS, Things, contents, fetch, frames, meta, table
from torn_pipeline_tests.conformance.warehouse_loads import load as load_into

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.landing import Fetch
    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse import Load, Warehouse

SNAPSHOT = StorageMode.SNAPSHOT
HISTORIES = histories_of(THINGS, SNAPSHOT)
MANY: Things = {thing: (f"part {thing}",) for thing in range(10)}

Snapshots = dict[int, tuple[str, tuple[str, ...]]]
"""A thing's id, its name and its parts."""

Version = tuple[int, int | None]
"""The minutes from which, and until which, a version held."""


def named(of: Fetch, things: dict[int, str], parts: Things | None = None, tables: tuple[Table, Table] = THINGS) -> dict[str, pl.DataFrame]:
    """A batch of things with names of their own: what :func:`frames` gives differs in every fetch."""
    batch = frames(of, {thing: (parts or {}).get(thing, ()) for thing in things}, tables)
    root = batch[tables[0].name]
    same = {"name": pl.Series(list(things.values()), dtype=pl.String), "seen_at": pl.lit(BEGAN, pl.Datetime("us", "UTC"))}
    return {**batch, tables[0].name: root.with_columns(**same)}


def snapshot(
    of: Fetch,
    things: dict[int, str],
    parts: Things | None = None,
    *,
    max_closed: float = 1.0,
    version: str = "1",
    broken: Sequence[int] = (),
    partial: bool = False,
) -> Load:
    batches = [named(of, things, parts)]
    one = load_into(of, {}, mode=SNAPSHOT, batches=batches, version=version, broken=broken, partial=partial)
    return replace(one, max_closed=max_closed)


def minutes(row: dict[str, Any]) -> Version:
    since, until = ((row[name] - BEGAN) if row[name] else None for name in ("_valid_from", "_valid_to"))
    assert since is not None
    return round(since.total_seconds() / 60), None if until is None else round(until.total_seconds() / 60)


def versions(warehouse: Warehouse, name: str = "things") -> dict[tuple[object, ...], list[tuple[str, int, int | None]]]:
    """By thing (and place, for a part): each version's name, and from when to when it held; in order."""
    found: dict[tuple[object, ...], list[tuple[str, int, int | None]]] = {}
    for row in warehouse.read(f"{name}_history").sort("_valid_from", "_valid_to", nulls_last=True).to_dicts():
        key = (row["id"],) if "id" in row else (row["thing_id"], row["_index"])
        key = key if row["_account"] == "default" else (row["_account"], *key)
        found.setdefault(key, []).append((row["name"] if "name" in row else row["part"], *minutes(row)))
    return found


def test_the_first_snapshot_opens_a_version_of_every_row(warehouse: Warehouse) -> None:
    receipt = warehouse.load(snapshot(fetch(1), {1: "a", 2: "b"}, {1: ("x", "y")}))
    assert versions(warehouse) == {(1,): [("a", 1, None)], (2,): [("b", 1, None)]}
    assert versions(warehouse, "things_parts") == {(1, 0): [("x", 1, None)], (1, 1): [("y", 1, None)]}
    assert {name: (one.rows, one.deleted, one.total) for name, one in receipt.tables.items()} == {
        "things": (2, 0, 2),
        "things_parts": (2, 0, 2),
        "things_history": (2, 0, 2),
        "things_parts_history": (2, 0, 2),
    }


def test_the_tables_are_as_after_a_replace(warehouse: Warehouse) -> None:
    warehouse.load(load_into(fetch(1), {1: ("a",), 2: ("b",)}, mode=SNAPSHOT))
    warehouse.load(load_into(fetch(2), {2: (), 3: ("c",)}, mode=SNAPSHOT))
    assert contents(warehouse) == {("default", 2, "2 by things-default-2 v1"): (), ("default", 3, "3 by things-default-2 v1"): ("c",)}


def test_an_unchanged_row_goes_on_in_its_version(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), {1: "a"}, {1: ("x",)}))
    receipt = warehouse.load(snapshot(fetch(2), {1: "a"}, {1: ("x",)}))
    assert versions(warehouse) == {(1,): [("a", 1, None)]}
    assert warehouse.read("things_history")["_fetch_id"].to_list() == ["things-default-1"]
    assert warehouse.read("things")["_fetch_id"].to_list() == ["things-default-2"]
    assert (receipt.tables["things_history"].rows, receipt.tables["things_parts_history"].deleted) == (0, 0)


def test_a_changed_row_ends_a_version_and_begins_the_next(warehouse: Warehouse) -> None:
    for number, name in ((1, "a"), (2, "b"), (4, "a")):
        receipt = warehouse.load(snapshot(fetch(number), {1: name, 2: "same"}))
    assert versions(warehouse) == {(1,): [("a", 1, 2), ("b", 2, 4), ("a", 4, None)], (2,): [("same", 1, None)]}
    assert (receipt.tables["things_history"].rows, receipt.tables["things_history"].deleted) == (1, 1)


def test_an_absent_row_ends_its_version_and_its_children_theirs(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), {1: "a", 2: "b"}, {1: ("x",), 2: ("y",)}))
    warehouse.load(snapshot(fetch(2), {2: "b"}, {2: ("y",)}))
    assert versions(warehouse) == {(1,): [("a", 1, 2)], (2,): [("b", 1, None)]}
    assert versions(warehouse, "things_parts") == {(1, 0): [("x", 1, 2)], (2, 0): [("y", 1, None)]}


def test_a_row_that_comes_back_begins_a_new_version(warehouse: Warehouse) -> None:
    for number, things in ((1, {1: "a"}), (2, {2: "b"}), (3, {1: "a", 2: "b"})):
        warehouse.load(snapshot(fetch(number), things))
    assert versions(warehouse) == {(1,): [("a", 1, 2), ("a", 3, None)], (2,): [("b", 2, None)]}


def test_a_child_has_versions_of_its_own(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), {1: "a"}, {1: ("x", "y")}))
    warehouse.load(snapshot(fetch(2), {1: "a"}, {1: ("x", "z", "new")}))
    assert versions(warehouse) == {(1,): [("a", 1, None)]}
    assert versions(warehouse, "things_parts") == {
        (1, 0): [("x", 1, None)],
        (1, 1): [("y", 1, 2), ("z", 2, None)],
        (1, 2): [("new", 2, None)],
    }


def test_null_is_equal_to_null_and_not_a_number_to_itself(warehouse: Warehouse) -> None:
    for number in (1, 2):
        of = fetch(number)
        batch = named(of, {1: "a", 2: "b"})
        odd = pl.Series([None, float("nan")], dtype=pl.Float64)
        batch["things"] = batch["things"].with_columns(score=odd, is_old=pl.lit(None, pl.Boolean))
        warehouse.load(load_into(of, {}, mode=SNAPSHOT, batches=[batch]))
    assert versions(warehouse) == {(1,): [("a", 1, None)], (2,): [("b", 1, None)]}


def test_null_is_a_change_from_a_value_and_back(warehouse: Warehouse) -> None:
    for number, name in ((1, "a"), (2, None), (3, "a")):
        of = fetch(number)
        batch = named(of, {1: "a"})
        batch["things"] = batch["things"].with_columns(name=pl.lit(name, pl.String))
        warehouse.load(load_into(of, {}, mode=SNAPSHOT, batches=[batch]))
    assert versions(warehouse) == {(1,): [("a", 1, 2), (None, 2, 3), ("a", 3, None)]}


def test_a_new_field_is_compared_and_kept(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), {1: "a", 2: "b"}))
    for number, colour in ((2, "red"), (3, "red")):
        of = fetch(number)
        batch = named(of, {1: "a", 2: "b"})
        batch["things"] = batch["things"].with_columns(colour=pl.Series([colour, None], dtype=pl.String))
        receipt = warehouse.load(load_into(of, {}, mode=SNAPSHOT, batches=[batch]))
    assert versions(warehouse) == {(1,): [("a", 1, 2), ("a", 2, None)], (2,): [("b", 1, None)]}
    assert warehouse.read("things_history").sort("_valid_from")["colour"].to_list()[-1] == "red"
    assert receipt.tables["things_history"].changes == ()


def test_a_widened_field_is_widened_in_the_history(warehouse: Warehouse) -> None:
    for number, value in ((1, 2), (2, 2.5), (3, "many")):
        of = fetch(number)
        batch = named(of, {1: "a"})
        batch["things"] = batch["things"].with_columns(size=pl.Series([value]))
        warehouse.load(load_into(of, {}, mode=SNAPSHOT, batches=[batch]))
    assert warehouse.read("things_history").sort("_valid_from")["size"].to_list() == ["2.0", "2.5", "many"]


def test_a_root_in_quarantine_is_not_absent(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), {1: "a", 2: "b"}, {2: ("x",)}))
    warehouse.load(snapshot(fetch(2), {1: "a"}, broken=[2]))
    assert versions(warehouse) == {(1,): [("a", 1, None)], (2,): [("b", 1, None)]}
    assert versions(warehouse, "things_parts") == {(2, 0): [("x", 1, None)]}
    warehouse.load(snapshot(fetch(3), {1: "a", 2: "B"}))
    assert versions(warehouse)[(2,)] == [("b", 1, 3), ("B", 3, None)]
    assert versions(warehouse, "things_parts") == {(2, 0): [("x", 1, 3)]}


def test_a_complete_fetch_of_nothing_ends_all(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), {1: "a", 2: "b"}))
    warehouse.load(snapshot(fetch(2), {}))
    assert versions(warehouse) == {(1,): [("a", 1, 2)], (2,): [("b", 1, 2)]}
    assert contents(warehouse) == {}


def test_accounts_have_versions_of_their_own(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), {1: "a"}))
    warehouse.load(snapshot(fetch(2, account="friend"), {1: "b"}))
    warehouse.load(snapshot(fetch(3, account="friend"), {}))
    assert versions(warehouse) == {(1,): [("a", 1, None)], ("friend", 1): [("b", 2, 3)]}


def test_endpoints_and_path_ids_of_one_table_have_versions_of_their_own(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), {1: "a"}))
    warehouse.load(snapshot(fetch(2, endpoint="more_things"), {2: "b"}))
    warehouse.load(snapshot(replace(fetch(3, path_ids={"_thing_id": 7}), fetch_id="seven"), {3: "c"}))
    warehouse.load(snapshot(fetch(4), {}))
    assert versions(warehouse) == {(1,): [("a", 1, 4)], (2,): [("b", 2, None)], (3,): [("c", 3, None)]}


def test_rows_of_a_global_endpoint_do_not_change_with_the_account_that_asks(warehouse: Warehouse) -> None:
    tables = tuple(replace(one, key=tuple(name for name in one.key if name != "_account"), root_key=one.root_key[1:]) for one in THINGS)
    for number, account, name in ((1, "default", "a"), (2, "friend", "a"), (3, "default", "b")):
        of = fetch(number, account=account)
        warehouse.load(load_into(of, {}, mode=SNAPSHOT, batches=[named(of, {1: name})], tables=tables, shared_scope=True))
    assert versions(warehouse) == {(1,): [("a", 1, 3), ("b", 3, None)]}


def test_a_single_object_has_versions(warehouse: Warehouse) -> None:
    money = table("balance", {"_account": ColumnType.TEXT, "money": ColumnType.INTEGER}, key=("_account",), root_key=("_account",))
    for number, value in ((1, 5), (2, 5), (3, 7)):
        of = fetch(number)
        row = {"_account": "default", "money": value, "_fetch_id": of.fetch_id, "_fetched_at": of.fetched_at, "_raw_id": "x"}
        frame = pl.DataFrame([row], schema={column.name: DTYPES[column.type] for column in money.columns})
        warehouse.load(load_into(of, {}, mode=SNAPSHOT, tables=(money,), batches=[{"balance": frame}]))
    found = [(row["money"], *minutes(row)) for row in warehouse.read("balance_history").sort("_valid_from").to_dicts()]
    assert found == [(5, 1, 3), (7, 3, None)]


# --- again, late, mended -------------------------------------------------------------------------------------


def test_the_same_fetch_again_changes_no_version(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), {1: "a"}))
    warehouse.load(snapshot(fetch(2), {1: "b"}))
    before = versions(warehouse)
    assert warehouse.load(snapshot(fetch(2), {1: "c"})).skipped
    assert versions(warehouse) == before


def test_an_older_snapshot_is_skipped(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(2), {1: "b"}))
    assert "newer" in warehouse.load(snapshot(fetch(1), {1: "a"})).skipped
    assert versions(warehouse) == {(1,): [("b", 2, None)]}


def test_a_mended_contract_corrects_the_versions_of_its_fetch(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), {1: "a", 2: "b", 3: "c"}, {1: ("x",)}))
    warehouse.load(snapshot(fetch(2), {1: "A", 4: "d"}))
    warehouse.load(snapshot(fetch(2), {1: "a", 2: "B", 5: "e"}, {1: ("x",)}, version="2"))
    assert versions(warehouse) == {
        (1,): [("a", 1, None)],
        (2,): [("b", 1, 2), ("B", 2, None)],
        (3,): [("c", 1, 2)],
        (5,): [("e", 2, None)],
    }
    assert versions(warehouse, "things_parts") == {(1, 0): [("x", 1, None)]}


def test_a_mended_contract_corrects_what_a_fetch_of_nothing_ended(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), {1: "a"}))
    warehouse.load(snapshot(fetch(2), {}))
    warehouse.load(snapshot(fetch(2), {1: "a"}, version="2"))
    assert versions(warehouse) == {(1,): [("a", 1, None)]}


def test_a_root_that_a_mended_contract_finds_broken_keeps_its_version(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), {1: "a", 2: "b"}))
    warehouse.load(snapshot(fetch(2), {1: "A", 2: "B"}))
    warehouse.load(snapshot(fetch(2), {1: "AA"}, version="2", broken=[2]))
    assert versions(warehouse) == {(1,): [("a", 1, 2), ("AA", 2, None)], (2,): [("b", 1, 2), ("B", 2, None)]}


def test_a_mended_root_gets_its_version_and_no_other_is_touched(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), {1: "a", 2: "b"}, {2: ("x",)}))
    warehouse.load(snapshot(fetch(2), {1: "A"}, broken=[2, 3]))
    for _ in range(2):
        warehouse.load(snapshot(fetch(2), {2: "B", 3: "c"}, {2: ("y",)}, version="2", partial=True))
    assert versions(warehouse) == {(1,): [("a", 1, 2), ("A", 2, None)], (2,): [("b", 1, 2), ("B", 2, None)], (3,): [("c", 2, None)]}
    assert versions(warehouse, "things_parts") == {(2, 0): [("x", 1, 2), ("y", 2, None)]}


def test_a_rebuild_gives_the_same_history(warehouse: Warehouse) -> None:
    fetches = [{1: "a", 2: "b"}, {1: "a"}, {1: "A", 2: "b", 3: "c"}]
    loads = [snapshot(fetch(number), things) for number, things in enumerate(fetches)]
    for one in loads:
        warehouse.load(one)
    before = versions(warehouse)
    warehouse.load_all(loads, rebuild={"things": (*THINGS, *HISTORIES)})
    assert versions(warehouse) == before
    warehouse.load_all(loads[:1], rebuild={"things": (*THINGS, *HISTORIES)})
    assert versions(warehouse) == {(1,): [("a", 0, None)], (2,): [("b", 0, None)]}


def test_a_rebuild_leaves_alone_what_another_endpoint_has_of_the_same_keys(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), {1: "a"}))
    warehouse.load(snapshot(fetch(2, endpoint="more_things"), {1: "b"}))
    warehouse.load_all([snapshot(fetch(1), {1: "A"}, version="2")], rebuild={"things": (*THINGS, *HISTORIES)})
    assert versions(warehouse) == {(1,): [("A", 1, None), ("b", 2, None)]}
    assert sorted(warehouse.read("things")["name"]) == ["A", "b"]


def test_a_table_of_another_mode_becomes_a_snapshot_by_a_rebuild(warehouse: Warehouse) -> None:
    warehouse.load(load_into(fetch(1), {1: ()}, mode=StorageMode.REPLACE))
    warehouse.load_all([snapshot(fetch(1), {1: "a"})], rebuild={"things": (*THINGS, *HISTORIES)})
    assert versions(warehouse) == {(1,): [("a", 1, None)]}
    assert warehouse.recorded_mode("things") is SNAPSHOT


def test_a_history_follows_an_account_that_got_another_name(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), {1: "a"}))
    warehouse.rename_account("default", "alpha")
    warehouse.load(snapshot(fetch(2, account="alpha"), {1: "b"}))
    assert versions(warehouse) == {("alpha", 1): [("a", 1, 2), ("b", 2, None)]}


# --- too many at once ----------------------------------------------------------------------------------------


def test_a_snapshot_without_too_many_rows_is_refused_and_changes_nothing(warehouse: Warehouse) -> None:
    named_all = {thing: f"{thing}" for thing in MANY}
    warehouse.load(snapshot(fetch(1), named_all, MANY))
    before = [warehouse.read(one.name).sort(pl.all()) for one in (*THINGS, *HISTORIES)]
    ledger = meta(warehouse, "loads"), warehouse.fetches().rows()
    said = (
        r"things-default-2 of things for default is without 6 of the 10 rows of things, more than max_closed allows \(50%\).*max_closed=1"
    )
    with pytest.raises(TooManyClosed, match=said):
        warehouse.load(snapshot(fetch(2), dict.fromkeys(range(4), "new"), max_closed=0.5))
    with pytest.raises(TooManyClosed):
        warehouse.load(snapshot(fetch(2), {}, max_closed=0.9))
    assert all(
        one.equals(other)
        for one, other in zip(before, [warehouse.read(one.name).sort(pl.all()) for one in (*THINGS, *HISTORIES)], strict=True)
    )
    assert ledger == (meta(warehouse, "loads"), warehouse.fetches().rows())
    assert not warehouse.load(snapshot(fetch(2), {}, max_closed=1.0)).skipped


def test_a_snapshot_may_be_without_the_share_that_is_allowed(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), dict.fromkeys(range(10), "a")))
    warehouse.load(snapshot(fetch(2), dict.fromkeys(range(5, 10), "changed"), max_closed=0.5))
    assert len(contents(warehouse)) == 5


def test_of_few_rows_all_may_go(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), dict.fromkeys(range(9), "a")))
    warehouse.load(snapshot(fetch(2), {}, max_closed=0.0))
    assert contents(warehouse) == {}


def test_roots_in_quarantine_do_not_count_as_absent(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), dict.fromkeys(range(10), "a")))
    warehouse.load(snapshot(fetch(2), {0: "a", 1: "a"}, broken=list(range(2, 8)), max_closed=0.2))
    assert len(contents(warehouse)) == 8


def test_a_mended_root_alone_is_no_reason_to_doubt(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), dict.fromkeys(range(10), "a"), broken=[10]))
    warehouse.load(snapshot(fetch(1), {10: "k"}, partial=True, max_closed=0.0))
    assert len(contents(warehouse)) == 11


def test_a_rebuild_leaves_out_what_was_refused(warehouse: Warehouse) -> None:
    everything = dict.fromkeys(range(12), "a")
    fetches: list[dict[int, str]] = [everything, {}, dict.fromkeys(range(12), "b"), {1: "c", 12: "c"}]
    loads = [snapshot(fetch(number), things, max_closed=0.5) for number, things in enumerate(fetches)]
    receipts = warehouse.load_all(loads, rebuild={"things": (*THINGS, *HISTORIES)})
    assert [bool(receipt.refused) for receipt in receipts] == [False, True, False, True]
    assert "is without 12 of the 12 rows" in receipts[1].refused
    assert set(map(tuple, versions(warehouse).values())) == {(("a", 0, 2), ("b", 2, None))}
    assert [(thing, name) for _, thing, name in sorted(contents(warehouse))] == [(thing, "b") for thing in everything]
    assert len(meta(warehouse, "loads")) == 8


def test_without_a_rebuild_several_loads_are_refused_together(warehouse: Warehouse) -> None:
    loads = [snapshot(fetch(number), things, max_closed=0.5) for number, things in enumerate([dict.fromkeys(range(12), "a"), {}])]
    warehouse.prepare((*THINGS, *HISTORIES), "a run")
    with pytest.raises(TooManyClosed):
        warehouse.load_all(loads)
    assert contents(warehouse) == {}


# --- the shape of a history ----------------------------------------------------------------------------------


def test_a_history_has_the_columns_of_its_table_and_when_they_held(warehouse: Warehouse) -> None:
    warehouse.prepare((*THINGS, *HISTORIES), "a run")
    for one, history in zip(THINGS, HISTORIES, strict=True):
        expected = {column.name: DTYPES[column.type] for column in one.columns}
        moment = pl.Datetime("us", "UTC")
        assert dict(warehouse.read(history.name).schema) == {**expected, "_valid_from": moment, "_valid_to": moment}
        assert history.name == f"{one.name}_history"
        assert history.key == (*one.key, "_valid_from")


def test_status_and_ledger_know_the_histories(warehouse: Warehouse) -> None:
    warehouse.load(snapshot(fetch(1), {1: "a"}, {1: ("x",)}))
    warehouse.load(snapshot(fetch(2), {1: "b"}, {1: ("x",)}))
    (status,) = warehouse.status()
    assert status.rows == {"things": 1, "things_parts": 1, "things_history": 2, "things_parts_history": 1}
    of_histories = sorted(
        (row["_fetch_id"], row["table_name"], row["rows"]) for row in meta(warehouse, "loads") if "history" in row["table_name"]
    )
    assert of_histories == [
        ("things-default-1", "things_history", 1),
        ("things-default-1", "things_parts_history", 1),
        ("things-default-2", "things_history", 1),
        ("things-default-2", "things_parts_history", 0),
    ]
