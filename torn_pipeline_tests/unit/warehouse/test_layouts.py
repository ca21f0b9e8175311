"""How tables are partitioned and clustered covers what is asked of them: their key, their account, the moment of their history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from torn_pipeline.tables.contracts import CONTRACTS
from torn_pipeline.tables.naming import tables_of
from torn_pipeline.tables.table import ColumnType, StorageMode, Table, histories_of
from torn_pipeline.warehouse.layouts import Layout, layout, partitions

if TYPE_CHECKING:
    from torn_pipeline.tables.contract import Contract

MOST = 4  # columns that BigQuery clusters a table by
BY_ANOTHER_MOMENT = {
    "/faction/attacks": "ended lies minutes after started, by which the rows are partitioned: it is there when a fetch first brings them",
    "/faction/attacksfull": "as the attacks",
    "/faction/crimes": "rows are asked for by executed_at or expired_at, which are null at first; created_at never changes",
}
"""Contracts whose history goes by another column than the one their root is partitioned by, and why."""

every_contract = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
every_mode = pytest.mark.parametrize("mode", StorageMode)


def laid_out(contract: Contract, mode: StorageMode) -> dict[Table, Layout]:
    tables = tables_of(contract, name="t", mode=mode)
    both = (*tables, *histories_of(tables, mode))
    times = partitions(both)
    return {table: layout(table, times[table.name]) for table in both}


@every_mode
@every_contract
def test_the_key_of_every_table_is_covered(contract: Contract, mode: StorageMode) -> None:
    for table, (partition, clustered) in laid_out(contract, mode).items():
        key = [name for name in table.key if name != partition]
        assert clustered == key[:MOST], table.name
        assert partition is None or table.column(partition).type is ColumnType.TIMESTAMP, table.name
        uncovered = set(key) - {*clustered, partition}
        assert not uncovered or len(clustered) == MOST, f"{table.name}: {uncovered}"


@every_mode
@every_contract
def test_what_is_asked_of_one_account_reads_its_blocks_alone(contract: Contract, mode: StorageMode) -> None:
    for table, (_, clustered) in laid_out(contract, mode).items():
        assert clustered[:1] == ["_account"] or "_account" not in table.key, table.name


@every_contract
def test_the_moment_of_a_history_is_what_the_root_is_partitioned_by(contract: Contract) -> None:
    moments = {"_".join(window.fields[0].split(".")) for window in contract.windows}
    (partition, _), *_ = laid_out(contract, StorageMode.UPSERT).values()
    covered = moments <= {partition}
    assert covered == (contract.path not in BY_ANOTHER_MOMENT), f"{contract.path}: asked by {moments}, partitioned by {partition}"


@pytest.mark.parametrize(
    ("there", "covered"),
    [
        (Layout("created_at", ["_account", "id"]), True),
        (Layout("created_at", ["_account", "id", "status"]), True),
        (Layout("created_at", ["id", "_account"]), False),
        (Layout("created_at", ["_account"]), False),
        (Layout("executed_at", ["_account", "id"]), False),
        (Layout(None, ["_account", "id"]), False),
        (Layout(None, []), False),
    ],
)
def test_a_layout_covers_another_when_it_spares_as_much_to_read(there: Layout, *, covered: bool) -> None:
    assert there.covers(Layout("created_at", ["_account", "id"])) is covered


def test_a_table_that_need_not_be_partitioned_may_be() -> None:
    assert Layout("seen_at", ["_account"]).covers(Layout(None, ["_account"]))
    assert [str(Layout("seen_at", ["_account", "id"])), str(Layout(None, []))] == [
        "days of seen_at and clusters of _account, id",
        "nothing",
    ]
