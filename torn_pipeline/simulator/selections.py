"""What a selection is, and those of the section ``torn``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from torn_pipeline.simulator.asking import Code, Refused, choice
from torn_pipeline.simulator.vocabulary import ITEM_TYPES, WEAPONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torn_pipeline.simulator.asking import Asked
    from torn_pipeline.simulator.world import Access

__all__ = ["TORN", "Selection"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """One selection: what makes its body, and whom it is for.

    ``named`` is what an id in its path names: a faction, else the caller's own is meant; one thing or several. ``must_name`` is
    whether there has to be an id. ``private`` selections show a faction to those of its members who have access to the API.
    ``cached`` is whether an answer may be an old one.
    """

    body: Callable[[Asked], dict[str, Any]]
    access: Access = "Public"
    named: Literal["nothing", "faction", "thing", "things"] = "faction"
    must_name: bool = False
    private: bool = False
    cached: bool = True


def _items(asked: Asked) -> dict[str, Any]:
    # The description says that details are left out of the category All; the answers that were recorded have them.
    category = asked.query.get("cat", "All")
    if not asked.things:
        return _sorted([item for item in asked.world.items if _in_category(item, category)], asked)
    found = [item for item in asked.world.items if item["id"] in asked.things]
    if not found:
        raise Refused(Code.WRONG_ID)
    return _sorted(found, asked)


def _sorted(items: list[dict[str, Any]], asked: Asked) -> dict[str, Any]:
    descending = choice(asked.query, "sort", "ASC", ("DESC", "ASC")) == "DESC"
    return {"items": sorted(items, key=lambda item: int(item["id"]), reverse=descending)}


def _in_category(item: Mapping[str, Any], category: str) -> bool:
    if category == "All":
        return True
    if category in WEAPONS:
        return item["type"] == "Weapon" and bool(item["details"]["category"] == category)
    kind = "Armor" if category == "Defensive" else category
    if kind not in ITEM_TYPES:
        raise Refused(Code.WRONG_CATEGORY)
    return bool(item["type"] == kind)


def _lookup(_: Asked) -> dict[str, Any]:
    return {"selections": sorted(TORN)}


def _timestamp(asked: Asked) -> dict[str, Any]:
    return {"timestamp": asked.world.now}


TORN: Mapping[str, Selection] = {
    "items": Selection(body=_items, named="things"),
    "lookup": Selection(body=_lookup, named="nothing"),
    "timestamp": Selection(body=_timestamp, named="nothing", cached=False),
}
