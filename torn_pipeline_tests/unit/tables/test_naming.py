"""Every naming rule by example."""

from __future__ import annotations

import pytest

from torn_pipeline.errors import ContractError
from torn_pipeline.tables.contract import Contract, Rule
from torn_pipeline.tables.naming import default_table_name, is_epoch, path_ids, singular, snake_case, tables_of, value_at
from torn_pipeline.tables.table import ColumnType, Role, Shape, StorageMode
from torn_pipeline_tests.unit.tables.builders import (
    columns,
    contract,
    integer,
    listing,
    mapping,
    number,
    scalar,
    table,
    tables_by_name,
    text,
    thing,
)

APPEND, REPLACE, UPSERT = StorageMode.APPEND, StorageMode.REPLACE, StorageMode.UPSERT

CRIMES = contract(
    "/faction/crimes",
    listing(
        "crimes",
        integer("id"),
        text("name"),
        text("status"),
        integer("created_at"),
        listing(
            "slots", text("position"), thing("user", integer("id"), integer("joined_at"), nullable=True), listing("checks", text("name"))
        ),
        thing("rewards", integer("money"), listing("items", integer("id"), integer("quantity")), integer("respect"), nullable=True),
    ),
)


# --- names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("playerIds", "player_ids"),
        ("organizedCrime", "organized_crime"),
        ("co-leader_id", "co_leader_id"),
        ("HTMLBody", "html_body"),
        ("forumHTML", "forum_html"),
        ("level2Name", "level2_name"),
        ("already_snake", "already_snake"),
        ("two words", "two_words"),
        ("x", "x"),
    ],
)
def test_names_are_lower_snake_case(given: str, name: str) -> None:
    assert snake_case(given) == name
    assert snake_case(name) == name


@pytest.mark.parametrize(
    ("plural", "entity"),
    [
        ("crimes", "crime"),
        ("members", "member"),
        ("ladies", "lady"),
        ("companies", "company"),
        ("boxes", "box"),
        ("branches", "branch"),
        ("crashes", "crash"),
        ("classes", "class"),
        ("status", "status"),
        ("glass", "glass"),
        ("bus", "bus"),
        ("basis", "basis"),
        ("alibis", "alibis"),
        ("bonuses", "bonus"),
        ("news", "news"),
        ("players_on_wall", "player_on_wall"),
        ("forumThreads", "forum_thread"),
        ("coverage", "coverage"),
    ],
)
def test_an_entity_is_the_singular_of_its_arrays_key(plural: str, entity: str) -> None:
    assert singular(plural) == entity


@pytest.mark.parametrize(
    "name",
    [
        *("timestamp", "until", "start", "end", "started", "ended", "last_action", "cooldown", "join_from", "signed_up", "time_ended"),
        *("created_at", "best_time", "bounties_timestamp", "hospital_until", "createdAt", "lastAction"),
    ],
)
def test_names_of_moments(name: str) -> None:
    assert is_epoch(name)


@pytest.mark.parametrize("name", ["lap_time", "wall_time", "lapTime", "time", "at", "start_value", "untiled", "attack", "ends", "money"])
def test_names_of_anything_else(name: str) -> None:
    assert not is_epoch(name)


@pytest.mark.parametrize(
    ("path", "name", "ids"),
    [
        ("/faction/crimes", "faction_crimes", ()),
        ("/faction/{crimeId}/crime", "faction_crime", ("_crime_id",)),
        ("/user/{id}/forumposts", "user_forumposts", ("_id",)),
        ("/torn/{ids}/items", "torn_items", ()),
        ("/forum/{categoryIds}/threads", "forum_threads", ()),
        ("/torn/timestamp", "torn_timestamp", ()),
    ],
)
def test_a_paths_ids_are_key_columns_and_no_part_of_the_name(path: str, name: str, ids: tuple[str, ...]) -> None:
    assert default_table_name(path) == name
    assert path_ids(path) == ids
    (only,) = tables_of(contract(path, thing("body", integer("level"))), mode=REPLACE)
    assert only.name == name
    assert only.key == ("_account", *ids)
    assert [only.column(column).type for column in ids] == [ColumnType.TEXT] * len(ids)


def test_an_id_of_the_path_is_a_column_also_where_the_body_repeats_it() -> None:
    given = contract("/faction/{crimeId}/crime", thing("crime", integer("id"), listing("slots", text("position"))))

    assert table(given, "faction_crime").key == ("_account", "_crime_id", "id")
    assert table(given, "faction_crime_slots").key == ("_account", "_crime_id", "crime_id", "_index")


def test_a_name_of_its_own_stands_for_root_and_children() -> None:
    assert [found.name for found in tables_of(CRIMES, name="oc")] == ["oc", "oc_slots", "oc_slots_checks", "oc_rewards_items"]


# --- roots -----------------------------------------------------------------------------------------------


def test_one_list_is_many_rows() -> None:
    found = table(contract("/faction/rankedwars", listing("rankedwars", integer("id"))), "faction_rankedwars")

    assert (found.shape, found.path, found.json_path, found.key) == (Shape.LIST, ("rankedwars",), "$.rankedwars[*]", ("_account", "id"))


def test_one_object_is_one_row_whatever_it_is_called() -> None:
    found = table(contract("/user/basic", thing("profile", integer("level"))), "user_basic")

    assert (found.shape, found.path, found.json_path, found.key) == (Shape.OBJECT, ("profile",), "$.profile", ("_account",))


def test_one_map_is_a_row_for_each_key() -> None:
    given = contract("/user/skills", mapping("skills", of=number("skill")))

    assert columns(given, "user_skills") == ["key", "value"]
    assert table(given, "user_skills").key == ("_account", "key")
    assert table(given, "user_skills").json_path == "$.skills.*"


def test_a_map_of_things_with_ids_keeps_the_keys_as_a_column() -> None:
    given = contract("/torn/stocks", mapping("stocks", integer("id"), text("name"), listing("benefits", text("kind"))))

    assert table(given, "torn_stocks").key == ("_account", "id")
    assert columns(given, "torn_stocks") == ["id", "key", "name"]
    assert table(given, "torn_stocks_benefits").key == ("_account", "stock_id", "_index")


def test_a_lone_scalar_is_a_column_value() -> None:
    given = contract("/torn/timestamp", integer("timestamp"))

    assert columns(given, "torn_timestamp") == ["value"]
    assert table(given, "torn_timestamp").column("value").type is ColumnType.TIMESTAMP
    assert table(given, "torn_timestamp").path == ()


def test_a_list_of_scalars_is_a_column_value_with_a_place() -> None:
    given = contract("/torn/lookup", listing("selections", of=text("selection")))

    assert columns(given, "torn_lookup") == ["_index", "value"]
    assert table(given, "torn_lookup").key == ("_account", "_index")


def test_of_several_keys_the_one_named_like_the_selection_is_the_root() -> None:
    given = contract("/faction/wars", listing("pacts", integer("id")), thing("wars", thing("ranked", integer("war_id"))))

    assert {name: found.shape for name, found in tables_by_name(given).items()} == {
        "faction_wars": Shape.OBJECT,
        "faction_wars_pacts": Shape.LIST,
    }
    assert columns(given, "faction_wars") == ["ranked_war_id"]
    assert columns(given, "faction_wars_pacts") == ["id"]


def test_underscores_do_not_count_in_the_likeness_to_the_selection() -> None:
    given = contract("/faction/territoryownership", listing("territoryOwnership", integer("id")), listing("other", integer("id")))

    assert list(tables_by_name(given)) == ["faction_territoryownership", "faction_territoryownership_other"]


def test_scalars_beside_the_root_are_its_columns() -> None:
    for root in (
        listing("bounties", integer("target_id")),
        thing("bounties", integer("target_id")),
        mapping("bounties", integer("target_id")),
    ):
        given = contract("/torn/bounties", root, integer("bounties_timestamp"), integer("bounties_delay"))

        assert columns(given, "torn_bounties")[-3:] == ["target_id", "bounties_timestamp", "bounties_delay"]
        assert table(given, "torn_bounties").siblings == ("bounties_timestamp", "bounties_delay")


def test_scalars_that_a_root_cannot_take_are_refused() -> None:
    with pytest.raises(ContractError, match="beside its root that cannot become columns of its rows: delay"):
        tables_of(contract("/torn/lookup", listing("lookup", of=text("word")), integer("delay")))
    with pytest.raises(ContractError, match="beside its root"):
        tables_of(contract("/torn/bounties", listing("bounties", integer("delay")), integer("delay")))


def test_where_none_is_named_like_the_selection_the_body_is_the_row() -> None:
    given = contract(
        "/market/{id}/auctionhouselisting",
        integer("id"),
        thing("seller", integer("id"), text("name")),
        integer("timestamp"),
        listing("bids", integer("amount")),
    )

    assert columns(given, "market_auctionhouselisting") == ["_id", "id", "seller_id", "seller_name", "timestamp"]
    assert table(given, "market_auctionhouselisting").path == ()
    assert table(given, "market_auctionhouselisting_bids").key == ("_account", "_id", "auctionhouselisting_id", "_index")


def test_a_body_with_one_scalar_among_others_is_no_lone_scalar() -> None:
    given = contract("/torn/education", integer("total"), listing("courses", integer("id")))

    assert columns(given, "torn_education") == ["total"]
    assert columns(given, "torn_education_courses") == ["_index", "course_id", "total"]


def test_a_root_with_one_field_keeps_its_name_whatever_its_element_is_called() -> None:
    given = Contract(
        path="/torn/territory",
        description="",
        access="Public",
        body=(listing("territory", integer("size")), listing("rackets", text("tag"))),
    )

    assert columns(given, "torn_territory") == ["_index", "size"]
    assert columns(given, "torn_territory_rackets") == ["_index", "tag"]


# --- children --------------------------------------------------------------------------------------------


def test_children_are_named_by_the_path_to_them() -> None:
    assert list(tables_by_name(CRIMES)) == [
        "faction_crimes",
        "faction_crimes_slots",
        "faction_crimes_slots_checks",
        "faction_crimes_rewards_items",
    ]


def test_a_child_has_its_roots_key_its_own_fields_and_those_around_it() -> None:
    assert columns(CRIMES, "faction_crimes") == ["id", "name", "status", "created_at", "rewards_money", "rewards_respect"]
    assert columns(CRIMES, "faction_crimes_slots") == [
        *("crime_id", "_index"),
        *("position", "user_id", "user_joined_at"),
        *("name", "status", "created_at"),
    ]
    assert columns(CRIMES, "faction_crimes_rewards_items") == [
        *("crime_id", "_index"),
        *("item_id", "quantity"),
        *("money", "respect"),
        *("name", "status", "created_at"),
    ]


def test_a_child_of_a_child_has_the_outer_places_and_the_nearer_name_wins() -> None:
    assert columns(CRIMES, "faction_crimes_slots_checks") == [
        *("crime_id", "slot_index", "_index"),
        "name",
        "position",
        *("crime_name", "status", "created_at"),
    ]
    assert table(CRIMES, "faction_crimes_slots_checks").key == ("_account", "crime_id", "slot_index", "_index")
    assert table(CRIMES, "faction_crimes_slots_checks").json_path == "$.crimes[*].slots[*].checks[*]"


def test_only_direct_scalars_of_the_objects_around_a_row_come_down() -> None:
    given = contract(
        "/faction/crimes",
        listing(
            "crimes",
            integer("id"),
            thing("payout", integer("percentage")),
            thing("rewards", thing("bonus", integer("chain")), integer("money"), listing("items", integer("quantity"))),
        ),
    )

    assert columns(given, "faction_crimes_rewards_items") == ["crime_id", "_index", "quantity", "money"]


def test_of_objects_around_a_row_the_nearest_comes_first_and_keeps_the_name() -> None:
    inner = thing("bonuses", integer("points"), integer("chain"), listing("items", integer("n")))
    given = contract("/torn/x", listing("x", integer("id"), integer("points"), thing("rewards", integer("points"), inner)))

    assert columns(given, "torn_x_rewards_bonuses_items") == ["x_id", "_index", "n", "points", "chain", "reward_points", "x_points"]


def test_the_id_of_an_enclosing_object_is_named_by_it() -> None:
    given = contract(
        "/user/trades", listing("trades", integer("id"), thing("partner", integer("id"), listing("items", integer("id"), integer("uid"))))
    )

    assert columns(given, "user_trades") == ["id", "partner_id"]
    assert columns(given, "user_trades_partner_items") == ["trade_id", "_index", "item_id", "uid", "partner_id"]


def test_a_root_without_a_key_lends_its_place() -> None:
    given = contract("/torn/factionhof", listing("rows", text("name"), listing("wars", integer("points"), listing("hits", integer("n")))))

    assert columns(given, "torn_factionhof") == ["_index", "name"]
    assert columns(given, "torn_factionhof_wars") == ["row_index", "_index", "points", "name"]
    assert columns(given, "torn_factionhof_wars_hits") == ["row_index", "war_index", "_index", "n", "points", "name"]


def test_in_a_map_the_key_stands_for_the_place() -> None:
    given = contract(
        "/user/stocks", mapping("stocks", integer("shares"), mapping("lots", integer("price"), listing("sales", integer("sum"))))
    )

    assert columns(given, "user_stocks") == ["key", "shares"]
    assert columns(given, "user_stocks_lots") == ["stock_key", "key", "price", "shares"]
    assert columns(given, "user_stocks_lots_sales") == ["stock_key", "lot_key", "_index", "sum", "price", "shares"]
    assert table(given, "user_stocks_lots_sales").key == ("_account", "stock_key", "lot_key", "_index")


def test_an_array_or_map_of_scalars_is_a_child_with_a_value() -> None:
    given = contract(
        "/torn/items", listing("items", integer("id"), listing("mods", of=integer("mod")), mapping("prices", of=number("price")))
    )

    assert columns(given, "torn_items_mods") == ["item_id", "_index", "value"]
    assert columns(given, "torn_items_prices") == ["item_id", "key", "value"]


def test_a_parents_field_that_clashes_is_prefixed_by_its_entity() -> None:
    given = contract(
        "/faction/crimes",
        listing(
            "crimes",
            integer("id"),
            text("status"),
            integer("money"),
            thing("rewards", integer("money"), listing("items", text("status"), listing("parts", integer("money")))),
        ),
    )

    assert columns(given, "faction_crimes_rewards_items") == ["crime_id", "_index", "status", "money", "crime_status", "crime_money"]
    assert columns(given, "faction_crimes_rewards_items_parts") == [
        *("crime_id", "item_index", "_index", "money"),
        *("status", "reward_money", "crime_status", "crime_money"),
    ]


# --- columns of one name -----------------------------------------------------------------------------------


def test_of_two_paths_with_one_name_the_shallower_keeps_it() -> None:
    given = contract(
        "/torn/attacklog", thing("attacklog", thing("attacker", thing("item", integer("id"))), thing("attacker_item", integer("id")))
    )

    assert columns(given, "torn_attacklog") == ["attacker__item__id", "attacker_item_id"]
    assert table(given, "torn_attacklog").column("attacker__item__id").path == ("attacker", "item", "id")


def test_of_two_paths_as_deep_the_first_keeps_the_name() -> None:
    given = contract("/torn/x", thing("x", thing("a", integer("b_c")), thing("a_b", integer("c"))))

    assert columns(given, "torn_x") == ["a_b_c", "a_b__c"]


def test_a_rows_own_id_keeps_the_entitys_name() -> None:
    given = contract("/user/inventory", thing("inventory", listing("items", thing("item", integer("id")), integer("id"))))

    assert columns(given, "user_inventory_items") == ["_index", "item__id", "item_id"]


@pytest.mark.parametrize(
    "given",
    [
        contract("/torn/x", listing("x", integer("playerId"), integer("player_id"))),
        contract("/torn/x", listing("x", integer("_account"))),
        contract("/torn/x", listing("x", integer("_index"))),
        contract("/torn/crimes", listing("crimes", integer("id"), listing("slots", integer("crime_id")))),
        contract("/torn/x", thing("x", listing("slots", integer("id"), integer("slot_id")))),
        contract("/torn/x", mapping("x", text("key"))),
    ],
)
def test_columns_that_no_rule_tells_apart_are_refused(given: Contract) -> None:
    with pytest.raises(ContractError, match="two columns named"):
        tables_of(given)


def test_tables_of_one_name_are_refused() -> None:
    given = contract("/torn/x", thing("x", listing("a_b", integer("n")), thing("a", listing("b", integer("n")))))

    with pytest.raises(ContractError, match="gives two tables one name: a_b"):
        tables_of(given)


# --- keys ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "shared", "root", "child"),
    [
        (UPSERT, False, ("_account", "id"), ("_account", "crime_id", "_index")),
        (REPLACE, False, ("_account", "id"), ("_account", "crime_id", "_index")),
        (APPEND, False, ("_account", "id", "_fetched_at"), ("_account", "crime_id", "_index", "_fetched_at")),
        (UPSERT, True, ("id",), ("crime_id", "_index")),
        (APPEND, True, ("id", "_fetched_at"), ("crime_id", "_index", "_fetched_at")),
    ],
)
def test_keys_by_mode_and_scope(mode: StorageMode, *, shared: bool, root: tuple[str, ...], child: tuple[str, ...]) -> None:
    found = tables_by_name(CRIMES, mode, shared_scope=shared)

    assert found["faction_crimes"].key == root
    assert found["faction_crimes_slots"].key == child
    assert found["faction_crimes"].root_key == tuple(name for name in root if name != "_fetched_at")
    assert found["faction_crimes_slots"].root_key == tuple(name for name in child if name not in {"_index", "_fetched_at"})
    assert found["faction_crimes_slots_checks"].root_key == found["faction_crimes_slots"].root_key


def test_uid_is_a_better_key_than_id() -> None:
    given = contract("/user/inventory", listing("items", integer("id"), integer("uid"), listing("bonuses", integer("value"))))

    assert table(given, "user_inventory").key == ("_account", "uid")
    assert columns(given, "user_inventory") == ["uid", "id"]
    assert columns(given, "user_inventory_bonuses") == ["item_uid", "_index", "value", "item_id"]


@pytest.mark.parametrize("more", [{"nullable": True}, {"required": False}])
def test_an_id_that_may_be_missing_is_no_key(more: dict[str, bool]) -> None:
    given = contract("/user/inventory", listing("items", integer("uid", **more), integer("id")), listing("rest", integer("id", **more)))

    assert table(given, "user_inventory").path == ()
    assert table(given, "user_inventory_items").key == ("_account", "_index")
    only = contract("/user/items", listing("items", integer("uid", **more), integer("id")))
    assert table(only, "user_items").key == ("_account", "id")


def test_a_contract_may_name_the_key_of_a_child() -> None:
    given = contract(
        "/faction/balance",
        thing("balance", listing("members", integer("id"), integer("money"), listing("loans", integer("sum")))),
        keys={"members": ("member_id",)},
    )

    assert table(given, "faction_balance_members").key == ("_account", "member_id")
    assert columns(given, "faction_balance_members") == ["member_id", "_index", "money"]
    assert table(given, "faction_balance_members_loans").key == ("_account", "member_index", "_index")


def test_a_contract_may_name_the_key_of_a_root_which_its_children_carry() -> None:
    given = contract(
        "/torn/territory",
        listing("territories", integer("id"), text("code"), listing("rackets", text("code"), listing("days", integer("n")))),
        keys={"": ("code",)},
    )

    assert table(given, "torn_territory").key == ("_account", "code")
    assert table(given, "torn_territory_rackets").key == ("_account", "territory_code", "_index")
    assert table(given, "torn_territory_rackets").root_key == ("_account", "territory_code")
    assert table(given, "torn_territory_rackets_days").key == ("_account", "territory_code", "racket_index", "_index")
    assert table(given, "torn_territory_rackets_days").root_key == ("_account", "territory_code")
    assert columns(given, "torn_territory_rackets_days") == ["territory_code", "racket_index", "_index", "n", "code", "territory_id"]


@pytest.mark.parametrize(
    ("keys", "rules", "message"),
    [
        ({"": ("nope",)}, (), "names a key of torn_x that is no column of its own: nope"),
        ({"y": ("a",)}, (), "has a key or a rule for y, which is no table of it"),
        ({}, (Rule("r", "z", "", "a > 1"),), "has a key or a rule for z, which is no table of it"),
    ],
)
def test_keys_and_rules_of_nothing_are_refused(keys: dict[str, tuple[str, ...]], rules: tuple[Rule, ...], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        tables_of(contract("/torn/x", listing("x", integer("a")), keys=keys, rules=rules))


# --- types and order ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (integer("money"), ColumnType.INTEGER),
        (integer("created_at"), ColumnType.TIMESTAMP),
        (integer("lap_time"), ColumnType.INTEGER),
        (number("created_at"), ColumnType.FLOAT),
        (text("created_at"), ColumnType.TEXT),
        (scalar("is_it", "boolean"), ColumnType.BOOLEAN),
        (scalar("value", "any"), ColumnType.TEXT),
    ],
)
def test_types_of_columns(field: object, expected: ColumnType) -> None:
    (only,) = tables_of(contract("/torn/x", thing("x", field)))  # type: ignore[arg-type]

    assert only.columns[2].type is expected


def test_columns_stand_as_key_own_parents_origin() -> None:
    found = table(CRIMES, "faction_crimes_slots", APPEND)

    assert [column.name for column in found.columns] == [
        *("_account", "crime_id", "_index", "_fetched_at"),
        *("position", "user_id", "user_joined_at"),
        *("name", "status", "created_at"),
        *("_fetch_id", "_raw_id"),
    ]
    assert [column.role for column in found.columns][:4] == [Role.ACCOUNT, Role.PARENT, Role.INDEX, Role.FETCHED_AT]


def test_the_account_is_no_key_of_a_global_table_but_a_column_of_it() -> None:
    (root, *_) = tables_of(CRIMES, shared_scope=True, mode=UPSERT)

    assert root.columns[0].name == "id"
    assert [column.name for column in root.columns][-4:] == ["_account", "_fetch_id", "_fetched_at", "_raw_id"]


def test_older_paths_are_no_columns() -> None:
    given = contract("/torn/x", listing("x", thing("user", integer("id", older=("user_id", "old.user.id")))))

    assert columns(given, "torn_x") == ["_index", "user_id"]
    assert table(given, "torn_x").column("user_id").older == (("user_id",), ("old", "user", "id"))


def test_an_unknown_column_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        table(CRIMES, "faction_crimes").column("nope")


def test_a_value_is_found_by_its_path_and_nothing_where_the_path_ends() -> None:
    assert value_at({"a": {"b": 5}}, ("a", "b")) == 5
    assert value_at({"a": {"b": 5}}, ()) == {"a": {"b": 5}}
    assert [value_at(value, ("a", "b")) for value in ({"a": None}, {"a": [1]}, {}, None, "ab")] == [None] * 5
