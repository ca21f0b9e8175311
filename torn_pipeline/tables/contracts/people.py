"""Parts of answers that tell of a player."""

from __future__ import annotations

from torn_pipeline.tables.contract import Object, Scalar

__all__ = ["LAST_ACTION", "STATUS"]

LAST_ACTION = Object(
    "last_action",
    (
        Scalar("status", "string", "How long ago, as a word.", known=("Online", "Idle", "Offline")),
        Scalar("timestamp", "integer", "When the player last did something."),
        Scalar("relative", "string", "How long ago, as the API puts it."),
    ),
)
STATUS = Object(
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
)
