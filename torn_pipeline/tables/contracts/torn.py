"""Contracts of the API's ``torn`` section: facts of the game, the same for every key."""

from __future__ import annotations

from torn_pipeline.tables.contract import Array, Contract, Object, Reference, Scalar
from torn_pipeline.tables.contracts.pieces import ITEM_TYPES, PIECE, WEAPON_TYPES

__all__ = ["ITEMDETAILS", "ITEMS", "ITEMS_BY_ID"]

_PARTS = ("Full Body", "Heart", "Stomach", "Chest", "Arm", "Groin", "Leg", "Throat", "Hand", "Foot", "Head")

_BASE_STATS = Object(
    "base_stats",
    (
        Scalar("damage", "integer", "Damage of a weapon."),
        Scalar("accuracy", "integer", "Accuracy of a weapon."),
        Scalar("armor", "integer", "Protection of armour."),
    ),
)
_AMMO = Object(
    "ammo",
    (
        Scalar("id", "integer", "The kind of ammunition."),
        Scalar("name", "string", "The ammunition's name."),
        Scalar("magazine_rounds", "integer", "Rounds in a magazine."),
        Object(
            "rate_of_fire",
            (Scalar("minimum", "integer", "Fewest rounds a turn."), Scalar("maximum", "integer", "Most rounds a turn.")),
        ),
    ),
    nullable=True,
    required=False,
)
_VALUE = Object(
    "value",
    (
        Object(
            "vendor",
            (Scalar("country", "string", "Where the shop is."), Scalar("name", "string", "The shop's name.")),
            "The shop in the city that sells it.",
            nullable=True,
            required=False,
        ),
        Scalar("buy_price", "integer", "What the shop asks.", unit="$", nullable=True, required=False),
        Scalar("sell_price", "integer", "What the shop pays.", unit="$", nullable=True, required=False),
        Scalar("market_price", "integer", "What it trades for among players.", unit="$"),
        Array(
            "shops",
            Object(
                "shop",
                (
                    Scalar("shop", "string", "The shop's name."),
                    Scalar("country", "string", "Where the shop is."),
                    Scalar("buy_price", "integer", "What the shop asks.", unit="$", nullable=True),
                    Scalar("sell_price", "integer", "What the shop pays.", unit="$", nullable=True),
                ),
            ),
            "Shops that deal in an item.",
            required=False,
        ),
    ),
)

_ITEM = Object(
    "item",
    (
        Scalar("id", "integer", "The item."),
        Scalar("name", "string", "The item's name."),
        Scalar("description", "string", "What the game says about it; may hold HTML."),
        Scalar("effect", "string", "What using it does.", nullable=True),
        Scalar("requirement", "string", "What using it asks for.", nullable=True),
        Scalar("image", "string", "Address of its picture."),
        Scalar("type", "string", "What kind of thing it is.", known=ITEM_TYPES),
        Scalar("sub_type", "string", "What kind of weapon it is.", nullable=True, known=WEAPON_TYPES),
        Scalar("is_masked", "boolean", "Whether it hides the wearer."),
        Scalar("is_tradable", "boolean", "Whether players may trade it."),
        Scalar("is_found_in_city", "boolean", "Whether it can be found in the city."),
        _VALUE,
        Scalar("circulation", "integer", "How many there are."),
        Object(
            "details",
            (
                Scalar("stealth_level", "number", "Stealth of a weapon.", required=False),
                _BASE_STATS,
                Scalar(
                    "category",
                    "string",
                    "Where a weapon is carried.",
                    required=False,
                    known=("Melee", "Secondary", "Primary", "Temporary"),
                ),
                _AMMO,
                Array(
                    "mods",
                    Scalar("mod", "integer", "A modification that fits the weapon."),
                    "Mods that fit a weapon.",
                    required=False,
                ),
                Array(
                    "coverage",
                    Object(
                        "coverage",
                        (
                            Scalar("name", "string", "The part of the body.", known=_PARTS),
                            Scalar("value", "number", "How much of it is covered.", unit="%"),
                        ),
                    ),
                    "What armour covers.",
                    required=False,
                ),
            ),
            "Of weapons and of armour, side by side; null for other items.",
            nullable=True,
        ),
    ),
)

ITEMS = Contract(
    path="/torn/items",
    description="Every item of the game.",
    access="Public",
    body=(Array("items", _ITEM, "Every item of the game."),),
)

ITEMS_BY_ID = Contract(
    path="/torn/{ids}/items",
    description="Some items of the game, by their ids, with all details.",
    access="Public",
    body=(Array("items", _ITEM, "Some items of the game."),),
)

ITEMDETAILS = Contract(
    path="/torn/{id}/itemdetails",
    description="One piece of an item, by its unique id.",
    access="Public",
    body=(
        Object(
            "itemdetails",
            (
                *PIECE,
                Scalar("id", "integer", "The item that it is a piece of."),
                Scalar("name", "string", "The item's name."),
                Scalar("type", "string", "What kind of thing it is.", known=ITEM_TYPES),
                Scalar("sub_type", "string", "What kind of weapon it is.", nullable=True, known=WEAPON_TYPES),
            ),
            "One piece of an item.",
        ),
    ),
    references=(
        Reference(
            name="pieces_are_of_items",
            table="",
            description="What it is a piece of is an item of the game.",
            column="id",
            target="torn_items",
            target_column="id",
        ),
    ),
)
