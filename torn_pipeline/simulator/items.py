"""Makes the items of Torn: weapons, armour and everything else, in the shape of ``/torn/items``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torn_pipeline.simulator.vocabulary import AMMUNITION, ARMOUR_PARTS, COUNTRIES, ITEM_TEXTS, ITEM_TYPES, ITEM_WORDS, SHOPS, WEAPONS

if TYPE_CHECKING:
    from torn_pipeline.simulator.chance import Chance

__all__ = ["make_items"]

MODS = 35
HUGE_PRICE = 6_500_000_000
HUGE_CIRCULATION = 3_000_000_017


def make_items(chance: Chance, count: int) -> list[dict[str, Any]]:
    """``count`` items by ascending id, with gaps between the ids; the first few are a tool, a weapon, armour and a reward each."""
    types = chance.choices(list(ITEM_TYPES), list(ITEM_TYPES.values()), k=count)
    types[:4] = ("Tool", "Weapon", "Armor", "Medical")[:count]
    items = []
    item_id = 0
    for kind in types:
        item_id += 2 if chance.yes(0.04) else 1
        items.append(_item(chance, item_id, kind))
    for index, item in enumerate(items):
        if index % 200 == 7:  # noqa: PLR2004 - a few by place, so that a world of any size has them
            item["value"]["market_price"] = HUGE_PRICE + index
            item["circulation"] = HUGE_CIRCULATION
    return items


def _item(chance: Chance, item_id: int, kind: str) -> dict[str, Any]:
    sub_type: str | None = None
    details: dict[str, Any] | None = None
    if kind == "Weapon":
        category = chance.choice(list(WEAPONS))
        sub_type = chance.choice(WEAPONS[category])
        details = _weapon(chance, category)
    elif kind == "Armor":
        details = _armour(chance)
    name = f"{chance.choice(ITEM_WORDS)} {kind}"
    return {
        "id": item_id,
        "name": name if chance.yes(0.1) else f"{name} {item_id}",
        "description": chance.choice(ITEM_TEXTS),
        "effect": f"Increases happiness by {chance.randrange(5, 500, 5)}." if chance.yes(0.3) else None,
        "requirement": f"Level {chance.randint(2, 50)}" if chance.yes(0.05) else None,
        "image": f"https://www.torn.com/images/items/{item_id}/large.png",
        "type": kind,
        "sub_type": sub_type,
        "is_masked": kind == "Clothing" and chance.yes(0.1),
        "is_tradable": chance.yes(0.9),
        "is_found_in_city": chance.yes(0.15),
        "value": _value(chance),
        "circulation": 0 if chance.yes(0.05) else int(chance.lognormvariate(9, 3)),
        "details": details,
    }


def _value(chance: Chance) -> dict[str, Any]:
    price = int(chance.lognormvariate(8, 2.5))
    sold = chance.yes(0.3)
    vendor = {"country": chance.choice(("Torn", *COUNTRIES)), "name": chance.choice(SHOPS)} if sold else None
    return {
        "vendor": vendor,
        "buy_price": price + chance.randint(1, 500) if sold else None,
        "sell_price": price * 2 // 3 if chance.yes(0.75) else None,
        "market_price": price,
    }


def _weapon(chance: Chance, category: str) -> dict[str, Any]:
    loaded = category in {"Primary", "Secondary"}
    return {
        "stealth_level": chance.number(0, 10),
        "base_stats": {"damage": chance.randint(3, 95), "accuracy": chance.randint(10, 80), "armor": 0},
        "category": category,
        "ammo": _ammunition(chance) if loaded and chance.yes(0.9) else None,
        "mods": sorted(chance.sample(range(1, MODS + 1), chance.randint(0, 24))) if loaded else [],
    }


def _ammunition(chance: Chance) -> dict[str, Any]:
    ammunition_id, name = chance.choice(AMMUNITION)
    slowest = chance.randint(1, 10)
    return {
        "id": ammunition_id,
        "name": name,
        "magazine_rounds": chance.randint(1, 150),
        "rate_of_fire": {"minimum": slowest, "maximum": slowest + chance.randint(0, 20)},
    }


def _armour(chance: Chance) -> dict[str, Any]:
    parts = chance.sample(ARMOUR_PARTS, chance.randint(0, 6))
    return {
        "coverage": [{"name": part, "value": chance.number(1, 100)} for part in parts],
        "base_stats": {"damage": 0, "accuracy": 0, "armor": chance.randint(5, 60)},
    }
