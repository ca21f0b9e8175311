"""Contracts of the API's ``market`` section: what players and shops ask."""

from __future__ import annotations

from torn_pipeline.tables.contract import Array, Contract, Object, Reference, Scalar
from torn_pipeline.tables.contracts.pieces import PIECE

__all__ = ["ITEMMARKET"]

_LISTING = Object(
    "listing",
    (
        Scalar("price", "integer", "What one costs.", unit="$"),
        Scalar("amount", "integer", "How many are for sale."),
        Object("item_details", PIECE, "Of the one piece for sale; left out of items that stack.", required=False),
    ),
)

ITEMMARKET = Contract(
    path="/market/{id}/itemmarket",
    description="What is for sale of one item on the item market.",
    access="Public",
    page_size=100,
    body=(
        Object(
            "itemmarket",
            (
                Object(
                    "item",
                    (
                        Scalar("id", "integer", "The item."),
                        Scalar("name", "string", "The item's name."),
                        Scalar("type", "string", "What kind of thing it is."),
                        Scalar("average_price", "integer", "What it goes for on average.", unit="$"),
                    ),
                ),
                Array("listings", _LISTING, "Offers of an item on the item market, the cheapest first."),
                Scalar("cache_timestamp", "integer", "From when Torn's answer is, which is the same for everybody."),
                Scalar("cache_delay", "integer", "For how long Torn gives no newer answer.", unit="s", required=False),
            ),
            "What is for sale of one item on the item market.",
        ),
    ),
    references=(
        Reference(
            name="items_for_sale_are_items",
            table="",
            description="What is for sale is an item of the game.",
            column="item_id",
            target="torn_items",
            target_column="id",
        ),
    ),
)
