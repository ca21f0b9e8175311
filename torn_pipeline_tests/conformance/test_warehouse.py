"""What each storage mode leaves behind, in every warehouse. A new one joins by a line in ``OPENERS``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest

from torn_pipeline.tables.table import ColumnType, StorageMode
from torn_pipeline_tests.conformance.warehouse_loads import (
    DTYPES,
    MODES,
    Things,
    contents,
    fetch,
    frames,
    load,
    meta,
    names,
    table,
    things_tables,
)

if TYPE_CHECKING:
    from torn_pipeline.warehouse import Warehouse

APPEND, REPLACE, UPSERT = StorageMode.APPEND, StorageMode.REPLACE, StorageMode.UPSERT


# --- what a mode leaves behind -------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_first_load_writes_every_row_and_value(warehouse: Warehouse, mode: StorageMode) -> None:
    of = fetch(1)
    receipt = warehouse.load(load(of, {1: ("a", "b"), 2: (), 3: ("c",)}, mode=mode))
    expected = frames(of, {1: ("a", "b"), 2: (), 3: ("c",)})
    assert warehouse.read("things").sort("id").equals(expected["things"])
    assert warehouse.read("things_parts").sort("thing_id", "_index").equals(expected["things_parts"])
    assert {name: (one.rows, one.deleted, one.total) for name, one in receipt.tables.items()} == {
        "things": (3, 0, 3),
        "things_parts": (3, 0, 3),
    }
    assert all(one.bytes > 0 for one in receipt.tables.values())
    assert not receipt.skipped


@pytest.mark.parametrize("mode", MODES)
def test_the_same_fetch_again_changes_nothing(warehouse: Warehouse, mode: StorageMode) -> None:
    warehouse.load(load(fetch(1), {1: ("a",), 2: ("b",)}, mode=mode))
    receipt = warehouse.load(load(fetch(1), {1: ("a",), 9: ("z",)}, mode=mode))
    assert "already loaded" in receipt.skipped
    assert contents(warehouse) == {("default", 1, "1 by things-default-1 v1"): ("a",), ("default", 2, "2 by things-default-1 v1"): ("b",)}
    assert len(meta(warehouse, "loads")) == 2


@pytest.mark.parametrize("mode", MODES)
def test_a_mended_contract_corrects_the_rows_and_never_doubles_them(warehouse: Warehouse, mode: StorageMode) -> None:
    warehouse.load(load(fetch(1), {1: ("a", "b"), 2: ("c",)}, mode=mode))
    warehouse.load(load(fetch(1), {1: ("A",), 2: ("C",)}, mode=mode, version="2"))
    assert contents(warehouse) == {("default", 1, "1 by things-default-1 v2"): ("A",), ("default", 2, "2 by things-default-1 v2"): ("C",)}
    assert sorted(row["contract_version"] for row in meta(warehouse, "loads")) == ["1", "1", "2", "2"]


def test_a_contract_set_back_corrects_the_rows_again(warehouse: Warehouse) -> None:
    for version in ("1", "2", "1"):
        warehouse.load(load(fetch(1), {1: ("a",)}, version=version))
    assert names(warehouse) == ["1 by things-default-1 v1"]
    assert len(meta(warehouse, "loads")) == 4


def test_append_adds_to_what_is_there(warehouse: Warehouse) -> None:
    for number in (1, 2):
        warehouse.load(load(fetch(number), {1: ("a",)}, mode=APPEND))
    assert names(warehouse) == ["1 by things-default-1 v1", "1 by things-default-2 v1"]


def test_append_takes_older_fetches_in_any_order(warehouse: Warehouse) -> None:
    for number in (2, 1, 3, 2):
        warehouse.load(load(fetch(number), {1: ("a",)}, mode=APPEND))
    assert len(names(warehouse)) == 3


def test_replace_leaves_exactly_what_the_fetch_brought(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",), 2: ("b",)}, mode=REPLACE))
    receipt = warehouse.load(load(fetch(2), {2: (), 3: ("c",)}, mode=REPLACE))
    assert contents(warehouse) == {("default", 2, "2 by things-default-2 v1"): (), ("default", 3, "3 by things-default-2 v1"): ("c",)}
    assert (receipt.tables["things"].deleted, receipt.tables["things_parts"].deleted) == (2, 2)


def test_replace_by_nothing_leaves_nothing(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}, mode=REPLACE))
    warehouse.load(load(fetch(2), {}, mode=REPLACE))
    assert contents(warehouse) == {}


def test_replace_leaves_other_accounts_alone(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}, mode=REPLACE))
    warehouse.load(load(fetch(2, account="friend"), {1: ("b",)}, mode=REPLACE))
    warehouse.load(load(fetch(3), {2: ("c",)}, mode=REPLACE))
    assert names(warehouse) == ["1 by things-friend-2 v1", "2 by things-default-3 v1"]


def test_replace_leaves_other_path_ids_alone(warehouse: Warehouse) -> None:
    warehouse.load(load(replace(fetch(1, path_ids={"_thing_id": 7}), fetch_id="seven"), {1: ()}, mode=REPLACE))
    warehouse.load(load(replace(fetch(2, path_ids={"_thing_id": 8}), fetch_id="eight"), {2: ()}, mode=REPLACE))
    warehouse.load(load(replace(fetch(3, path_ids={"_thing_id": 8}), fetch_id="eight again"), {3: ()}, mode=REPLACE))
    assert names(warehouse) == ["1 by seven v1", "3 by eight again v1"]


def test_replace_leaves_another_endpoint_in_the_same_table_alone(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}, mode=REPLACE))
    warehouse.load(load(fetch(2, endpoint="more_things"), {2: ("b",)}, mode=REPLACE))
    warehouse.load(load(fetch(3), {}, mode=REPLACE))
    assert names(warehouse) == ["2 by more_things-default-2 v1"]


def test_upsert_replaces_a_root_with_its_children_and_keeps_the_rest(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a", "b", "c"), 2: ("d",), 3: ()}))
    receipt = warehouse.load(load(fetch(2), {1: ("A",), 3: ("n",), 4: ("e",)}))
    assert contents(warehouse) == {
        ("default", 1, "1 by things-default-2 v1"): ("A",),
        ("default", 2, "2 by things-default-1 v1"): ("d",),
        ("default", 3, "3 by things-default-2 v1"): ("n",),
        ("default", 4, "4 by things-default-2 v1"): ("e",),
    }
    assert {name: (one.rows, one.deleted, one.total) for name, one in receipt.tables.items()} == {
        "things": (3, 2, 4),
        "things_parts": (3, 3, 4),
    }


def test_upsert_tells_accounts_apart(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}))
    warehouse.load(load(fetch(2, account="friend"), {1: ("b",)}))
    assert len(contents(warehouse)) == 2


def test_global_rows_belong_to_no_account(warehouse: Warehouse) -> None:
    tables = things_tables(account_in_key=False)
    for mode, expected in ((UPSERT, {1, 2, 3}), (REPLACE, {2, 3})):
        for one in (fetch(1, endpoint=mode.value), fetch(2, endpoint=mode.value, account="friend")):
            own = tuple(replace(each, name=f"{mode}_{each.name}", root=f"{mode}_things") for each in tables)
            warehouse.load(
                load(
                    one,
                    {1: ("a",), 2: ("b",)} if one.account == "default" else {2: ("c",), 3: ()},
                    mode=mode,
                    tables=own,
                    shared_scope=True,
                )
            )
        assert {thing for _, thing, _ in contents(warehouse, own)} == expected
        assert len(contents(warehouse, own)) == len(expected)


def test_a_single_object_without_a_key_of_its_own(warehouse: Warehouse) -> None:
    money = table("balance", {"_account": ColumnType.TEXT, "money": ColumnType.INTEGER}, key=("_account",), root_key=("_account",))
    for number in (1, 2):
        of = fetch(number)
        row = {"_account": "default", "money": number, "_fetch_id": of.fetch_id, "_fetched_at": of.fetched_at, "_raw_id": "x"}
        frame = pl.DataFrame([row], schema={column.name: DTYPES[column.type] for column in money.columns})
        warehouse.load(load(of, {}, mode=REPLACE, tables=(money,), batches=[{"balance": frame}]))
    assert warehouse.read("balance")["money"].to_list() == [2]


def test_a_key_of_no_column_is_one_row(warehouse: Warehouse) -> None:
    now = table("now", {"_account": ColumnType.TEXT, "timestamp": ColumnType.TIMESTAMP}, key=(), root_key=())
    for number in (1, 2):
        of = fetch(number)
        row = {"_account": "default", "timestamp": of.ended_at, "_fetch_id": of.fetch_id, "_fetched_at": of.fetched_at, "_raw_id": "x"}
        frame = pl.DataFrame([row], schema={column.name: DTYPES[column.type] for column in now.columns})
        warehouse.load(load(of, {}, mode=REPLACE, tables=(now,), batches=[{"now": frame}], shared_scope=True))
    broken = load(fetch(3), {}, mode=REPLACE, tables=(now,), batches=[], broken=[1], shared_scope=True)
    warehouse.load(broken)
    assert warehouse.read("now")["timestamp"].to_list() == [fetch(2).ended_at]


def test_several_roots_in_one_load_are_told_apart(warehouse: Warehouse) -> None:
    tables = (*things_tables("things"), *things_tables("others"))
    loads: list[tuple[int, Things, Things]] = [(1, {1: ("a",)}, {1: ("x",), 2: ()}), (2, {2: ()}, {1: ("y",)})]
    for number, here, there in loads:
        of = fetch(number)
        batch = {**frames(of, here), **frames(of, there, tables[2:])}
        warehouse.load(load(of, {}, tables=tables, batches=[batch]))
    assert {thing: parts for (_, thing, _), parts in contents(warehouse).items()} == {1: ("a",), 2: ()}
    assert {thing: parts for (_, thing, _), parts in contents(warehouse, tables[2:]).items()} == {1: ("y",), 2: ()}


def test_many_batches_are_one_load(warehouse: Warehouse) -> None:
    many: Things = {thing: (f"{thing}",) for thing in range(40)}
    warehouse.load(load(fetch(1), many))
    receipt = warehouse.load(load(fetch(2), many))
    assert receipt.tables["things"].total == 40
    assert {name.split(" ")[2] for name in names(warehouse)} == {"things-default-2"}


# --- older fetches -------------------------------------------------------------------------------------------


def test_upsert_keeps_the_roots_of_a_newer_fetch(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(2), {1: ("new",), 2: ()}))
    receipt = warehouse.load(load(fetch(1), {1: ("old", "older"), 2: ("old",), 3: ("kept",)}))
    assert contents(warehouse) == {
        ("default", 1, "1 by things-default-2 v1"): ("new",),
        ("default", 2, "2 by things-default-2 v1"): (),
        ("default", 3, "3 by things-default-1 v1"): ("kept",),
    }
    assert receipt.kept_newer == 2
    assert {name: (one.rows, one.deleted) for name, one in receipt.tables.items()} == {"things": (1, 0), "things_parts": (1, 0)}


def test_replace_by_an_older_fetch_is_skipped(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(2), {1: ("new",)}, mode=REPLACE))
    receipt = warehouse.load(load(fetch(1), {2: ("old",)}, mode=REPLACE))
    assert "newer" in receipt.skipped
    assert names(warehouse) == ["1 by things-default-2 v1"]
    assert warehouse.fetches()["_fetch_id"].to_list() == ["things-default-1", "things-default-2"]


def test_replace_knows_a_newer_fetch_that_brought_nothing(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(2), {}, mode=REPLACE))
    assert warehouse.load(load(fetch(1), {1: ()}, mode=REPLACE)).skipped
    assert contents(warehouse) == {}


def test_replace_of_another_account_is_not_older(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(2), {1: ()}, mode=REPLACE))
    assert not warehouse.load(load(fetch(1, account="friend"), {1: ()}, mode=REPLACE)).skipped


def test_a_mended_contract_does_not_bring_back_what_a_newer_fetch_replaced(warehouse: Warehouse) -> None:
    for number in (1, 2):
        warehouse.load(load(fetch(number), {1: ("a",), number + 1: ()}))
    receipt = warehouse.load(load(fetch(1), {1: ("b",), 2: ("b",)}, version="2"))
    assert names(warehouse) == ["1 by things-default-2 v1", "2 by things-default-1 v2", "3 by things-default-2 v1"]
    assert receipt.kept_newer == 1


# --- quarantine ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [REPLACE, UPSERT])
def test_a_broken_root_keeps_its_earlier_rows(warehouse: Warehouse, mode: StorageMode) -> None:
    warehouse.load(load(fetch(1), {1: ("a",), 2: ("b", "c")}, mode=mode))
    warehouse.load(load(fetch(2), {1: ("A",)}, mode=mode, broken=[2]))
    assert contents(warehouse) == {
        ("default", 1, "1 by things-default-2 v1"): ("A",),
        ("default", 2, "2 by things-default-1 v1"): ("b", "c"),
    }
    warehouse.load(load(fetch(3), {1: ()}, mode=mode, broken=[2]))
    assert names(warehouse) == ["1 by things-default-3 v1", "2 by things-default-1 v1"]


@pytest.mark.parametrize("mode", MODES)
def test_a_root_that_a_mended_contract_finds_broken_keeps_its_rows(warehouse: Warehouse, mode: StorageMode) -> None:
    warehouse.load(load(fetch(1), {1: ("a",), 2: ("b",)}, mode=mode))
    warehouse.load(load(fetch(1), {1: ("A",)}, mode=mode, version="2", broken=[2]))
    assert contents(warehouse) == {("default", 1, "1 by things-default-1 v2"): ("A",), ("default", 2, "2 by things-default-1 v1"): ("b",)}


def test_what_is_in_quarantine_says_where_it_came_from(warehouse: Warehouse) -> None:
    of = fetch(1)
    broken = load(of, {1: ()}, broken=[2])
    warehouse.load(broken)
    (row,) = warehouse.quarantined()
    item = broken.quarantined[0]
    assert (row.table, row.root, row.key, row.json_path, row.reason, row.raw, row.raw_id) == (
        item.table,
        item.root,
        item.key,
        item.json_path,
        item.reason,
        item.raw,
        item.raw_id,
    )
    assert (row.endpoint, row.account, row.fetch_id, row.fetched_at, row.run_id) == (
        "things",
        "default",
        of.fetch_id,
        of.fetched_at,
        broken.run_id,
    )


def test_quarantine_of_one_endpoint(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(2, endpoint="more_things"), {}, broken=[1]))
    warehouse.load(load(fetch(1), {}, broken=[2, 3]))
    assert [row.endpoint for row in warehouse.quarantined()] == ["things", "things", "more_things"]
    assert len(warehouse.quarantined("things")) == 2


def test_a_fetch_loaded_again_replaces_its_quarantine(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {}, broken=[1, 2]))
    before = {row.key: row.quarantine_id for row in warehouse.quarantined()}
    warehouse.load(load(fetch(1), {1: ()}, version="2", broken=[2]))
    (row,) = warehouse.quarantined()
    assert before[row.key] == row.quarantine_id


def test_a_refused_load_leaves_its_quarantine_and_nothing_else(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}))
    refused = load(fetch(2), {1: ("b",)}, broken=[2, 3])
    for _ in range(2):
        warehouse.quarantine(refused)
    assert names(warehouse) == ["1 by things-default-1 v1"]
    assert len(warehouse.quarantined()) == 2
    assert warehouse.fetches()["_fetch_id"].to_list() == ["things-default-1", "things-default-2"]
    assert not warehouse.load(replace(refused, quarantined=[])).skipped
    assert warehouse.quarantined() == []


@pytest.mark.parametrize("mode", MODES)
def test_a_partial_load_adds_a_mended_root_to_its_fetch(warehouse: Warehouse, mode: StorageMode) -> None:
    warehouse.load(load(fetch(1), {1: ("a",), 2: ("b",)}, mode=mode))
    warehouse.load(load(fetch(2), {1: ("A",)}, mode=mode, broken=[2, 3]))
    ledger = meta(warehouse, "loads")
    settled = tuple(row.quarantine_id for row in warehouse.quarantined() if '"id": 2' in row.key)
    receipt = warehouse.load(load(fetch(2), {2: ("B", "b2")}, mode=mode, version="2", partial=True, releases=settled))
    assert not receipt.skipped
    second = {("default", 1, "1 by things-default-2 v1"): ("A",), ("default", 2, "2 by things-default-2 v2"): ("B", "b2")}
    first = {("default", 1, "1 by things-default-1 v1"): ("a",), ("default", 2, "2 by things-default-1 v1"): ("b",)}
    assert contents(warehouse) == (first | second if mode is APPEND else second)
    assert [row.key for row in warehouse.quarantined()] == ['{"_account": "default", "id": 3}']
    assert meta(warehouse, "loads") == ledger


def test_a_partial_load_replaces_the_rows_its_fetch_left_before(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",), 2: ("b",)}))
    for _ in range(2):
        warehouse.load(load(fetch(1), {2: ("B", "C")}, version="2", partial=True))
    assert contents(warehouse) == {
        ("default", 1, "1 by things-default-1 v1"): ("a",),
        ("default", 2, "2 by things-default-1 v2"): ("B", "C"),
    }


def test_a_partial_upsert_does_not_replace_newer_rows(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}, broken=[2]))
    warehouse.load(load(fetch(2), {2: ("new",)}))
    receipt = warehouse.load(
        load(fetch(1), {2: ("old",)}, partial=True, releases=tuple(row.quarantine_id for row in warehouse.quarantined()))
    )
    assert receipt.kept_newer == 1
    assert names(warehouse) == ["1 by things-default-1 v1", "2 by things-default-2 v1"]
    assert warehouse.quarantined() == []


def test_a_partial_replace_of_an_older_fetch_is_skipped(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}, mode=REPLACE, broken=[2]))
    warehouse.load(load(fetch(2), {1: ("b",)}, mode=REPLACE))
    receipt = warehouse.load(
        load(fetch(1), {2: ("old",)}, mode=REPLACE, partial=True, releases=(warehouse.quarantined()[0].quarantine_id,))
    )
    assert "newer" in receipt.skipped
    assert names(warehouse) == ["1 by things-default-2 v1"]
    assert warehouse.quarantined() == []
