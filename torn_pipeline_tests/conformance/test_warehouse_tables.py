"""How tables are made, changed, refused, read and rebuilt, in every warehouse."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from torn_pipeline.errors import WarehouseError
from torn_pipeline.tables.table import ColumnType, StorageMode
from torn_pipeline_tests.conformance.warehouse_loads import DTYPES, THINGS, contents, fetch, frames, load, meta, names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torn_pipeline.warehouse import Load, Warehouse

APPEND, REPLACE, UPSERT = StorageMode.APPEND, StorageMode.REPLACE, StorageMode.UPSERT


def literal(value: object) -> pl.Expr:
    kinds: dict[type, type[pl.DataType]] = {bool: pl.Boolean, int: pl.Int64, float: pl.Float64, str: pl.String}
    return pl.lit(value, kinds[type(value)])


# --- the shape of tables -------------------------------------------------------------------------------------


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


# --- refusals and failures -----------------------------------------------------------------------------------


def test_an_incomplete_fetch_is_never_loaded(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="things-default-1 of things is not complete"):
        warehouse.load(load(fetch(1, complete=False), {1: ()}))
    assert warehouse.status() == []


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


# --- ledger, rebuild, reading --------------------------------------------------------------------------------


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
    assert (other.endpoint, other.fetch_id, other.fetched_at, other.data_at, other.rows) == ("others", None, None, None, {})


def test_status_tells_what_was_fetched_from_what_was_loaded(warehouse: Warehouse) -> None:
    warehouse.record_fetch(fetch(1))
    warehouse.record_fetch(fetch(1, account="friend"))
    for number in (3, 2):
        warehouse.load(load(fetch(number), {1: ("a",)}))
    warehouse.record_fetch(fetch(4))
    warehouse.quarantine(load(fetch(5), {}, broken=[7]))
    own, friend = warehouse.status()
    assert (own.fetch_id, own.fetched_at, own.data_at) == ("things-default-5", fetch(5).fetched_at, fetch(3).fetched_at)
    assert (friend.fetched_at, friend.data_at) == (fetch(1).fetched_at, None)


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
    for sql in ("SELECT id, seen_at FROM things", "SELECT id, seen_at FROM torn.things"):
        assert warehouse.query(sql).to_pylist() == [{"id": 1, "seen_at": fetch(1).ended_at}]


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


# --- accounts that get another name -------------------------------------------------------------------------


def test_rows_follow_an_account_that_got_another_name(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a", "b"), 2: ()}))
    assert warehouse.rename_account("default", "alpha") == 4
    assert set(warehouse.read("things")["_account"]) == set(warehouse.read("things_parts")["_account"]) == {"alpha"}
    assert {row["account"] for row in meta(warehouse, "fetches")} == {"alpha"}
    assert all('"alpha"' in str(row["slice"]) for row in meta(warehouse, "loads"))


def test_a_renaming_run_again_changes_nothing(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}))
    warehouse.rename_account("default", "alpha")
    before = contents(warehouse)
    assert warehouse.rename_account("default", "alpha") == 0
    assert contents(warehouse) == before


def test_two_accounts_do_not_become_one(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ()}))
    warehouse.rename_account("default", "alpha")
    warehouse.load(load(fetch(2), {1: ()}))
    before = contents(warehouse)
    with pytest.raises(WarehouseError, match="cannot become one"):
        warehouse.rename_account("default", "alpha")
    assert contents(warehouse) == before
