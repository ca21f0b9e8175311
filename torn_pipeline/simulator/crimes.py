"""Makes organised crimes in the shape of ``/faction/crimes``, with what is known to hold of real ones.

Rewards are there exactly when a crime was successful, ``executed_at`` exactly when it was carried out;
ready ≤ executed ≤ paid; it expires after it was created; a planned crime has every slot filled, each by
another member; the items it needs and brings are items.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torn_pipeline.simulator.vocabulary import CRIMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.simulator.chance import Chance

__all__ = ["DAY", "DONE", "OPEN", "CrimeMaker", "plan", "users_of"]

DAY = 86_400
LIFETIME = 7 * DAY
OLD_FIELDS_AGE = 20 * DAY
ONE_EXPIRES_IN = 15
HUGE_REWARD = 2_500_000_000
DONE = ("Successful", "Failure")
OPEN = ("Recruiting", "Planning")
PERCENT = 100


def users_of(crime: dict[str, Any]) -> list[dict[str, Any]]:
    """The users who are in a crime's slots."""
    return [slot["user"] for slot in crime["slots"] if slot["user"] is not None]


def plan(crime: dict[str, Any], now: int) -> None:
    """Bring an open crime's planning up to a moment (Unix seconds).

    Members plan one after the other, in the order in which they joined, a day each; an empty slot holds up nobody but the end.
    """
    users = sorted(users_of(crime), key=lambda user: int(user["joined_at"]))
    end = None
    for user in users:
        start = user["joined_at"] if end is None else max(end, user["joined_at"])
        end = start + DAY
        share = round(PERCENT * max(0, min(DAY, now - start)) / DAY, 2)
        user["progress"] = int(share) if share.is_integer() else share
    crime["planning_at"] = users[0]["joined_at"] if users else None
    crime["ready_at"] = end


@dataclass(kw_only=True)
class CrimeMaker:
    """Makes the crimes of one faction, one after the other, oldest first.

    ``roster`` are the members' ids, ``free`` those in no open crime yet, ``tools`` the items that slots may need
    (id, whether it can be used again), ``prizes`` the item ids that a success may bring.
    """

    chance: Chance
    now: int
    roster: Sequence[int]
    tools: Sequence[tuple[int, bool]]
    prizes: Sequence[int]
    next_id: int
    free: list[int] = field(default_factory=list)
    made: int = 0
    last_success: int | None = None

    def make(self, created_at: int, status: str | None = None) -> dict[str, Any]:
        """A crime created at this time (Unix seconds); without a status, one that its age allows."""
        name, difficulty, positions = CRIMES[self.made] if self.made < len(CRIMES) else self.chance.choice(CRIMES)
        crime_id = self.next_id
        self.made += 1
        self.next_id += self.chance.randint(1, 60)
        status = status or self._status(self.now - created_at, len(positions))
        joined = self._joined(status, len(positions), created_at)
        planning_at = min((who[1] for who in joined if who), default=None)
        ready_at = None if planning_at is None else planning_at + len(positions) * DAY
        executed_at = None if ready_at is None or status not in DONE else ready_at + self._lateness()
        age = self.now - created_at
        extra = self.chance.randint(0, DAY // 2)
        if status == "Expired" and age >= LIFETIME:
            extra = min(extra, age - LIFETIME)
        old = age > OLD_FIELDS_AGE
        slots = [self._slot(status, positions, place, who, old=old) for place, who in enumerate(joined)]
        crime: dict[str, Any] = {
            "id": crime_id,
            "previous_crime_id": self.last_success if self.chance.yes(0.12) else None,
            "name": name,
            "difficulty": difficulty,
            "status": status,
            "created_at": created_at,
            "planning_at": planning_at,
            "ready_at": ready_at,
            "expired_at": created_at + LIFETIME + extra,
            "executed_at": executed_at,
            # The API's description allows a crime without slots, and readers have met them.
            "slots": [] if status == "Expired" and self.chance.yes(0.3) else slots,
            "rewards": None,
        }
        if status == "Successful" and executed_at is not None:
            crime["rewards"] = self.rewards(difficulty) | {"payout": self._payout(executed_at)}
        if status == "Successful":
            self.last_success = crime_id
        if status not in DONE:
            plan(crime, min(self.now, crime["expired_at"]) if status == "Expired" else self.now)
        return crime

    def _status(self, age: int, size: int) -> str:
        # A day to join, a day of planning for each slot, and half a day until somebody starts it.
        if age > max(LIFETIME, size * DAY) + 2 * DAY:
            # By place, so that a world of any size has some.
            return "Expired" if self.made % ONE_EXPIRES_IN == ONE_EXPIRES_IN // 2 else "Failure" if self.chance.yes(0.09) else "Successful"
        if age > DAY // 2 and len(self.free) >= size:
            return self.chance.choices(("Planning", "Recruiting"), (45, 55))[0] if age < LIFETIME else "Planning"
        return "Recruiting" if age < LIFETIME else "Expired"

    def _lateness(self) -> int:
        return 0 if self.chance.yes(0.6) else self.chance.randint(1, 40_000)

    def _joined(self, status: str, size: int, created_at: int) -> list[tuple[int, int] | None]:
        latest = max(0, min(DAY, self.now - created_at))
        users = self._users(status, size)
        return [None if user is None else (user, created_at + self.chance.randint(0, latest)) for user in users]

    def _users(self, status: str, size: int) -> list[int | None]:
        if status in DONE:
            return list(self.chance.sample(self.roster, size))
        if status == "Planning":
            # A member is in one open crime at a time; whoever asks for one too many gets a busy member.
            if len(self.free) < size:
                return list(self.chance.sample(self.roster, size))
            return [self.free.pop(self.chance.randrange(len(self.free))) for _ in range(size)]
        users: list[int | None] = [None] * size
        for place in self.chance.sample(range(size), self.chance.randint(0, size - 1)):
            if status == "Recruiting" and self.free:
                users[place] = self.free.pop(self.chance.randrange(len(self.free)))
        return users

    def _slot(self, status: str, positions: Sequence[str], place: int, who: tuple[int, int] | None, *, old: bool) -> dict[str, Any]:
        position = positions[place]
        number = positions[: place + 1].count(position)
        tool = self.chance.choice(self.tools) if self.tools and self.chance.yes(0.6) else None
        slot: dict[str, Any] = {
            "position": position,
            "position_info": {
                "id": f"P{place + 1}",
                "label": f"{position} #{number}" if positions.count(position) > 1 else position,
                "number": number,
            },
            "item_requirement": tool and {"id": tool[0], "is_reusable": tool[1], "is_available": self.chance.yes(0.8)},
            "user": None if who is None else {"id": who[0], "outcome": None, "item_outcome": None, "joined_at": who[1], "progress": 0},
            "checkpoint_pass_rate": 0 if status == "Expired" else self.owners_pass_rate(),
        }
        if old:
            slot["position_id"] = f"P{place + 1}"
            slot["position_number"] = number
        if status in DONE:
            self.finish(slot, success=status == "Successful")
        elif who is not None and self.chance.yes(0.5):
            slot["user"]["outcome_duration"] = None
        return slot

    def owners_pass_rate(self) -> int:
        """The pass rate of an empty slot is that of the key's owner; this world does not tell owners apart."""
        return self.chance.randint(15, 99)

    def finish(self, slot: dict[str, Any], *, success: bool) -> None:
        """Say how a crime went for the member in this slot."""
        user, tool = slot["user"], slot["item_requirement"]
        outcomes = ("Successful", "Failed", "Jailed", "Injured", "Hospitalized")
        outcome = self.chance.choices(outcomes, (95, 2, 1, 1, 1) if success else (20, 35, 20, 10, 15))[0]
        user |= {"outcome": outcome, "progress": 100}
        user.pop("outcome_duration", None)
        if tool is not None and self.chance.yes(0.7):
            user["item_outcome"] = {
                "owned_by": self.chance.choice(("user", "faction")),
                "item_id": tool["id"],
                "item_uid": self.chance.randint(2**31, 2**34),
                "outcome": "used" if tool["is_reusable"] else self.chance.choice(("lost", "used")),
            }
        if outcome in {"Jailed", "Hospitalized"}:
            user["outcome_duration"] = self.chance.randint(900, 36_000)
        elif self.chance.yes(0.5):
            user["outcome_duration"] = None

    def rewards(self, difficulty: int) -> dict[str, Any]:
        """What a success of this difficulty brings, not paid out yet."""
        money = 0 if self.chance.yes(0.2) else int(self.chance.lognormvariate(12 + difficulty * 0.7, 1)) // 1000 * 1000
        if self.chance.yes(0.02):
            money = HUGE_REWARD + difficulty
        prizes = self.chance.sample(self.prizes, min(len(self.prizes), self.chance.choices((0, 1, 2, 3), (60, 25, 10, 5))[0]))
        return {
            "money": money,
            "items": [{"id": item_id, "quantity": self.chance.randint(1, 30)} for item_id in prizes],
            "respect": difficulty * self.chance.randint(4, 30),
            "scope": self.chance.randint(0, 9),
            "payout": None,
        }

    def payout(self, paid_by: int, paid_at: int) -> dict[str, Any]:
        """How a member pays a crime out at this time (Unix seconds)."""
        return {
            "type": self.chance.choice(("balance", "wallet", "inventory")),
            "percentage": self.chance.choice((75, 80, 85, 90, 100, 82.5, 66.67)),
            "paid_by": paid_by,
            "paid_at": paid_at,
        }

    def _payout(self, executed_at: int) -> dict[str, Any] | None:
        paid_at = executed_at + self.chance.randint(0, 2 * DAY)
        if paid_at > self.now or not self.chance.yes(0.9):
            return None
        return self.payout(self.chance.choice(self.roster), paid_at)
