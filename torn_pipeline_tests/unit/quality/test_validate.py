"""Validation: what breaks a root, what is only reported, and how a broken root is told."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl
import pytest

from torn_pipeline.errors import ContractError
from torn_pipeline.quality import validate
from torn_pipeline.quality.validate import Validator
from torn_pipeline.tables.contract import Contract, Rule
from torn_pipeline.tables.contracts import CONTRACTS
from torn_pipeline.tables.findings import Finding, Kind
from torn_pipeline.tables.naming import tables_of
from torn_pipeline.tables.normalise import Batch, Normalizer
from torn_pipeline.tables.table import StorageMode
from torn_pipeline_tests.unit.tables.builders import ORIGIN, bodies, contract, integer, listing, text, thing
from torn_pipeline_tests.unit.tables.crime import CRIME, SLOT, Json, at, without

if TYPE_CHECKING:
    from collections.abc import Callable

CRIMES = CONTRACTS["/faction/crimes"]
BALANCE = CONTRACTS["/faction/balance"]
RULES = {rule.name: rule for rule in CRIMES.rules}


@pytest.fixture(autouse=True, params=[True, False], ids=["", "pandera alone"])
def _with_and_without_the_quick_question(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a frame is right is asked at once first: Pandera alone says the same."""
    if not request.param:
        monkeypatch.setattr(validate, "is_right", lambda *_: False)


def validated(given: Contract, *pages: object, mode: StorageMode = StorageMode.UPSERT, shared: bool = False, name: str = "") -> Batch:
    """The one batch of these pages, held against the contract."""
    tables = tables_of(given, mode=mode, shared_scope=shared, name=name)
    (batch,) = Normalizer(tables, add_new_fields=True).batches(bodies(*pages), ORIGIN)
    return Validator(given, tables).validate(batch)


def crime(*changes: Callable[[Json], None]) -> Json:
    changed = deepcopy(CRIME)
    changed["slots"][1]["user"] = deepcopy(SLOT["user"]) | {"id": 6}
    for change in changes:
        change(changed)
    return changed


def member(number: int) -> dict[str, Any]:
    return {"id": number, "username": "a", "money": number, "points": 0}


def balance(*members: dict[str, Any]) -> dict[str, Any]:
    return {"balance": {"faction": {"money": 1, "points": 2, "scope": 3}, "members": list(members)}}


def found(batch: Batch) -> list[tuple[Kind, str, str, int, str]]:
    return [(finding.kind, finding.table, finding.path, finding.count, finding.example) for finding in batch.findings]


# --- rules -----------------------------------------------------------------------------------------------


def done(status: str) -> Callable[[Json], None]:
    return at("status", value=status)


NO_REWARDS = at("rewards", value=None)
NOT_EXECUTED = at("executed_at", value=None)
EMPTY = at("slots", 1, "user", value=None)

BROKEN: list[tuple[str, list[Callable[[Json], None]]]] = [
    ("rewards_only_when_successful", [NO_REWARDS]),
    ("rewards_only_when_successful", [done("Failure")]),
    ("executed_when_done", [NOT_EXECUTED]),
    ("executed_when_done", [done("Expired"), NO_REWARDS]),
    ("executed_after_ready", [at("executed_at", value=CRIME["ready_at"] - 1)]),
    ("paid_after_executed", [at("rewards", "payout", "paid_at", value=CRIME["executed_at"] - 1)]),
    ("expires_after_created", [at("expired_at", value=CRIME["created_at"])]),
    ("planning_is_full", [done("Planning"), NO_REWARDS, NOT_EXECUTED, EMPTY]),
    ("user_once_in_crime", [at("slots", 1, "user", "id", value=5)]),
]
KEPT: list[list[Callable[[Json], None]]] = [
    [],
    [done("Failure"), NO_REWARDS],
    [done("Expired"), NO_REWARDS, NOT_EXECUTED],
    [at("executed_at", value=CRIME["ready_at"])],
    [at("rewards", "payout", "paid_at", value=CRIME["executed_at"])],
    [at("expired_at", value=CRIME["created_at"] + 1)],
    [done("Planning"), NO_REWARDS, NOT_EXECUTED],
    [done("Recruiting"), NO_REWARDS, NOT_EXECUTED, EMPTY],
    [at("slots", 0, "user", value=None), EMPTY],
]
NOTHING_TO_SAY: list[list[Callable[[Json], None]]] = [
    [at("status", value=None)],
    [at("ready_at", value=None)],
    [at("rewards", "payout", value=None)],
    [at("rewards", "payout", "paid_at", value=None)],
    [at("expired_at", value=None)],
    [at("created_at", value=0)],
    [done("Planning"), NO_REWARDS, NOT_EXECUTED, at("status", value=None), EMPTY],
]


def test_every_rule_has_an_example_that_breaks_it() -> None:
    assert {name for name, _ in BROKEN} == set(RULES)


@pytest.mark.parametrize(("rule", "changes"), BROKEN)
def test_a_broken_rule_is_reported_and_the_row_loads(rule: str, changes: list[Callable[[Json], None]]) -> None:
    batch = validated(CRIMES, {"crimes": [crime() | {"id": 1}, crime(*changes)]})
    table = f"faction_crimes_{RULES[rule].table}".rstrip("_")

    findings = [finding for finding in batch.findings if finding.kind is Kind.RULE]
    assert [(finding.table, finding.path) for finding in findings] == [(table, rule)]
    key = {"_account": "default", **({"crime_id": 700} if RULES[rule].table else {"id": 700})}
    example = orjson.loads(findings[0].example)
    assert {name: example[name] for name in key} == key
    assert findings[0].count == (2 if rule == "user_once_in_crime" else 1)
    assert batch.rejected == []
    assert batch.frames["faction_crimes"].height == 2


@pytest.mark.parametrize("changes", KEPT)
def test_a_kept_rule_says_nothing(changes: list[Callable[[Json], None]]) -> None:
    batch = validated(CRIMES, {"crimes": [crime(*changes)]})

    assert found(batch) == []
    assert batch.rejected == []


@pytest.mark.parametrize("changes", NOTHING_TO_SAY)
def test_a_null_says_nothing_against_a_rule(changes: list[Callable[[Json], None]]) -> None:
    batch = validated(CRIMES, {"crimes": [crime(*changes)]})

    assert [finding for finding in batch.findings if finding.kind is Kind.RULE] == []


def test_a_user_may_be_in_several_crimes() -> None:
    assert found(validated(CRIMES, {"crimes": [crime(), crime() | {"id": 701}]})) == []


def test_a_rule_is_counted_by_rows_with_the_first_as_its_example() -> None:
    given = [crime(at("id", value=number), at("expired_at", value=1)) for number in range(1, 6)]

    batch = validated(CRIMES, {"crimes": given}, mode=StorageMode.APPEND)

    (finding,) = batch.findings
    assert (finding.path, finding.count) == ("expires_after_created", 5)
    assert orjson.loads(finding.example) == {"_account": "default", "id": 1, "_fetched_at": str(ORIGIN.fetched_at)}


def test_rules_hold_under_another_table_name() -> None:
    batch = validated(CRIMES, {"crimes": [crime(at("slots", 1, "user", "id", value=5), at("expired_at", value=1))]}, name="oc")

    assert [(finding.table, finding.path) for finding in batch.findings] == [
        ("oc", "expires_after_created"),
        ("oc_slots", "user_once_in_crime"),
    ]


# --- known values ------------------------------------------------------------------------------------------


def test_a_value_outside_a_known_list_is_reported_and_loaded() -> None:
    unused = {"owned_by": "faction", "item_id": 1, "item_uid": 2, "outcome": "melted"}
    given = [crime(at("id", value=number), at("slots", 0, "user", "item_outcome", value=unused), done("Odd")) for number in (1, 2)]

    batch = validated(CRIMES, {"crimes": given})

    assert [finding for finding in found(batch) if finding[0] is Kind.UNKNOWN_VALUE] == [
        (Kind.UNKNOWN_VALUE, "faction_crimes", "$.crimes[*].status", 2, '"Odd"'),
        (Kind.UNKNOWN_VALUE, "faction_crimes_slots", "$.crimes[*].slots[*].user.item_outcome.outcome", 2, '"melted"'),
    ]
    assert batch.frames["faction_crimes"]["status"].to_list() == ["Odd", "Odd"]
    assert batch.frames["faction_crimes_slots"]["user_item_outcome_outcome"].to_list() == ["melted", None, "melted", None]
    assert batch.rejected == []


def test_a_parents_value_is_reported_once_in_its_own_table() -> None:
    batch = validated(CRIMES, {"crimes": [crime(done("Odd"), NO_REWARDS, NOT_EXECUTED)]})

    assert [finding[1] for finding in found(batch)] == ["faction_crimes"]


# --- what takes a root out -----------------------------------------------------------------------------------


def test_a_repeated_natural_key_takes_the_root_out_with_all_its_rows() -> None:
    batch = validated(BALANCE, balance(member(1), member(2), member(1)), mode=StorageMode.REPLACE)

    (rejected,) = batch.rejected
    assert (rejected.table, rejected.root, rejected.key) == ("faction_balance_members", "faction_balance", {"_account": "default"})
    assert rejected.json_path == "$.balance.members[*]"
    assert "member_id" in rejected.reason
    assert rejected.raw_id == "page-0"
    assert {name: frame.height for name, frame in batch.frames.items()} == {"faction_balance": 0, "faction_balance_members": 0}
    assert batch.roots == 1


def test_different_natural_keys_are_left_alone() -> None:
    batch = validated(BALANCE, balance(member(1), member(2)), mode=StorageMode.APPEND)

    assert batch.rejected == []
    assert batch.frames["faction_balance_members"]["member_id"].to_list() == [1, 2]


NESTED = contract(
    "/torn/x",
    listing("x", integer("id"), listing("y", text("name"), integer("n"), listing("z", text("label")))),
    keys={"y": ("name",), "y_z": ("label",)},
)


def _y(*names: str, labels: tuple[str, ...] = ("a",)) -> list[dict[str, Any]]:
    return [{"name": name, "n": 1, "z": [{"label": label} for label in labels]} for name in names]


@pytest.mark.parametrize("shared", [False, True])
def test_of_many_roots_only_the_broken_ones_go(*, shared: bool) -> None:
    rows = [{"id": 1, "y": _y("a", "b")}, {"id": 2, "y": _y("a", "a")}, {"id": 3, "y": _y("a")}, {"id": 4, "y": _y("c", labels=("q", "q"))}]

    batch = validated(NESTED, {"x": rows}, shared=shared)

    assert sorted((rejected.key["id"], rejected.table) for rejected in batch.rejected) == [(2, "torn_x_y"), (4, "torn_x_y_z")]
    assert batch.frames["torn_x"]["id"].to_list() == [1, 3]
    assert batch.frames["torn_x_y"].select("x_id", "name").rows() == [(1, "a"), (1, "b"), (3, "a")]
    assert batch.frames["torn_x_y_z"]["x_id"].to_list() == [1, 1, 3]


def test_a_root_that_is_broken_in_several_tables_is_told_once() -> None:
    batch = validated(NESTED, {"x": [{"id": 1, "y": _y("a", "a", labels=("q", "q"))}, {"id": 2, "y": _y("a")}]})

    assert [(rejected.key["id"], rejected.table) for rejected in batch.rejected] == [(1, "torn_x_y")]
    assert batch.frames["torn_x"]["id"].to_list() == [2]


def test_what_is_known_of_a_root_that_goes_is_reported_up_to_where_it_broke() -> None:
    given = contract(
        "/torn/x",
        listing("x", integer("id"), text("kind", known=("a",)), listing("y", text("name"), listing("z", text("sort", known=("a",))))),
        keys={"y": ("name",)},
    )
    rows = [{"id": 1, "kind": "b", "y": [{"name": "a", "z": [{"sort": "c"}]}] * 2}]

    batch = validated(given, {"x": rows})

    assert [(finding[2], finding[3]) for finding in found(batch)] == [("$.x[*].kind", 1)]
    assert len(batch.rejected) == 1


def test_a_key_that_is_the_moment_zero_is_null_and_breaks_the_root() -> None:
    given = contract("/torn/x", listing("x", integer("seen_at"), listing("y", integer("n"))), keys={"": ("seen_at",)})

    batch = validated(given, {"x": [{"seen_at": 0, "y": [{"n": 1}]}, {"seen_at": 5, "y": [{"n": 2}]}]})

    (rejected,) = batch.rejected
    assert "seen_at" in rejected.reason
    assert batch.frames["torn_x_y"]["n"].to_list() == [2]


def test_the_only_row_of_a_global_object_may_break() -> None:
    given = contract("/torn/x", thing("x", integer("a"), listing("y", text("name"))), keys={"y": ("name",)})

    batch = validated(given, {"x": {"a": 1, "y": [{"name": "a"}, {"name": "a"}]}}, mode=StorageMode.REPLACE, shared=True)

    assert [rejected.key for rejected in batch.rejected] == [{}]
    assert {name: frame.height for name, frame in batch.frames.items()} == {"torn_x": 0, "torn_x_y": 0}


def test_roots_beside_one_another_break_by_themselves() -> None:
    given = contract(
        "/faction/wars",
        listing("wars", integer("id"), listing("y", text("name"))),
        listing("pacts", integer("id"), listing("y", text("name"))),
        keys={"y": ("name",), "pacts_y": ("name",)},
    )
    twice = [{"name": "a"}, {"name": "a"}]

    batch = validated(given, {"wars": [{"id": 1, "y": twice}], "pacts": [{"id": 1, "y": []}, {"id": 2, "y": twice}]})

    assert [(rejected.root, rejected.key["id"]) for rejected in batch.rejected] == [("faction_wars", 1), ("faction_wars_pacts", 2)]
    assert batch.frames["faction_wars_pacts"]["id"].to_list() == [1]


# --- other ---------------------------------------------------------------------------------------------------


def test_new_fields_are_no_concern_of_the_contract() -> None:
    batch = validated(CRIMES, {"crimes": [crime(at("brand_new", value=1))]})

    assert batch.frames["faction_crimes"]["brand_new"].to_list() == [1]
    assert batch.rejected == []


def test_empty_frames_are_valid() -> None:
    batch = validated(CRIMES, {"crimes": []})

    assert (found(batch), batch.rejected, batch.roots) == ([], [], 0)


def test_a_frame_of_another_form_is_an_error_of_the_program() -> None:
    tables = tables_of(CRIMES, mode=StorageMode.UPSERT)
    (batch,) = Normalizer(tables, add_new_fields=True).batches(bodies({"crimes": [crime()]}), ORIGIN)
    batch.frames["faction_crimes"] = batch.frames["faction_crimes"].with_columns(pl.col("id").cast(pl.String))

    with pytest.raises(ContractError, match="the frame of faction_crimes does not have the contract's form"):
        Validator(CRIMES, tables).validate(batch)


def test_a_rule_over_columns_is_plain_sql() -> None:
    rule = Rule("small", "y", "n is small.", "n < 3 OR x_id = 9")
    given = Contract(path=NESTED.path, description="", body=NESTED.body, access="Public", rules=(rule,))

    batch = validated(given, {"x": [{"id": 8, "y": [{"name": "a", "n": 5, "z": []}, {"name": "b", "n": 1, "z": []}]}]})

    assert list(batch.findings) == [Finding(Kind.RULE, "torn_x_y", "small", "", 1, '{"_account":"default","x_id":8,"_index":0}')]


def test_a_missing_value_is_no_unknown_value() -> None:
    batch = validated(CRIMES, {"crimes": [crime(without("slots", 0, "user", "outcome"))]})

    assert [(finding[0], finding[2]) for finding in found(batch)] == [(Kind.MISSING, "$.crimes[*].slots[*].user.outcome")]
