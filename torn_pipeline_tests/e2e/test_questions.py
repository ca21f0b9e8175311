"""The SQL of leaders' questions: each query's rows are what plain Python works out from the world's state."""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from torn_pipeline import steps
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import Simulator, Size, World
from torn_pipeline_tests.dagster.running import write_config

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torn_pipeline_tests.e2e.console import Console

QUESTIONS = Path(__file__).parents[2] / "docs" / "questions"
ENDPOINTS = ("faction_crimes", "faction_members", "torn_items")
FACTIONS = {"default": 40_832, "second": 8_991}
GRACE = 5 * 60  # seconds
IDLE_AFTER = 24  # hours
OPEN, DONE = ("Recruiting", "Planning"), ("Successful", "Failure")
SMALL = Size(members=16, crimes=60, items=30)

Row = dict[str, Any]


# --- the tables, by the real road --------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Platform:
    """A world and the tables that were made of it; ``seen`` is when each endpoint was fetched last, by account."""

    world: World
    pipeline: steps.Pipeline
    seen: dict[tuple[str, str], datetime]

    def load(self) -> None:
        """Fetch all that the questions need, and load it."""
        for endpoint in ENDPOINTS:
            for account in self.pipeline.plan(endpoint).endpoint.accounts:
                fetched = steps.fetch(self.pipeline, endpoint, account)
                with steps.validate(self.pipeline, fetched) as prepared:
                    steps.load(self.pipeline, fetched, prepared)
                self.seen[endpoint, account] = fetched.fetched_at

    def ask(self, question: str) -> list[Row]:
        """The rows of a question, in its order."""
        rows: list[Row] = self.pipeline.warehouse.query((QUESTIONS / f"{question}.sql").read_text(encoding="utf-8")).to_pylist()
        return rows


def new_world(seed: int = 1, size: Size = SMALL) -> World:
    return World(seed=seed, now=int(time.time()), size=size)


@contextmanager
def platform(folder: Path, world: World, *, mode: str = "") -> Iterator[Platform]:
    """Tables of this world, all in ``mode`` if given, else as the shipped config has it."""
    folder.mkdir(exist_ok=True)
    modes = {endpoint: {"storage_mode": mode} for endpoint in ENDPOINTS if mode}
    with Simulator(world, calls_per_window=10_000) as simulator:
        settings = Settings(
            api_url=simulator.url,
            config=write_config(folder, endpoints=modes),
            data_dir=folder / "data",
            dagster_home=folder / "dagster",
            rate_window=0.01,
            keys={name: (key,) for name, key in zip(FACTIONS, world.keys, strict=False)},
        )
        made = Platform(world=world, pipeline=steps.open_pipeline(settings), seen={})
        made.load()
        yield made


# --- what is true, worked out plainly ----------------------------------------------------------------------------


def moment(seconds: int | None) -> datetime | None:
    """An instant of the API: 0 and nothing at all are none."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def hours(span: timedelta) -> float:
    """Whole seconds, as hours."""
    return int(span.total_seconds()) / 3600


def late_crimes(held: Platform) -> list[Row]:
    """One row for each thing that held up a late crime."""
    rows: list[Row] = []
    items = {item["id"]: item["name"] for item in held.world.items}
    for account, faction_id in FACTIONS.items():
        faction = held.world.faction(faction_id)
        members = {member["id"]: member for member in faction.members}
        for crime in faction.crimes:
            is_open = crime["status"] in OPEN
            seen = held.seen["faction_crimes", account].replace(microsecond=0)
            until, ready = seen if is_open else moment(crime["executed_at"]), moment(crime["ready_at"])
            if until is None or ready is None or int((until - ready).total_seconds()) <= GRACE:
                continue
            known: Row = {
                "_account": account,
                "crime_id": crime["id"],
                "crime": crime["name"],
                "status": crime["status"],
                "ready_at": ready,
                "until_at": until,
                "late_hours": hours(until - ready),
            }
            reasons = [
                {
                    "reason": reason,
                    "slot": slot["position_info"]["label"],
                    "user_id": (slot["user"] or {}).get("id"),
                    "member": members.get((slot["user"] or {}).get("id"), {}).get("name"),
                    "joined_at": moment((slot["user"] or {}).get("joined_at")),
                    "detail": detail,
                }
                for slot in crime["slots"]
                for reason, detail in reasons_of(slot, crime["slots"], members, items, is_open=is_open)
            ]
            nothing = dict.fromkeys(("reason", "slot", "user_id", "member", "joined_at", "detail"))
            rows += [known | reason for reason in reasons or [nothing]]
    return rows


def reasons_of(
    slot: Row, slots: Sequence[Row], members: Mapping[int, Row], items: Mapping[int, str], *, is_open: bool
) -> Iterator[tuple[str, str | None]]:
    """Why one slot of a late crime held it up."""
    if slot["user"] is None:
        if is_open:
            yield "empty slot", None
        return
    needed = slot["item_requirement"]
    if needed and not needed["is_available"]:
        yield "item missing", items.get(needed["id"])
    member = members.get(slot["user"]["id"])
    if is_open and member and member["status"]["state"] != "Okay":
        yield member["status"]["state"], member["status"]["description"]
    joined = [other["user"]["joined_at"] for other in slots if other["user"]]
    if len(joined) == len(slots) and slot["user"]["joined_at"] == max(joined) > min(joined):
        yield "joined last", None


def idle_members(held: Platform) -> list[Row]:
    """One row a member who is idle or in no crime."""
    rows: list[Row] = []
    for account, faction_id in FACTIONS.items():
        faction, as_of = held.world.faction(faction_id), held.seen["faction_members", account]
        for member in faction.members:
            acted, ended = moment(member["last_action"]["timestamp"]), last_end(faction.crimes, member["id"], as_of)
            idle = None if acted is None else max(0.0, hours(as_of - acted))
            is_idle = idle is None or idle >= IDLE_AFTER
            if is_idle or not member["is_in_oc"]:
                rows.append(
                    {
                        "_account": account,
                        "as_of": as_of,
                        "user_id": member["id"],
                        "member": member["name"],
                        "state": member["status"]["state"],
                        "last_action_at": acted,
                        "idle_hours": idle,
                        "is_idle": is_idle,
                        "in_no_crime": not member["is_in_oc"],
                        "last_crime_ended_at": ended,
                        "no_crime_hours": None if member["is_in_oc"] or ended is None else hours(as_of - ended),
                    }
                )
    return rows


def last_end(crimes: Sequence[Row], user: int, as_of: datetime) -> datetime | None:
    """When the last crime ended that the user had a slot in."""
    ends = [
        moment(crime["expired_at"] if crime["status"] == "Expired" else crime["executed_at"])
        for crime in crimes
        if crime["status"] not in OPEN and user in [slot["user"]["id"] for slot in crime["slots"] if slot["user"]]
    ]
    return max((end for end in ends if end is not None and end <= as_of), default=None)


def earnings(held: Platform) -> list[Row]:
    """One row a payout date, and one for what is unpaid."""
    prices = {item["id"]: item["value"]["market_price"] for item in held.world.items}
    days: dict[tuple[str, Any], list[Row]] = defaultdict(list)
    for account, faction_id in FACTIONS.items():
        for crime in held.world.faction(faction_id).crimes:
            rewards = crime["rewards"]
            if crime["status"] == "Successful" and (rewards["payout"] or rewards["money"] or rewards["items"]):
                paid = moment(rewards["payout"] and rewards["payout"]["paid_at"])
                days[account, paid and paid.date()].append(rewards)
    rows: list[Row] = []
    for (account, day), paid_out in days.items():
        money = sum(rewards["money"] for rewards in paid_out)
        shared = sum(participants(rewards) for rewards in paid_out) if day else None
        rows.append(
            {
                "_account": account,
                "payout_date": day,
                "crimes": len(paid_out),
                "money": money,
                "participants": shared,
                "faction": None if shared is None else money - shared,
                "unpaid": 0 if day else money,
                "items": sum(item["quantity"] for rewards in paid_out for item in rewards["items"]),
                "items_market_value": sum(item["quantity"] * prices[item["id"]] for rewards in paid_out for item in rewards["items"]),
            }
        )
    return rows


def participants(rewards: Row) -> int:
    """The participants' share of one crime's money."""
    share = Decimal(rewards["money"]) * Decimal(str(rewards["payout"]["percentage"])) / 100
    return int(share.quantize(Decimal(1), ROUND_HALF_UP))


def assert_rows(actual: Sequence[Row], wanted: Sequence[Row]) -> None:
    """The same rows in any order; hours as rounded as the queries round them."""

    def ordered(rows: Sequence[Row]) -> list[Row]:
        return sorted(rows, key=lambda row: [repr(value) for value in row.values() if not isinstance(value, float | datetime)])

    assert [list(row) for row in actual] == [list(row) for row in wanted]
    for one, other in zip(ordered(actual), ordered(wanted), strict=True):
        assert one == {name: pytest.approx(value, abs=0.0051) if isinstance(value, float) else value for name, value in other.items()}


NAIVE = {"late-crimes": late_crimes, "idle-members": idle_members, "earnings": earnings}


# --- worlds by seed ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=range(1, 4))
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform(tmp_path_factory.mktemp("questions"), new_world(request.param)) as made:
        yield made


@pytest.mark.parametrize("question", NAIVE)
def test_the_rows_are_what_the_world_says(loaded: Platform, question: str) -> None:
    wanted = NAIVE[question](loaded)

    assert {row["_account"] for row in wanted} == set(FACTIONS)
    assert_rows(loaded.ask(question), wanted)


def test_what_matters_most_comes_first(loaded: Platform) -> None:
    late = [row for row in loaded.ask("late-crimes") if row["_account"] == "default"]
    places = [(row["status"] not in OPEN, -row["late_hours"]) for row in late]
    assert places == sorted(places)
    acted = [row["last_action_at"] for row in loaded.ask("idle-members") if row["_account"] == "second"]
    assert acted == sorted(acted, key=lambda at: (at is not None, at))
    dates = [row["payout_date"] for row in loaded.ask("earnings") if row["_account"] == "default"]
    assert dates == [None, *sorted([date for date in dates if date], reverse=True)]


# --- cases that a world may not have by chance -------------------------------------------------------------------


def paid(faction_crimes: Sequence[Row]) -> Row:
    return next(crime for crime in faction_crimes if crime["status"] == "Successful" and crime["rewards"]["payout"])


def test_no_crimes_at_all(tmp_path: Path) -> None:
    with platform(tmp_path, new_world(size=Size(members=6, crimes=0, items=8))) as held:
        assert held.ask("late-crimes") == held.ask("earnings") == []
        idle = held.ask("idle-members")
        assert_rows(idle, idle_members(held))
        assert len(idle) == 12
        assert {(row["last_crime_ended_at"], row["no_crime_hours"]) for row in idle} == {(None, None)}


def test_who_never_acted_is_idle_for_no_known_time(tmp_path: Path) -> None:
    world = new_world()
    never, busy = world.faction(FACTIONS["default"]).members[:2]
    never["last_action"] = {"status": "Offline", "timestamp": 0, "relative": "Never"}
    never["is_in_oc"] = True
    busy["last_action"] = {"status": "Online", "timestamp": world.now + 3600, "relative": "0 seconds ago"}
    busy["is_in_oc"] = False
    with platform(tmp_path, world) as held:
        rows = {row["user_id"]: row for row in held.ask("idle-members")}
        assert_rows(list(rows.values()), idle_members(held))
        assert (rows[never["id"]]["is_idle"], rows[never["id"]]["idle_hours"], rows[never["id"]]["in_no_crime"]) == (True, None, False)
        assert (rows[busy["id"]]["is_idle"], rows[busy["id"]]["idle_hours"], rows[busy["id"]]["in_no_crime"]) == (False, 0, True)


def test_in_no_crime_since_the_last_one_was_executed_or_expired(tmp_path: Path) -> None:
    world = new_world()
    faction = world.faction(FACTIONS["default"])
    crime = paid(faction.crimes)
    after_success, after_expiry = faction.members[:2]
    for member, status in ((after_success, "Successful"), (after_expiry, "Expired")):
        member["is_in_oc"] = False
        for other in faction.crimes:
            other["slots"] = [slot for slot in other["slots"] if not slot["user"] or slot["user"]["id"] != member["id"]]
        slot = {**crime["slots"][0], "user": {**crime["slots"][0]["user"], "id": member["id"]}}
        own = next(other for other in faction.crimes if other["status"] == status and other["expired_at"] < world.now)
        own["slots"] = [*own["slots"], slot]
        member["ended"] = own["executed_at"] or own["expired_at"]
    ends = {member["id"]: moment(member.pop("ended")) for member in (after_success, after_expiry)}
    with platform(tmp_path, world) as held:
        rows = held.ask("idle-members")
        assert_rows(rows, idle_members(held))
        told = {row["user_id"]: row for row in rows if row["user_id"] in ends}
        assert {user: row["last_crime_ended_at"] for user, row in told.items()} == ends
        assert all(row["no_crime_hours"] > 0 for row in told.values())


def test_payouts_to_the_last_dollar(tmp_path: Path) -> None:
    """Shares that are no exact float, half a dollar, money beyond 32 bits, a crime with items alone, and nothing at all."""
    world = new_world()
    faction = world.faction(FACTIONS["default"])
    faction.crimes[:] = [crime for crime in faction.crimes if crime["status"] == "Successful"][:8]
    cases = [(5_000, 66.67), (1, 50), (2**40 + 1, 82.5), (1_000, 33.3333), (999, 0), (7, 100)]
    for crime, (money, percentage) in zip(faction.crimes, cases, strict=False):
        payout = {"type": "balance", "percentage": percentage, "paid_by": 1, "paid_at": crime["executed_at"]}
        crime["rewards"] |= {"money": money, "payout": payout}
    only_items, nothing = faction.crimes[6:8]
    only_items["rewards"] |= {"money": 0, "payout": None, "items": [{"id": world.items[0]["id"], "quantity": 3}] * 2}
    nothing["rewards"] |= {"money": 0, "payout": None, "items": []}
    with platform(tmp_path, world) as held:
        rows = [row for row in held.ask("earnings") if row["_account"] == "default"]
        assert_rows(rows, [row for row in earnings(held) if row["_account"] == "default"])
        assert sum(row["participants"] or 0 for row in rows) == 3_334 + 1 + 907_097_092_916 + 333 + 0 + 7
        assert sum(row["crimes"] for row in rows) == 7
        assert (rows[0]["payout_date"], rows[0]["items"], rows[0]["unpaid"], rows[0]["participants"]) == (None, 6, 0, None)


def test_old_successes_without_a_time_are_neither_late_nor_an_end(tmp_path: Path) -> None:
    """The API gives no executed_at for crimes of before 15 January 2025."""
    world = new_world()
    old = paid(world.faction(FACTIONS["default"]).crimes)
    old["executed_at"] = None
    with platform(tmp_path, world) as held:
        assert old["id"] not in {row["crime_id"] for row in held.ask("late-crimes")}
        for question, naive in NAIVE.items():
            assert_rows(held.ask(question), naive(held))


def test_a_minute_late_is_not_late_and_a_late_crime_without_slots_is_told(tmp_path: Path) -> None:
    world = new_world()
    punctual, late = [crime for crime in world.faction(FACTIONS["default"]).crimes if crime["status"] == "Successful"][:2]
    punctual["executed_at"] = punctual["ready_at"] + GRACE
    late["executed_at"] = late["ready_at"] + GRACE + 1
    late["slots"] = []
    with platform(tmp_path, world) as held:
        rows = held.ask("late-crimes")
        assert_rows(rows, late_crimes(held))
        assert punctual["id"] not in {row["crime_id"] for row in rows}
        assert [(row["reason"], row["slot"]) for row in rows if row["crime_id"] == late["id"]] == [(None, None)]


def test_the_answers_are_of_the_last_fetch_in_a_history_too(tmp_path: Path) -> None:
    """With ``append`` every fetch is kept, and each crime and member counts once, as last seen."""
    world = new_world()
    with platform(tmp_path, world, mode="append") as held:
        faction = world.faction(FACTIONS["default"])
        with world.lock:
            crime = paid(faction.crimes)
            crime["rewards"]["money"] += 1_000_000
            crime["executed_at"] = crime["ready_at"] + 2 * GRACE
            crime["rewards"]["items"] = [{"id": world.items[0]["id"], "quantity": 2}]
            world.items[0]["value"]["market_price"] += 11
            faction.members[0]["status"]["state"] = "Hospital"
            faction.members[1]["last_action"]["timestamp"] = world.now
            faction.members.pop()
        held.load()
        for question, naive in NAIVE.items():
            assert_rows(held.ask(question), naive(held))


# --- how they are asked ------------------------------------------------------------------------------------------


def test_every_question_is_asked_on_the_console_by_file_or_text(console: Console) -> None:
    for endpoint in ENDPOINTS:
        console("fetch", endpoint)
        assert console("load", endpoint).status == 0
    for file in sorted(QUESTIONS.glob("*.sql")):
        by_file = console("sql", "--file", str(file), "--format", "csv")
        by_text = console("sql", file.read_text(encoding="utf-8"), "--format", "csv")
        assert (by_file.status, by_file.err) == (0, "")
        assert by_file.out == by_text.out
        assert by_file.out.startswith("_account,")


def test_sql_takes_one_question(console: Console) -> None:
    (console.folder / "latin.sql").write_bytes("SELECT 'é'".encode("latin-1"))
    for arguments in ((), ("SELECT 1", "--file", "latin.sql"), ("--file", "nope.sql"), ("--file", "latin.sql")):
        result = console("sql", *arguments)
        assert (result.status, result.out, len(result.err.splitlines())) == (2, "", 1)


def test_every_question_is_tested_and_on_the_page() -> None:
    page = (QUESTIONS / "README.md").read_text(encoding="utf-8")
    files = {file.stem: file.read_text(encoding="utf-8") for file in QUESTIONS.glob("*.sql")}

    assert set(files) == set(NAIVE)
    assert all(f"({name}.sql)" in page for name in files)


@pytest.mark.parametrize("question", NAIVE)
def test_a_header_tells_every_column(loaded: Platform, question: str) -> None:
    text = (QUESTIONS / f"{question}.sql").read_text(encoding="utf-8")
    header = text.partition("*/")[0]
    columns = loaded.ask(question)[0]

    assert "What it cannot know" in header
    told = {word for line in header.splitlines() if line.startswith("  ") for word in line[: line.find("  ", 2)].replace(",", " ").split()}
    assert set(columns) <= told
