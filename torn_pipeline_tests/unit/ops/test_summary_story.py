"""What the page tells of a faction is what the world says, and its charts show that and nothing else."""

from __future__ import annotations

import re
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import orjson
import pytest

from torn_pipeline.errors import WarehouseError
from torn_pipeline.ops.summary.charts import draw_charts
from torn_pipeline.ops.summary.story import ENDS, SEEN, Story, money, tell_story
from torn_pipeline.simulator import Size, World
from torn_pipeline.warehouse.duckdb import DuckDBWarehouse
from torn_pipeline_tests.helpers import land, load, make_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torn_pipeline.simulator import Faction

Row = dict[str, Any]


def tell(folder: Path, faction: Faction, fetched_at: datetime, *, times: int = 1) -> Story:
    """The story of a faction whose data was fetched so many times, a minute apart, the last time at ``fetched_at``."""
    bodies: dict[str, Row] = {
        "/faction/crimes": {"crimes": faction.crimes},
        "/faction/members": {"members": faction.members},
        "/faction/basic": {"basic": faction.basic},
        "/faction/balance": {"balance": faction.balance},
    }
    warehouse = None
    for path, body in bodies.items():
        pipeline = make_pipeline(folder, path, mode="append")
        for number in reversed(range(times)):
            fetched = land(pipeline, [orjson.dumps(body)], fetched_at=fetched_at - timedelta(minutes=number))
            load(pipeline, fetched)
        warehouse = pipeline.warehouse
    assert warehouse is not None
    return tell_story(warehouse, "default")


def ended_on(crime: Row) -> date:
    return datetime.fromtimestamp(crime["expired_at"] if crime["status"] == "Expired" else crime["executed_at"], UTC).date()


def share(rewards: Row) -> int:
    exact = Decimal(rewards["money"]) * Decimal(str(rewards["payout"]["percentage"])) / 100
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@pytest.fixture(scope="module")
def world() -> World:
    made = World(seed=5, now=int(time.time()), size=Size(members=20, crimes=80, items=30))
    faction = made.faction(40_832)
    faction.balance["members"][0]["money"] = -5_000_000
    faction.members[0]["last_action"]["timestamp"] = 0
    faction.basic |= {"name": "The <Crew>", "tag": "&"}
    faction.crimes[0]["name"] = "Mob <script>'Mentality'</script>"
    return made


@pytest.fixture(scope="module")
def faction(world: World) -> Faction:
    return world.faction(40_832)


@pytest.fixture(scope="module")
def now(world: World) -> datetime:
    return datetime.fromtimestamp(world.now, UTC)


@pytest.fixture(scope="module", params=[1, 2])
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, faction: Faction, now: datetime) -> Story:
    return tell(tmp_path_factory.mktemp("story"), faction, now, times=request.param)


def test_the_large_numbers(story: Story, faction: Faction, now: datetime) -> None:
    rewards = [crime["rewards"] for crime in faction.crimes if crime["rewards"]]
    count = Counter(crime["status"] for crime in faction.crimes)
    late = [c for c in faction.crimes if c["status"] in {"Recruiting", "Planning"} and (c["ready_at"] or now.timestamp()) < now.timestamp()]
    pieces = sum(item["quantity"] for reward in rewards for item in reward["items"])
    earned, paid = sum(reward["money"] for reward in rewards), sum(share(reward) for reward in rewards if reward["payout"])
    unpaid = sum(reward["money"] for reward in rewards if not reward["payout"])
    idle = [m for m in faction.members if now.timestamp() - m["last_action"]["timestamp"] > 86_400]
    held = [member["money"] for member in faction.balance["members"]]
    figures = {figure.label: (figure.value, figure.note) for figure in story.figures}

    assert story.faction == "The <Crew> [&]"
    assert figures["Earned by crimes"] == (money(earned), f"{money(paid)} to participants, {pieces:,} items besides")
    assert figures["Not paid out"] == (money(unpaid), f"{unpaid / earned:.0%} of what was earned")
    done = count["Successful"] + count["Failure"]
    assert figures["Crimes that succeeded"] == (
        f"{count['Successful'] / done:.0%}",
        f"{count['Successful']} of {done}; {count['Expired']} expired",
    )
    assert figures["Open crimes"] == (
        str(count["Recruiting"] + count["Planning"]),
        f"{count['Recruiting']} recruiting, {count['Planning']} planning, {len(late)} past ready",
    )
    free = sum(not member["is_in_oc"] for member in faction.members)
    assert figures["Members"] == (
        f"{len(faction.members)} of {faction.basic['capacity']}",
        f"{len(idle)} idle for a day, {free} in no crime",
    )
    debts = [amount for amount in held if amount < 0]
    owed = f"{len(debts)} owe {money(-sum(debts))}"
    assert figures["Faction's money"] == (
        money(faction.balance["faction"]["money"]),
        f"{money(sum(held) - sum(debts))} held for members, {owed}",
    )


def test_the_weeks(story: Story, faction: Faction) -> None:
    wanted: Counter[tuple[date, str]] = Counter()
    for crime in faction.crimes:
        if crime["status"] in ENDS:
            wanted[ended_on(crime) - timedelta(days=ended_on(crime).weekday()), crime["status"]] += 1

    assert {place: crimes for place, crimes in story.weeks.items() if crimes} == {
        place: crimes for place, crimes in wanted.items() if place in story.weeks
    }
    mondays = sorted({monday for monday, _ in story.weeks})
    assert mondays[-1] == max(monday for monday, _ in wanted)
    assert {later - earlier for earlier, later in pairwise(mondays)} == {timedelta(weeks=1)}


def test_the_days(story: Story, faction: Faction) -> None:
    wanted: Counter[tuple[date, str]] = Counter()
    for crime in faction.crimes:
        rewards = crime["rewards"]
        if rewards and rewards["payout"]:
            day = datetime.fromtimestamp(rewards["payout"]["paid_at"], UTC).date()
            wanted.update({(day, "participants"): share(rewards), (day, "faction"): rewards["money"] - share(rewards)})
        elif rewards:
            wanted[ended_on(crime), "unpaid"] += rewards["money"]
    first = min(day for day, _ in story.days)

    assert {place: part for place, part in story.days.items() if part} == {
        place: part for place, part in wanted.items() if part and place[0] >= first
    }


def test_where_members_are(story: Story, faction: Faction, now: datetime) -> None:
    def seen(member: Row) -> str:
        seconds = now.timestamp() - member["last_action"]["timestamp"]
        if not member["last_action"]["timestamp"]:
            return "never"
        return "last hour" if seconds <= 3600 else "last day" if seconds <= 86_400 else "last week" if seconds <= 604_800 else "longer ago"

    assert story.whereabouts == Counter((member["status"]["state"], seen(member)) for member in faction.members)
    assert set(SEEN) >= {seen for _, seen in story.whereabouts}


def test_the_scenarios(story: Story, faction: Faction) -> None:
    wanted = {}
    for name in {crime["name"].casefold() for crime in faction.crimes}:
        done = [crime for crime in faction.crimes if crime["name"].casefold() == name and crime["status"] in ENDS[:2]]
        earned = [crime["rewards"]["money"] for crime in done if crime["status"] == "Successful"]
        if done:
            wanted[name] = (done[0]["difficulty"], len(done), len(earned), median(earned or [0]))

    told = {each.name.casefold(): (each.difficulty, each.done, each.successful, each.median_money) for each in story.scenarios}
    assert told == wanted
    assert [each.difficulty for each in story.scenarios] == sorted((each.difficulty for each in story.scenarios), reverse=True)


def texts(svg: str) -> Iterator[str]:
    for node in ET.fromstring(svg).iter("text"):  # noqa: S314 - made here a moment ago
        yield node.text or ""


def test_the_charts_show_it_and_are_told_in_words(story: Story) -> None:
    drawings = {drawing.title: drawing.svg for drawing in draw_charts(story)}

    assert len(drawings) == 4
    for title, svg in drawings.items():
        root = ET.fromstring(svg)  # noqa: S314 - made here a moment ago
        labels = (root.get("aria-labelledby") or "").split()
        told = {node.get("id"): node.text or "" for node in root if node.tag in {"title", "desc"}}
        assert root.get("role") == "img"
        assert list(told) == labels
        assert told[labels[0]] == title
        assert any(character.isdigit() for character in told[labels[1]])
        assert "http" not in svg
        # All colours are the page's, so that they are legible by day and by night.
        assert not re.search(r"(?:fill|stroke)=\"(?!none|transparent|var\(--[a-z0-9]+\))", svg)
    scenarios = set(texts(drawings["What a crime brings"]))
    assert {f"{money(each.median_money)} · {each.successful} of {each.done}" for each in story.scenarios} <= scenarios
    assert {state for state, _ in story.whereabouts} <= set(texts(drawings["Where members are"]))
    assert "<script" not in "".join(drawings.values())


def test_a_faction_without_crimes_or_members(tmp_path: Path, now: datetime) -> None:
    empty = World(now=int(now.timestamp()), size=Size(members=6, crimes=0, items=4)).faction(40_832)
    empty.members.clear()
    empty.balance["members"].clear()
    story = tell(tmp_path, empty, now)

    assert [(figure.label, figure.value) for figure in story.figures][:5] == [
        ("Earned by crimes", "$0"),
        ("Not paid out", "$0"),
        ("Crimes that succeeded", "none yet"),
        ("Open crimes", "0"),
        ("Members", "0 of 100"),
    ]
    assert {drawing.svg for drawing in draw_charts(story)} == {""}


def test_tables_that_are_not_there_are_an_error_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError):
        tell_story(DuckDBWarehouse(tmp_path / "none.duckdb"), "default")


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0"),
        (999, "$999"),
        (999.6, "$1.00k"),
        (1_000, "$1.00k"),
        (99_949, "$99.9k"),
        (99_951, "$100k"),
        (999_600, "$1.00m"),
        (2_500_000_000, "$2.50b"),
        (-4_050_000, "-$4.05m"),
        (3_141_000_000_000, "$3141b"),
    ],
)
def test_money_in_three_digits(amount: float, text: str) -> None:
    assert money(amount) == text
