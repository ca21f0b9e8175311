"""Parts of answers that tell of an item, and of the very piece of it that has an id of its own."""

from __future__ import annotations

from torn_pipeline.tables.contract import Array, Object, Scalar

__all__ = ["ITEM_TYPES", "PIECE", "WEAPON_TYPES"]

ITEM_TYPES = (
    "Alcohol", "Armor", "Artifact", "Book", "Booster", "Candy", "Car", "Clothing", "Collectible", "Drug", "Energy Drink", "Enhancer",
    "Flower", "Jewelry", "Material", "Medical", "Other", "Plushie", "Special", "Supply Pack", "Tool", "Unused", "Weapon",
)  # fmt: skip
WEAPON_TYPES = (
    "Heavy artillery", "Machine gun", "Pistol", "Rifle", "Shotgun", "SMG", "Temporary", "Clubbing", "Piercing", "Slashing", "Mechanical",
)  # fmt: skip
PIECE = (
    Scalar("uid", "integer", "The very piece, by its unique id."),
    Object(
        "stats",
        (
            Scalar("damage", "number", "Damage of the piece; null where it has none.", nullable=True),
            Scalar("accuracy", "number", "Accuracy of the piece; null where it has none.", nullable=True),
            Scalar("armor", "number", "Protection of the piece; null where it has none.", nullable=True),
            Scalar("quality", "number", "How good the piece is among its kind.", unit="%"),
        ),
    ),
    Array(
        "bonuses",
        Object(
            "bonus",
            (
                Scalar("id", "integer", "The bonus."),
                Scalar("title", "string", "The bonus's name."),
                Scalar("description", "string", "What the bonus does."),
                Scalar("value", "integer", "How strong the bonus is; its description says in what."),
            ),
        ),
        "Bonuses of a piece.",
    ),
    Scalar("rarity", "string", "The colour of rare pieces; null for others.", nullable=True, known=("yellow", "orange", "red")),
)
