"""The normaliser by example: a worked sample, pages and pieces, older paths, the ways an object may be cut."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl
import pytest

from torn_pipeline.errors import BodyRefused
from torn_pipeline.tables import normalise, pieces
from torn_pipeline.tables.naming import tables_of
from torn_pipeline.tables.normalise import Body, Normalizer, Origin, empty_frame, garbage_collection_paused
from torn_pipeline.tables.table import StorageMode
from torn_pipeline.tables.values import DTYPES
from torn_pipeline_tests.unit.tables.builders import (
    FETCHED_AT,
    ORIGIN,
    bodies,
    contract,
    integer,
    listing,
    mapping,
    moment,
    normalised,
    number,
    scalar,
    text,
    thing,
)

if TYPE_CHECKING:
    from collections.abc import Callable

THINGS = contract("/torn/things", listing("things", integer("id"), text("name"), listing("parts", integer("size"))))
PLACES = contract("/torn/places", listing("places", text("name")))
MARKET = contract(
    "/market/{id}/itemmarket",
    thing(
        "itemmarket",
        integer("cache_at"),
        thing("item", integer("id")),
        listing("listings", integer("price"), listing("bonuses", integer("id"))),
    ),
)


# --- the sample ------------------------------------------------------------------------------------------

SAMPLE = contract(
    "/faction/crimes",
    listing(
        "crimes",
        integer("id"),
        text("name"),
        listing("slots", integer("position"), thing("user", integer("id", older=("user_id",)), nullable=True, required=False)),
        thing("rewards", integer("money"), listing("items", integer("id"), integer("quantity"))),
    ),
)
CRIME = {
    "id": 123,
    "name": "Crime A",
    "slots": [{"position": 1, "user_id": 456}, {"position": 2, "user_id": 789}],
    "rewards": {"money": 1000, "items": [{"id": 1, "quantity": 2}, {"id": 2, "quantity": 1}]},
}


def test_a_crime_becomes_a_row_its_slots_and_its_reward_items() -> None:
    found = normalised(SAMPLE, {"crimes": [CRIME]})

    assert found.of("faction_crimes", "id", "name", "rewards_money") == [{"id": 123, "name": "Crime A", "rewards_money": 1000}]
    assert found.of("faction_crimes_slots", "crime_id", "_index", "name", "position", "user_id") == [
        {"crime_id": 123, "_index": 0, "name": "Crime A", "position": 1, "user_id": 456},
        {"crime_id": 123, "_index": 1, "name": "Crime A", "position": 2, "user_id": 789},
    ]
    assert found.of("faction_crimes_rewards_items", "crime_id", "_index", "name", "money", "item_id", "quantity") == [
        {"crime_id": 123, "_index": 0, "name": "Crime A", "money": 1000, "item_id": 1, "quantity": 2},
        {"crime_id": 123, "_index": 1, "name": "Crime A", "money": 1000, "item_id": 2, "quantity": 1},
    ]
    assert (found.rejected, found.found, found.roots) == ([], [], 1)


def test_the_same_crime_by_the_contract_of_its_own_shape_has_just_these_columns() -> None:
    own = contract(
        "/faction/crimes",
        listing(
            "crimes",
            integer("id"),
            text("name"),
            listing("slots", integer("position"), integer("user_id")),
            thing("rewards", integer("money"), listing("items", integer("id"), integer("quantity"))),
        ),
    )
    origin = {"_account": "default", "_fetch_id": "fetch-1", "_fetched_at": FETCHED_AT, "_raw_id": "page-0"}

    assert normalised(own, {"crimes": [CRIME]}).rows == {
        "faction_crimes": [{"id": 123, "name": "Crime A", "rewards_money": 1000} | origin],
        "faction_crimes_slots": [
            {"crime_id": 123, "_index": 0, "position": 1, "user_id": 456, "name": "Crime A"} | origin,
            {"crime_id": 123, "_index": 1, "position": 2, "user_id": 789, "name": "Crime A"} | origin,
        ],
        "faction_crimes_rewards_items": [
            {"crime_id": 123, "_index": 0, "item_id": 1, "quantity": 2, "money": 1000, "name": "Crime A"} | origin,
            {"crime_id": 123, "_index": 1, "item_id": 2, "quantity": 1, "money": 1000, "name": "Crime A"} | origin,
        ],
    }


# --- origin ----------------------------------------------------------------------------------------------


def test_every_row_says_where_it_came_from() -> None:
    given = contract("/faction/{crimeId}/crime", thing("crime", integer("id"), listing("slots", text("position"))))
    origin = Origin(account="second", fetch_id="f", fetched_at=FETCHED_AT, path_ids={"_crime_id": 77})

    found = normalised(given, {"crime": {"id": 5, "slots": [{"position": "Muscle"}]}}, origin=origin)

    for rows in found.rows.values():
        (row,) = rows
        assert {name: row[name] for name in row if name.startswith("_") and name != "_index"} == {
            "_account": "second",
            "_crime_id": "77",
            "_fetch_id": "f",
            "_fetched_at": FETCHED_AT,
            "_raw_id": "page-0",
        }


def test_every_row_names_the_page_that_it_came_from() -> None:
    found = normalised(THINGS, {"things": [_thing(1), _thing(2)]}, {"things": [_thing(3)]})

    assert {(row["id"], row["_raw_id"]) for row in found.rows["torn_things"]} == {(1, "page-0"), (2, "page-0"), (3, "page-1")}
    assert {(row["thing_id"], row["_raw_id"]) for row in found.rows["torn_things_parts"]} == {(1, "page-0"), (2, "page-0"), (3, "page-1")}


# --- pages -----------------------------------------------------------------------------------------------


def _thing(number: int, name: str = "a", parts: int = 1) -> dict[str, Any]:
    return {"id": number, "name": name, "parts": [{"size": number * 10 + place} for place in range(parts)]}


def test_of_a_row_on_two_pages_the_later_wins_with_all_below_it() -> None:
    found = normalised(THINGS, {"things": [_thing(1, "old", 3), _thing(2)]}, {"things": [_thing(1, "new")]}, {"things": [_thing(2)]})

    assert sorted((row["id"], row["name"], row["_raw_id"]) for row in found.rows["torn_things"]) == [
        (1, "new", "page-1"),
        (2, "a", "page-2"),
    ]
    assert sorted((row["thing_id"], row["size"]) for row in found.rows["torn_things_parts"]) == [(1, 10), (2, 20)]
    assert found.found == [("row repeated", "$.things", 2)]
    assert found.roots == 2


def test_of_a_row_twice_on_one_page_the_later_wins() -> None:
    found = normalised(THINGS, {"things": [_thing(1, "old"), _thing(1, "new")]})

    assert found.of("torn_things", "name") == [{"name": "new"}]
    assert found.found == [("row repeated", "$.things", 1)]


def test_a_whole_number_with_a_point_is_the_same_key() -> None:
    found = normalised(THINGS, {"things": [_thing(1, "old")]}, {"things": [_thing(1, "new") | {"id": 1.0}]})

    assert found.of("torn_things", "id", "name") == [{"id": 1, "name": "new"}]


def test_a_key_on_an_older_path_is_the_same_key() -> None:
    given = contract("/torn/things", listing("things", integer("id", older=("thing.id",)), text("name")))

    found = normalised(given, {"things": [{"id": 1, "name": "old"}]}, {"things": [{"thing": {"id": 1}, "name": "new"}]})

    assert found.of("torn_things", "id", "name") == [{"id": 1, "name": "new"}]
    assert found.rejected == []


@pytest.mark.parametrize("key", [True, None, {}, [1], 1.5, "1"])
def test_a_row_whose_key_is_none_does_not_hide_another(key: object) -> None:
    found = normalised(THINGS, {"things": [_thing(1) | {"id": key}]}, {"things": [_thing(1)]})

    assert found.of("torn_things", "id") == [{"id": 1}]
    assert [(rejected.json_path, rejected.key["id"]) for rejected in found.rejected] == [("$.things[0].id", key)]
    assert found.found == []


def test_the_rows_of_a_keyless_list_are_numbered_over_all_pages() -> None:
    found = normalised(PLACES, {"places": [{"name": "a"}, {"name": "b"}]}, {"places": []}, {"places": [{"name": "a"}]})

    assert found.of("torn_places", "_index", "name", "_raw_id") == [
        {"_index": 0, "name": "a", "_raw_id": "page-0"},
        {"_index": 1, "name": "b", "_raw_id": "page-0"},
        {"_index": 2, "name": "a", "_raw_id": "page-2"},
    ]


def test_a_map_over_pages_is_one_row_a_key() -> None:
    given = contract("/user/skills", mapping("skills", of=number("skill")))

    found = normalised(given, {"skills": {"a": 1, "b": 2.5}}, {"skills": {"a": 3}})

    assert sorted((row["key"], row["value"], row["_raw_id"]) for row in found.rows["user_skills"]) == [
        ("a", 3.0, "page-1"),
        ("b", 2.5, "page-0"),
    ]


def test_an_object_is_taken_once_and_its_first_list_continued() -> None:
    def page(cache_at: int, *prices: int) -> dict[str, Any]:
        return {
            "itemmarket": {
                "cache_at": cache_at,
                "item": {"id": 5},
                "listings": [{"price": price, "bonuses": [{"id": price + 1}]} for price in prices],
            },
            "_metadata": {"links": {"next": None}},
        }

    origin = Origin(account="default", fetch_id="f", fetched_at=FETCHED_AT, path_ids={"_id": 5})
    found = normalised(MARKET, page(100, 10, 20), page(200), page(300, 30), origin=origin)

    assert found.of("market_itemmarket", "cache_at", "item_id", "_raw_id") == [{"cache_at": moment(100), "item_id": 5, "_raw_id": "page-0"}]
    assert [tuple(row.values()) for row in found.of("market_itemmarket_listings", "_index", "price", "_raw_id")] == [
        (0, 10, "page-0"),
        (1, 20, "page-0"),
        (2, 30, "page-2"),
    ]
    assert [tuple(row.values()) for row in found.of("market_itemmarket_listings_bonuses", "listing_index", "bonus_id", "_raw_id")] == [
        (0, 11, "page-0"),
        (1, 21, "page-0"),
        (2, 31, "page-2"),
    ]
    assert (found.rejected, found.found) == ([], [])


@pytest.mark.parametrize("first", [{}, {"listings": None}, {"listings": []}])
def test_an_objects_list_may_begin_on_a_later_page(first: dict[str, Any]) -> None:
    given = contract("/market/x", thing("x", listing("listings", integer("price"))))

    found = normalised(given, {"x": first}, {"x": {"listings": [{"price": 1}]}})

    assert found.of("market_x_listings", "_index", "price", "_raw_id") == [{"_index": 0, "price": 1, "_raw_id": "page-1"}]


def test_a_later_page_whose_list_is_none_leaves_the_object_out() -> None:
    given = contract("/market/x", thing("x", listing("listings", integer("price"))))

    found = normalised(given, {"x": {"listings": [{"price": 1}]}}, {"x": {"listings": "soon"}}, {"x": {"listings": [{"price": 2}]}})

    assert found.rows["market_x_listings"] == []
    assert found.reasons == [("$.x.listings", 'expected array, got string "soon"')]


def test_the_body_as_a_row_has_no_column_of_the_links() -> None:
    given = contract("/torn/y", integer("total"), thing("best", text("name")), listing("rest", text("name")))

    found = normalised(given, {"total": 2, "best": {"name": "a"}, "rest": [{"name": "b"}], "_metadata": {"links": {"next": None}}})

    assert found.of("torn_y", "total", "best_name") == [{"total": 2, "best_name": "a"}]
    assert list(found.rows["torn_y"][0]) == ["_account", "total", "best_name", "_fetch_id", "_fetched_at", "_raw_id"]
    assert found.of("torn_y_rest", "_index", "name", "total") == [{"_index": 0, "name": "b", "total": 2}]
    assert found.found == []


def test_scalars_beside_a_root_are_those_of_the_rows_page() -> None:
    rows = contract("/torn/bounties", listing("bounties", integer("target_id")), integer("bounties_delay"))
    one = contract("/faction/upgrades", thing("upgrades", integer("core")), text("state"))

    found = normalised(rows, {"bounties": [{"target_id": 1}], "bounties_delay": 30}, {"bounties": [{"target_id": 2}], "bounties_delay": 60})
    assert found.of("torn_bounties", "target_id", "bounties_delay") == [
        {"target_id": 1, "bounties_delay": 30},
        {"target_id": 2, "bounties_delay": 60},
    ]
    assert normalised(one, {"upgrades": {"core": 3}, "state": "peace"}).of("faction_upgrades", "core", "state") == [
        {"core": 3, "state": "peace"}
    ]


def test_several_roots_of_one_body_are_tables_of_their_own() -> None:
    given = contract(
        "/faction/wars", listing("pacts", integer("id"), listing("terms", text("name"))), thing("wars", thing("ranked", integer("score")))
    )

    found = normalised(given, {"pacts": [{"id": 1, "terms": [{"name": "a"}]}], "wars": {"ranked": {"score": 7}}})

    assert found.of("faction_wars", "ranked_score") == [{"ranked_score": 7}]
    assert found.of("faction_wars_pacts", "id") == [{"id": 1}]
    assert found.of("faction_wars_pacts_terms", "pact_id", "name") == [{"pact_id": 1, "name": "a"}]
    assert (found.found, found.rejected) == ([], [])


@pytest.mark.parametrize(
    ("beside", "finding"),
    [
        ({}, ("missing field", "$.pacts", 1)),
        ({"pacts": None}, ("null where a value is required", "$.pacts", 1)),
    ],
)
def test_a_root_beside_the_main_one_may_be_missing(beside: dict[str, Any], finding: tuple[str, str, int]) -> None:
    for pacts in (listing("pacts", integer("id")), thing("pacts", integer("id"))):
        found = normalised(contract("/faction/wars", pacts, thing("wars", integer("score"))), {"wars": {"score": 7}, **beside})

        assert found.of("faction_wars", "score") == [{"score": 7}]
        assert found.rows["faction_wars_pacts"] == []
        assert found.found == [finding]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "page-1 is not JSON: .*; fetch it again"),
        (b"", "page-1 is not JSON"),
        ([], "page-1 is a JSON array where an object is expected"),
        ({"error": {"code": 5}}, r"page-1: \$.things is null, not the list of the contract"),
        ({"things": {"id": 1}}, r"page-1: \$.things is object, not the list of the contract"),
    ],
)
def test_a_body_that_is_not_the_endpoints_is_refused(body: object, message: str) -> None:
    with pytest.raises(BodyRefused, match=message):
        normalised(THINGS, {"things": []}, body)


def test_a_later_page_without_the_object_is_refused() -> None:
    given = contract("/market/x", thing("x", listing("listings", integer("price"))))

    with pytest.raises(BodyRefused, match=r"page-1: \$.x is null, not the object of the contract"):
        normalised(given, {"x": {"listings": []}}, {"error": "gone"})


# --- nothing, and how much -------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [THINGS, PLACES, MARKET])
@pytest.mark.parametrize("pages", [[], [b'{"things":[],"places":[],"itemmarket":{}}']])
def test_an_empty_fetch_gives_typed_tables(given: Any, pages: list[bytes]) -> None:  # noqa: ANN401  # a Contract; parametrize hides it
    tables = tables_of(given, mode=StorageMode.UPSERT)
    origin = Origin(account="default", fetch_id="f", fetched_at=FETCHED_AT, path_ids={"_id": 5})

    (batch,) = Normalizer(tables, add_new_fields=True).batches(bodies(*pages), origin)

    for table in tables:
        frame = batch.frames[table.name]
        assert dict(frame.schema) == {column.name: DTYPES[column.type] for column in table.columns}
        assert frame.schema == empty_frame(table).schema
        assert frame.height == (1 if table.name == "market_itemmarket" and pages else 0)


@pytest.mark.parametrize(("limit", "expected"), [(1, [1]), (3, [1, 2, 3]), (4, [1, 2, 3, 4]), (99, [1, 2, 3, 4, 5])])
@pytest.mark.parametrize("piece", [1, 2, 1000])
def test_a_limit_takes_the_first_roots(monkeypatch: pytest.MonkeyPatch, limit: int, expected: list[int], piece: int) -> None:
    monkeypatch.setattr(pieces, "PIECE", piece)
    pages = [{"things": [_thing(1), _thing(2), _thing(3)]}, {"things": [_thing(4), _thing(5)]}]

    found = normalised(THINGS, *pages, limit=limit)

    assert [row["id"] for row in found.rows["torn_things"]] == expected
    assert [row["thing_id"] for row in found.rows["torn_things_parts"]] == expected
    assert found.roots == len(expected)


@pytest.mark.parametrize("given", [THINGS, PLACES])
@pytest.mark.parametrize("piece", [1, 2, 7])
@pytest.mark.parametrize("batch", [1, 3, 8])
def test_pieces_and_batches_change_nothing(monkeypatch: pytest.MonkeyPatch, given: Any, piece: int, batch: int) -> None:  # noqa: ANN401  # a Contract
    def page(start: int) -> dict[str, Any]:
        return {
            "things": [_thing(start + place, f"n{place}", place) | ({"late": place} if place % 3 == 0 else {}) for place in range(10)],
            "places": [{"name": f"{start}-{place}"} if place != 4 else {"name": start} for place in range(10)],
        }

    pages = [page(0), page(5), page(5), page(20)]
    whole = normalised(given, *pages)
    monkeypatch.setattr(pieces, "PIECE", piece)
    monkeypatch.setattr(normalise, "BATCH", batch)
    parts = normalised(given, *pages)

    for name in whole.rows:
        assert sorted(map(_filled, parts.rows[name])) == sorted(map(_filled, whole.rows[name]))
    assert parts.found == whole.found
    assert parts.roots == whole.roots
    assert sorted(parts.reasons) == sorted(whole.reasons)


def _filled(row: dict[str, Any]) -> str:
    return repr(sorted((name, value) for name, value in row.items() if value is not None))


def test_repetition_is_counted_also_where_a_batch_is_full_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", 1)
    monkeypatch.setattr(normalise, "BATCH", 1)

    found = normalised(THINGS, {"things": [_thing(1)]}, {"things": [_thing(1)]})

    assert found.found == [("row repeated", "$.things", 1)]


def test_batches_hold_about_as_many_roots_as_they_should(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", 10)
    monkeypatch.setattr(normalise, "BATCH", 20)
    tables = tables_of(THINGS)
    pages = bodies(*({"things": [_thing(10 * page + place) for place in range(10)]} for page in range(7)))

    found = [batch.roots for batch in Normalizer(tables, add_new_fields=True).batches(pages, ORIGIN)]

    assert found == [20, 20, 20, 10]


def test_bodies_are_read_as_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", 2)
    monkeypatch.setattr(normalise, "BATCH", 2)
    read: list[int] = []

    def reader(number: int) -> Callable[[], bytes]:
        def content() -> bytes:
            read.append(number)
            return orjson.dumps({"things": [_thing(2 * number), _thing(2 * number + 1)]})

        return content

    pages = [Body(f"page-{number}", reader(number)) for number in range(100)]
    batches = Normalizer(tables_of(THINGS), add_new_fields=True).batches(pages, ORIGIN)

    for taken in range(1, 4):
        next(batches)
        assert len(read) <= taken + 1


def test_an_error_while_reading_reaches_the_caller() -> None:
    def gone() -> bytes:
        message = "gone"
        raise OSError(message)

    with pytest.raises(OSError, match="gone"):
        list(Normalizer(tables_of(THINGS), add_new_fields=True).batches([Body("page-0", gone)], ORIGIN))


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_collection_is_as_it_was_afterwards(*, enabled: bool) -> None:
    was = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with garbage_collection_paused():
            assert not gc.isenabled()
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()


# --- older paths and other names ---------------------------------------------------------------------------

OLDER = contract(
    "/torn/x",
    listing(
        "x",
        integer("id"),
        thing("user", integer("id", older=("user_id", "was.user.id")), text("name"), nullable=True),
    ),
)


def test_the_first_path_with_a_value_is_taken_and_the_others_are_no_new_fields() -> None:
    rows = [
        {"id": 1, "user": {"id": 10, "name": "a"}},
        {"id": 2, "user": {"id": 20, "name": "b"}, "user_id": 20, "was": {"user": {"id": 20}}},
        {"id": 3, "user": None, "user_id": 30},
        {"id": 4, "user": None, "user_id": None, "was": {"user": {"id": 40}}},
        {"id": 5, "user": {"name": "e"}, "user_id": 50},
        {"id": 6, "user": None},
    ]

    found = normalised(OLDER, {"x": rows})

    assert [row["user_id"] for row in found.rows["torn_x"]] == [10, 20, 30, 40, 50, None]
    assert found.found == []


def test_what_differs_between_paths_is_reported_for_each() -> None:
    rows = [{"id": 1, "user": {"id": 1, "name": "a"}, "user_id": 2, "was": {"user": {"id": 3}}}, {"id": 2, "user": None, "user_id": 5}]

    found = normalised(OLDER, {"x": rows})

    assert [row["user_id"] for row in found.rows["torn_x"]] == [1, 5]
    assert found.found == [("older field differs", "$.x[*].user_id", 1), ("older field differs", "$.x[*].was.user.id", 1)]
    assert found.finding("$.x[*].user_id").example == "2 beside 1"


def test_a_value_that_is_on_no_path_is_missing_also_where_others_fill_in() -> None:
    rows = [{"id": 1, "user": None, "user_id": 5}, {"id": 2, "user": {"name": "a"}}, {"id": 3, "user": {"id": None, "name": "a"}}]

    found = normalised(OLDER, {"x": rows})

    assert found.found == [("missing field", "$.x[*].user.id", 1), ("null where a value is required", "$.x[*].user.id", 1)]


def test_what_an_object_of_older_paths_holds_besides_is_new() -> None:
    found = normalised(OLDER, {"x": [{"id": 1, "user": None, "was": {"user": {"id": 4, "rank": 2}, "since": "May"}}]})

    assert found.of("torn_x", "user_id", "was_user_rank", "was_since") == [{"user_id": 4, "was_user_rank": 2, "was_since": "May"}]
    assert found.found == [("new field", "$.x[*].was", 1)]


def test_a_value_of_another_type_is_told_by_the_path_that_it_stands_on() -> None:
    found = normalised(OLDER, {"x": [{"id": 1, "user": None, "user_id": "x"}]})

    assert found.reasons == [("$.x[0].user_id", 'expected integer, got string "x"')]


def test_keys_with_one_snake_case_name_are_one_thing_the_snake_case_one_first() -> None:
    given = contract("/torn/x", listing("x", integer("id"), integer("leader_id"), integer("memberCount")))
    rows = [
        {"id": 1, "leader-id": 10, "member_count": 5},
        {"id": 2, "leaderId": 20, "leader_id": None, "memberCount": 6},
        {"id": 3, "leaderId": 31, "leader_id": 30, "memberCount": 71, "member_count": 7},
    ]

    found = normalised(given, {"x": rows})

    assert [(row["leader_id"], row["member_count"]) for row in found.rows["torn_x"]] == [(10, 5), (20, 6), (30, 7)]
    assert found.found == [("older field differs", "$.x[*].leaderId", 1), ("older field differs", "$.x[*].memberCount", 1)]


def test_a_missing_field_is_counted_with_all_its_names() -> None:
    given = contract("/torn/x", listing("x", integer("id"), integer("leader_id")))

    found = normalised(given, {"x": [{"id": 1}, {"id": 2, "leaderId": 20}, {"id": 3, "leaderId": 3, "leader_id": 3}]})

    assert found.found == [("missing field", "$.x[*].leader_id", 1)]


# --- values ------------------------------------------------------------------------------------------------


def test_values_keep_their_types_in_the_frame() -> None:
    given = contract(
        "/torn/x", thing("x", integer("n"), number("f"), scalar("b", "boolean"), text("t"), scalar("a", "any"), integer("seen_at"))
    )

    (batch,) = Normalizer(tables_of(given), add_new_fields=True).batches(
        bodies({"x": {"n": 2**62, "f": 1, "b": True, "t": "", "a": {"k": [1, None]}, "seen_at": 0}}), ORIGIN
    )

    frame = batch.frames["torn_x"]
    assert frame.select("n", "f", "b", "t", "a", "seen_at").row(0) == (2**62, 1.0, True, "", '{"k":[1,null]}', None)
    assert frame.schema["seen_at"] == pl.Datetime("us", "UTC")
    assert frame.schema["_fetched_at"] == pl.Datetime("us", "UTC")


def test_the_order_of_fields_means_nothing() -> None:
    turned = {**CRIME, "slots": [dict(reversed(slot.items())) for slot in CRIME["slots"]]}  # type: ignore[attr-defined]  # a list of dicts

    assert normalised(SAMPLE, {"crimes": [dict(reversed(turned.items()))]}).rows == normalised(SAMPLE, {"crimes": [CRIME]}).rows
