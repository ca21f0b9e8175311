"""What is asked and how it is refused: a call as the API sees it, and the reading of its parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from torn_pipeline.simulator.world import ACCESS_LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torn_pipeline.simulator.world import Access, Faction, Key, World

__all__ = [
    "Asked",
    "Code",
    "Question",
    "Refused",
    "choice",
    "choices",
    "flag",
    "reaches",
    "whole",
]


class Code(IntEnum):
    """The API's errors that follow from a call; the others come as faults."""

    KEY_EMPTY = 1
    KEY_INCORRECT = 2
    WRONG_TYPE = 3
    WRONG_FIELDS = 4
    TOO_MANY = 5
    WRONG_ID = 6
    WRONG_RELATION = 7
    IP_BLOCK = 8
    OWNER_IN_FEDERAL_JAIL = 10
    OWNER_INACTIVE = 13
    DAILY_READS = 14
    ACCESS_TOO_LOW = 16
    KEY_PAUSED = 18
    WRONG_CATEGORY = 21


class Refused(Exception):
    """The call is answered with the error of the API that has this code."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One call: ``path`` without ``/v2``, ``query`` without the key, ``url`` as asked up to the query (links are made from it).

    ``address`` is where it comes from, ``at`` when by a clock that only goes forward (seconds).
    """

    key: str = field(repr=False)
    path: str
    query: Mapping[str, str]
    url: str
    address: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question that passed the door: whose key asks for which faction.

    ``faction_id`` is the caller's own, or the one named in the path; ``things`` are the ids of what else the path names. ``read``
    counts rows of a kind that a user may read so many of in a day, and refuses when they were too many.
    """

    world: World
    key: Key
    faction_id: int
    query: Mapping[str, str]
    url: str
    things: tuple[int, ...] = ()
    read: Callable[[str, int], None]

    @property
    def faction(self) -> Faction:
        """The faction that is asked for.

        Raises:
            Refused: when the world has no such faction.
        """
        if self.faction_id not in self.world.factions:
            raise Refused(Code.WRONG_ID)
        return self.world.factions[self.faction_id]

    @property
    def own(self) -> bool:
        """Whether it is the caller's own faction."""
        return self.faction_id == self.key.faction

    @property
    def trusted(self) -> bool:
        """Whether the caller sees what a faction keeps to those whom it gave access to the API."""
        return self.own and self.key.faction_access and reaches(self.key, "Limited")


def reaches(key: Key, access: Access) -> bool:
    """Whether the key's level is at least this one."""
    return ACCESS_LEVELS.index(key.access) >= ACCESS_LEVELS.index(access)


def choice(query: Mapping[str, str], name: str, default: str, allowed: Sequence[str], code: Code = Code.WRONG_FIELDS) -> str:
    """The value of a parameter that is one of a list.

    Raises:
        Refused: with this code, when it is none of them.
    """
    value = query.get(name, default)
    if value not in allowed:
        raise Refused(code)
    return value


def choices(query: Mapping[str, str], name: str, allowed: Sequence[str], code: Code = Code.WRONG_FIELDS) -> list[str]:
    """The values of a parameter that is a list with commas; empty when it was left out.

    Raises:
        Refused: with this code, when one of them is not allowed.
    """
    values = query[name].split(",") if name in query else []
    if not set(values) <= set(allowed):
        raise Refused(code)
    return values


def whole(query: Mapping[str, str], name: str, least: int = 0) -> int | None:
    """The value of a parameter that is a whole number; None when it was left out.

    Raises:
        Refused: when it is no number, or a smaller one.
    """
    if name not in query:
        return None
    try:
        value = int(query[name])
    except ValueError:
        raise Refused(Code.WRONG_FIELDS) from None
    if value < least:
        raise Refused(Code.WRONG_FIELDS)
    return value


def flag(query: Mapping[str, str], name: str, default: str) -> bool:
    """The value of a parameter that is ``true`` or ``false``.

    Raises:
        Refused: when it is neither.
    """
    return choice(query, name, default, ("true", "false")) == "true"
