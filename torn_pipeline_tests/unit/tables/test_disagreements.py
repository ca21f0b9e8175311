"""What happens when the API and the contract disagree, on the core contracts: what loads, what is reported, what is left out."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import orjson
import pytest

from torn_pipeline.tables.contracts import CONTRACTS
from torn_pipeline.tables.findings import Finding, Findings, Kind
from torn_pipeline_tests.unit.tables.builders import Normalised, contract, integer, listing, moment, normalised, text, thing
from torn_pipeline_tests.unit.tables.crime import CRIME, SLOT, Json, at, without

if TYPE_CHECKING:
    from collections.abc import Callable


def crimes(*changes: Callable[[Json], None], add_new_fields: bool = True) -> Normalised:
    """Four crimes, 700 to 703; the last is changed."""
    given = [CRIME | {"id": number} for number in (700, 701, 702)] + [deepcopy(CRIME) | {"id": 703}]
    for change in changes:
        change(given[3])
    return normalised(CONTRACTS["/faction/crimes"], {"crimes": given}, add_new_fields=add_new_fields)


def loaded(found: Normalised) -> list[int]:
    return [row["id"] for row in found.rows["faction_crimes"]]


def test_what_agrees_finds_nothing() -> None:
    found = crimes()

    assert (found.found, found.rejected, loaded(found)) == ([], [], [700, 701, 702, 703])


# --- a field the contract does not know --------------------------------------------------------------------


def test_a_new_field_is_reported_and_becomes_a_column_at_the_end_of_its_table() -> None:
    found = crimes(at("slots", 1, "crime_pass_rate", value=55))

    assert [finding for finding in found.findings] == [  # noqa: C416  # Findings is no list
        Finding(Kind.NEW_FIELD, "faction_crimes_slots", "$.crimes[*].slots[*].crime_pass_rate", "integer", 1, "55")
    ]
    assert list(found.rows["faction_crimes_slots"][0])[-1] == "crime_pass_rate"
    assert [row["crime_pass_rate"] for row in found.rows["faction_crimes_slots"]] == [None] * 7 + [55]
    assert "crime_pass_rate" not in found.rows["faction_crimes"][0]


def test_a_new_field_is_only_reported_where_that_is_asked() -> None:
    found = crimes(at("slots", 1, "crime_pass_rate", value=55), add_new_fields=False)

    assert found.found == [("new field", "$.crimes[*].slots[*].crime_pass_rate", 1)]
    assert list(found.rows["faction_crimes_slots"][0]) == list(crimes().rows["faction_crimes_slots"][0])


def test_new_fields_of_every_kind() -> None:
    found = crimes(
        at("flag", value=True),
        at("createdBy", value={"id": 4, "rank": {"level": 2.5}, "none": None}),
        at("tags", value=["a", 1]),
        at("seen_at", value=1_745_000_000),
        at("nothing", value=None),
        at("rewards", "bonus", value={"chain": 3}),
        at("empty", value={}),
    )

    row = found.rows["faction_crimes"][3]
    assert {name: row[name] for name in list(row)[-6:]} == {
        "flag": True,
        "tags": '["a",1]',
        "seen_at": moment(1_745_000_000),
        "created_by_id": 4,
        "rewards_bonus_chain": 3,
        "created_by_rank_level": 2.5,
    }
    assert {finding.path: (finding.type, finding.count, finding.example) for finding in found.findings} == {
        "$.crimes[*].flag": ("boolean", 1, "true"),
        "$.crimes[*].createdBy": ("object", 1, '{"id":4,"rank":{"level":2.5},"none":null}'),
        "$.crimes[*].tags": ("array", 1, '["a",1]'),
        "$.crimes[*].seen_at": ("integer", 1, "1745000000"),
        "$.crimes[*].nothing": ("null", 1, ""),
        "$.crimes[*].rewards.bonus": ("object", 1, '{"chain":3}'),
        "$.crimes[*].empty": ("object", 1, "{}"),
    }


@pytest.mark.parametrize(
    ("values", "expected", "types"),
    [
        ([1, 2.5], [1.0, 2.5], "integer | number"),
        ([1, "a"], ["1", "a"], "integer | string"),
        ([True, None], [True, None], "boolean"),
        ([{"a": 1}, "x"], ['{"a":1}', "x"], "object | string"),
        ([2**53 + 1, 0.5], ["9007199254740993", "0.5"], "integer | number"),
    ],
)
def test_a_new_field_of_several_types(values: list[Json], expected: list[Json], types: str) -> None:
    given = contract("/torn/x", listing("x", integer("id")))

    found = normalised(given, {"x": [{"id": number, "new": value} for number, value in enumerate(values)]})

    assert [row["new"] for row in found.rows["torn_x"]] == expected
    assert found.finding("$.x[*].new").type == types


def test_two_new_keys_with_one_snake_case_name_are_one_column() -> None:
    given = contract("/torn/x", listing("x", integer("id")))

    found = normalised(given, {"x": [{"id": 1, "fooBar": 1}, {"id": 2, "foo_bar": 2, "fooBar": 3}]})

    assert [row["foo_bar"] for row in found.rows["torn_x"]] == [1, 2]
    assert found.found == [("new field", "$.x[*].fooBar", 2), ("new field", "$.x[*].foo_bar", 1)]


def test_a_new_field_whose_name_is_taken_gets_one_of_its_own() -> None:
    given = contract("/torn/x", listing("x", integer("id"), text("status"), thing("user", integer("id")), listing("y", integer("n"))))

    found = normalised(given, {"x": [{"id": 1, "status": "a", "user": {"id": 2}, "user_id": 3, "y": [{"n": 4, "status": "b"}]}]})

    assert found.of("torn_x", "user_id", "x__user_id") == [{"user_id": 2, "x__user_id": 3}]
    assert found.of("torn_x_y", "status", "y__status") == [{"status": "a", "y__status": "b"}]


def test_what_stands_beside_the_root_is_reported_and_a_scalar_is_a_column_of_it() -> None:
    given = contract("/torn/x", listing("x", integer("id")))
    pages = [{"x": [{"id": 1}], "total": 7, "extra": {"a": 1}, "_metadata": {}}, {"x": [{"id": 2}], "total": 8}, {"x": [{"id": 3}]}]

    found = normalised(given, *pages)

    assert sorted((row["id"], row["total"]) for row in found.rows["torn_x"])[:2] == [(1, 7), (2, 8)]
    assert [row["total"] for row in found.rows["torn_x"] if row["id"] == 3] == [None]
    assert "extra" not in found.rows["torn_x"][0]
    assert found.found == [("new field", "$.extra", 1), ("new field", "$.total", 2)]
    assert "total" not in normalised(given, *pages, add_new_fields=False).rows["torn_x"][0]


def test_a_new_field_of_a_root_that_is_left_out_leaves_no_trace_in_the_rows() -> None:
    found = crimes(at("new", value=1), at("difficulty", value="hard"))

    assert loaded(found) == [700, 701, 702]
    assert {row.get("new") for row in found.rows["faction_crimes"]} == {None}
    assert ("new field", "$.crimes[*].new", 1) in found.found


# --- no value where one is required --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (without("name"), ("missing field", "$.crimes[*].name", 1)),
        (at("name", value=None), ("null where a value is required", "$.crimes[*].name", 1)),
        (without("previous_crime_id"), ("missing field", "$.crimes[*].previous_crime_id", 1)),
        (without("slots"), ("missing field", "$.crimes[*].slots", 1)),
        (at("slots", value=None), ("null where a value is required", "$.crimes[*].slots", 1)),
        (without("slots", 0, "position_info"), ("missing field", "$.crimes[*].slots[*].position_info", 1)),
        (at("slots", 0, "position_info", value=None), ("null where a value is required", "$.crimes[*].slots[*].position_info", 1)),
        (without("slots", 0, "user", "joined_at"), ("missing field", "$.crimes[*].slots[*].user.joined_at", 1)),
        (without("slots", 0, "user"), ("missing field", "$.crimes[*].slots[*].user", 1)),
        (without("rewards", "items", 0, "quantity"), ("missing field", "$.crimes[*].rewards.items[*].quantity", 1)),
        (at("rewards", "payout", "paid_by", value=None), ("null where a value is required", "$.crimes[*].rewards.payout.paid_by", 1)),
    ],
)
def test_no_value_for_a_required_field_is_null_and_reported(change: Callable[[Json], None], finding: tuple[str, str, int]) -> None:
    found = crimes(change)

    assert found.found == [finding]
    assert loaded(found) == [700, 701, 702, 703]
    assert found.rejected == []


@pytest.mark.parametrize(
    "change",
    [
        at("planning_at", value=None),
        at("rewards", value=None),
        without("rewards", "payout"),
        at("rewards", "payout", value=None),
        without("slots", 0, "user", "outcome_duration"),
        without("slots", 0, "position_info", "number"),
        at("planning_at", value=0),
    ],
)
def test_no_value_where_none_is_required_says_nothing(change: Callable[[Json], None]) -> None:
    found = crimes(change)

    assert (found.found, found.rejected, len(loaded(found))) == ([], [], 4)


# --- conversions ---------------------------------------------------------------------------------------------


def test_numbers_convert_where_nothing_is_lost() -> None:
    found = crimes(at("difficulty", value=8.0), at("slots", 0, "user", "progress", value=100), at("created_at", value=1_744_000_000.0))

    assert (found.found, found.rejected) == ([], [])
    assert found.rows["faction_crimes"][3]["difficulty"] == 8
    assert found.rows["faction_crimes"][3]["created_at"] == moment(1_744_000_000)
    assert type(found.rows["faction_crimes_slots"][6]["user_progress"]) is float


# --- what does not fit -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "table", "path", "reason"),
    [
        (at("difficulty", value="hard"), "faction_crimes", "$.crimes[3].difficulty", 'expected integer, got string "hard"'),
        (at("difficulty", value=8.5), "faction_crimes", "$.crimes[3].difficulty", "expected integer, got number 8.5"),
        (at("difficulty", value=True), "faction_crimes", "$.crimes[3].difficulty", "expected integer, got boolean true"),
        (at("difficulty", value=2**63), "faction_crimes", "$.crimes[3].difficulty", f"expected an integer of 64 bits, got integer {2**63}"),
        (at("name", value=5), "faction_crimes", "$.crimes[3].name", "expected string, got integer 5"),
        (at("id", value=None), "faction_crimes", "$.crimes[3].id", "the row has no id, which is its key"),
        (without("id"), "faction_crimes", "$.crimes[3].id", "the row has no id, which is its key"),
        (at("rewards", value=[]), "faction_crimes", "$.crimes[3].rewards", "expected object, got array []"),
        (at("rewards", "money", value="1000"), "faction_crimes", "$.crimes[3].rewards.money", 'expected integer, got string "1000"'),
        (at("slots", value={}), "faction_crimes", "$.crimes[3].slots", "expected array, got object {}"),
        (at("slots", 1, value="empty"), "faction_crimes_slots", "$.crimes[3].slots[1]", 'expected object, got string "empty"'),
        (at("slots", 1, value=None), "faction_crimes_slots", "$.crimes[3].slots[1]", "expected object, got null null"),
        (at("slots", 1, "user", value=7), "faction_crimes_slots", "$.crimes[3].slots[1].user", "expected object, got integer 7"),
        (
            at("slots", 1, "user", value={"id": "x"}),
            "faction_crimes_slots",
            "$.crimes[3].slots[1].user.id",
            'expected integer, got string "x"',
        ),
        (
            at("rewards", "items", 0, "quantity", value="many"),
            "faction_crimes_rewards_items",
            "$.crimes[3].rewards.items[0].quantity",
            'expected integer, got string "many"',
        ),
    ],
)
def test_a_value_of_another_type_takes_the_whole_root_out(change: Callable[[Json], None], table: str, path: str, reason: str) -> None:
    found = crimes(change)

    (rejected,) = found.rejected
    assert (rejected.table, rejected.root, rejected.json_path, rejected.reason) == (table, "faction_crimes", path, reason)
    assert rejected.raw_id == "page-0"
    given = deepcopy(CRIME) | {"id": 703}
    change(given)
    assert rejected.key == {"_account": "default", "id": given.get("id")}
    assert orjson.loads(rejected.raw) == given
    assert loaded(found) == [700, 701, 702]
    assert {row["crime_id"] for name in ("faction_crimes_slots", "faction_crimes_rewards_items") for row in found.rows[name]} == {
        700,
        701,
        702,
    }
    assert found.roots == 4


def test_the_path_counts_the_row_in_its_own_page() -> None:
    pages = [{"crimes": [CRIME | {"id": 10 * page + place} for place in range(3)]} for page in range(3)]
    pages[1]["crimes"][2] = deepcopy(CRIME) | {"id": 12, "slots": [SLOT, deepcopy(SLOT)]}
    pages[1]["crimes"][2]["slots"][1]["user"]["id"] = "x"

    found = normalised(CONTRACTS["/faction/crimes"], *pages)

    assert found.reasons == [("$.crimes[2].slots[1].user.id", 'expected integer, got string "x"')]
    assert found.rejected[0].raw_id == "page-1"


def test_every_broken_root_is_told_once_with_its_first_reason() -> None:
    def break_all(crime: Json) -> None:
        crime["difficulty"], crime["slots"][0]["user"]["id"], crime["rewards"]["money"] = "x", "y", "z"

    found = crimes(break_all)

    assert found.reasons == [("$.crimes[3].difficulty", 'expected integer, got string "x"')]


def test_an_element_that_is_no_object_is_left_out() -> None:
    found = normalised(CONTRACTS["/faction/members"], {"members": ["x", None, []]})

    assert found.reasons == [
        ("$.members[0]", 'expected object, got string "x"'),
        ("$.members[1]", "expected object, got null null"),
        ("$.members[2]", "expected object, got array []"),
    ]
    assert [orjson.loads(rejected.raw) for rejected in found.rejected] == ["x", None, []]
    assert [rejected.key["id"] for rejected in found.rejected] == [None] * 3
    assert found.found == []
    assert found.rows["faction_members"] == []


def test_what_hangs_from_a_broken_value_is_not_called_missing() -> None:
    found = crimes(at("rewards", value="none"), at("slots", 0, "user", value=5))

    assert found.found == []


def test_a_root_whose_natural_key_has_no_value_is_left_out() -> None:
    body = {
        "balance": {"faction": {"money": 1, "points": 2, "scope": 3}, "members": [{"id": None, "username": "a", "money": 1, "points": 2}]}
    }

    found = normalised(CONTRACTS["/faction/balance"], body)

    assert found.reasons == [("$.balance.members[0].id", "the row has no member_id, which is its key")]
    assert found.rejected[0].key == {"_account": "default"}
    assert found.rows == {"faction_balance": [], "faction_balance_members": []}


def test_an_item_with_a_broken_mod_is_left_out_and_the_others_stay() -> None:
    items = [
        {"id": number, "value": {"market_price": 1}, "details": {"base_stats": {}, "mods": [1, "x" if number == 2 else 2]}}
        for number in (1, 2, 3)
    ]

    found = normalised(CONTRACTS["/torn/items"], {"items": items})

    assert found.reasons == [("$.items[1].details.mods[1]", 'expected integer, got string "x"')]
    assert [(row["item_id"], row["_index"], row["value"]) for row in found.rows["torn_items_details_mods"]] == [
        (1, 0, 1),
        (1, 1, 2),
        (3, 0, 1),
        (3, 1, 2),
    ]


# --- the core shapes ---------------------------------------------------------------------------------------------


def test_both_ids_of_the_co_leader_are_told_apart_once() -> None:
    basic = {"id": 1, "co_leader_id": 5, "co-leader_id": 6}

    found = normalised(CONTRACTS["/faction/basic"], {"basic": basic})

    assert found.of("faction_basic", "co_leader_id") == [{"co_leader_id": 5}]
    assert found.finding("$.basic['co-leader_id']").count == 1


def test_a_slots_older_ids_stand_in_and_a_difference_is_reported() -> None:
    found = crimes(at("slots", 0, "user_id", value=6), at("slots", 1, "user_id", value=8), at("initiated_at", value=1_745_000_500))

    assert [row["user_id"] for row in found.rows["faction_crimes_slots"]][-2:] == [5, 8]
    assert found.found == [("older field differs", "$.crimes[*].slots[*].user_id", 1)]


# --- counting ------------------------------------------------------------------------------------------------


def test_findings_of_one_place_add_up_and_keep_the_first_example() -> None:
    found = Findings(
        [
            Finding(Kind.NEW_FIELD, "t", "$.a", "null", 2, ""),
            Finding(Kind.NEW_FIELD, "t", "$.a", "string", 3, '"x"'),
            Finding(Kind.NEW_FIELD, "t", "$.a", "integer", 1, "5"),
            Finding(Kind.MISSING, "t", "$.a", "", 1, ""),
            Finding(Kind.MISSING, "s", "$.b", "", 4, ""),
            Finding(Kind.MISSING, "s", "$.c", "", 0, ""),
        ]
    )

    assert len(found) == 3
    assert list(found) == [
        Finding(Kind.MISSING, "s", "$.b", "", 4, ""),
        Finding(Kind.MISSING, "t", "$.a", "", 1, ""),
        Finding(Kind.NEW_FIELD, "t", "$.a", "integer | string", 6, '"x"'),
    ]
    assert [str(finding) for finding in found] == [
        "missing field $.b, 4 times",
        "missing field $.a, once",
        'new field $.a, 6 times (integer | string, for example "x")',
    ]


def test_counts_are_of_all_rows_and_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torn_pipeline.tables.pieces.PIECE", 3)
    given = contract("/torn/x", listing("x", integer("id"), text("name")))

    found = normalised(given, {"x": [{"id": number, "new": None if number < 5 else "late"} for number in range(10)]})

    assert list(found.findings) == [
        Finding(Kind.MISSING, "torn_x", "$.x[*].name", "", 10, ""),
        Finding(Kind.NEW_FIELD, "torn_x", "$.x[*].new", "string", 10, '"late"'),
    ]
