"""What has to be true of every contract, whatever it describes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from torn_pipeline.quality.validate import Validator
from torn_pipeline.tables.contract import Object, Scalar
from torn_pipeline.tables.contracts import CONTRACTS
from torn_pipeline.tables.findings import Kind
from torn_pipeline.tables.naming import path_ids, tables_of
from torn_pipeline.tables.normalise import Normalizer, empty_frame
from torn_pipeline.tables.table import ColumnType, Role, StorageMode
from torn_pipeline_tests.unit.tables.builders import ORIGIN, bodies, normalised
from torn_pipeline_tests.unit.tables.crime import CRIME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torn_pipeline.tables.contract import Contract, Node
    from torn_pipeline.tables.table import Table

UPSERT = StorageMode.UPSERT
ALL_TABLES = {table.name: table for contract in CONTRACTS.values() for table in tables_of(contract, mode=UPSERT)}

every_contract = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)


def by_suffix(contract: Contract) -> Mapping[str, Table]:
    tables = tables_of(contract, mode=UPSERT)
    return {table.name.removeprefix(tables[0].name).removeprefix("_"): table for table in tables}


def nodes(node: Node) -> Iterator[Node]:
    """A part of a contract and everything in it."""
    yield node
    if isinstance(node, Object):
        for child in node.fields:
            yield from nodes(child)
    elif not isinstance(node, Scalar):
        yield from nodes(getattr(node, "items", None) or getattr(node, "values", None))  # type: ignore[arg-type]  # it has one of them


@every_contract
@pytest.mark.parametrize("mode", StorageMode)
@pytest.mark.parametrize("shared_scope", [False, True])
def test_it_makes_tables_of_keys_that_they_have(contract: Contract, mode: StorageMode, *, shared_scope: bool) -> None:
    for table in tables_of(contract, mode=mode, shared_scope=shared_scope):
        names = [column.name for column in table.columns]
        assert names[: len(table.key)] == list(table.key)
        assert len(set(names)) == len(names)
        assert table.description.endswith(".")


@every_contract
def test_every_field_is_described_and_known_values_are_its_type(contract: Contract) -> None:
    scalars = [node for root in contract.body for node in nodes(root) if isinstance(node, Scalar)]

    assert [node.name for node in scalars if not node.description.endswith(".")] == []
    assert [node.name for node in scalars if node.known and node.type != "string"] == []
    assert [node.name for node in scalars if len(set(node.known)) < len(node.known)] == []


@every_contract
def test_every_column_of_its_key_is_there_or_the_row_is_not(contract: Contract) -> None:
    for table in by_suffix(contract).values():
        fields = {node.name: node for node in table.element.fields if isinstance(node, Scalar)} if isinstance(table.element, Object) else {}
        own = [fields[column.path[0]] for column in table.columns if column.name in table.key and column.role is Role.OWN]
        assert [node.name for node in own if node.nullable or not node.required] == []


@every_contract
def test_its_rules_can_be_asked_of_its_tables(contract: Contract) -> None:
    tables = by_suffix(contract)

    for rule in contract.rules:
        assert bool(rule.holds) != bool(rule.unique)
        frame = empty_frame(tables[rule.table])
        assert frame.select(pl.sql_expr(rule.holds) if rule.holds else pl.struct(rule.unique).is_unique()).dtypes == [pl.Boolean]
    assert len({(rule.table, rule.name) for rule in contract.rules}) == len(contract.rules)


@every_contract
def test_its_references_lead_from_a_column_to_one_like_it(contract: Contract) -> None:
    tables = by_suffix(contract)

    for reference in contract.references:
        source = tables[reference.table].column(reference.column)
        assert source.type is ALL_TABLES[reference.target].column(reference.target_column).type


@every_contract
def test_its_windows_are_about_moments_of_its_rows(contract: Contract) -> None:
    (root, *_) = tables_of(contract, mode=UPSERT)

    for window in contract.windows:
        assert {root.column(field).type for field in window.fields} == {ColumnType.TIMESTAMP}
        assert window.late > timedelta(0)
        assert window.until is None or window.until.utcoffset() == timedelta(0)
    assert len({(window.fields, *window.params.items()) for window in contract.windows}) == len(contract.windows)
    assert replace(contract, windows=()).version == contract.version


def test_crimes_come_in_the_ways_that_find_all_of_them() -> None:
    """Those that are done by when they were executed, the oldest by when they were created, and those that expired."""
    windows = CONTRACTS["/faction/crimes"].windows

    assert [(window.fields, dict(window.params), window.until is None) for window in windows] == [
        (("executed_at",), {"cat": "completed"}, True),
        (("expired_at",), {"cat": "expired"}, True),
        (("created_at",), {"cat": "completed", "filters": "created_at"}, False),
    ]


@every_contract
def test_the_id_in_the_path_is_in_the_key_of_all_its_tables(contract: Contract) -> None:
    assert {path_ids(contract.path) == table.key[1 : 1 + len(path_ids(contract.path))] for table in by_suffix(contract).values()} == {True}


DETAILS = ("members", "targets", "war", "leave", "mug", "hospitalize", "assists", "retaliations", "overseas", "draws", "escapes", "losses")
REPORT = {
    "id": 9,
    "faction_id": 1,
    "start": 1_777_000_000,
    "end": 1_777_000_900,
    "details": {"chain": 10, "respect": 12.5, "best": 10, **dict.fromkeys(DETAILS, 1)},
    "bonuses": [{"attacker_id": 5, "defender_id": 6, "chain": 10, "respect": 10}],
    "attackers": [],
    "non_attackers": [7, 8],
}


def test_the_id_in_the_path_goes_all_the_way_to_the_rows() -> None:
    origin = replace(ORIGIN, path_ids={"_chain_id": 9})
    found = normalised(CONTRACTS["/faction/{chainId}/chainreport"], {"chainreport": REPORT}, origin=origin)

    assert found.found == []
    assert found.of("faction_chainreport", "_account", "_chain_id", "id") == [{"_account": "default", "_chain_id": "9", "id": 9}]
    assert found.of("faction_chainreport_bonuses", "_chain_id", "chainreport_id", "_index", "attacker_id") == [
        {"_chain_id": "9", "chainreport_id": 9, "_index": 0, "attacker_id": 5}
    ]
    assert found.of("faction_chainreport_non_attackers", "_chain_id", "_index", "value") == [
        {"_chain_id": "9", "_index": 0, "value": 7},
        {"_chain_id": "9", "_index": 1, "value": 8},
    ]


def test_a_report_that_is_left_out_is_told_with_the_id_in_its_path() -> None:
    origin = replace(ORIGIN, path_ids={"_chain_id": 9})
    found = normalised(CONTRACTS["/faction/{chainId}/chainreport"], {"chainreport": {**REPORT, "non_attackers": ["Ash"]}}, origin=origin)

    (left_out,) = found.rejected
    assert (left_out.key, left_out.json_path) == (
        {"_account": "default", "_chain_id": "9", "id": 9},
        "$.chainreport.non_attackers[0]",
    )
    assert {table: len(rows) for table, rows in found.rows.items()} == dict.fromkeys(found.rows, 0)


def test_the_two_spellings_of_escapes_are_one_column() -> None:
    counts = dict.fromkeys(("total", "leave", "mug", "hospitalize", "assists", "retaliations", "overseas", "draws", "losses", "war"), 0)
    respect = {"total": 0, "average": 0, "best": 0}
    spellings: list[dict[str, int]] = [{"escpaces": 1}, {"escapes": 2}, {"escapes": 3, "escpaces": 3}, {}]
    attackers = [
        {"id": number, "respect": respect, "attacks": {**counts, "bonuses": 0, **one}} for number, one in enumerate(spellings, start=1)
    ]
    origin = replace(ORIGIN, path_ids={"_chain_id": 9})
    found = normalised(CONTRACTS["/faction/{chainId}/chainreport"], {"chainreport": {**REPORT, "attackers": attackers}}, origin=origin)

    assert [row["attacks_escapes"] for row in found.rows["faction_chainreport_attackers"]] == [1, 2, 3, None]
    assert found.found == []


@pytest.mark.parametrize(("created_at", "broken"), [(1_735_689_600, []), (1_740_000_000, ["executed_when_done"])])
def test_a_crime_of_old_times_need_not_say_when_it_was_executed(created_at: int, broken: list[str]) -> None:
    contract = CONTRACTS["/faction/crimes"]
    given = {**CRIME, "status": "Failure", "created_at": created_at, "executed_at": None, "rewards": None}
    tables = tables_of(contract, mode=UPSERT)
    (batch,) = Normalizer(tables, add_new_fields=False).batches(bodies({"crimes": [given]}), ORIGIN)

    found = Validator(contract, tables).validate(batch).findings
    assert [finding.path for finding in found if finding.kind is Kind.RULE] == broken
