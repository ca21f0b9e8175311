"""The same second opinion as ``reference_history``, for what is asked of one item or one player."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

__all__ = ["item_details", "item_market", "profile"]

Body = Mapping[str, Any]
Row = dict[str, object]
Tables = dict[str, list[Row]]


def item_details(body: Body) -> Tables:
    """The tables of ``/torn/{id}/itemdetails``."""
    piece = body["itemdetails"]
    kind = {"name": piece["name"], "type": piece["type"], "sub_type": piece["sub_type"]}
    row = {"uid": piece["uid"], **_stats("stats", piece["stats"]), "rarity": piece["rarity"], "id": piece["id"], **kind}
    around = {"rarity": piece["rarity"], "itemdetail_id": piece["id"], **kind}
    bonuses = [{"itemdetail_uid": piece["uid"], "_index": index, **_bonus(bonus), **around} for index, bonus in enumerate(piece["bonuses"])]
    return {"torn_itemdetails": [row], "torn_itemdetails_bonuses": bonuses}


def item_market(body: Body) -> Tables:
    """The tables of ``/market/{id}/itemmarket``."""
    market = body["itemmarket"]
    own = {"cache_timestamp": _instant(market.get("cache_timestamp")), "cache_delay": market.get("cache_delay")}
    item = {f"item_{name}": market["item"][name] for name in ("id", "name", "type", "average_price")}
    listings, bonuses = [], []
    for place, listing in enumerate(market["listings"]):
        piece = listing.get("item_details") or listing.get("itemDetails") or {}
        rarity, price = piece.get("rarity"), {"price": listing["price"], "amount": listing["amount"]}
        details = {"item_details_uid": piece.get("uid"), **_stats("item_details_stats", piece.get("stats") or {})}
        listings.append({"_index": place, **price, **details, "item_details_rarity": rarity, **own})
        for index, bonus in enumerate(piece.get("bonuses") or []):
            around = {"uid": piece["uid"], "rarity": rarity, **price, **own}
            bonuses.append({"listing_index": place, "_index": index, **_bonus(bonus), **around})
    return {
        "market_itemmarket": [{**item, **own}],
        "market_itemmarket_listings": listings,
        "market_itemmarket_listings_item_details_bonuses": bonuses,
    }


def _stats(prefix: str, stats: Body) -> Row:
    return {
        f"{prefix}_{name}": None if stats.get(name) is None else float(stats[name]) for name in ("damage", "accuracy", "armor", "quality")
    }


def _bonus(bonus: Body) -> Row:
    return {"bonus_id": bonus["id"], "title": bonus["title"], "description": bonus["description"], "value": bonus["value"]}


def profile(body: Body) -> Tables:
    """The table of ``/user/{id}/profile``."""
    user = body["profile"]
    first = ("id", "name", "level", "rank", "title", "donator_status", "age")
    row: Row = {name: user[name] for name in first}
    row |= {"signed_up": _instant(user["signed_up"]), "faction_id": user["faction_id"], "honor_id": user["honor_id"]}
    row |= {"property_id": user["property"]["id"], "property_name": user["property"]["name"]}
    row |= {name: user[name] for name in ("image", "gender", "revivable", "role")}
    row |= {f"status_{name}": user["status"][name] for name in ("description", "details", "state", "color")}
    row |= {"status_until": _instant(user["status"]["until"]), "status_plane_image_type": user["status"].get("plane_image_type")}
    spouse = user["spouse"] or {}
    row |= {f"spouse_{name}": spouse.get(name) for name in ("id", "name", "status", "days_married")}
    row |= {name: user[name] for name in ("awards", "friends", "enemies", "forum_posts", "karma")}
    action = user["last_action"]
    row |= {"last_action_status": action["status"], "last_action_timestamp": _instant(action["timestamp"])}
    row |= {"last_action_relative": action["relative"]}
    row |= {"life_current": user["life"]["current"], "life_maximum": user["life"]["maximum"]}
    return {"user_profile": [row]}


def _instant(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
