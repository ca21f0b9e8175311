"""Contracts of the API's ``faction`` section."""

from __future__ import annotations

from torn_pipeline.tables.contract import Array, Contract, Object, Reference, Rule, Scalar

__all__ = ["BALANCE", "BASIC", "CRIMES", "MEMBERS"]

_ITEM_REQUIREMENT = Object(
    "item_requirement",
    (
        Scalar("id", "integer", "The item the slot asks for."),
        Scalar("is_reusable", "boolean", "Whether the item normally outlives the crime."),
        Scalar("is_available", "boolean", "Whether the participant has the item."),
    ),
    nullable=True,
)
_ITEM_OUTCOME = Object(
    "item_outcome",
    (
        Scalar("owned_by", "string", "Who owned the item.", known=("user", "faction")),
        Scalar("item_id", "integer", "The item that was used or lost."),
        Scalar("item_uid", "integer", "The very piece, by its unique id."),
        Scalar("outcome", "string", "What became of the item.", known=("lost", "used", "unused")),
    ),
    "Filled for crimes completed after 25 July 2025.",
    nullable=True,
)
_SLOT = Object(
    "slot",
    (
        Scalar("position", "string", "The role to play; it may repeat within a crime."),
        Object(
            "position_info",
            (
                Scalar(
                    "id", "string", "The position's place in the crime.", known=("P1", "P2", "P3", "P4", "P5", "P6"), older=("position_id",)
                ),
                Scalar("label", "string", "The position's name, with a number where a crime has it more than once."),
                Scalar(
                    "number", "integer", "The number of the position among those of its name.", required=False, older=("position_number",)
                ),
            ),
        ),
        _ITEM_REQUIREMENT,
        Object(
            "user",
            (
                Scalar("id", "integer", "The participant.", older=("user_id",)),
                Scalar(
                    "outcome",
                    "string",
                    "How it went for the participant; null for old crimes.",
                    nullable=True,
                    known=("Successful", "Failed", "Jailed", "Injured", "Hospitalized"),
                ),
                Scalar("outcome_duration", "integer", "How long jail or hospital lasts.", unit="s", nullable=True, required=False),
                _ITEM_OUTCOME,
                Scalar("joined_at", "integer", "When the participant joined."),
                Scalar("progress", "number", "How much of the slot's planning is done.", unit="%"),
            ),
            nullable=True,
        ),
        Scalar(
            "checkpoint_pass_rate",
            "integer",
            "The participant's pass rate; of an empty slot, that of the key's owner; 0 in expired crimes.",
            unit="%",
        ),
    ),
)
_PAYOUT = Object(
    "payout",
    (
        Scalar("type", "string", "Where the payout went.", known=("balance", "wallet", "inventory")),
        Scalar("percentage", "number", "The share split between all participants.", unit="%"),
        Scalar("paid_by", "integer", "The player who paid out."),
        Scalar("paid_at", "integer", "When it was paid out."),
    ),
    "Null until the crime is paid through the payout system.",
    nullable=True,
    required=False,
)
_REWARD_ITEM = Object("item", (Scalar("id", "integer", "The item."), Scalar("quantity", "integer", "How many of it.")))

CRIMES = Contract(
    path="/faction/crimes",
    description="Organised crimes of the faction.",
    access="Minimal",
    page_size=100,
    body=(
        Array(
            "crimes",
            Object(
                "crime",
                (
                    Scalar("id", "integer", "The crime."),
                    Scalar("previous_crime_id", "integer", "The crime this one continues.", nullable=True),
                    Scalar("name", "string", "The scenario; its case has changed over time, so it is no key."),
                    Scalar("difficulty", "integer", "From 1, the easiest."),
                    Scalar(
                        "status",
                        "string",
                        "Where the crime stands.",
                        known=("Recruiting", "Planning", "Successful", "Failure", "Expired"),
                    ),
                    Scalar("created_at", "integer", "When the crime was opened."),
                    Scalar("planning_at", "integer", "When planning began.", nullable=True),
                    Scalar("ready_at", "integer", "When the crime can be executed.", nullable=True),
                    Scalar("expired_at", "integer", "When the crime expires."),
                    Scalar(
                        "executed_at",
                        "integer",
                        "When the crime was executed; null for all executed before 15 January 2025.",
                        nullable=True,
                        older=("initiated_at",),
                    ),
                    Array("slots", _SLOT, "The places of a crime's participants."),
                    Object(
                        "rewards",
                        (
                            Scalar("money", "integer", "Money earned.", unit="$"),
                            Array("items", _REWARD_ITEM, "Items earned by a crime."),
                            Scalar("respect", "integer", "Respect earned."),
                            Scalar("scope", "integer", "Scope earned."),
                            _PAYOUT,
                        ),
                        "Null unless the crime was successful.",
                        nullable=True,
                    ),
                ),
            ),
            "Organised crimes of the faction.",
        ),
    ),
    rules=(
        Rule(
            "rewards_only_when_successful",
            "",
            "Rewards are there exactly when the crime was successful.",
            "(rewards_money IS NOT NULL) = (status = 'Successful')",
        ),
        Rule(
            "executed_when_done",
            "",
            "executed_at is there exactly when the crime succeeded or failed.",
            "(executed_at IS NOT NULL) = (status IN ('Successful', 'Failure'))",
        ),
        Rule(
            "executed_after_ready",
            "",
            "A crime is not executed before it is ready.",
            "executed_at IS NULL OR ready_at IS NULL OR executed_at >= ready_at",
        ),
        Rule(
            "paid_after_executed",
            "",
            "A payout does not precede the crime.",
            "rewards_payout_paid_at IS NULL OR executed_at IS NULL OR rewards_payout_paid_at >= executed_at",
        ),
        Rule("expires_after_created", "", "A crime expires after it was created.", "expired_at > created_at"),
        Rule("planning_is_full", "slots", "Every slot of a crime in planning is filled.", "status <> 'Planning' OR user_id IS NOT NULL"),
        Rule("user_once_in_crime", "slots", "A player is in a crime once.", unique=("user_id",)),
    ),
    references=(
        Reference(
            name="slot_users_are_members",
            table="slots",
            description="Whoever holds a slot of an open crime is a member.",
            column="user_id",
            target="faction_members",
            target_column="id",
            where="status IN ('Recruiting', 'Planning')",
            within_account=True,
        ),
        Reference(
            name="required_items_are_items",
            table="slots",
            description="What a slot asks for is an item of the game.",
            column="item_requirement_id",
            target="torn_items",
            target_column="id",
        ),
        Reference(
            name="reward_items_are_items",
            table="rewards_items",
            description="What a crime earns is an item of the game.",
            column="item_id",
            target="torn_items",
            target_column="id",
        ),
    ),
)

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
                    Object(
                        "last_action",
                        (
                            Scalar("status", "string", "How long ago, as a word.", known=("Online", "Idle", "Offline")),
                            Scalar("timestamp", "integer", "When the player last did something."),
                            Scalar("relative", "string", "How long ago, as the API puts it."),
                        ),
                    ),
                    Object(
                        "status",
                        (
                            Scalar("description", "string", "What the player is doing, as the game puts it."),
                            Scalar("details", "string", "Why, as the game puts it.", nullable=True),
                            Scalar(
                                "state",
                                "string",
                                "What the player is doing, as a word.",
                                known=("Abroad", "Awoken", "Dormant", "Fallen", "Federal", "Hospital", "Jail", "Okay", "Traveling"),
                            ),
                            Scalar("color", "string", "The colour the game shows the state in."),
                            Scalar("until", "integer", "When the state ends.", nullable=True),
                            Scalar(
                                "plane_image_type",
                                "string",
                                "The plane, while travelling.",
                                nullable=True,
                                required=False,
                                known=("private_jet", "light_aircraft", "airliner"),
                            ),
                        ),
                    ),
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
