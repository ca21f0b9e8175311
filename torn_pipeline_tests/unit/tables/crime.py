"""A crime as the API sends one today, and changes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CRIME", "SLOT", "Json", "at", "without"]

Json = Any

SLOT: Json = {
    "position": "Muscle",
    "position_info": {"id": "P1", "label": "Muscle #1", "number": 1},
    "item_requirement": None,
    "user": {"id": 5, "outcome": "Successful", "outcome_duration": None, "item_outcome": None, "joined_at": 1_745_000_000, "progress": 100},
    "checkpoint_pass_rate": 70,
}
CRIME: Json = {
    "id": 700,
    "previous_crime_id": None,
    "name": "Break the Bank",
    "difficulty": 8,
    "status": "Successful",
    "created_at": 1_744_000_000,
    "planning_at": 1_744_000_100,
    "ready_at": 1_745_000_000,
    "expired_at": 1_746_000_000,
    "executed_at": 1_745_000_500,
    "slots": [SLOT, SLOT | {"position_info": {"id": "P2", "label": "Muscle #2", "number": 2}, "user": None}],
    "rewards": {
        "money": 1000,
        "items": [{"id": 206, "quantity": 3}],
        "respect": 10,
        "scope": 2,
        "payout": {"type": "balance", "percentage": 66.67, "paid_by": 9, "paid_at": 1_745_100_000},
    },
}


def at(*path: str | int, value: object) -> Callable[[Json], None]:
    """A change of what stands at a path."""

    def change(crime: Json) -> None:
        for part in path[:-1]:
            crime = crime[part]
        crime[path[-1]] = value

    return change


def without(*path: str | int) -> Callable[[Json], None]:
    def change(crime: Json) -> None:
        for part in path[:-1]:
            crime = crime[part]
        del crime[path[-1]]

    return change
