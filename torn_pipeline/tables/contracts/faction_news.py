"""Contracts of what happens in the faction from one moment to the next: news and revives."""

from __future__ import annotations

from datetime import timedelta

from torn_pipeline.tables.contract import Array, Contract, Object, Rule, Scalar, TimeWindow

__all__ = ["NEWS", "REVIVES", "REVIVES_FULL"]

_FACTION = Object(
    "faction",
    (Scalar("id", "integer", "The player's faction at that time."), Scalar("name", "string", "That faction's name.")),
    "Null for a player of no faction.",
    nullable=True,
)
_FACTION_ID = Scalar("faction_id", "integer", "The player's faction at that time; null for a player of none.", nullable=True)
_REVIVER = (Scalar("id", "integer", "Who revived."), Scalar("name", "string", "The reviver's name."), _FACTION)
_SKILL = Scalar("skill", "number", "The reviver's skill; null before 16 June 2025.", nullable=True)
_TARGET = (Scalar("id", "integer", "Who was revived."), Scalar("name", "string", "The target's name."), _FACTION)
_CONDITION = (
    Scalar("hospital_reason", "string", "Why the target was in hospital, as the game puts it."),
    Scalar("early_discharge", "boolean", "Whether the target could have left hospital early."),
    Scalar("last_action", "integer", "When the target last did something."),
    Scalar("online_status", "string", "How long ago that was, as a word."),
)
_RESULT = (
    Scalar("success_chance", "number", "How likely it was to succeed.", unit="%"),
    Scalar("result", "string", "How it went, as a word."),
    Scalar("timestamp", "integer", "When it was."),
)
_WINDOWS = (TimeWindow(fields=("timestamp",), late=timedelta(minutes=10)),)  # answers may come from a cache for half a minute

NEWS = Contract(
    path="/faction/news",
    description="News of the faction, of the categories that `cat` asks for: at most ten a call, and the answer does not tell them apart.",
    access="Minimal",
    page_size=100,
    body=(
        Array(
            "news",
            Object(
                "news",
                (
                    Scalar("id", "string", "The item of news."),
                    Scalar("text", "string", "What it says, with links in HTML unless `striptags` is true."),
                    Scalar("timestamp", "integer", "When it happened."),
                ),
            ),
            "News of the faction.",
        ),
    ),
    windows=_WINDOWS,
)

REVIVES = Contract(
    path="/faction/revives",
    description="Revives by members of the faction and of them.",
    access="Limited",
    page_size=100,
    body=(
        Array(
            "revives",
            Object(
                "revive",
                (
                    Scalar("id", "integer", "The revive."),
                    Object("reviver", (*_REVIVER, _SKILL)),
                    Object("target", (*_TARGET, *_CONDITION)),
                    *_RESULT,
                ),
            ),
            "Revives by members of the faction and of them.",
        ),
    ),
    rules=(
        Rule(
            "skill_is_recent",
            "",
            "The reviver's skill is kept since 16 June 2025.",
            "reviver_skill IS NULL OR timestamp >= DATE '2025-06-16'",
        ),
    ),
    windows=_WINDOWS,
)

REVIVES_FULL = Contract(
    path="/faction/revivesFull",
    description="Revives by members of the faction and of them, in short: a thousand a call.",
    access="Limited",
    page_size=1_000,
    body=(
        Array(
            "revives",
            Object(
                "revive",
                (
                    Scalar("id", "integer", "The revive."),
                    Object("reviver", (_REVIVER[0], _FACTION_ID)),
                    Object("target", (_TARGET[0], _FACTION_ID, *_CONDITION)),
                    *_RESULT,
                ),
            ),
            "Revives by members of the faction and of them, in short.",
        ),
    ),
    windows=_WINDOWS,
)
