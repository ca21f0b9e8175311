"""The selections of the section ``faction``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from torn_pipeline.simulator.asking import Code, Refused, choice, choices, flag, reaches
from torn_pipeline.simulator.paging import is_within, newest_first, offset_page, window_page
from torn_pipeline.simulator.selections import Selection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torn_pipeline.simulator.asking import Asked
    from torn_pipeline.simulator.world import Faction

__all__ = ["FACTION", "shown_status"]

Json = dict[str, Any]

MOST_NEWS_CATEGORIES = 10
CRIME_FIELDS = ("created_at", "executed_at", "ready_at", "expired_at")
# The statuses of each category of crimes, and the field that `sort`, `from` and `to` go by.
CRIME_CATEGORIES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "all": (("Recruiting", "Planning", "Successful", "Failure", "Expired"), "created_at"),
    "available": (("Recruiting", "Planning"), "created_at"),
    "recruiting": (("Recruiting",), "expired_at"),
    "planning": (("Planning",), "ready_at"),
    "completed": (("Successful", "Failure"), "executed_at"),
    "successful": (("Successful",), "executed_at"),
    "failure": (("Failure",), "executed_at"),
    "expired": (("Expired",), "expired_at"),
}
NEWS = (
    "main",
    "attack",
    "armoryDeposit",
    "armoryAction",
    "territoryWar",
    "rankedWar",
    "territoryGain",
    "chain",
    "crime",
    "membership",
    "depositFunds",
    "giveFunds",
)
NEWS_OF_LIMITED_ACCESS = frozenset({"attack", "depositFunds", "giveFunds"})
TAG = re.compile(r"</?[A-Za-z][^>]*>")
FILTERS = ("incoming", "outgoing", "idFilter")
SIMPLE_ATTACK = ("id", "code", "started", "ended", "result", "respect_gain", "respect_loss")


# --- crimes ----------------------------------------------------------------------------------------------------


def _crimes(asked: Asked) -> Json:
    statuses, by_default = CRIME_CATEGORIES[choice(asked.query, "cat", "all", tuple(CRIME_CATEGORIES), Code.WRONG_CATEGORY)]
    by = choice(asked.query, "filters", by_default, CRIME_FIELDS)
    within = is_within(asked)
    rows = [crime for crime in asked.faction.crimes if crime["status"] in statuses and within(crime[by])]
    rows.sort(key=lambda crime: (crime[by] or 0, crime["id"]), reverse=newest_first(asked))
    return offset_page("crimes", rows, asked)


def _crime(asked: Asked) -> Json:
    for faction in asked.world.factions.values():
        for crime in faction.crimes:
            if crime["id"] == asked.things[0]:
                if faction is asked.faction:
                    return {"crime": crime}
                raise Refused(Code.WRONG_RELATION)
    raise Refused(Code.WRONG_ID)


# --- who and what there is -------------------------------------------------------------------------------------


def _members(asked: Asked) -> Json:
    strip = flag(asked.query, "striptags", "true")
    return {"members": [_member(member, asked, strip=strip) for member in asked.faction.members]}


def _member(member: Json, asked: Asked, *, strip: bool) -> Json:
    new = member
    if not asked.trusted:
        new = {**new, "revive_setting": "Unknown"}
    if not asked.own:
        new = {**new, "is_in_oc": False}
    status = shown_status(member["status"], strip=strip)
    return new if status is member["status"] else {**new, "status": status}


def shown_status(status: Json, *, strip: bool) -> Json:
    """A member's status, the same object unless tags have to go."""
    if not strip or "<" not in f"{status['description']}{status['details']}":
        return status
    details = status["details"] and TAG.sub("", status["details"])
    return {**status, "description": TAG.sub("", status["description"]), "details": details}


def _basic(asked: Asked) -> Json:
    basic = asked.faction.basic
    return {"basic": basic if asked.trusted else {**basic, "is_enlisted": None}}


def _balance(asked: Asked) -> Json:
    balance = asked.faction.balance
    if choice(asked.query, "cat", "current", ("current", "all"), Code.WRONG_CATEGORY) == "current":
        return {"balance": balance}
    return {"balance": {**balance, "members": [*balance["members"], *asked.faction.former]}}


def _positions(asked: Asked) -> Json:
    return {"positions": asked.faction.positions}


# --- attacks and chains ----------------------------------------------------------------------------------------


def _attacks(asked: Asked) -> Json:
    rows, by = _chosen_attacks(asked)
    return window_page("attacks", rows, asked, by)


def _attacksfull(asked: Asked) -> Json:
    rows, by = _chosen_attacks(asked)
    page = window_page("attacks", rows, asked, by, most=1_000)
    return {**page, "attacks": [_simple(attack) for attack in page["attacks"]]}


def _chosen_attacks(asked: Asked) -> tuple[list[Json], str]:
    """The attacks that pass the filters, and the field that the window goes by."""
    filters = choices(asked.query, "filters", FILTERS)
    directions = set(filters) - {"idFilter"}
    attacks = asked.faction.attacks
    if len(directions) == 1:
        attacks = [attack for attack in attacks if _is_outgoing(attack, asked.faction) == ("outgoing" in directions)]
    # The description says no more than "timestamps"; an attack is known once it has ended.
    return attacks, "id" if "idFilter" in filters else "ended"


def _is_outgoing(attack: Json, faction: Faction) -> bool:
    attacker = attack["attacker"]
    return attacker is not None and attacker["faction"] is not None and attacker["faction"]["id"] == faction.id


def _simple(attack: Json) -> Json:
    people = {
        side: attack[side] and {"id": attack[side]["id"], "faction_id": attack[side]["faction"] and attack[side]["faction"]["id"]}
        for side in ("attacker", "defender")
    }
    return {name: attack[name] for name in SIMPLE_ATTACK} | people


def _chain(asked: Asked) -> Json:
    return {"chain": asked.faction.chain}


def _chains(asked: Asked) -> Json:
    # Nothing says which of its two times counts; with the start a chain may appear in a window that was read before it ended.
    return window_page("chains", asked.faction.chains, asked, "start")


def _chain_report(asked: Asked) -> Json:
    if asked.things:
        return {"chainreport": _report_of_chain(asked, asked.things[0])}
    faction = asked.faction
    for chain_id in [faction.chain["id"], *(row["id"] for row in faction.chains[-1:])]:
        try:
            return {"chainreport": asked.world.chain_report(faction.id, chain_id)}
        except KeyError:
            continue  # the one that runs is too short as yet to have a report
    raise Refused(Code.WRONG_ID)


def _report_of_chain(asked: Asked, chain_id: int) -> Json:
    for faction in asked.world.factions.values():
        if faction.chain["id"] == chain_id and faction is not asked.faction:
            raise Refused(Code.WRONG_RELATION)
        try:
            return asked.world.chain_report(faction.id, chain_id)
        except KeyError:
            continue
    raise Refused(Code.WRONG_ID)


# --- wars ------------------------------------------------------------------------------------------------------


def _wars(asked: Asked) -> Json:
    return asked.faction.wars


def _rankedwars(asked: Asked) -> Json:
    within, faction_id = is_within(asked), asked.faction.id
    rows = [war for war in asked.world.ranked_wars if faction_id in {side["id"] for side in war["factions"]} and within(war["start"])]
    rows.sort(key=lambda war: (war["start"], war["id"]), reverse=newest_first(asked))
    return offset_page("rankedwars", rows, asked)


def _ranked_war_report(asked: Asked) -> Json:
    try:
        return {"rankedwarreport": asked.world.ranked_war_report(asked.things[0])}
    except KeyError:
        raise Refused(Code.WRONG_ID) from None


def _raids(asked: Asked) -> Json:
    faction_id = asked.faction.id
    rows = [raid for raid in asked.world.raids if faction_id in {raid["aggressor"]["id"], raid["defender"]["id"]}]
    return window_page("raids", rows, asked, "start", usual=20)


def _raid_report(asked: Asked) -> Json:
    try:
        return {"raidreport": [asked.world.raid_report(asked.things[0])]}
    except KeyError:
        raise Refused(Code.WRONG_ID) from None


def _territorywars(asked: Asked) -> Json:
    faction_id = asked.faction.id
    wars = [war for war in asked.world.territory_wars if faction_id in {side["id"] for side in war["factions"]}]
    # This list is without links.
    return {"territorywars": window_page("territorywars", wars, asked, "start")["territorywars"]}


def _territory_war_report(asked: Asked) -> Json:
    try:
        return {"territorywarreport": [asked.world.territory_war_report(asked.things[0])]}
    except KeyError:
        raise Refused(Code.WRONG_ID) from None


# --- revives ---------------------------------------------------------------------------------------------------


def _revives(asked: Asked) -> Json:
    strip = flag(asked.query, "striptags", "true")
    page = _revives_page(asked)
    return {**page, "revives": [_stripped(revive) for revive in page["revives"]]} if strip else page


def _revives_full(asked: Asked) -> Json:
    strip = flag(asked.query, "striptags", "true")
    page = _revives_page(asked, most=1_000)
    return {**page, "revives": [_simple_revive(_stripped(revive) if strip else revive) for revive in page["revives"]]}


def _revives_page(asked: Asked, most: int = 100) -> Json:
    filters = choices(asked.query, "filters", FILTERS)
    sides = {side for side, direction in (("reviver", "outgoing"), ("target", "incoming")) if direction in filters}
    rows = asked.faction.revives
    if len(sides) == 1:
        (side,) = sides
        rows = [revive for revive in rows if (revive[side]["faction"] or {}).get("id") == asked.faction.id]
    return window_page("revives", rows, asked, "id" if "idFilter" in filters else "timestamp", most=most)


def _stripped(revive: Json) -> Json:
    target = revive["target"]
    return {**revive, "target": {**target, "hospital_reason": TAG.sub("", target["hospital_reason"])}}


def _simple_revive(revive: Json) -> Json:
    reviver, target = revive["reviver"], dict(revive["target"])
    del target["name"]
    faction = target.pop("faction")
    target = {"id": target.pop("id"), "faction_id": faction and faction["id"], **target}
    return {**revive, "reviver": {"id": reviver["id"], "faction_id": reviver["faction"] and reviver["faction"]["id"]}, "target": target}


# --- news, and about the section itself ------------------------------------------------------------------------


def _news(asked: Asked) -> Json:
    strip = flag(asked.query, "striptags", "false")
    categories = set(choices(asked.query, "cat", NEWS, Code.WRONG_CATEGORY))
    if not 1 <= len(categories) <= MOST_NEWS_CATEGORIES:
        raise Refused(Code.WRONG_CATEGORY)
    if categories & NEWS_OF_LIMITED_ACCESS and not reaches(asked.key, "Limited"):
        raise Refused(Code.ACCESS_TOO_LOW)
    rows = [row for category, row in asked.faction.news if category in categories]
    page = window_page("news", rows, asked, "timestamp")
    asked.read("news", len(page["news"]))
    return {**page, "news": [{**row, "text": TAG.sub("", row["text"])} for row in page["news"]]} if strip else page


def _lookup(_: Asked) -> Json:
    return {"selections": sorted(FACTION)}


def _timestamp(asked: Asked) -> Json:
    return {"timestamp": asked.world.now}


FACTION: Mapping[str, Selection] = {
    "attacks": Selection(body=_attacks, access="Limited", private=True),
    "attacksfull": Selection(body=_attacksfull, access="Limited", private=True),
    "balance": Selection(body=_balance, access="Limited", private=True),
    "basic": Selection(body=_basic),
    "chain": Selection(body=_chain),
    "chainreport": Selection(body=_chain_report, named="thing"),
    "chains": Selection(body=_chains),
    "crime": Selection(body=_crime, access="Minimal", named="thing", must_name=True, private=True),
    "crimes": Selection(body=_crimes, access="Minimal", private=True),
    "lookup": Selection(body=_lookup),
    "members": Selection(body=_members),
    "news": Selection(body=_news, access="Minimal", private=True),
    "positions": Selection(body=_positions, access="Minimal", private=True),
    "raidreport": Selection(body=_raid_report, named="thing", must_name=True),
    "raids": Selection(body=_raids),
    "rankedwarreport": Selection(body=_ranked_war_report, named="thing", must_name=True),
    "rankedwars": Selection(body=_rankedwars),
    "revives": Selection(body=_revives, access="Limited", private=True),
    "revivesFull": Selection(body=_revives_full, access="Limited", private=True),
    "territorywarreport": Selection(body=_territory_war_report, named="thing", must_name=True),
    "territorywars": Selection(body=_territorywars),
    "timestamp": Selection(body=_timestamp, cached=False),
    "wars": Selection(body=_wars),
}
