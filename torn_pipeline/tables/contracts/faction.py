"""Contracts of the API's ``faction`` section: the faction as it is now."""

from __future__ import annotations

from torn_pipeline.tables.contract import Array, Contract, Object, Scalar
from torn_pipeline.tables.contracts.people import LAST_ACTION, STATUS

__all__ = ["BALANCE", "BASIC", "MEMBERS"]

MEMBERS = Contract(
    path="/faction/members",
    description="Members of the faction.",
    access="Public",
    body=(
        Array(
            "members",
            Object(
                "member",
                (
                    Scalar("id", "integer", "The player."),
                    Scalar("name", "string", "The player's name."),
                    Scalar("position", "string", "The position in the faction."),
                    Scalar("level", "integer", "The player's level."),
                    Scalar("days_in_faction", "integer", "For how long a member.", unit="days"),
                    Scalar("is_revivable", "boolean", "Whether the key's owner may revive the member."),
                    Scalar("is_on_wall", "boolean", "Whether the member is defending a territory wall."),
                    Scalar("is_in_oc", "boolean", "Whether the member is in an organised crime; false for other factions."),
                    Scalar("has_early_discharge", "boolean", "Whether the member may leave hospital early."),
                    LAST_ACTION,
                    STATUS,
                    Scalar(
                        "revive_setting",
                        "string",
                        "Who may revive the member; Unknown without faction permissions.",
                        known=("Everyone", "Friends & faction", "No one", "Unknown"),
                    ),
                ),
            ),
            "Members of the faction.",
        ),
    ),
)

BASIC = Contract(
    path="/faction/basic",
    description="The faction itself.",
    access="Public",
    body=(
        Object(
            "basic",
            (
                Scalar("id", "integer", "The faction."),
                Scalar("name", "string", "The faction's name."),
                Scalar("tag", "string", "The faction's tag."),
                Scalar("tag_image", "string", "File name of the tag's image."),
                Scalar("banner_image", "string", "File name of the banner.", required=False),
                Scalar("leader_id", "integer", "The leader."),
                Scalar("co_leader_id", "integer", "The co-leader.", older=("co-leader_id",)),
                Scalar("respect", "integer", "Respect of the faction."),
                Scalar("days_old", "integer", "The faction's age.", unit="days"),
                Scalar("capacity", "integer", "How many members there can be."),
                Scalar("members", "integer", "How many members there are."),
                Scalar("is_enlisted", "boolean", "Whether enlisted for ranked wars; null without faction permissions.", nullable=True),
                Object(
                    "rank",
                    (
                        Scalar("level", "integer", "The rank as a number."),
                        Scalar("name", "string", "The rank's name.", known=("Unranked", "Bronze", "Silver", "Gold", "Platinum", "Diamond")),
                        Scalar("division", "integer", "The division within the rank."),
                        Scalar("position", "integer", "The place within the division."),
                        Scalar("wins", "integer", "Ranked wars won."),
                    ),
                ),
                Scalar("best_chain", "integer", "The longest chain so far."),
                Scalar("note", "string", "A note about the faction.", nullable=True, required=False),
            ),
            "The faction itself.",
        ),
    ),
)

BALANCE = Contract(
    path="/faction/balance",
    description="Money and points the faction holds.",
    access="Limited",
    body=(
        Object(
            "balance",
            (
                Object(
                    "faction",
                    (
                        Scalar("money", "integer", "Money of the faction.", unit="$"),
                        Scalar("points", "integer", "Points of the faction."),
                        Scalar("scope", "integer", "Scope of the faction."),
                    ),
                ),
                Array(
                    "members",
                    Object(
                        "member",
                        (
                            Scalar("id", "integer", "The player."),
                            Scalar("username", "string", "The player's name."),
                            Scalar("money", "integer", "Money held for the player; negative when owed.", unit="$"),
                            Scalar("points", "integer", "Points held for the player."),
                        ),
                    ),
                    "What the faction holds for each member.",
                ),
            ),
            "Money and points the faction holds.",
        ),
    ),
    keys={"members": ("member_id",)},
)
