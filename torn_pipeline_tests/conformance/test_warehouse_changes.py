"""Changes of shape that were asked for: what they leave, what they refuse, what is kept of before, and the way back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from torn_pipeline.errors import WarehouseError
from torn_pipeline.tables.table import ColumnType
from torn_pipeline.warehouse import Kind, changes_of, refused
from torn_pipeline_tests.conformance.warehouse_loads import THINGS, contents, fetch, frames, load, meta

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse import Warehouse

ROOT, CHILD = THINGS


def contract(**types: ColumnType | None) -> Table:
    """The root table with other types for some columns, or without them, or with more."""
    kept = [
        replace(column, type=types.get(column.name) or column.type) for column in ROOT.columns if types.get(column.name, "") is not None
    ]
    known = {column.name for column in ROOT.columns}
    more = [
        replace(ROOT.columns[2], name=name, type=kind, description=f"the {name}")
        for name, kind in types.items()
        if name not in known and kind
    ]
    return replace(ROOT, columns=(*kept, *more))


def apply(warehouse: Warehouse, table: Table, *allowed: Kind, keep: int = 3) -> list[str]:
    """Apply what is allowed of a contract's changes; what is left."""
    changes = changes_of([table], warehouse.shapes([table.name]))
    left = refused(changes, set(allowed))
    warehouse.change([change for change in changes if change not in left], groups=[THINGS], keep_backups=keep, run_id="by hand")
    return [str(change) for change in left]


def fill(warehouse: Warehouse, number: int = 1, **columns: pl.Series) -> None:
    """A load with fields that the contract does not have, as many rows as the longest has values."""
    of = fetch(number)
    rows = max(len(values) for values in columns.values())
    batch = frames(of, {number * 10 + place: ("a",) for place in range(rows)})
    more = [values.extend_constant(None, rows - len(values)).alias(name) for name, values in columns.items()]
    warehouse.load(load(of, {}, batches=[{**batch, "things": batch["things"].with_columns(more)}]))


def text(*values: str | None) -> pl.Series:
    return pl.Series(values, dtype=pl.String())


def integers(*values: int | None) -> pl.Series:
    return pl.Series(values, dtype=pl.Int64())


def floats(*values: float | None) -> pl.Series:
    return pl.Series(values, dtype=pl.Float64())


def column(warehouse: Warehouse, name: str) -> list[Any]:
    return warehouse.read("things").sort("id")[name].to_list()


def test_a_table_is_created_and_described(warehouse: Warehouse) -> None:
    assert apply(warehouse, ROOT) == []
    assert changes_of([ROOT], warehouse.shapes(["things"])) == []


def test_a_column_is_added_with_its_description(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ()}))
    wider = contract(colour=ColumnType.TEXT)
    assert apply(warehouse, wider) == []
    assert column(warehouse, "colour") == [None]
    assert changes_of([wider], warehouse.shapes(["things"])) == []
    assert not warehouse.schema_versions("things")[0].has_backup


def test_columns_are_widened_with_their_values(warehouse: Warehouse) -> None:
    fill(
        warehouse,
        size=integers(1, None),
        number_=integers(1, -7),
        share=floats(1.5, None),
        whole=floats(2.0, -7.25),
        is_new=pl.Series([True, False]),
    )
    wanted = dict.fromkeys(("number_", "share", "whole", "is_new"), ColumnType.TEXT) | {"size": ColumnType.FLOAT}
    assert apply(warehouse, contract(**wanted)) == []
    frame = warehouse.read("things").sort("id")
    assert {name: frame[name].to_list() for name in wanted} == {
        "size": [1.0, None],
        "number_": ["1", "-7"],
        "share": ["1.5", None],
        "whole": ["2.0", "-7.25"],
        "is_new": ["true", "false"],
    }
    last = warehouse.schema_versions("things")[-1]
    assert (last.change.startswith("widened "), last.run_id) == (True, "by hand")
    assert {name: last.columns[name] for name in wanted} == wanted


def test_columns_are_narrowed_when_that_is_allowed_and_loses_nothing(warehouse: Warehouse) -> None:
    fill(warehouse, whole=floats(1.0, None, -3.0), count=text("1", None, "-7"), share=text("1.5", "2"), is_new=text("true", "false"))
    wanted = {"whole": ColumnType.INTEGER, "count": ColumnType.INTEGER, "share": ColumnType.FLOAT, "is_new": ColumnType.BOOLEAN}
    left = apply(warehouse, contract(**wanted))
    assert left == [f"narrow {name} from {'float' if name == 'whole' else 'text'} to {kind}" for name, kind in wanted.items()]
    assert column(warehouse, "count") == ["1", None, "-7"]
    assert apply(warehouse, contract(**wanted), Kind.NARROW) == []
    frame = warehouse.read("things").sort("id")
    assert {name: frame[name].to_list() for name in wanted} == {
        "whole": [1, None, -3],
        "count": [1, None, -7],
        "share": [1.5, 2.0, None],
        "is_new": [True, False, None],
    }


LOSSES = {
    "halves": (floats(1.0, 2.5, 3.5), ColumnType.INTEGER, "2 values of halves cannot become integer, the first is 2.5"),
    "nans": (floats(float("nan")), ColumnType.INTEGER, "1 values of nans cannot become integer"),
    "huge": (floats(1e30), ColumnType.INTEGER, "1 values of huge cannot become integer"),
    "words": (text("1", "many"), ColumnType.INTEGER, "1 values of words cannot become integer, the first is 'many'"),
    "shares": (text("1.5"), ColumnType.INTEGER, "1 values of shares cannot become integer"),
    "zeros": (text("007"), ColumnType.INTEGER, "the first is '007'"),
    "letters": (text("x"), ColumnType.FLOAT, "1 values of letters cannot become float"),
    "long": (integers(2**53 + 1), ColumnType.FLOAT, "the first is 9007199254740993"),
}


def test_no_value_is_ever_lost(warehouse: Warehouse) -> None:
    fill(warehouse, 1, **{name: values for name, (values, _, _) in LOSSES.items()})
    before, versions = warehouse.read("things").sort("id"), meta(warehouse, "schema_versions")
    held = {name: kind for name, kind in warehouse.schema_versions("things")[-1].columns.items() if name in LOSSES}
    for name, (_, wanted, said) in LOSSES.items():
        types = {known: ColumnType(kind) for known, kind in held.items()} | {name: wanted, "weight": ColumnType.FLOAT}
        with pytest.raises(WarehouseError, match=said):
            apply(warehouse, contract(**types), Kind.NARROW)
    assert warehouse.read("things").sort("id").equals(before)
    assert meta(warehouse, "schema_versions") == versions
    assert not any(version.has_backup for version in warehouse.schema_versions())


def test_a_column_is_dropped_only_when_that_is_allowed(warehouse: Warehouse) -> None:
    fill(warehouse, colour=text("red"))
    assert apply(warehouse, ROOT) == ["drop colour text, which the contract does not have"]
    assert apply(warehouse, ROOT, Kind.DROP) == []
    assert "colour" not in warehouse.read("things").columns
    assert len(contents(warehouse)) == 1


def test_another_type_is_never_made(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ()}))
    assert apply(warehouse, contract(is_old=ColumnType.INTEGER), *Kind) == ["make is_old, which is boolean, integer"]
    with pytest.raises(WarehouseError, match="is_old is boolean and cannot become integer"):
        warehouse.change(changes_of([contract(is_old=ColumnType.INTEGER)], warehouse.shapes(["things"])), keep_backups=3)


# --- what is kept of before ----------------------------------------------------------------------------------


def copies(warehouse: Warehouse) -> list[int]:
    return [version.version for version in warehouse.schema_versions("things") if version.has_backup]


def test_a_copy_of_a_table_that_is_rewritten_is_kept(warehouse: Warehouse) -> None:
    fill(warehouse, colour=text("red"))
    before = warehouse.read("things")
    apply(warehouse, ROOT, Kind.DROP)
    assert copies(warehouse) == [2]
    kept = pl.from_arrow(warehouse.query("SELECT * FROM torn_meta.backup_things_v2"))
    assert isinstance(kept, pl.DataFrame)
    assert kept.equals(before)


def test_the_oldest_copies_go(warehouse: Warehouse) -> None:
    fill(warehouse, colour=text("red"), size=integers(1), weight=integers(2))
    for kept in ({"colour": ColumnType.TEXT, "size": ColumnType.INTEGER}, {"colour": ColumnType.TEXT}, {}):
        apply(warehouse, contract(**kept), Kind.DROP, keep=2)
    assert copies(warehouse) == [5, 6]


# --- the way back --------------------------------------------------------------------------------------------


def test_a_dropped_column_comes_back_with_its_values_in_the_rows_that_are_the_same(warehouse: Warehouse) -> None:
    fill(warehouse, colour=text("red", "blue", None))
    apply(warehouse, ROOT, Kind.DROP)
    warehouse.load(load(fetch(2), {10: ("new",), 99: ()}))
    done = warehouse.roll_back(ROOT, 2, beside=THINGS, keep_backups=3, run_id="back")
    assert done == ("added colour text", "rolled back to version 2")
    frame = warehouse.read("things").sort("id")
    assert dict(zip(frame["id"], frame["colour"], strict=True)) == {10: None, 11: "blue", 12: None, 99: None}
    assert warehouse.schema_versions("things")[-1].columns == warehouse.schema_versions("things")[1].columns


def test_a_narrowed_column_is_wide_again_and_an_added_one_is_gone(warehouse: Warehouse) -> None:
    fill(warehouse, size=text("1", "2"))
    apply(warehouse, contract(size=ColumnType.INTEGER, weight=ColumnType.FLOAT), Kind.NARROW)
    warehouse.roll_back(ROOT, 2, keep_backups=3)
    assert column(warehouse, "size") == ["1", "2"]
    assert "weight" not in warehouse.read("things").columns


def test_a_way_back_that_loses_a_value_is_refused(warehouse: Warehouse) -> None:
    fill(warehouse, size=integers(1))
    fill(warehouse, 2, size=text("many"))
    with pytest.raises(WarehouseError, match="1 values of size cannot become integer, the first is 'many'"):
        warehouse.roll_back(ROOT, 2, keep_backups=3)
    assert column(warehouse, "size") == ["1", "many"]


def test_a_version_that_is_not_there_or_holds_now_is_refused(warehouse: Warehouse) -> None:
    fill(warehouse, size=integers(1))
    for version in (0, 2, 7):
        with pytest.raises(WarehouseError, match=rf"table things cannot be rolled back to version {version}: it had the versions 1"):
            warehouse.roll_back(ROOT, version, keep_backups=3)


def test_a_roll_back_can_be_rolled_back(warehouse: Warehouse) -> None:
    fill(warehouse, size=integers(1, 2))
    warehouse.roll_back(ROOT, 1, keep_backups=3)
    assert "size" not in warehouse.read("things").columns
    warehouse.roll_back(ROOT, 2, keep_backups=3)
    assert column(warehouse, "size") == [1, 2]


def test_loads_go_on_after_every_change(warehouse: Warehouse) -> None:
    fill(warehouse, colour=text("red"))
    apply(warehouse, ROOT, Kind.DROP)
    fill(warehouse, 2, colour=text("blue"))
    assert column(warehouse, "colour") == [None, "blue"]
    wanted: Mapping[str, ColumnType] = {"colour": ColumnType.TEXT}
    assert apply(warehouse, contract(**wanted)) == []
