"""Contracts of the faction's fights: attacks, in full and in short, and chains."""

from __future__ import annotations

from datetime import timedelta

from torn_pipeline.tables.contract import Array, Contract, Object, Rule, Scalar, TimeWindow

__all__ = ["ATTACKS", "ATTACKSFULL", "CHAINS"]

_RESULTS = (
    "None", "Attacked", "Mugged", "Hospitalized", "Arrested", "Looted", "Lost", "Stalemate", "Assist", "Escape", "Timeout", "Special",
    "Bounty", "Interrupted",
)  # fmt: skip
_BEGINNING = (
    Scalar("id", "integer", "The attack."),
    Scalar("code", "string", "The code that the log of the attack is found by."),
    Scalar("started", "integer", "When the attack began."),
    Scalar("ended", "integer", "When the attack was over."),
)
_OUTCOME = (
    Scalar("result", "string", "How the attack ended.", known=_RESULTS),
    Scalar("respect_gain", "number", "Respect that the attacker's faction gained."),
    Scalar("respect_loss", "number", "Respect that the defender's faction lost."),
)
_FACTION = Object(
    "faction",
    (Scalar("id", "integer", "The player's faction at that time."), Scalar("name", "string", "That faction's name.")),
    "Null for a player of no faction.",
    nullable=True,
)


def _player(name: str, *, nullable: bool = False) -> Object:
    """One side of an attack."""
    fields = (
        Scalar("id", "integer", f"The {name}."),
        Scalar("name", "string", f"The {name}'s name."),
        Scalar("level", "integer", f"The {name}'s level."),
        _FACTION,
    )
    return Object(name, fields, nullable=nullable)


def _player_in_short(name: str, *, nullable: bool = False) -> Object:
    """One side of an attack by ids alone."""
    faction = Scalar("faction_id", "integer", f"The {name}'s faction at that time; null for a player of none.", nullable=True)
    return Object(name, (Scalar("id", "integer", f"The {name}."), faction), nullable=nullable)


_EFFECT = Object(
    "finishing_hit_effect",
    (
        Scalar(
            "name",
            "string",
            "The weapon's bonus.",
            known=("proficience", "stricken", "revitalize", "warlord", "plunder", "irradiate"),
        ),
        Scalar("value", "integer", "How strong the bonus is.", unit="%"),
    ),
)
_MODIFIERS = Object(
    "modifiers",
    (
        Scalar("fair_fight", "number", "For how strong the defender was beside the attacker, from 1."),
        Scalar("war", "number", "For being at war."),
        Scalar("retaliation", "number", "For hitting back."),
        Scalar("group", "number", "For attacking together."),
        Scalar("overseas", "number", "For fighting abroad."),
        Scalar("chain", "number", "For the place in the chain."),
        Scalar("warlord", "number", "For a weapon's bonus warlord."),
    ),
    "What the respect was multiplied by; 1 where it was not.",
)
_ENDS = Rule("ended_after_started", "", "An attack is not over before it began.", "ended >= started")
_HIDDEN = Rule(
    "only_the_stealthy_are_unknown", "", "The attacker is known unless the attack was stealthed.", "attacker_id IS NOT NULL OR is_stealthed"
)
# An attack is listed once it is over, which takes minutes; by which of its moments the list is cut is not said.
_WINDOWS = (TimeWindow(fields=("ended", "started"), late=timedelta(minutes=10)),)

ATTACKS = Contract(
    path="/faction/attacks",
    description="Attacks by members of the faction and on them.",
    access="Limited",
    page_size=100,
    body=(
        Array(
            "attacks",
            Object(
                "attack",
                (
                    *_BEGINNING,
                    _player("attacker", nullable=True),
                    _player("defender"),
                    *_OUTCOME,
                    Scalar("chain", "integer", "The attack's place in the attacker's chain; 0, later null, outside one.", nullable=True),
                    Scalar("is_interrupted", "boolean", "Whether somebody else ended the fight first; Torn calls it an experiment."),
                    Scalar("is_stealthed", "boolean", "Whether the attacker stayed unseen."),
                    Scalar("is_raid", "boolean", "Whether it counted for a raid."),
                    Scalar("is_ranked_war", "boolean", "Whether it counted for a ranked war."),
                    Scalar("is_territory_war", "boolean", "Whether it counted for a territory war.", required=False),
                    Scalar("territory_war_id", "integer", "The territory war that it counted for.", nullable=True, required=False),
                    Array("finishing_hit_effects", _EFFECT, "Bonuses of the weapon that took effect with an attack's last hit."),
                    _MODIFIERS,
                ),
            ),
            "Attacks by members of the faction and on them.",
        ),
    ),
    rules=(_ENDS, _HIDDEN),
    windows=_WINDOWS,
)

ATTACKSFULL = Contract(
    path="/faction/attacksfull",
    description="Attacks by members of the faction and on them, in short: a thousand a call.",
    access="Limited",
    page_size=1_000,
    body=(
        Array(
            "attacks",
            Object("attack", (*_BEGINNING, _player_in_short("attacker", nullable=True), _player_in_short("defender"), *_OUTCOME)),
            "Attacks by members of the faction and on them, in short.",
        ),
    ),
    rules=(_ENDS,),
    windows=_WINDOWS,
)

CHAINS = Contract(
    path="/faction/chains",
    description="Chains of the faction that are over.",
    access="Public",
    page_size=100,
    body=(
        Array(
            "chains",
            Object(
                "chain",
                (
                    Scalar("id", "integer", "The chain."),
                    Scalar("chain", "integer", "How many hits it had."),
                    Scalar("respect", "number", "Respect that it brought."),
                    Scalar("start", "integer", "When the first hit was."),
                    Scalar("end", "integer", "When the last hit was."),
                ),
            ),
            "Chains of the faction that are over.",
        ),
    ),
    rules=(
        Rule("ends_after_start", "", "A chain does not end before it starts.", '"end" >= "start"'),
        Rule("has_ten_hits", "", "A run of fewer than ten hits is no chain.", "chain >= 10"),
    ),
    # A chain is listed once it is over, however long it takes; where the list is cut by its start, it appears as late.
    windows=(TimeWindow(fields=("start", "end"), late=timedelta(days=14)),),
)
