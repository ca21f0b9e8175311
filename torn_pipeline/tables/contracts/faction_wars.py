"""Contracts of the faction's wars: ranked wars, raids and territory wars."""

from __future__ import annotations

from datetime import timedelta

from torn_pipeline.tables.contract import Array, Contract, Object, Rule, Scalar, TimeWindow

__all__ = ["RAIDS", "RANKEDWARS", "TERRITORYWARS"]

_ENDS = Rule("ends_after_start", "", "A war does not end before it starts.", '"end" IS NULL OR "end" >= "start"')
# A war that goes on is listed with its score of the moment, and changes until it is over.
_WINDOWS = (TimeWindow(fields=("start",), late=timedelta(days=30)),)


def _side(name: str, description: str) -> Object:
    """One side of a raid."""
    fields = (
        Scalar("id", "integer", description),
        Scalar("name", "string", "That faction's name."),
        Scalar("score", "number", "That faction's score."),
        Scalar("chain", "integer", "How long that faction's chain is; left out once the raid is over.", required=False),
    )
    return Object(name, fields)


RANKEDWARS = Contract(
    path="/faction/rankedwars",
    description="Ranked wars of the faction, those that have begun.",
    access="Public",
    page_size=100,
    body=(
        Array(
            "rankedwars",
            Object(
                "ranked war",
                (
                    Scalar("id", "integer", "The ranked war."),
                    Scalar("start", "integer", "When it began."),
                    Scalar("end", "integer", "When it was over; null while it goes on."),
                    Scalar("target", "integer", "The lead in score that wins it."),
                    Scalar("winner", "integer", "The faction that won; null while it goes on.", nullable=True),
                    Array(
                        "factions",
                        Object(
                            "faction",
                            (
                                Scalar("id", "integer", "The faction."),
                                Scalar("name", "string", "The faction's name."),
                                Scalar("score", "integer", "The faction's score."),
                                Scalar("chain", "integer", "How long the faction's chain is."),
                            ),
                        ),
                        "The two sides of a ranked war.",
                    ),
                ),
            ),
            "Ranked wars of the faction, those that have begun.",
        ),
    ),
    rules=(
        _ENDS,
        Rule("won_when_over", "", "A war has a winner exactly when it is over.", '(winner IS NOT NULL) = ("end" IS NOT NULL)'),
        Rule("side_once_in_war", "factions", "A faction is one side of a war.", unique=("faction_id",)),
    ),
    windows=_WINDOWS,
)

RAIDS = Contract(
    path="/faction/raids",
    description="Raids by the faction and on it.",
    access="Public",
    page_size=100,
    body=(
        Array(
            "raids",
            Object(
                "raid",
                (
                    Scalar("id", "integer", "The raid."),
                    Scalar("start", "integer", "When it began."),
                    Scalar("end", "integer", "When it was over; null while it goes on.", nullable=True),
                    _side("aggressor", "The faction that raids."),
                    _side("defender", "The faction that is raided."),
                ),
            ),
            "Raids by the faction and on it.",
        ),
    ),
    rules=(
        _ENDS,
        Rule(
            "chains_while_it_lasts",
            "",
            "Chains are told only of raids that go on.",
            '"end" IS NULL OR (aggressor_chain IS NULL AND defender_chain IS NULL)',
        ),
    ),
    windows=_WINDOWS,
)

TERRITORYWARS = Contract(
    path="/faction/territorywars",
    description="Territory wars of the faction that are over.",
    access="Public",
    page_size=100,
    body=(
        Array(
            "territorywars",
            Object(
                "territory war",
                (
                    Scalar("id", "integer", "The territory war."),
                    Scalar("territory", "string", "The territory fought for, by its three letters."),
                    Scalar("start", "integer", "When it began."),
                    Scalar("end", "integer", "When it was over."),
                    Scalar("target", "integer", "The score that takes the territory."),
                    Scalar(
                        "result",
                        "string",
                        "How it ended.",
                        known=(
                            "success_assault",
                            "fail_assault",
                            "end_with_nap",
                            "end_with_destroy_attack",
                            "end_with_destroy_defense",
                            "end_with_peace_treaty",
                        ),
                    ),
                    Array(
                        "factions",
                        Object(
                            "faction",
                            (
                                Scalar("id", "integer", "The faction."),
                                Scalar("name", "string", "The faction's name."),
                                Scalar("score", "integer", "The faction's score."),
                                Scalar("is_aggressor", "boolean", "Whether the faction attacked the territory."),
                            ),
                        ),
                        "The two sides of a territory war.",
                    ),
                ),
            ),
            "Territory wars of the faction that are over.",
        ),
    ),
    rules=(_ENDS,),
    windows=_WINDOWS,
)
