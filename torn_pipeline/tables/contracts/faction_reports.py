"""Contracts of the reports on one chain, ranked war, raid or territory war, by its id."""

from __future__ import annotations

from torn_pipeline.tables.contract import Array, Contract, Object, Reference, Rule, Scalar

__all__ = ["CHAINREPORT", "RAIDREPORT", "RANKEDWARREPORT", "TERRITORYWARREPORT"]


def _is_of(thing: str, plural: str, target: str) -> Reference:
    """A report is asked for by an id from the list of what it is on."""
    return Reference(
        name=f"{plural}_are_in_the_list",
        table="",
        description=f"A report is asked for by the id of a {thing} from the list of {plural}.",
        column="id",
        target=target,
        target_column="id",
        within_account=True,
    )


# --- chains ----------------------------------------------------------------------------------------------------

_DETAILS = Object(
    "details",
    (
        Scalar("chain", "integer", "How many hits the chain had."),
        Scalar("respect", "number", "Respect that the chain brought."),
        Scalar("members", "integer", "How many members attacked."),
        Scalar("targets", "integer", "How many players were attacked."),
        Scalar("war", "integer", "Attacks for a war."),
        Scalar("best", "number", "The most respect of one attack."),
        Scalar("leave", "integer", "Attacks whose target was left alone."),
        Scalar("mug", "integer", "Attacks that ended with a mugging."),
        Scalar("hospitalize", "integer", "Attacks that sent the target to hospital."),
        Scalar("assists", "integer", "Attacks that only helped another's."),
        Scalar("retaliations", "integer", "Attacks that hit back."),
        Scalar("overseas", "integer", "Attacks abroad."),
        Scalar("draws", "integer", "Attacks that nobody won."),
        Scalar("escapes", "integer", "Attacks that the attacker fled from."),
        Scalar("losses", "integer", "Attacks that were lost."),
    ),
    "The chain in numbers.",
)
_BONUS = Object(
    "bonus",
    (
        Scalar("attacker_id", "integer", "Who made the hit."),
        Scalar("defender_id", "integer", "Who was hit."),
        Scalar("chain", "integer", "Which hit of the chain it was."),
        Scalar("respect", "integer", "Respect that it brought."),
    ),
)
_ATTACKER = Object(
    "attacker",
    (
        Scalar("id", "integer", "The member."),
        Object(
            "respect",
            (
                Scalar("total", "number", "Respect that the member brought."),
                Scalar("average", "number", "The same for each attack."),
                Scalar("best", "number", "The most respect of one attack."),
            ),
        ),
        Object(
            "attacks",
            (
                Scalar("total", "integer", "How often the member attacked."),
                Scalar("leave", "integer", "Attacks whose target was left alone."),
                Scalar("mug", "integer", "Attacks that ended with a mugging."),
                Scalar("hospitalize", "integer", "Attacks that sent the target to hospital."),
                Scalar("assists", "integer", "Attacks that only helped another's."),
                Scalar("retaliations", "integer", "Attacks that hit back."),
                Scalar("overseas", "integer", "Attacks abroad."),
                Scalar("draws", "integer", "Attacks that nobody won."),
                # The description lists the one spelling and requires the other.
                Scalar("escapes", "integer", "Attacks that the member fled from.", required=False, older=("attacks.escpaces",)),
                Scalar("losses", "integer", "Attacks that were lost."),
                Scalar("war", "integer", "Attacks for a war."),
                Scalar("bonuses", "integer", "Bonus hits of the chain."),
            ),
        ),
    ),
)

CHAINREPORT = Contract(
    path="/faction/{chainId}/chainreport",
    description="The report on one chain.",
    access="Public",
    final_at="end",
    body=(
        Object(
            "chainreport",
            (
                Scalar("id", "integer", "The chain."),
                Scalar("faction_id", "integer", "Whose chain it was."),
                Scalar("start", "integer", "When the first hit was."),
                Scalar("end", "integer", "When the last hit was."),
                _DETAILS,
                Array("bonuses", _BONUS, "Bonus hits of a chain, which bring a fixed respect."),
                Array("attackers", _ATTACKER, "Members who attacked during a chain."),
                Array("non_attackers", Scalar("non_attacker", "integer", "The member."), "Members who did not attack during a chain."),
            ),
            "The report on one chain.",
        ),
    ),
    rules=(
        Rule("ends_after_start", "", "A chain does not end before it starts.", '"end" >= "start"'),
        Rule("attacker_once_in_report", "attackers", "A member is once among the attackers.", unique=("attacker_id",)),
    ),
    references=(
        _is_of("chain", "chains", "faction_chains"),
        Reference(
            name="bonus_hitters_are_attackers",
            table="bonuses",
            description="Whoever made a bonus hit is among the attackers.",
            column="attacker_id",
            target="faction_chainreport_attackers",
            target_column="attacker_id",
            within_account=True,
        ),
    ),
)

# --- ranked wars -----------------------------------------------------------------------------------------------

_RANKED_SIDE = Object(
    "faction",
    (
        Scalar("id", "integer", "The faction."),
        Scalar("name", "string", "The faction's name."),
        Scalar("score", "integer", "The faction's score."),
        Scalar("attacks", "integer", "How often its members attacked."),
        Object(
            "rank",
            (
                Scalar("before", "string", "The faction's rank before the war, with its division."),
                Scalar("after", "string", "The faction's rank after the war, with its division."),
            ),
        ),
        Object(
            "rewards",
            (
                Scalar("respect", "integer", "Respect that the war brought."),
                Scalar("points", "integer", "Points that the war brought."),
                Array(
                    "items",
                    Object(
                        "item",
                        (
                            Scalar("id", "integer", "The item."),
                            Scalar("name", "string", "The item's name."),
                            Scalar("quantity", "integer", "How many of it."),
                        ),
                    ),
                    "Items that a side got for a ranked war.",
                ),
            ),
        ),
        Array(
            "members",
            Object(
                "member",
                (
                    Scalar("id", "integer", "The member."),
                    Scalar("name", "string", "The member's name."),
                    Scalar("level", "integer", "The member's level."),
                    Scalar("attacks", "integer", "How often the member attacked."),
                    Scalar("score", "number", "What the member added to the score."),
                ),
            ),
            "What each member of a side did in a ranked war.",
        ),
    ),
)

RANKEDWARREPORT = Contract(
    path="/faction/{rankedWarId}/rankedwarreport",
    description="The report on one ranked war that is over.",
    access="Public",
    final_at="end",
    body=(
        Object(
            "rankedwarreport",
            (
                Scalar("id", "integer", "The ranked war."),
                Scalar("start", "integer", "When it began."),
                Scalar("end", "integer", "When it was over."),
                Scalar("winner", "integer", "The faction that won."),
                Scalar("forfeit", "boolean", "Whether a side gave up."),
                Array("factions", _RANKED_SIDE, "The two sides of a ranked war."),
            ),
            "The report on one ranked war that is over.",
        ),
    ),
    rules=(
        Rule("ends_after_start", "", "A war does not end before it starts.", '"end" >= "start"'),
        Rule("side_once_in_report", "factions", "A faction is one side of a war.", unique=("faction_id",)),
        Rule("member_once_on_a_side", "factions_members", "A member is once on a side.", unique=("faction_index", "member_id")),
    ),
    references=(
        _is_of("ranked war", "ranked_wars", "faction_rankedwars"),
        Reference(
            name="reward_items_are_items",
            table="factions_rewards_items",
            description="What a war brings is an item of the game.",
            column="item_id",
            target="torn_items",
            target_column="id",
        ),
    ),
)

# --- raids -----------------------------------------------------------------------------------------------------

_USER = (Scalar("id", "integer", "The member."), Scalar("name", "string", "The member's name."))


def _raid_side(name: str, description: str) -> Object:
    """One side of a raid, with those who attacked and those who did not."""
    attacker = (
        Object("user", _USER),
        Scalar("attacks", "integer", "How often the member attacked."),
        Scalar("damage", "number", "Damage that the member did."),
    )
    fields = (
        Scalar("id", "integer", description),
        Scalar("name", "string", "That faction's name."),
        Scalar("score", "number", "That faction's score."),
        Array("attackers", Object("attacker", attacker), f"Members of the {name} in a raid who attacked."),
        Array("non_attackers", Object("non_attacker", _USER), f"Members of the {name} in a raid who did not attack."),
    )
    return Object(name, fields)


RAIDREPORT = Contract(
    path="/faction/{raidWarId}/raidreport",
    description="The report on one raid that is over.",
    access="Public",
    final_at="end",
    body=(
        Array(
            "raidreport",
            Object(
                "raid report",
                (
                    Scalar("id", "integer", "The raid."),
                    Scalar("start", "integer", "When it began."),
                    Scalar("end", "integer", "When it was over."),
                    _raid_side("aggressor", "The faction that raided."),
                    _raid_side("defender", "The faction that was raided."),
                ),
            ),
            "The report on one raid that is over.",
        ),
    ),
    rules=(Rule("ends_after_start", "", "A raid does not end before it starts.", '"end" >= "start"'),),
    references=(_is_of("raid", "raids", "faction_raids"),),
)

# --- territory wars --------------------------------------------------------------------------------------------

_TERRITORY_SIDE = Object(
    "faction",
    (
        Scalar("id", "integer", "The faction."),
        Scalar("name", "string", "The faction's name."),
        Scalar("score", "integer", "The faction's score."),
        Scalar("joins", "integer", "How often its members went on the wall."),
        Scalar("clears", "integer", "How often its members knocked somebody off the wall."),
        Scalar("is_aggressor", "boolean", "Whether the faction attacked the territory."),
        Array(
            "members",
            Object(
                "member",
                (
                    Scalar("id", "integer", "The member."),
                    Scalar("username", "string", "The member's name."),
                    Scalar("level", "integer", "The member's level."),
                    Scalar("score", "integer", "What the member added to the score."),
                    Scalar("joins", "integer", "How often the member went on the wall."),
                    Scalar("clears", "integer", "How often the member knocked somebody off the wall."),
                ),
            ),
            "What each member of a side did in a territory war.",
        ),
    ),
)

TERRITORYWARREPORT = Contract(
    path="/faction/{territoryWarId}/territorywarreport",
    description="The report on one territory war that is over.",
    access="Public",
    final_at="end",
    body=(
        Array(
            "territorywarreport",
            Object(
                "territory war report",
                (
                    Scalar("id", "integer", "The territory war."),
                    Scalar("territory", "string", "The territory fought for, by its three letters."),
                    Scalar("started_at", "integer", "When it began."),
                    Scalar("ended_at", "integer", "When it was over."),
                    Scalar("winner", "integer", "The faction that won."),
                    Scalar("result", "string", "How it ended, as the game puts it."),
                    Array("factions", _TERRITORY_SIDE, "The two sides of a territory war."),
                ),
            ),
            "The report on one territory war that is over.",
        ),
    ),
    rules=(Rule("ended_after_started", "", "A war does not end before it starts.", "ended_at >= started_at"),),
    references=(_is_of("territory war", "territory_wars", "faction_territorywars"),),
)
