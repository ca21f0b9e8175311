"""Contracts of the API's ``user`` section: what the API tells of one player."""

from __future__ import annotations

from torn_pipeline.tables.contract import Contract, Object, Scalar
from torn_pipeline.tables.contracts.people import LAST_ACTION, STATUS

__all__ = ["PROFILE"]

_RANKS = (
    "Absolute beginner", "Beginner", "Inexperienced", "Rookie", "Novice", "Below average", "Average", "Reasonable", "Above average",
    "Competent", "Highly competent", "Veteran", "Distinguished", "Highly distinguished", "Professional", "Star", "Master", "Outstanding",
    "Celebrity", "Supreme", "Idolized", "Champion", "Heroic", "Legendary", "Elite", "Invincible",
)  # fmt: skip
_TITLES = (
    "Alcoholic", "Sharpshooter", "Accomplice", "Loser", "Silent Killer", "Killer", "Merchant", "Medalist", "Tycoon", "Damage Dealer",
    "Slayer", "Hired Gun", "Egotist", "Outcast", "Punchbag", "Tank", "Antagonist", "Druggy", "Scavenger", "Boxer", "Importer", "Looter",
    "Samaritan", "Felon", "Socialite", "Mercenary", "Investor", "Thief", "One Hit Killer", "Mobster", "Addict", "Bonds Agent", "Buster",
    "Hoarder", "Racer", "Soldier", "Avenger", "Healer", "Booster", "Intimidator", "Trader", "Jobsworth", "Tourist", "Nudist", "Sage",
    "Coward", "Newcomer", "Deserter", "Citizen",
)  # fmt: skip
_ROLES = (
    "Admin", "Officer", "Moderator", "Helper", "Tester", "NPC", "Committee", "Reporter", "Wiki Contributor", "Wiki Editor", "Civilian",
)  # fmt: skip

PROFILE = Contract(
    path="/user/{id}/profile",
    description="What everybody may see of one player.",
    access="Public",
    body=(
        Object(
            "profile",
            (
                Scalar("id", "integer", "The player."),
                Scalar("name", "string", "The player's name."),
                Scalar("level", "integer", "The player's level."),
                Scalar("rank", "string", "The player's rank.", known=_RANKS),
                Scalar("title", "string", "The player's title, which follows the rank.", known=_TITLES),
                Scalar("donator_status", "string", "How the player supports the game.", nullable=True, known=("Donator", "Subscriber")),
                Scalar("age", "integer", "For how long a player.", unit="days"),
                Scalar("signed_up", "integer", "Since when a player."),
                Scalar("faction_id", "integer", "The player's faction.", nullable=True),
                Scalar("honor_id", "integer", "The honour bar that the player shows."),
                Object(
                    "property",
                    (Scalar("id", "integer", "Where the player lives."), Scalar("name", "string", "What kind of property that is.")),
                ),
                Scalar("image", "string", "Address of the player's picture.", nullable=True),
                Scalar("gender", "string", "The player's gender.", known=("Male", "Female", "Enby")),
                Scalar("revivable", "boolean", "Whether the key's owner may revive the player."),
                Scalar("role", "string", "What the player does for the game.", known=_ROLES),
                STATUS,
                Object(
                    "spouse",
                    (
                        Scalar("id", "integer", "Whom the player is engaged or married to."),
                        Scalar("name", "string", "The spouse's name."),
                        Scalar("status", "string", "How far it has come.", known=("Engaged", "Newlywed", "Married")),
                        Scalar("days_married", "integer", "For how long; left out of an engagement.", unit="days", required=False),
                    ),
                    nullable=True,
                ),
                Scalar("awards", "integer", "Medals and honours."),
                Scalar("friends", "integer", "By how many the player is listed as a friend."),
                Scalar("enemies", "integer", "By how many the player is listed as an enemy."),
                Scalar("forum_posts", "integer", "Posts in the forum."),
                Scalar("karma", "integer", "What others think of them, as a number."),
                LAST_ACTION,
                Object("life", (Scalar("current", "integer", "Life left."), Scalar("maximum", "integer", "Life at most."))),
            ),
            "What everybody may see of one player.",
        ),
    ),
)
