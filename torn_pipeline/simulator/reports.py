"""Reports on chains, summed up from the attacks that the faction knows of."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from typing import TYPE_CHECKING, Any

from torn_pipeline.simulator.chains import BONUSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torn_pipeline.simulator.state import Faction

__all__ = ["chain_report"]

# What the report calls each result; a failure that is none of these is counted as a loss of time only.
NAMES = {
    "Attacked": "leave",
    "Mugged": "mug",
    "Hospitalized": "hospitalize",
    "Assist": "assists",
    "Stalemate": "draws",
    "Escape": "escapes",
    "Lost": "losses",
}


def chain_report(faction: Faction, chain_id: int) -> dict[str, Any]:
    """What ``chainreport`` shows of a faction's chain: all its attacks from the first hit of the chain to the last.

    Raises:
        KeyError: when the faction has no such chain, over or running.
    """
    chain = _chain(faction, chain_id)
    attacks = [attack for attack in _between(faction.attacks, chain["start"], chain["end"]) if _is_own(faction, attack)]
    by_user: dict[int, list[dict[str, Any]]] = {}
    for attack in attacks:
        by_user.setdefault(attack["attacker"]["id"], []).append(attack)
    there = {
        person.id
        for person in (*faction.people.values(), *faction.gone)
        if person.joined_at <= chain["start"] and (person.left_at is None or person.left_at >= chain["end"])
    }
    counts = _counts(attacks)
    details = {
        "chain": chain["chain"],
        "respect": _respect(attacks),
        "members": len(by_user),
        "targets": len({attack["defender"]["id"] for attack in attacks}),
        "best": max((attack["respect_gain"] for attack in attacks), default=0),
        **{name: value for name, value in counts.items() if name not in {"bonuses", "total"}},
    }
    return {
        "id": chain["id"],
        "faction_id": faction.id,
        "start": chain["start"],
        "end": chain["end"],
        "details": details,
        "bonuses": [_bonus(attack) for attack in attacks if attack["chain"] in BONUSES],
        "attackers": [_attacker(user_id, own) for user_id, own in sorted(by_user.items())],
        "non_attackers": sorted(there - by_user.keys()),
    }


def _chain(faction: Faction, chain_id: int) -> dict[str, Any]:
    for row in faction.chains:
        if row["id"] == chain_id:
            return row
    running = faction.chain
    if not chain_id or running["id"] != chain_id:
        raise KeyError(chain_id)
    hits = [
        attack for attack in _between(faction.attacks, running["start"], running["end"]) if attack["chain"] and _is_own(faction, attack)
    ]
    return {"id": chain_id, "chain": running["current"], "start": running["start"], "end": hits[-1]["ended"]}


def _between(attacks: Sequence[dict[str, Any]], start: int, end: int) -> Sequence[dict[str, Any]]:
    """The attacks that ended from then to then; they are in the order of their end."""
    first = bisect_left(attacks, start, key=lambda attack: int(attack["ended"]))
    return attacks[first : bisect_right(attacks, end, key=lambda attack: int(attack["ended"]))]


def _is_own(faction: Faction, attack: dict[str, Any]) -> bool:
    attacker = attack["attacker"]
    return attacker is not None and attacker["faction"] is not None and bool(attacker["faction"]["id"] == faction.id)


def _respect(attacks: Iterable[dict[str, Any]]) -> float:
    return round(sum(float(attack["respect_gain"]) for attack in attacks), 2)


def _counts(attacks: Sequence[dict[str, Any]]) -> dict[str, int]:
    results = Counter(NAMES.get(attack["result"]) for attack in attacks)
    return {
        "total": len(attacks),
        **{name: results[name] for name in NAMES.values()},
        "retaliations": sum(attack["modifiers"]["retaliation"] > 1 for attack in attacks),
        "overseas": sum(attack["modifiers"]["overseas"] > 1 for attack in attacks),
        "war": sum(attack["is_ranked_war"] for attack in attacks),
        "bonuses": sum(attack["chain"] in BONUSES for attack in attacks),
    }


def _attacker(user_id: int, attacks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    total = _respect(attacks)
    best = max(attack["respect_gain"] for attack in attacks)
    counts = _counts(attacks)
    # The API's description requires this misspelling here, and the right word in the details.
    counts["escpaces"] = counts.pop("escapes")
    return {"id": user_id, "respect": {"total": total, "average": round(total / len(attacks), 2), "best": best}, "attacks": counts}


def _bonus(attack: dict[str, Any]) -> dict[str, int]:
    return {
        "attacker_id": attack["attacker"]["id"],
        "defender_id": attack["defender"]["id"],
        "chain": attack["chain"],
        "respect": int(attack["respect_gain"]),
    }
