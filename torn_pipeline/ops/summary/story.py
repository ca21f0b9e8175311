"""What happened in a faction, as the tables have it: a few large numbers and what the charts show.

Everything is asked from the warehouse in SQL that all warehouses understand, and only sorted and named here.
"""

# ruff: noqa: S608 - all parts of a statement are our own, and an account's name is letters, digits and underscores

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from torn_pipeline.warehouse.protocol import Warehouse

__all__ = ["DAYS", "ENDS", "SEEN", "SHARES", "WEEKS", "Figure", "Scenario", "Story", "money", "tell_story"]

ENDS = ("Successful", "Failure", "Expired")
"""How a crime can end."""

SHARES = ("participants", "faction", "unpaid")
"""What becomes of a crime's money. Of what is unpaid the shares are not settled."""

SEEN = ("last hour", "last day", "last week", "longer ago", "never")
"""How long ago a member last did something."""

WEEKS = 10
DAYS = 42
"""How far the charts look back from the newest row."""

_SEEN_WITHIN = (timedelta(hours=1), timedelta(days=1), timedelta(days=7), timedelta.max)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """A large number: what it is, the number for people, and what to know with it."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What one scenario brought: ``done`` crimes were carried out, ``successful`` of them successfully, for this median of $."""

    name: str
    difficulty: int
    done: int
    successful: int
    median_money: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What the page tells of one faction.

    ``weeks`` counts crimes by the Monday of the week in which they ended and by how (:data:`ENDS`); ``days`` sums $ by
    the day they were paid out, or for unpaid ones were earned, and by share (:data:`SHARES`); ``whereabouts`` counts
    members by state and by when they were last seen (:data:`SEEN`).
    """

    faction: str
    figures: tuple[Figure, ...]
    weeks: Mapping[tuple[date, str], int]
    days: Mapping[tuple[date, str], int]
    whereabouts: Mapping[tuple[str, str], int]
    scenarios: tuple[Scenario, ...]


def tell_story(warehouse: Warehouse, account: str) -> Story:
    """Ask the tables what happened in the faction of one account.

    Raises:
        WarehouseError: when a table is not there.
    """

    def ask(sql: str) -> list[Row]:
        rows: list[Row] = warehouse.query(sql.format(account=account)).to_pylist()
        return rows

    faction, crimes, shares, members, balances = (ask(sql) for sql in (_FACTION, _CRIMES, _SHARES, _MEMBERS, _BALANCES))
    return Story(
        faction=f"{faction[0]['name']} [{faction[0]['tag']}]" if faction else "",
        figures=(
            *_crime_figures(crimes, shares, ask(_ITEMS)),
            *_member_figures(faction, members),
            *_balance_figures(balances),
        ),
        weeks=_weeks(crimes),
        days=_days(shares),
        whereabouts=Counter((row["status_state"], _seen(row["last_action_timestamp"], row["_fetched_at"])) for row in members),
        scenarios=_scenarios(ask(_SCENARIOS)),
    )


# --- what is asked -------------------------------------------------------------------------------------------
# With `append` a table has a row of every fetch: what is told is the newest of each crime, member and balance.

_NEWEST_CRIMES = """(
  SELECT * FROM (
    SELECT c.*, ROW_NUMBER() OVER (PARTITION BY c.id ORDER BY c._fetched_at DESC) AS place
    FROM faction_crimes AS c WHERE c._account = '{account}'
  ) AS numbered WHERE place = 1
) AS crimes"""

_FACTION = "SELECT name, tag, members, capacity FROM faction_basic WHERE _account = '{account}' ORDER BY _fetched_at DESC LIMIT 1"

_CRIMES = f"""
SELECT
  status,
  CAST(CASE WHEN status = 'Expired' THEN expired_at ELSE executed_at END AS DATE) AS ended_on,
  COUNT(*) AS crimes,
  CAST(SUM(CASE WHEN status IN ('Recruiting', 'Planning') AND ready_at < _fetched_at THEN 1 ELSE 0 END) AS BIGINT) AS past_ready
FROM {_NEWEST_CRIMES}
GROUP BY status, CAST(CASE WHEN status = 'Expired' THEN expired_at ELSE executed_at END AS DATE)"""

_SHARES = f"""
SELECT is_paid, happened_on, CAST(SUM(money) AS BIGINT) AS money, CAST(SUM(participants) AS BIGINT) AS participants
FROM (
  SELECT
    rewards_payout_paid_at IS NOT NULL AS is_paid,
    CAST(COALESCE(rewards_payout_paid_at, executed_at) AS DATE) AS happened_on,
    rewards_money AS money,
    ROUND(rewards_money * CAST(ROUND(rewards_payout_percentage * 10000) AS BIGINT) / 1000000) AS participants
  FROM {_NEWEST_CRIMES}
  WHERE rewards_money <> 0
) AS shares
GROUP BY is_paid, happened_on"""

_SCENARIOS = f"""
SELECT name, difficulty, status, rewards_money
FROM {_NEWEST_CRIMES}
WHERE status IN ('Successful', 'Failure')
ORDER BY id DESC"""

_ITEMS = f"""
SELECT CAST(SUM(items.quantity) AS BIGINT) AS pieces
FROM {_NEWEST_CRIMES} JOIN faction_crimes_rewards_items AS items
  ON items._account = crimes._account AND items.crime_id = crimes.id AND items._fetch_id = crimes._fetch_id"""

_MEMBERS = """
SELECT status_state, is_in_oc, last_action_timestamp, _fetched_at
FROM faction_members
WHERE _account = '{account}' AND _fetched_at = (SELECT MAX(_fetched_at) FROM faction_members WHERE _account = '{account}')"""

_BALANCES = """
SELECT f.faction_money, m.money
FROM faction_balance AS f LEFT JOIN faction_balance_members AS m ON m._account = f._account AND m._fetch_id = f._fetch_id
WHERE f._account = '{account}' AND f._fetched_at = (SELECT MAX(_fetched_at) FROM faction_balance WHERE _account = '{account}')"""


# --- what it says --------------------------------------------------------------------------------------------


def money(amount: float) -> str:
    """An amount for people, to three digits: ``$1.23b``, ``-$45.6m``, ``$700``."""
    sign, size = "-" if amount < 0 else "", abs(amount)
    for unit, letter in ((10**9, "b"), (10**6, "m"), (10**3, "k")):
        if size >= unit * 0.9995:
            number = size / unit
            return f"{sign}${number:.{2 if number < 9.995 else 1 if number < 99.95 else 0}f}{letter}"  # noqa: PLR2004 - three digits
    return f"{sign}${size:.0f}"


def _crime_figures(crimes: Sequence[Row], shares: Sequence[Row], items: Sequence[Row]) -> tuple[Figure, ...]:
    count: Counter[str] = Counter()
    for row in crimes:
        count[row["status"]] += row["crimes"]
    done = count["Successful"] + count["Failure"]
    earned = sum(row["money"] for row in shares)
    unpaid = sum(row["money"] for row in shares if not row["is_paid"])
    participants = sum(row["participants"] or 0 for row in shares if row["is_paid"])
    pieces = items[0]["pieces"] or 0
    opened = (
        f"{count['Recruiting']} recruiting",
        f"{count['Planning']} planning",
        f"{sum(row['past_ready'] for row in crimes)} past ready",
    )
    success = f"{count['Successful'] / done:.0%}" if done else "none yet"
    return (
        Figure("Earned by crimes", money(earned), f"{money(participants)} to participants, {pieces:,} items besides"),
        Figure("Not paid out", money(unpaid), f"{unpaid / earned:.0%} of what was earned" if earned else ""),
        Figure("Crimes that succeeded", success, f"{count['Successful']:,} of {done:,}; {count['Expired']:,} expired"),
        Figure("Open crimes", f"{count['Recruiting'] + count['Planning']:,}", ", ".join(opened)),
    )


def _member_figures(faction: Sequence[Row], members: Sequence[Row]) -> tuple[Figure, ...]:
    of = f" of {faction[0]['capacity']}" if faction else ""
    idle = sum(_seen(row["last_action_timestamp"], row["_fetched_at"]) not in SEEN[:2] for row in members)
    free = sum(row["is_in_oc"] is False for row in members)
    return (Figure("Members", f"{len(members):,}{of}", f"{idle} idle for a day, {free} in no crime"),)


def _balance_figures(balances: Sequence[Row]) -> tuple[Figure, ...]:
    if not balances:
        return ()
    held = [row["money"] for row in balances if row["money"] is not None]
    debts = [amount for amount in held if amount < 0]
    note = f"{money(sum(held) - sum(debts))} held for members"
    return (
        Figure(
            "Faction's money",
            money(balances[0]["faction_money"] or 0),
            note + (f", {len(debts)} owe {money(-sum(debts))}" if debts else ""),
        ),
    )


def _weeks(crimes: Sequence[Row]) -> dict[tuple[date, str], int]:
    ended = [row for row in crimes if row["status"] in ENDS and row["ended_on"] is not None]
    if not ended:
        return {}
    mondays = {row["ended_on"]: row["ended_on"] - timedelta(days=row["ended_on"].weekday()) for row in ended}
    last = max(mondays.values())
    first = max(min(mondays.values()), last - timedelta(weeks=WEEKS - 1))
    weeks = {(first + timedelta(weeks=number), end): 0 for number in range((last - first).days // 7 + 1) for end in ENDS}
    for row in ended:
        place = mondays[row["ended_on"]], row["status"]
        if place in weeks:
            weeks[place] += row["crimes"]
    return weeks


def _days(shares: Sequence[Row]) -> dict[tuple[date, str], int]:
    dated = [row for row in shares if row["happened_on"] is not None]
    last = max((row["happened_on"] for row in dated), default=None)
    days: Counter[tuple[date, str]] = Counter()
    for row in dated:
        if last is not None and row["happened_on"] > last - timedelta(days=DAYS):
            participants = row["participants"] or 0
            parts = (participants, row["money"] - participants, 0) if row["is_paid"] else (0, 0, row["money"])
            days.update({(row["happened_on"], share): part for share, part in zip(SHARES, parts, strict=True)})
    return days


def _seen(acted: datetime | None, now: datetime) -> str:
    if acted is None:
        return SEEN[-1]
    return next(word for word, within in zip(SEEN, _SEEN_WITHIN, strict=False) if now - acted <= within)


def _scenarios(crimes: Iterable[Row]) -> tuple[Scenario, ...]:
    by_name: dict[str, list[Row]] = {}
    for row in crimes:  # the case of a name has changed over time: the newest is told
        by_name.setdefault(row["name"].casefold(), []).append(row)
    told = []
    for rows in by_name.values():
        earned = [row["rewards_money"] for row in rows if row["rewards_money"] is not None]
        told.append(Scenario(rows[0]["name"], rows[0]["difficulty"], len(rows), len(earned), median(earned) if earned else 0.0))
    return tuple(sorted(told, key=lambda scenario: (-scenario.difficulty, scenario.name)))
