"""What every warehouse does. A new one joins by a line in ``OPENERS``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torn_pipeline.errors import WarehouseError
from torn_pipeline.tables.table import ColumnType, StorageMode
from torn_pipeline.warehouse import warehouse_from_url
from torn_pipeline_tests.conformance.warehouse_loads import DTYPES, THINGS, Things, contents, fetch, frames, load, table, things_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torn_pipeline.warehouse import Load, Warehouse

APPEND, REPLACE, UPSERT = StorageMode.APPEND, StorageMode.REPLACE, StorageMode.UPSERT
MODES = [APPEND, REPLACE, UPSERT]
OPENERS: dict[str, Callable[[Path], Warehouse]] = {
    "duckdb": lambda folder: warehouse_from_url(f"duckdb:///{folder}/warehouse.duckdb", folder),
}


@pytest.fixture(params=sorted(OPENERS))
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    return OPENERS[request.param](tmp_path)


def meta(warehouse: Warehouse, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = warehouse.query("SELECT * FROM torn_meta." + name).to_pylist()
    return rows


def names(warehouse: Warehouse) -> list[str]:
    return sorted(name for _, _, name in contents(warehouse))


def literal(value: object) -> pl.Expr:
    kinds: dict[type, type[pl.DataType]] = {bool: pl.Boolean, int: pl.Int64, float: pl.Float64, str: pl.String}
    return pl.lit(value, kinds[type(value)])


# --- what a mode leaves behind ------------------------------------------------------------------------------


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


# --- older fetches ------------------------------------------------------------------------------------------


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


# --- quarantine ---------------------------------------------------------------------------------------------


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


# --- the shape of tables ------------------------------------------------------------------------------------


def test_prepared_tables_are_typed_and_empty(warehouse: Warehouse) -> None:
    warehouse.prepare(THINGS, "a run")
    warehouse.prepare(THINGS, "another run")
    for one in THINGS:
        frame = warehouse.read(one.name)
        assert frame.is_empty()
        assert dict(frame.schema) == {column.name: DTYPES[column.type] for column in one.columns}
    assert [(row["table_name"], row["version"], row["change"], row["run_id"]) for row in meta(warehouse, "schema_versions")] == [
        ("things", 1, "created", "a run"),
        ("things_parts", 1, "created", "a run"),
    ]


def test_a_table_exists_when_the_api_sent_no_row_for_it(warehouse: Warehouse) -> None:
    receipt = warehouse.load(load(fetch(1), {}))
    assert warehouse.read("things_parts").is_empty()
    assert receipt.tables["things"].changes == ("created",)


def test_a_new_field_becomes_a_column_at_the_end(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ()}))
    of = fetch(2)
    with_new = frames(of, {2: ()})
    with_new["things"] = with_new["things"].with_columns(colour=pl.lit("red"))
    receipt = warehouse.load(load(of, {}, batches=[frames(of, {3: ()}), with_new]))
    frame = warehouse.read("things").sort("id")
    assert frame.columns == [*(column.name for column in THINGS[0].columns), "colour"]
    assert frame["colour"].to_list() == [None, "red", None]
    assert receipt.tables["things"].changes == ("added colour text",)
    assert receipt.tables["things_parts"].changes == ()


def test_every_change_of_a_table_is_recorded(warehouse: Warehouse) -> None:
    for number, value in enumerate((1, 2.5, "three"), start=1):
        of = fetch(number)
        batch = frames(of, {number: ()})
        warehouse.load(load(of, {}, batches=[{**batch, "things": batch["things"].with_columns(size=literal(value))}]))
    versions = [row for row in meta(warehouse, "schema_versions") if row["table_name"] == "things"]
    assert [(row["version"], row["change"]) for row in sorted(versions, key=lambda row: row["version"])] == [
        (1, "created"),
        (2, "added size integer"),
        (3, "widened size from integer to float"),
        (4, "widened size from float to text"),
    ]
    assert warehouse.read("things").sort("id")["size"].to_list() == ["1.0", "2.5", "three"]


@pytest.mark.parametrize(
    ("first", "then", "dtype", "expected"),
    [
        (1, 2, pl.Int64(), [1, 2]),
        (1.5, 2, pl.Float64(), [1.5, 2.0]),
        (2, 1.5, pl.Float64(), [2.0, 1.5]),
        ("a", 2, pl.String(), ["a", "2"]),
        (True, 2, pl.String(), ["true", "2"]),
        (2, "a", pl.String(), ["2", "a"]),
        (2.5, False, pl.String(), ["2.5", "false"]),
    ],
)
def test_a_new_field_of_two_types_is_widened(
    warehouse: Warehouse, first: object, then: object, dtype: pl.DataType, expected: list[object]
) -> None:
    of = fetch(1)
    batches = [frames(of, {1: ()}), frames(of, {2: ()})]
    for batch, value in zip(batches, (first, then), strict=True):
        batch["things"] = batch["things"].with_columns(size=literal(value))
    warehouse.load(load(of, {}, batches=batches))
    frame = warehouse.read("things").sort("id")
    assert frame.schema["size"] == dtype
    assert frame["size"].to_list() == expected


def test_a_column_that_a_contract_gains_is_added(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ()}))
    root, child = THINGS
    wider = replace(root, columns=(*root.columns, replace(root.columns[2], name="colour")))
    batch = frames(fetch(2), {2: ()}, (wider, child))
    warehouse.load(
        load(
            fetch(2),
            {},
            tables=(wider, child),
            version="2",
            batches=[{**batch, "things": batch["things"].with_columns(colour=pl.lit("red"))}],
        )
    )
    assert warehouse.read("things").sort("id")["colour"].to_list() == [None, "red"]


def test_a_column_that_is_no_longer_sent_becomes_null_in_the_rows_that_are_replaced(warehouse: Warehouse) -> None:
    of = fetch(1)
    batch = frames(of, {1: (), 2: ()})
    warehouse.load(load(of, {}, batches=[{**batch, "things": batch["things"].with_columns(colour=pl.lit("red"))}]))
    warehouse.load(load(fetch(2), {1: ()}))
    assert warehouse.read("things").sort("id")["colour"].to_list() == [None, "red"]


def test_another_type_in_the_contract_than_in_the_table_is_refused(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}))
    root, child = THINGS
    columns = tuple(replace(column, type=ColumnType.TEXT) if column.name == "score" else column for column in root.columns)
    with pytest.raises(WarehouseError, match=r"column score of table things is float in the warehouse and text in the contract"):
        warehouse.load(load(fetch(2), {}, tables=(replace(root, columns=columns), child), version="2"))
    assert names(warehouse) == ["1 by things-default-1 v1"]


def test_a_frame_of_another_type_than_the_contract_is_refused(warehouse: Warehouse) -> None:
    batch = frames(fetch(1), {1: ()})
    with pytest.raises(WarehouseError, match="column score for table things comes as String and must be float"):
        warehouse.load(load(fetch(1), {}, batches=[{**batch, "things": batch["things"].with_columns(score=pl.lit("many"))}]))
    with pytest.raises(WarehouseError, match="column tags for table things comes as List"):
        warehouse.load(load(fetch(1), {}, batches=[{**batch, "things": batch["things"].with_columns(tags=pl.lit(["a"]))}]))


def test_odd_names_and_values_are_only_data(warehouse: Warehouse) -> None:
    odd = 'a"b; DROP TABLE things --'
    of = fetch(1, account="o'neil")
    batch = frames(of, {1: ("'); DROP TABLE things; --", "🦊", "")})
    warehouse.load(load(of, {}, batches=[{**batch, "things": batch["things"].with_columns(pl.lit("x\ny").alias(odd))}], broken=[2]))
    assert warehouse.read("things", columns=[odd], account="o'neil").to_dicts() == [{odd: "x\ny"}]
    assert warehouse.read("things_parts")["part"].to_list() == ["'); DROP TABLE things; --", "🦊", ""]


# --- refusals and failures ----------------------------------------------------------------------------------


def test_an_incomplete_fetch_is_never_loaded(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="things-default-1 of things is not complete"):
        warehouse.load(load(fetch(1, complete=False), {1: ()}))
    assert warehouse.status() == []


def test_a_mode_that_is_not_built_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="storage_mode snapshot of things is not built yet"):
        warehouse.load(load(fetch(1), {1: ()}, mode=StorageMode.SNAPSHOT))


def test_another_mode_than_the_tables_is_refused(warehouse: Warehouse) -> None:
    assert warehouse.recorded_mode("things") is None
    warehouse.load(load(fetch(1), {1: ()}))
    assert warehouse.recorded_mode("things") is UPSERT
    with pytest.raises(WarehouseError, match=r"was loaded with storage_mode upsert and things now says append: .*replay things"):
        warehouse.load(load(fetch(2), {1: ()}, mode=APPEND))
    assert len(contents(warehouse)) == 1


def test_rows_of_a_table_the_load_does_not_name_are_refused(warehouse: Warehouse) -> None:
    of = fetch(1)
    with pytest.raises(WarehouseError, match="rows for table things_parts"):
        warehouse.load(load(of, {}, tables=THINGS[:1], batches=[frames(of, {1: ("a",)})]))


def test_an_error_half_way_leaves_everything_as_it_was(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}, broken=[9]))
    before = (
        contents(warehouse),
        meta(warehouse, "loads"),
        meta(warehouse, "schema_versions"),
        warehouse.quarantined(),
        warehouse.fetches().rows(),
    )

    def half() -> Iterator[dict[str, pl.DataFrame]]:
        batch = frames(fetch(2), {1: ("b",), 2: ("c",)})
        yield {**batch, "things": batch["things"].with_columns(colour=pl.lit("red"))}
        message = "the disk is gone"
        raise OSError(message)

    with pytest.raises(OSError, match="the disk is gone"):
        warehouse.load(load(fetch(2), {}, batches=half()))
    assert before == (
        contents(warehouse),
        meta(warehouse, "loads"),
        meta(warehouse, "schema_versions"),
        warehouse.quarantined(),
        warehouse.fetches().rows(),
    )
    assert "colour" not in warehouse.read("things").columns
    warehouse.load(load(fetch(2), {1: ("b",)}))
    assert names(warehouse) == ["1 by things-default-2 v1"]


def test_quarantine_is_read_after_the_batches(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",), 2: ("b",)}, mode=REPLACE))
    found: list[Any] = []
    one = load(fetch(2), {}, mode=REPLACE, broken=[2])

    def pieces() -> Iterator[dict[str, pl.DataFrame]]:
        yield frames(fetch(2), {1: ("A",)})
        found.extend(one.quarantined)

    warehouse.load(replace(one, batches=pieces(), quarantined=found))
    assert names(warehouse) == ["1 by things-default-2 v1", "2 by things-default-1 v1"]
    assert len(warehouse.quarantined()) == 1


# --- ledger, rebuild, reading -------------------------------------------------------------------------------


def test_the_ledger_has_a_row_a_table_write(warehouse: Warehouse) -> None:
    one = load(fetch(1), {1: ("a", "b"), 2: ()})
    warehouse.load(one)
    rows = sorted(meta(warehouse, "loads"), key=lambda row: row["table_name"])
    assert [(row["table_name"], row["rows"], row["mode"], row["contract_version"], row["run_id"]) for row in rows] == [
        ("things", 2, "upsert", "1", one.run_id),
        ("things_parts", 2, "upsert", "1", one.run_id),
    ]
    assert all(row["_fetch_id"] == one.fetch.fetch_id and row["_fetched_at"] == one.fetch.fetched_at and row["bytes"] > 0 for row in rows)
    assert len({row["slice"] for row in rows}) == 1


def test_the_row_of_a_fetch_is_rewritten(warehouse: Warehouse) -> None:
    assert warehouse.fetches().is_empty()
    of = fetch(1, complete=False)
    warehouse.record_fetch(of)
    (row,) = warehouse.fetches("things").to_dicts()
    assert (row["complete"], row["error"], row["pages"], row["started"], row["ended"]) == (
        False,
        "page 2 is missing",
        1,
        of.fetched_at,
        of.ended_at,
    )
    warehouse.record_fetch(replace(of, complete=True, error=""))
    assert warehouse.fetches()["complete"].to_list() == [True]
    assert warehouse.fetches("other").is_empty()


def test_status_tells_endpoints_and_accounts_apart(warehouse: Warehouse) -> None:
    assert warehouse.status() == []
    warehouse.load(load(fetch(1), {1: ("a",), 2: ("b",)}))
    warehouse.load(load(fetch(2), {2: ("b", "c")}, broken=[7]))
    warehouse.load(load(fetch(3, account="friend"), {1: ()}))
    warehouse.record_fetch(fetch(4, account="friend", complete=False))
    warehouse.record_fetch(fetch(1, endpoint="others", complete=False))
    other, own, friend = warehouse.status()
    assert (own.endpoint, own.account, own.fetch_id, own.fetched_at) == ("things", "default", "things-default-2", fetch(2).fetched_at)
    assert (own.rows, own.quarantined) == ({"things": 2, "things_parts": 3}, 1)
    assert (friend.account, friend.fetch_id, friend.rows, friend.quarantined) == ("friend", "things-friend-3", {"things": 1}, 0)
    assert (other.endpoint, other.fetch_id, other.fetched_at, other.rows) == ("others", None, None, {})


def test_a_rebuild_changes_mode_and_types_in_one_step(warehouse: Warehouse) -> None:
    for number in (1, 2):
        warehouse.load(load(fetch(number), {1: ("a",)}, broken=[2]))
    root, child = THINGS
    columns = tuple(replace(column, type=ColumnType.TEXT) if column.name == "is_old" else column for column in root.columns)
    tables = (replace(root, columns=columns), child)

    def again(number: int) -> Load:
        batch = frames(fetch(number), {1: ("a",)})
        mended = {**batch, "things": batch["things"].with_columns(pl.col("is_old").cast(pl.String))}
        return load(fetch(number), {}, mode=APPEND, tables=tables, batches=[mended])

    receipts = warehouse.load_all((again(number) for number in (1, 2)), rebuild={"things": tables})
    assert [receipt.skipped for receipt in receipts] == ["", ""]
    assert len(contents(warehouse)) == 2
    assert warehouse.read("things").schema["is_old"] == pl.String()
    assert (warehouse.recorded_mode("things"), warehouse.quarantined()) == (APPEND, [])


def test_a_rebuild_that_fails_leaves_the_old_tables(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}, broken=[2]))
    before = (contents(warehouse), meta(warehouse, "loads"), warehouse.quarantined())
    with pytest.raises(WarehouseError):
        warehouse.load_all([load(fetch(1), {1: ()}, mode=APPEND), load(fetch(2, complete=False), {})], rebuild={"things": THINGS})
    assert before == (contents(warehouse), meta(warehouse, "loads"), warehouse.quarantined())


def test_a_rebuild_leaves_another_endpoint_in_the_same_table_alone(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}))
    warehouse.load(load(fetch(2, endpoint="more_things"), {2: ("b",)}))
    warehouse.load_all([load(fetch(1), {3: ()})], rebuild={"things": THINGS})
    assert names(warehouse) == ["2 by more_things-default-2 v1", "3 by things-default-1 v1"]


def test_a_rebuild_without_loads_leaves_empty_tables(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}))
    assert warehouse.load_all([], rebuild={"things": THINGS}) == []
    assert contents(warehouse) == {}
    assert not warehouse.load(load(fetch(1), {1: ("a",)})).skipped


def test_several_loads_in_one_transaction(warehouse: Warehouse) -> None:
    warehouse.load_all(load(fetch(number), {1: (str(number),), number: ()}) for number in (2, 3, 1, 3))
    assert contents(warehouse)[("default", 1, "1 by things-default-3 v1")] == ("3",)
    assert len(contents(warehouse)) == 3


def test_reading_some_columns_of_one_account(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: (), 2: ()}))
    warehouse.load(load(fetch(1, account="friend"), {3: ()}))
    assert warehouse.read("things", columns=["id"], account="friend").to_dicts() == [{"id": 3}]


def test_queries_see_the_tables_by_both_names(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}))
    for name in ("things", "torn.things"):
        assert warehouse.query("SELECT id, seen_at FROM " + name).to_pylist() == [{"id": 1, "seen_at": fetch(1).ended_at}]


@pytest.mark.parametrize(
    "sql", ["DELETE FROM things", "DROP TABLE things", "CREATE TABLE more (i INTEGER)", "SELECT 1; SELECT 2", "SELEC 1", ""]
)
def test_what_is_not_a_reading_query_is_refused(warehouse: Warehouse, sql: str) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}))
    with pytest.raises(WarehouseError) as caught:
        warehouse.query(sql)
    assert "\n" not in str(caught.value)
    assert len(contents(warehouse)) == 1


def test_reading_before_the_first_load_says_so(warehouse: Warehouse) -> None:
    for read in (lambda: warehouse.read("things"), lambda: warehouse.query("SELECT 1")):
        with pytest.raises(WarehouseError, match=r"nothing was loaded into .* yet"):
            read()
    assert warehouse.quarantined() == []


def test_reading_what_is_not_there_names_it(warehouse: Warehouse) -> None:
    warehouse.prepare(THINGS, "a run")
    for name, columns, said in (("nothing", (), "nothing"), ("things", ("weight",), "weight")):
        with pytest.raises(WarehouseError, match=said):
            warehouse.read(name, columns=columns)


# --- any sequence of loads ----------------------------------------------------------------------------------


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


@pytest.mark.parametrize("opener", sorted(OPENERS))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mode=st.sampled_from(MODES), steps=st.lists(ops, min_size=2, max_size=8), together=st.booleans())
def test_any_sequence_of_loads_ends_like_the_model(
    tmp_path_factory: pytest.TempPathFactory, opener: str, mode: StorageMode, steps: list[Any], *, together: bool
) -> None:
    warehouse = OPENERS[opener](tmp_path_factory.mktemp("loads"))
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
