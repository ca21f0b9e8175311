"""The selections of the section ``user``: what everybody may see of a member of one of the world's own factions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torn_pipeline.simulator.asking import Code, Refused, flag
from torn_pipeline.simulator.chance import Chance
from torn_pipeline.simulator.faction_selections import shown_status
from torn_pipeline.simulator.rates import DAY
from torn_pipeline.simulator.selections import Selection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torn_pipeline.simulator.asking import Asked

__all__ = ["USER"]

FIRST_SIGN_UP, SECONDS_FOR_EACH_ID = 1_100_000_000, 60
RANKS = ("Absolute beginner", "Rookie", "Average", "Competent", "Veteran", "Professional", "Star", "Celebrity", "Heroic", "Invincible")
TITLES = ("Loser", "Merchant", "Medalist", "Slayer", "Punchbag", "Samaritan", "Thief", "Hoarder", "Racer", "Healer", "Sage", "Citizen")
PROPERTIES = ("Shack", "Semi-detached House", "Penthouse", "Villa", "Castle", "Private Island")
GENDERS = ("Male", "Female", "Enby")


def _profile(asked: Asked) -> dict[str, Any]:
    user_id = asked.things[0] if asked.things else asked.key.owner
    for faction in asked.world.factions.values():
        for member in faction.members:
            if member["id"] == user_id:
                return {"profile": _of_member(asked, faction.id, member)}
    raise Refused(Code.WRONG_ID)


def _of_member(asked: Asked, faction_id: int, member: Mapping[str, Any]) -> dict[str, Any]:
    """The member's own row, and what follows from their id alone."""
    now, chance = asked.world.now, Chance(asked.world.seed, f"{member['id']}/profile")
    signed_up = FIRST_SIGN_UP + member["id"] * SECONDS_FOR_EACH_ID
    life = 100 + 50 * member["level"]
    return {
        **{name: member[name] for name in ("id", "name", "level")},
        "rank": chance.choice(RANKS),
        "title": chance.choice(TITLES),
        "donator_status": chance.choice((None, "Donator", "Subscriber")),
        "age": (now - signed_up) // DAY,
        "signed_up": signed_up,
        "faction_id": faction_id,
        "honor_id": chance.randint(1, 900),
        "property": {"id": chance.randint(1, 5_000_000), "name": chance.choice(PROPERTIES)},
        "image": None,
        "gender": chance.choice(GENDERS),
        "revivable": member["is_revivable"],
        "role": "Civilian",
        "status": shown_status(member["status"], strip=flag(asked.query, "striptags", "true")),
        "spouse": None,
        **{name: chance.randint(0, 500) for name in ("awards", "friends", "enemies", "forum_posts", "karma")},
        "last_action": member["last_action"],
        "life": {"current": 1 if member["status"]["state"] == "Hospital" else life, "maximum": life},
    }


USER: Mapping[str, Selection] = {"profile": Selection(body=_profile, named="thing")}
