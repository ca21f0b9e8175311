"""A naive second opinion on the faction's history: its tables written out by hand on plain dicts, as in ``reference``.

Each function makes the rows of one answer's tables; each row's columns stand in the order in which the table has them.
``_account`` and the id in the path open a row as part of its key. The columns that say where a row came from are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from torn_pipeline_tests.reference_things import item_details, item_market, profile

__all__ = ["HISTORY", "history_tables", "shown"]

Body = Mapping[str, Any]
Row = dict[str, object]
Rows = list[Row]
Tables = dict[str, Rows]
Id = dict[str, object]

ORIGIN = frozenset({"_fetch_id", "_fetched_at", "_raw_id"})


def history_tables(path: str, body: Body, *, account: str = "default", path_id: object = None) -> Tables:
    """The rows of every table of one endpoint, from one page; ``path_id`` is the id in its path, as text.

    Values are ``int``, ``float``, ``bool``, ``str``, a ``datetime`` in UTC, or ``None``.
    """
    read, name = HISTORY[path]
    leading: Id = {name: path_id} if name else {}
    if path.startswith(("/torn/", "/market/")):
        return {table: [{**leading, **row, "_account": account} for row in rows] for table, rows in read(body).items()}
    return {table: [{"_account": account, **leading, **row} for row in rows] for table, rows in read(body).items()}


def shown(rows: Rows) -> list[list[tuple[str, object]]]:
    """Rows to compare: columns in their order with types and values, but those that say where a row came from; sorted by their key."""
    found = [[(name, _shown(value)) for name, value in row.items() if name not in ORIGIN] for row in rows]
    return sorted(found, key=str)


def _shown(value: object) -> object:
    """A value that differs from one of another type: 1 from 1.0 and from True."""
    return value.isoformat() if isinstance(value, datetime) else repr(value)


# Values


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _instant(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _either(value: Body, *names: str) -> Any:  # noqa: ANN401 - a JSON value may be anything
    """The first of these fields that is there and not null."""
    return next((value[name] for name in names if value.get(name) is not None), None)


def _faction(name: str, player: Body) -> Row:
    faction = player.get("faction") or {}
    return {f"{name}_faction_id": faction.get("id"), f"{name}_faction_name": faction.get("name")}


# Attacks


def _attacks(body: Body) -> Tables:
    effects = [
        {"attack_id": attack["id"], "_index": index, "name": effect["name"], "value": effect["value"], **_attack_scalars(attack)}
        for attack in body["attacks"]
        for index, effect in enumerate(attack["finishing_hit_effects"])
    ]
    return {"faction_attacks": [_attack(attack) for attack in body["attacks"]], "faction_attacks_finishing_hit_effects": effects}


def _attack(attack: Body) -> Row:
    before, after = _attack_beginning(attack), _attack_end(attack)
    return {
        "id": attack["id"],
        **before,
        **_attack_player("attacker", attack["attacker"] or {}),
        **_attack_player("defender", attack["defender"]),
        **after,
        **{f"modifiers_{name}": float(attack["modifiers"][name]) for name in MODIFIERS},
    }


MODIFIERS = ("fair_fight", "war", "retaliation", "group", "overseas", "chain", "warlord")


def _attack_player(name: str, player: Body) -> Row:
    own = {f"{name}_id": player.get("id"), f"{name}_name": player.get("name"), f"{name}_level": player.get("level")}
    return {**own, **_faction(name, player)}


def _attack_beginning(attack: Body) -> Row:
    return {"code": attack["code"], "started": _instant(attack["started"]), "ended": _instant(attack["ended"])}


def _attack_result(attack: Body) -> Row:
    gain, loss = float(attack["respect_gain"]), float(attack["respect_loss"])
    return {"result": attack["result"], "respect_gain": gain, "respect_loss": loss}


def _attack_end(attack: Body) -> Row:
    return {
        **_attack_result(attack),
        "chain": attack["chain"],
        "is_interrupted": attack["is_interrupted"],
        "is_stealthed": attack["is_stealthed"],
        "is_raid": attack["is_raid"],
        "is_ranked_war": attack["is_ranked_war"],
        "is_territory_war": attack.get("is_territory_war"),
        "territory_war_id": attack.get("territory_war_id"),
    }


def _attack_scalars(attack: Body) -> Row:
    return {**_attack_beginning(attack), **_attack_end(attack)}


def _attacksfull(body: Body) -> Tables:
    return {"faction_attacksfull": [_attack_in_short(attack) for attack in body["attacks"]]}


def _attack_in_short(attack: Body) -> Row:
    attacker, defender = attack["attacker"] or {}, attack["defender"]
    return {
        "id": attack["id"],
        **_attack_beginning(attack),
        "attacker_id": attacker.get("id"),
        "attacker_faction_id": attacker.get("faction_id"),
        "defender_id": defender["id"],
        "defender_faction_id": defender["faction_id"],
        **_attack_result(attack),
    }


# Chains


def _chains(body: Body) -> Tables:
    rows = [
        {
            "id": row["id"],
            "chain": row["chain"],
            "respect": float(row["respect"]),
            "start": _instant(row["start"]),
            "end": _instant(row["end"]),
        }
        for row in body["chains"]
    ]
    return {"faction_chains": list(rows)}


DETAILS = (
    "chain", "respect", "members", "targets", "war", "best", "leave", "mug", "hospitalize", "assists", "retaliations", "overseas", "draws",
    "escapes", "losses",
)  # fmt: skip
COUNTS = ("total", "leave", "mug", "hospitalize", "assists", "retaliations", "overseas", "draws", "escapes", "losses", "war", "bonuses")


def _chain_report(body: Body) -> Tables:
    report = body["chainreport"]
    own = {"faction_id": report["faction_id"], "start": _instant(report["start"]), "end": _instant(report["end"])}
    details = {f"details_{name}": report["details"][name] for name in DETAILS}
    details |= {name: float(details[name]) for name in ("details_respect", "details_best")}
    bonuses = [{name: bonus[name] for name in ("attacker_id", "defender_id", "chain", "respect")} for bonus in report["bonuses"]]
    attackers = [_chain_attacker(attacker) for attacker in report["attackers"]]
    others = [{"value": member} for member in _either(report, "non_attackers", "non-attackers") or []]
    below = {"bonuses": bonuses, "attackers": attackers, "non_attackers": others}
    return {
        "faction_chainreport": [{"id": report["id"], **own, **details}],
        **{
            f"faction_chainreport_{name}": [
                {"chainreport_id": report["id"], "_index": index, **row, **own} for index, row in enumerate(rows)
            ]
            for name, rows in below.items()
        },
    }


def _chain_attacker(attacker: Body) -> Row:
    respect = {f"respect_{name}": float(attacker["respect"][name]) for name in ("total", "average", "best")}
    attacks = {f"attacks_{name}": attacker["attacks"].get(name) for name in COUNTS}
    attacks["attacks_escapes"] = _either(attacker["attacks"], "escapes", "escpaces")
    return {"attacker_id": attacker["id"], **respect, **attacks}


# News and revives


def _news(body: Body) -> Tables:
    return {"faction_news": [{"id": row["id"], "text": row["text"], "timestamp": _instant(row["timestamp"])} for row in body["news"]]}


def _revives(body: Body) -> Tables:
    return {"faction_revives": [_revive(revive) for revive in body["revives"]]}


def _revive(revive: Body) -> Row:
    reviver, target = revive["reviver"], revive["target"]
    return {
        "id": revive["id"],
        "reviver_id": reviver["id"],
        "reviver_name": reviver["name"],
        **_faction("reviver", reviver),
        "reviver_skill": _float(reviver.get("skill")),
        "target_id": target["id"],
        "target_name": target["name"],
        **_faction("target", target),
        **_revive_end(revive),
    }


def _revive_end(revive: Body) -> Row:
    target = revive["target"]
    return {
        "target_hospital_reason": target["hospital_reason"],
        "target_early_discharge": target["early_discharge"],
        "target_last_action": _instant(target["last_action"]),
        "target_online_status": target["online_status"],
        "success_chance": float(revive["success_chance"]),
        "result": revive["result"],
        "timestamp": _instant(revive["timestamp"]),
    }


def _revives_full(body: Body) -> Tables:
    return {
        "faction_revives_full": [
            {
                "id": revive["id"],
                "reviver_id": revive["reviver"]["id"],
                "reviver_faction_id": revive["reviver"]["faction_id"],
                "target_id": revive["target"]["id"],
                "target_faction_id": revive["target"]["faction_id"],
                **_revive_end(revive),
            }
            for revive in body["revives"]
        ]
    }


# Ranked wars


def _ranked_wars(body: Body) -> Tables:
    wars, sides = [], []
    for war in body["rankedwars"]:
        own = {"start": _instant(war["start"]), "end": _instant(war["end"]), "target": war["target"], "winner": war["winner"]}
        wars.append({"id": war["id"], **own})
        for index, side in enumerate(war["factions"]):
            score = {"faction_id": side["id"], "name": side["name"], "score": side["score"], "chain": side["chain"]}
            sides.append({"rankedwar_id": war["id"], "_index": index, **score, **own})
    return {"faction_rankedwars": wars, "faction_rankedwars_factions": sides}


def _ranked_war_report(body: Body) -> Tables:
    report = body["rankedwarreport"]
    own = {"start": _instant(report["start"]), "end": _instant(report["end"]), "winner": report["winner"], "forfeit": report["forfeit"]}
    sides: Rows = []
    items: Rows = []
    members: Rows = []
    for place, side in enumerate(report["factions"]):
        rewards, outer = side["rewards"], {"rankedwarreport_id": report["id"], "faction_index": place}
        sides.append({"rankedwarreport_id": report["id"], "_index": place, **_ranked_side(side), **own})
        for index, item in enumerate(rewards["items"]):
            what = {"item_id": item["id"], "name": item["name"], "quantity": item["quantity"]}
            around = {"respect": rewards["respect"], "points": rewards["points"], "faction_id": side["id"], "faction_name": side["name"]}
            items.append({**outer, "_index": index, **what, **around, "score": side["score"], "attacks": side["attacks"], **own})
        for index, member in enumerate(side["members"]):
            around = {"faction_id": side["id"], "faction_name": side["name"]}
            around |= {"faction_score": side["score"], "faction_attacks": side["attacks"]}
            members.append({**outer, "_index": index, **_ranked_member(member), **around, **own})
    return {
        "faction_rankedwarreport": [{"id": report["id"], **own}],
        "faction_rankedwarreport_factions": sides,
        "faction_rankedwarreport_factions_rewards_items": items,
        "faction_rankedwarreport_factions_members": members,
    }


def _ranked_side(side: Body) -> Row:
    return {
        "faction_id": side["id"],
        "name": side["name"],
        "score": side["score"],
        "attacks": side["attacks"],
        "rank_before": side["rank"]["before"],
        "rank_after": side["rank"]["after"],
        "rewards_respect": side["rewards"]["respect"],
        "rewards_points": side["rewards"]["points"],
    }


def _ranked_member(member: Body) -> Row:
    who = {"member_id": member["id"], "name": member["name"], "level": member["level"]}
    return {**who, "attacks": member["attacks"], "score": float(member["score"])}


# Raids


def _raids(body: Body) -> Tables:
    return {"faction_raids": [_raid(raid) for raid in body["raids"]]}


def _raid(raid: Body) -> Row:
    row: Row = {"id": raid["id"], "start": _instant(raid["start"]), "end": _instant(raid["end"])}
    for name in ("aggressor", "defender"):
        side = raid[name]
        row |= {f"{name}_id": side["id"], f"{name}_name": side["name"], f"{name}_score": float(side["score"])}
        row[f"{name}_chain"] = side.get("chain")
    return row


def _raid_report(body: Body) -> Tables:
    tables: Tables = {name: [] for name in RAID_TABLES}
    for report in body["raidreport"]:
        own = {"start": _instant(report["start"]), "end": _instant(report["end"])}
        row: Row = {"id": report["id"], **own}
        for name in ("aggressor", "defender"):
            side = report[name]
            score = float(side["score"])
            row |= {f"{name}_id": side["id"], f"{name}_name": side["name"], f"{name}_score": score}
            attackers, others = (tables[f"faction_raidreport_{name}_{who}"] for who in ("attackers", "non_attackers"))
            for index, attacker in enumerate(side["attackers"]):
                who = {"user_id": attacker["user"]["id"], "user_name": attacker["user"]["name"], "attacks": attacker["attacks"]}
                around = {f"{name}_id": side["id"], "name": side["name"], "score": score, **own}
                attackers.append({"raidreport_id": report["id"], "_index": index, **who, "damage": float(attacker["damage"]), **around})
            for index, other in enumerate(side["non_attackers"]):
                around = {f"{name}_id": side["id"], f"{name}_name": side["name"], "score": score, **own}
                who = {"non_attacker_id": other["id"], "name": other["name"]}
                others.append({"raidreport_id": report["id"], "_index": index, **who, **around})
        tables["faction_raidreport"].append(row)
    return tables


RAID_TABLES = (
    "faction_raidreport",
    "faction_raidreport_aggressor_attackers",
    "faction_raidreport_aggressor_non_attackers",
    "faction_raidreport_defender_attackers",
    "faction_raidreport_defender_non_attackers",
)


# Territory wars


def _territory_wars(body: Body) -> Tables:
    wars, sides = [], []
    for war in body["territorywars"]:
        own = {"territory": war["territory"], "start": _instant(war["start"]), "end": _instant(war["end"])}
        own |= {"target": war["target"], "result": war.get("result")}
        wars.append({"id": war["id"], **own})
        for index, side in enumerate(war["factions"]):
            score = {"faction_id": side["id"], "name": side["name"], "score": side["score"], "is_aggressor": side["is_aggressor"]}
            sides.append({"territorywar_id": war["id"], "_index": index, **score, **own})
    return {"faction_territorywars": wars, "faction_territorywars_factions": sides}


def _territory_war_report(body: Body) -> Tables:
    tables: Tables = {name: [] for name in TERRITORY_TABLES}
    for report in body["territorywarreport"]:
        own = {"territory": report["territory"], "started_at": _instant(report["started_at"]), "ended_at": _instant(report["ended_at"])}
        own |= {"winner": report["winner"], "result": report["result"]}
        tables[TERRITORY_TABLES[0]].append({"id": report["id"], **own})
        for place, side in enumerate(report["factions"]):
            counts = {name: side[name] for name in ("score", "joins", "clears")}
            outer = {"territorywarreport_id": report["id"]}
            whose = {"faction_id": side["id"], "name": side["name"]}
            tables[TERRITORY_TABLES[1]].append({**outer, "_index": place, **whose, **counts, "is_aggressor": side["is_aggressor"], **own})
            for index, member in enumerate(side["members"]):
                who = {"member_id": member["id"], **{name: member[name] for name in ("username", "level", "score", "joins", "clears")}}
                around = {**whose, **{f"faction_{name}": count for name, count in counts.items()}, "is_aggressor": side["is_aggressor"]}
                tables[TERRITORY_TABLES[2]].append({**outer, "faction_index": place, "_index": index, **who, **around, **own})
    return tables


TERRITORY_TABLES = ("faction_territorywarreport", "faction_territorywarreport_factions", "faction_territorywarreport_factions_members")


HISTORY: Mapping[str, tuple[Callable[[Body], Tables], str]] = {
    "/faction/attacks": (_attacks, ""),
    "/faction/attacksfull": (_attacksfull, ""),
    "/faction/chains": (_chains, ""),
    "/faction/news": (_news, ""),
    "/faction/raids": (_raids, ""),
    "/faction/rankedwars": (_ranked_wars, ""),
    "/faction/revives": (_revives, ""),
    "/faction/revivesFull": (_revives_full, ""),
    "/faction/territorywars": (_territory_wars, ""),
    "/faction/{chainId}/chainreport": (_chain_report, "_chain_id"),
    "/faction/{raidWarId}/raidreport": (_raid_report, "_raid_war_id"),
    "/faction/{rankedWarId}/rankedwarreport": (_ranked_war_report, "_ranked_war_id"),
    "/faction/{territoryWarId}/territorywarreport": (_territory_war_report, "_territory_war_id"),
    "/market/{id}/itemmarket": (item_market, "_id"),
    "/torn/{id}/itemdetails": (item_details, "_id"),
    "/user/{id}/profile": (profile, "_id"),
}
"""What makes the tables of each path, and the column that the id in it becomes."""
