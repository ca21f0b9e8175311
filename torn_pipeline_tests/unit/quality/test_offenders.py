"""Findings name the rows they are about: by their key, with the value as it was sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from torn_pipeline.quality.validate import Validator
from torn_pipeline.tables.contract import Array, Contract, Object, Rule, Scalar
from torn_pipeline.tables.findings import SHOWN, Finding, Kind
from torn_pipeline.tables.naming import tables_of
from torn_pipeline.tables.normalise import Body, Normalizer, Origin
from torn_pipeline.tables.table import StorageMode

if TYPE_CHECKING:
    from collections.abc import Iterable

PART = Object("", (Scalar("kind", "string", "", known=("a", "b")), Scalar("size", "integer", "")))
THING = Object(
    "",
    (
        Scalar("id", "integer", ""),
        Scalar("name", "string", ""),
        Object("owner", (Scalar("id", "integer", ""),), nullable=True),
        Array("parts", PART),
    ),
)
CONTRACT = Contract(
    path="/faction/things",
    description="",
    body=(Array("things", THING),),
    access="Public",
    rules=(Rule(name="small", table="parts", description="", holds="size < 10"),),
)
ORIGIN = Origin(account="default", fetch_id="f", fetched_at=datetime(2026, 4, 29, tzinfo=UTC), path_ids={})


def found(things: Iterable[dict[str, Any]]) -> dict[tuple[Kind, str], Finding]:
    """What is found of these things, by kind and path."""
    tables = tables_of(CONTRACT, mode=StorageMode.UPSERT)
    body = orjson.dumps({"things": list(things)})
    batches = Normalizer(tables, add_new_fields=True).batches([Body("r", lambda: body)], ORIGIN)
    findings = [finding for batch in batches for finding in Validator(CONTRACT, tables).validate(batch).findings]
    return {(finding.kind, finding.path): finding for finding in findings}


def thing(number: int, **changed: object) -> dict[str, Any]:
    return {"id": number, "name": "x", "owner": {"id": 1}, "parts": [{"kind": "a", "size": 1}], **changed}


def rows(finding: Finding) -> list[tuple[object, str]]:
    return [(row.key["id"], row.value) for row in finding.rows]


def test_what_is_new_null_or_missing_is_shown_row_by_row() -> None:
    bare = {name: value for name, value in thing(5).items() if name != "name"}
    findings = found([thing(1), thing(2, mood=[7]), thing(3, name=None), thing(4, owner=None), bare, thing(6, owner={"id": None})])
    assert rows(findings[Kind.NEW_FIELD, "$.things[*].mood"]) == [(2, "[7]")]
    assert rows(findings[Kind.NULL, "$.things[*].name"]) == [(3, "null")]
    assert rows(findings[Kind.MISSING, "$.things[*].name"]) == [(5, "")]
    assert rows(findings[Kind.NULL, "$.things[*].owner.id"]) == [(6, "null")]
    assert findings[Kind.NULL, "$.things[*].owner.id"].rows[0].key == {"_account": "default", "id": 6}


def test_values_and_rules_are_shown_with_the_key_of_the_child() -> None:
    findings = found([thing(1), thing(2, parts=[{"kind": "a", "size": 1}, {"kind": "z", "size": 12}])])
    key = {"_account": "default", "thing_id": 2, "_index": 1}
    assert findings[Kind.UNKNOWN_VALUE, "$.things[*].parts[*].kind"].rows == ((key, '"z"'),)
    assert findings[Kind.RULE, "small"].rows == ((key, '{"size": 12}'),)


def test_no_more_than_the_first_rows_are_kept() -> None:
    findings = found(thing(number, name=None) for number in range(3_000))
    (finding,) = findings.values()
    assert finding.count == 3_000
    assert [row.key["id"] for row in finding.rows] == list(range(SHOWN))
