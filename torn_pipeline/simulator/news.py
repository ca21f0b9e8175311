"""What a faction's news tell of: one row for every event that Torn would report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.simulator.texts import money, user_link

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from torn_pipeline.simulator.chance import Chance
    from torn_pipeline.simulator.state import Faction

__all__ = ["Reporter", "add_past", "outcome_text", "payout_text"]

ID_BITS = 80


class Reporter:
    """Writes rows of news, each with an id of its own."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance

    def row(self, moment: int, text: str) -> dict[str, Any]:
        """A row of this moment (Unix seconds); the text is HTML."""
        return {"id": f"{self._chance.getrandbits(ID_BITS):020x}", "text": text, "timestamp": moment}

    def tell(self, faction: Faction, category: str, moment: int, text: str) -> None:
        """Add to a faction's news."""
        faction.news.append((category, self.row(moment, text)))


def add_past(faction: Faction, reporter: Reporter, since: int) -> None:
    """Put the news of a new world's crimes, and of those who have joined since a moment, among those it has."""
    names = {member["id"]: member["name"] for member in faction.members}
    rows = [("crime", reporter.row(moment, text)) for crime in faction.crimes for moment, text in _of_crime(crime, names)]
    rows += _past_deposits(faction, reporter, since)
    rows += [
        ("membership", reporter.row(person.joined_at, f"{user_link(person.id, person.name)} joined the faction"))
        for person in faction.people.values()
        if person.joined_at > since
    ]
    faction.news = sorted([*rows, *faction.news], key=lambda told: int(told[1]["timestamp"]))


def _past_deposits(faction: Faction, reporter: Reporter, since: int) -> Iterable[tuple[str, dict[str, Any]]]:
    """A deposit of what is in the balance now for some of those who were about since then."""
    for row in faction.balance["members"]:
        person = faction.people[row["id"]]
        begin = max(since, person.joined_at)
        if row["money"] > 0 and person.seen_until > begin:
            moment = begin + row["money"] % (person.seen_until - begin)
            yield "depositFunds", reporter.row(moment, f"{user_link(person.id, person.name)} deposited {money(row['money'])}")


def _of_crime(crime: dict[str, Any], names: dict[int, str]) -> Iterable[tuple[int, str]]:
    if crime["status"] == "Expired":
        yield crime["expired_at"], f"The scenario {crime['name']} expired"
    if crime["executed_at"] is None:
        return
    yield crime["executed_at"], outcome_text(crime)
    payout = (crime["rewards"] or {}).get("payout")
    if payout:
        yield payout["paid_at"], payout_text(crime, user_link(payout["paid_by"], names[payout["paid_by"]]))


def outcome_text(crime: dict[str, Any]) -> str:
    """How a crime went, as the news have it."""
    if crime["status"] != "Successful":
        return f"The faction failed the {crime['name']} scenario"
    rewards = crime["rewards"]
    items = "".join(f", {prize['quantity']} x item {prize['id']}" for prize in rewards["items"])
    return f"The faction completed the {crime['name']} scenario and gained {money(rewards['money'])}, {rewards['respect']} respect{items}"


def payout_text(crime: dict[str, Any], by: str) -> str:
    """Who paid a crime, as the news have it."""
    payout = crime["rewards"]["payout"]
    return f"{by} paid {payout['percentage']}% of {money(crime['rewards']['money'])} for the {crime['name']} scenario to {payout['type']}"
