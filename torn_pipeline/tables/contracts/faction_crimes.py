"""Contracts of the faction's organised crimes: their list, and one by its id."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from torn_pipeline.tables.contract import Array, Contract, Lookup, Object, Reference, Rule, Scalar, TimeWindow

__all__ = ["CRIME", "CRIMES"]

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

_CRIME = Object(
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
)
_RULES = (
    Rule(
        "rewards_only_when_successful",
        "",
        "Rewards are there exactly when the crime was successful.",
        "(rewards_money IS NOT NULL) = (status = 'Successful')",
    ),
    Rule(
        "executed_when_done",
        "",
        "executed_at is there exactly when the crime succeeded or failed; it was not kept before 15 January 2025.",
        "(executed_at IS NOT NULL) = (status IN ('Successful', 'Failure')) OR created_at < DATE '2025-01-15'",
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
)
_REFERENCES = (
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
)
_PAID = timedelta(days=7)  # a crime changes once more when it is paid, by hand: nearly always within a day, nearly never after a week

CRIMES = Contract(
    path="/faction/crimes",
    description="Organised crimes of the faction.",
    access="Minimal",
    page_size=100,
    body=(Array("crimes", _CRIME, "Organised crimes of the faction."),),
    rules=_RULES,
    references=_REFERENCES,
    windows=(
        TimeWindow(fields=("executed_at",), late=_PAID, params={"cat": "completed"}),
        TimeWindow(fields=("expired_at",), late=timedelta(hours=1), params={"cat": "expired"}),
        TimeWindow(
            fields=("created_at",),
            late=_PAID,
            params={"cat": "completed", "filters": "created_at"},
            until=datetime(2025, 1, 15, tzinfo=UTC),  # crimes executed before have no executed_at
        ),
    ),
    lookup=Lookup(cat="available", column="status", values=("Recruiting", "Planning"), path="/faction/{crimeId}/crime", root="crime"),
)

CRIME = Contract(
    path="/faction/{crimeId}/crime",
    description="One organised crime of the faction, by its id.",
    access="Minimal",
    body=(replace(_CRIME, description="One organised crime of the faction."),),
    rules=_RULES,
    references=(
        *_REFERENCES,
        Reference(
            name="crimes_are_in_the_list",
            table="",
            description="A crime is asked for by an id from the list of crimes.",
            column="id",
            target="faction_crimes",
            target_column="id",
            within_account=True,
        ),
    ),
)
