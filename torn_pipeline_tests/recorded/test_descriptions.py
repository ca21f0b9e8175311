"""Every contract against the API's own description of its endpoint, and against answers made of older ones (``TORN_SPEC_DIR``)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from torn_pipeline.tables.contract import Array, Node, Object, Scalar
from torn_pipeline.tables.contracts import CONTRACTS
from torn_pipeline.tables.findings import Kind
from torn_pipeline.tables.naming import path_ids, tables_of
from torn_pipeline.tables.table import StorageMode
from torn_pipeline_tests.openapi import VERSIONS, Description, Maker
from torn_pipeline_tests.reference import COLUMNS, reference_tables
from torn_pipeline_tests.reference_history import HISTORY, history_tables, shown
from torn_pipeline_tests.unit.tables.builders import ORIGIN, Normalised, normalised

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Schema = dict[str, Any]

MANY = 100
ANSWERS = 8

# What contracts say otherwise than version 5.8.0, and why.
_CRIME = {
    "position_info.number: required": "goes in June 2026",
    "user.item_outcome.outcome: known ['unused']": "came with 6.1.1",
}
_ITEM = {
    "vendor: required": "may be left out since 6.11",
    "buy_price: required": "may be left out since 6.11",
    "sell_price: required": "may be left out since 6.11",
    "shops: not in the description": "came with 6.11",
}
_TERRITORY = "known, all of them"  # thousands, which nobody needs to be told of
KNOWN_DIFFERENCES: Mapping[str, Mapping[str, str]] = {
    "/faction/attacks": {
        "$.attacks[*].chain: nullable": "null outside a chain since 6.13",
        "$.attacks[*].is_territory_war: not in the description": "came with 6.3",
        "$.attacks[*].territory_war_id: not in the description": "came with 6.3",
    },
    "/faction/basic": {
        "$.basic.banner_image: required": "came with 5.7",
        "$.basic.note: nullable": "no harm",
        "$.basic.rank.name: known ['Bronze', 'Diamond', 'Gold', 'Platinum', 'Silver', 'Unranked']": "the ranks of the game",
    },
    "/faction/crimes": {f"$.crimes[*].slots[*].{what}": why for what, why in _CRIME.items()}
    | {"$.crimes[*].rewards.payout: required": "no harm"},
    "/faction/members": {"$.members[*].status.plane_image_type: nullable": "no harm"},
    "/faction/territorywars": {"$.territorywars[*].territory: known": _TERRITORY},
    "/faction/{crimeId}/crime": {f"$.crime.slots[*].{what}": why for what, why in _CRIME.items()}
    | {"$.crime.rewards.payout: required": "no harm"},
    "/faction/{territoryWarId}/territorywarreport": {"$.territorywarreport[*].territory: known": _TERRITORY},
    "/torn/items": {f"$.items[*].value.{what}": why for what, why in _ITEM.items()},
    "/torn/{ids}/items": {f"$.items[*].value.{what}": why for what, why in _ITEM.items()},
    "/user/{id}/profile": {"$.profile.status.plane_image_type: nullable": "no harm"},
}


def _of_old_crimes(crime: str) -> set[tuple[Kind, str]]:
    missing = ("previous_crime_id", "slots[*].position_info", "slots[*].user.item_outcome")
    new = ("slots[*].success_chance", "slots[*].crime_pass_rate")
    return {(Kind.MISSING, f"{crime}.{path}") for path in missing} | {(Kind.NEW_FIELD, f"{crime}.{path}") for path in new}


# What of an answer as an older version describes it is not as the contract says: left out then, or gone since.
FOUND_IN_OLD_ANSWERS: Mapping[tuple[str, str], set[tuple[Kind, str]]] = {
    ("1.3.1", "/faction/crimes"): _of_old_crimes("$.crimes[*]"),
    ("1.3.1", "/faction/members"): {(Kind.MISSING, "$.members[*].status.color"), (Kind.NEW_FIELD, "$.members[*].life")},
    ("1.3.1", "/faction/revives"): {(Kind.MISSING, "$.revives[*].reviver.skill")},
    ("1.3.1", "/faction/territorywars"): {  # those that went on were in the same list
        (Kind.MISSING, "$.territorywars[*].result"),
        (Kind.NEW_FIELD, "$.territorywars[*].factions[*].chain"),
        (Kind.NEW_FIELD, "$.territorywars[*].factions[*].playerIds"),
    },
    ("1.3.1", "/faction/{crimeId}/crime"): _of_old_crimes("$.crime"),
    ("1.3.1", "/market/{id}/itemmarket"): {(Kind.MISSING, "$.itemmarket.cache_timestamp")},
}


@pytest.fixture(scope="module")
def descriptions(spec_dir: Path) -> dict[str, Description]:
    return {version: Description.read(spec_dir, version) for version in VERSIONS}


def differences(described: Description, node: Node, schemas: list[Schema], *, required: bool, where: str) -> Iterator[str]:
    """What a part of a contract says otherwise than the schemas of what may stand there."""
    given = [option for schema in schemas for option in described.options(schema)]
    options = [option for option in given if option["type"] != "null"]
    if node.required != required:
        yield f"{where}: required"
    if node.nullable != (len(options) < len(given)):
        yield f"{where}: nullable"
    types = sorted({option["type"] for option in options})
    if types != [kind_of(node)]:
        yield f"{where}: type {types}"
        return
    if isinstance(node, Scalar):
        known = sorted({value for option in options for value in option.get("enum", ())})
        if sorted(node.known) != known:
            different = sorted(set(node.known) ^ set(known))
            yield f"{where}: known {different}" if len(different) < MANY else f"{where}: known"
    elif isinstance(node, Object):
        yield from object_differences(described, node, options, where)
    elif isinstance(node, Array):
        yield from differences(described, node.items, [option["items"] for option in options], required=True, where=f"{where}[*]")


def kind_of(node: Node) -> str:
    if isinstance(node, Scalar):
        return node.type
    return "array" if isinstance(node, Array) else "object"


def object_differences(described: Description, node: Object, options: list[Schema], where: str) -> Iterator[str]:
    """What of an object's fields differs; of several kinds of object a field is required where each of them requires it."""
    properties: dict[str, list[Schema]] = {}
    for option in options:
        for name, schema in option["properties"].items():
            properties.setdefault(name, []).append(schema)
    fields = {child.name: child for child in node.fields}
    for name, schemas in properties.items():
        if name in fields:
            required = all(name in option["properties"] and name in option.get("required", ()) for option in options)
            yield from differences(described, fields[name], schemas, required=required, where=f"{where}.{name}")
    yield from (f"{where}.{name}: not in the description" for name in fields if name not in properties)
    older = {path.split(".")[0] for child in fields_below(node) for path in child.older}
    yield from (f"{where}.{name}: not in the contract" for name in properties if name not in fields and name not in older)
    order = [name for name in properties if name in fields]
    if [name for name in fields if name in properties] != order:
        yield f"{where}: in another order"


def fields_below(node: Object) -> Iterator[Scalar]:
    """An object's fields, those of the objects in it too."""
    for child in node.fields:
        if isinstance(child, Scalar):
            yield child
        elif isinstance(child, Object):
            yield from fields_below(child)


@pytest.mark.parametrize("path", CONTRACTS)
def test_a_contract_says_what_the_description_says(descriptions: dict[str, Description], path: str) -> None:
    described = descriptions[VERSIONS[-1]]
    found = object_differences(described, Object("", CONTRACTS[path].body), [described.answer(path)], "$")
    assert sorted(found) == sorted(KNOWN_DIFFERENCES.get(path, ()))


@pytest.mark.parametrize("path", CONTRACTS)
def test_a_contract_asks_as_the_description_allows(descriptions: dict[str, Description], path: str) -> None:
    contract, described = CONTRACTS[path], descriptions[VERSIONS[-1]]
    parameters = described.parameters(path)

    assert contract.page_size == parameters.get("limit", {}).get("maximum")
    (level,) = re.findall(r"[Rr]equires (\w+)", described.operation(path)["description"])
    assert contract.access == level.capitalize()
    assert bool(contract.windows) == ({"from", "to"} <= parameters.keys())
    for window in contract.windows:
        assert {name for name, value in window.params.items() if value not in parameters[name]["enum"]} == set()


@pytest.mark.parametrize("path", CONTRACTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_answers_that_a_description_allows_are_rows_with_nothing_to_remark(
    descriptions: dict[str, Description], path: str, version: str
) -> None:
    found = set()
    for body, made in made_of(descriptions[version], path):
        found |= {(finding.kind, finding.path) for finding in made.findings if finding.kind is not Kind.OLDER_DIFFERS}
        if path in HISTORY:
            expected = history_tables(path, body, path_id="7")
            assert list(made.rows) == list(expected)
            assert {table: shown(rows) for table, rows in made.rows.items()} == {table: shown(rows) for table, rows in expected.items()}
    assert found == FOUND_IN_OLD_ANSWERS.get((version, path), set())


@pytest.mark.parametrize("version", VERSIONS)
def test_one_crime_is_the_same_rows_as_in_the_list(descriptions: dict[str, Description], version: str) -> None:
    for body, made in made_of(descriptions[version], "/faction/{crimeId}/crime"):
        listed = reference_tables("/faction/crimes", [{"crimes": [body["crime"]]}])
        for (table, expected), rows in zip(listed.items(), made.rows.values(), strict=True):
            known = [{name: row[name] for name in row if name in COLUMNS[table]} for row in rows]
            assert shown(known) == shown(expected)
            assert {row["_crime_id"] for row in rows} <= {"7"}


def made_of(described: Description, path: str) -> Iterator[tuple[Any, Normalised]]:
    """Answers of a path and what becomes of them, asked for by the id 7; none where the path did not exist yet."""
    tables = tables_of(CONTRACTS[path], mode=StorageMode.REPLACE, shared_scope=path.startswith(("/torn/", "/market/")))
    origin = replace(ORIGIN, path_ids=dict.fromkeys(path_ids(path), 7))
    for seed in range(ANSWERS if described.has(path) else 0):
        body = Maker(described, seed).body(path)
        made = normalised(tables, body, origin=origin, add_new_fields=False)
        assert made.reasons == []
        yield body, made
