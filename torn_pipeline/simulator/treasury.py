"""A faction's money and armoury: what goes in and out, and the news of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.simulator.crimes import users_of
from torn_pipeline.simulator.news import payout_text
from torn_pipeline.simulator.texts import money, user_link

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from torn_pipeline.simulator.chance import Chance
    from torn_pipeline.simulator.people import Person
    from torn_pipeline.simulator.scene import Scene
    from torn_pipeline.simulator.state import Faction

__all__ = ["Treasury"]

LARGEST_DEPOSIT = 60_000_000
MOST_ITEMS = 20


class Treasury:
    """Moves money and items. A member's balance, the faction's money and the news always agree.

    A deposit and a withdrawal move a member's balance; a crime brings the faction money, and its payout moves some of that to
    balances, or out of the faction to wallets.
    """

    def __init__(self, scene: Scene, items: Sequence[dict[str, Any]]) -> None:
        self._agenda = scene.agenda
        self._reporter = scene.reporter
        self._gifts = [(item["id"], item["name"]) for item in items if item["type"] in {"Medical", "Drug", "Temporary", "Tool", "Booster"}]

    def deposit(self, faction: Faction, person: Person, chance: Chance) -> None:
        """A member puts money into their balance."""
        row = _balance(faction, person.id)
        if row is not None:
            amount = chance.randint(1, LARGEST_DEPOSIT)
            row["money"] += amount
            self._tell(faction, "depositFunds", f"{user_link(person.id, person.name)} deposited {money(amount)}")

    def withdraw(self, faction: Faction, person: Person, chance: Chance) -> None:
        """A member takes some or all of what is in their balance."""
        row = _balance(faction, person.id)
        if row is not None and row["money"] > 0:
            amount = row["money"] if chance.yes(0.5) else chance.randint(1, row["money"])
            row["money"] -= amount
            self._tell(faction, "giveFunds", f"{user_link(person.id, person.name)} took {money(amount)} out of the balance")

    def give_item(self, faction: Faction, person: Person, chance: Chance) -> None:
        """A member puts items into the armoury."""
        item_id, name = chance.choice(self._gifts)
        quantity = chance.randint(1, MOST_ITEMS)
        self.store(faction, item_id, quantity)
        self._tell(faction, "armoryDeposit", f"{user_link(person.id, person.name)} deposited {quantity} x {name} (item {item_id})")

    def use_item(self, faction: Faction, person: Person, chance: Chance) -> None:
        """A member uses one of the armoury's items, if there is any."""
        usable = [gift for gift in self._gifts if faction.armoury.get(gift[0])]
        if usable:
            item_id, name = chance.choice(usable)
            self.store(faction, item_id, -1)
            self._tell(faction, "armoryAction", f"{user_link(person.id, person.name)} used 1 x {name} (item {item_id})")

    def store(self, faction: Faction, item_id: int, quantity: int) -> None:
        """Add items to the armoury, or take them when negative."""
        faction.armoury[item_id] = faction.armoury.get(item_id, 0) + quantity
        if not faction.armoury[item_id]:
            del faction.armoury[item_id]

    def bring_in(self, faction: Faction, rewards: dict[str, Any]) -> None:
        """Take what a crime has brought."""
        faction.balance["faction"]["money"] += rewards["money"]
        faction.balance["faction"]["scope"] += rewards["scope"]
        for prize in rewards["items"]:
            self.store(faction, prize["id"], prize["quantity"])
        faction.earn(rewards["respect"])

    def pay_out(self, faction: Faction, crime: dict[str, Any], payer: Person) -> None:
        """Pay the participants of a crime as its payout says, in equal parts."""
        payout, users = crime["rewards"]["payout"], users_of(crime)
        self._tell(faction, "crime", payout_text(crime, user_link(payer.id, payer.name)))
        part = int(crime["rewards"]["money"] * payout["percentage"] / 100) // len(users)
        if not part or payout["type"] == "inventory":
            return
        for user in users:
            row = _balance(faction, user["id"])
            if row is None:
                # Who has left the faction meanwhile goes empty-handed.
                continue
            faction.balance["faction"]["money"] -= part
            who = (user["id"], row["username"])
            if payout["type"] == "wallet":
                text = f"gave {money(part)} to {user_link(*who)}"
            else:
                row["money"] += part
                text = f"increased the balance of {user_link(*who)} by {money(part)}"
            self._tell(faction, "giveFunds", f"{user_link(payer.id, payer.name)} {text}")

    def _tell(self, faction: Faction, category: str, text: str) -> None:
        self._reporter.tell(faction, category, self._agenda.now, text)


def _balance(faction: Faction, user_id: int) -> dict[str, Any] | None:
    return next((row for row in faction.balance["members"] if row["id"] == user_id), None)
