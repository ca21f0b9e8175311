"""The whole road, twice over a world that moves on: what the tables hold is what the world was, value by value.

The tables are compared with the simulator's state, not with what it answered, through the naive reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from torn_pipeline import steps
from torn_pipeline.errors import ApiClosed, KeyRefused, PipelineError, Transient
from torn_pipeline.simulator import CutJson, Drop, ErrorCode, HalfBody, Html, HttpStatus, Size
from torn_pipeline_tests.dagster.running import ENDPOINTS, Platform, Rows, open_platform
from torn_pipeline_tests.ledger import forgive
from torn_pipeline_tests.reference import KEYS, TABLES, differences, reference_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torn_pipeline.landing import Fetch
    from torn_pipeline.simulator import Fault, World

FACTIONS = {"default": 40_832, "second": 8_991}
PATHS = {name: f"/{name.replace('_', '/')}" for name in ENDPOINTS}
ALL_TABLES = [table for tables in TABLES.values() for table in tables]
CRIMES = TABLES["/faction/crimes"]
APPENDED = ["/faction/basic", "/faction/balance"]

State = dict[tuple[str, str], dict[str, Any]]
Tables = dict[str, Rows]


def accounts_of(path: str) -> list[str]:
    return ["default"] if path.startswith("/torn/") else list(FACTIONS)


def state_of(world: World) -> State:
    """What is true in the world now, by path and account, in the shape of the API's bodies."""
    parts: dict[str, Callable[[str], dict[str, Any]]] = {
        "/faction/crimes": lambda account: {"crimes": world.faction(FACTIONS[account]).crimes},
        "/faction/members": lambda account: {"members": world.faction(FACTIONS[account]).members},
        "/torn/items": lambda _: {"items": world.items},
        "/faction/basic": lambda account: {"basic": world.faction(FACTIONS[account]).basic},
        "/faction/balance": lambda account: {"balance": world.faction(FACTIONS[account]).balance},
    }
    with world.lock:
        return {(path, account): orjson.loads(orjson.dumps(part(account))) for path, part in parts.items() for account in accounts_of(path)}


def expected(state: State, path: str) -> Tables:
    """The tables of one path, all accounts, as the reference makes them of the state."""
    tables: Tables = {table: [] for table in TABLES[path]}
    for account in accounts_of(path):
        for table, rows in reference_tables(path, [state[path, account]], account=account).items():
            tables[table] += rows
    return tables


def assert_tables(actual: Mapping[str, Rows], wanted: Mapping[str, Rows]) -> None:
    assert [line for table, rows in wanted.items() for line in differences(table, actual[table], rows)] == []


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The world at one time, the tables after it was fetched, and the fetches by endpoint and account."""

    state: State
    tables: Tables
    fetches: Mapping[tuple[str, str], str]


@dataclass(frozen=True, kw_only=True)
class History:
    """Two moments, and the tables in between, when only the first account had been fetched again."""

    platform: Platform
    first: Moment
    between: Tables
    second: Moment


def run_all(platform: Platform, *accounts: str) -> dict[tuple[str, str], str]:
    """Run every endpoint for these accounts; the fetches' ids."""
    fetches = {}
    for endpoint, path in PATHS.items():
        for account in [name for name in accounts if name in accounts_of(path)]:
            result = platform.run(endpoint, account)
            assert result.success
            (materialized, *_) = result.get_asset_materialization_events()
            fetches[path, account] = str(materialized.materialization.metadata["fetch_id"].value)
    return fetches


def move_on(world: World) -> None:
    """What may happen in the first faction, and to the items, between two fetches."""
    faction = world.faction(FACTIONS["default"])
    with world.lock:
        _execute(next(crime for crime in faction.crimes if crime["status"] == "Planning"), world.now)
        _fill_a_slot(next(crime for crime in faction.crimes if _has_empty_slot(crime)), faction.members[0]["id"], world.now)
        rewarded = next(crime for crime in faction.crimes if len((crime["rewards"] or {}).get("items", ())) > 1)
        rewarded["rewards"]["items"].pop(0)
        rewarded["rewards"]["money"] = 2**40
        faction.crimes.remove(next(crime for crime in faction.crimes if crime["status"] == "Expired" and crime["slots"]))
        world.add_crime(faction.id)
        left = faction.members.pop(3)
        faction.members.append({**left, "id": left["id"] + 5_000_000, "name": "Newcomer", "days_in_faction": 0})
        faction.basic["respect"] += 77
        faction.balance["faction"]["money"] -= 1_000_000
        faction.balance["members"][1]["money"] += 1_000_000
        faction.balance["members"].pop(3)
        _change_items(world.items)


def _execute(crime: dict[str, Any], now: int) -> None:
    crime |= {"status": "Successful", "executed_at": max(now, crime["ready_at"])}
    crime["rewards"] = {"money": 3_000_000_000, "items": [{"id": 1, "quantity": 2}], "respect": 9, "scope": 1, "payout": None}
    for slot in crime["slots"]:
        slot["user"] |= {"outcome": "Successful", "progress": 100}


def _has_empty_slot(crime: dict[str, Any]) -> bool:
    return crime["status"] == "Recruiting" and any(slot["user"] is None for slot in crime["slots"])


def _fill_a_slot(crime: dict[str, Any], user: int, now: int) -> None:
    slot = next(slot for slot in crime["slots"] if slot["user"] is None)
    slot["user"] = {"id": user, "outcome": None, "item_outcome": None, "joined_at": now, "progress": 0.5}


def _change_items(items: list[dict[str, Any]]) -> None:
    items[0]["value"]["market_price"] = 2**33
    items[0]["name"] += " (renamed)"
    next(item for item in items if (item["details"] or {}).get("mods"))["details"]["mods"].clear()
    items.pop()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    with open_platform(tmp_path_factory.mktemp("road"), size=Size(members=30, crimes=130, items=250)) as platform:
        state = state_of(platform.world)
        fetches = run_all(platform, "default", "second")
        first = Moment(state=state, tables=platform.tables(*ALL_TABLES), fetches=fetches)
        move_on(platform.world)
        state = state_of(platform.world)
        fetches = run_all(platform, "default")
        between = platform.tables(*ALL_TABLES)
        fetches.update(run_all(platform, "second"))
        second = Moment(state=state, tables=platform.tables(*ALL_TABLES), fetches=fetches)
        yield History(platform=platform, first=first, between=between, second=second)


# --- the first time ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TABLES)
def test_every_table_is_the_state_of_the_world(history: History, path: str) -> None:
    assert_tables(history.first.tables, expected(history.first.state, path))


def test_no_table_is_empty_without_reason(history: History) -> None:
    assert [table for table, rows in history.first.tables.items() if not rows] == ["torn_items_value_shops"]


def test_money_beyond_32_bits_arrives_whole(history: History) -> None:
    held = [row["money"] for row in history.first.tables["faction_balance_members"]]

    assert max(held) > 2**31
    assert sum(held) == sum(
        member["money"] for account in FACTIONS for member in history.first.state["/faction/balance", account]["balance"]["members"]
    )


def test_every_row_says_which_fetch_brought_it(history: History) -> None:
    for path, tables in TABLES.items():
        for table in tables:
            seen = {(row["_account"], row["_fetch_id"]) for row in history.first.tables[table]}
            assert seen <= {(account, history.first.fetches[path, account]) for account in accounts_of(path)}
            assert len({row["_fetched_at"] for row in history.first.tables[table]}) <= len(accounts_of(path))


def test_the_landed_response_of_a_row_holds_it_as_the_world_had_it(history: History) -> None:
    pipeline = history.platform.pipeline
    fetched = next(one for one in pipeline.landing.fetches("faction_crimes", account="second"))
    landed = {page.raw_id: {crime["id"]: crime for crime in orjson.loads(pipeline.landing.get(page))["crimes"]} for page in fetched.pages}
    crimes = {crime["id"]: crime for crime in history.first.state["/faction/crimes", "second"]["crimes"]}
    rows = [row for row in history.first.tables["faction_crimes"] if row["_account"] == "second"]

    assert len(landed) == 2
    assert len(rows) == 130
    assert all(landed[row["_raw_id"]][row["id"]] == crimes[row["id"]] for row in rows)


# --- the second time, after the world moved on ----------------------------------------------------------------------


def test_an_upsert_replaces_what_came_again_and_keeps_what_did_not(history: History) -> None:
    before, now = (expected(moment.state, "/faction/crimes") for moment in (history.first, history.second))
    still = {row["id"] for row in now["faction_crimes"]}
    (gone,) = {row["id"] for row in before["faction_crimes"]} - still
    kept = {table: [row for row in rows if gone in (row.get("id"), row.get("crime_id"))] for table, rows in before.items()}

    assert_tables(history.second.tables, {table: kept[table] + now[table] for table in CRIMES})
    assert len(kept["faction_crimes_slots"]) > 0
    assert {row["_fetch_id"] for row in history.second.tables["faction_crimes"] if row["id"] == gone} == {
        history.first.fetches["/faction/crimes", "default"]
    }


def test_the_children_of_a_root_are_replaced_with_it(history: History) -> None:
    (crime,) = [row for row in history.second.tables["faction_crimes"] if row["rewards_money"] == 2**40]
    before, now = (
        [(row["_index"], row["item_id"]) for row in moment.tables["faction_crimes_rewards_items"] if row["crime_id"] == crime["id"]]
        for moment in (history.first, history.second)
    )

    assert len(now) == len(before) - 1
    assert sorted(now) == [(index - 1, item) for index, item in sorted(before)[1:]]


@pytest.mark.parametrize("path", ["/faction/members", "/torn/items"])
def test_a_replaced_table_is_the_world_as_it_is_now(history: History, path: str) -> None:
    assert_tables(history.second.tables, expected(history.second.state, path))
    assert expected(history.second.state, path) != expected(history.first.state, path)


@pytest.mark.parametrize("path", APPENDED)
def test_an_appended_table_has_both_moments(history: History, path: str) -> None:
    for moment in (history.first, history.second):
        ids = {moment.fetches[path, account] for account in FACTIONS}
        rows = {table: [row for row in history.second.tables[table] if row["_fetch_id"] in ids] for table in TABLES[path]}
        assert_tables(rows, expected(moment.state, path))
    for table in TABLES[path]:
        counts = [len(expected(moment.state, path)[table]) for moment in (history.first, history.second)]
        assert len(history.second.tables[table]) == sum(counts)


def test_a_run_of_one_account_leaves_the_rows_of_the_other_as_they_were(history: History) -> None:
    for table in ALL_TABLES:
        if not table.startswith("torn_"):
            before, after = (
                [row for row in rows if row["_account"] == "second"] for rows in (history.first.tables[table], history.between[table])
            )
            assert before == after


def test_keys_are_unique_in_every_table(history: History) -> None:
    appended = {table for path in APPENDED for table in TABLES[path]}
    for table, rows in history.second.tables.items():
        key = (*KEYS[table], "_fetched_at") if table in appended else KEYS[table]
        assert len({tuple(row[name] for name in key) for row in rows}) == len(rows)


# --- from the landing -------------------------------------------------------------------------------------------------


def test_a_replay_into_nothing_gives_the_same_tables_without_a_call(history: History) -> None:
    platform = history.platform
    calls = len(platform.simulator.calls)
    (platform.settings.data_dir / "warehouse.duckdb").unlink()

    receipts = [receipt for _, receipt in steps.replay(platform.pipeline, ENDPOINTS)]

    assert len(receipts) == 2 * (len(history.first.fetches))
    assert platform.tables(*ALL_TABLES) == history.second.tables
    assert len(platform.simulator.calls) == calls


def test_a_replay_over_what_is_there_changes_nothing(history: History) -> None:
    platform = history.platform
    tables = (*CRIMES, *TABLES["/faction/basic"])
    before = platform.tables(*tables)

    list(steps.replay(platform.pipeline, ["faction_crimes", "faction_basic"]))

    assert platform.tables(*tables) == before


# --- faults -------------------------------------------------------------------------------------------------------------

PLACES = {"first page": 0, "middle page": 1, "last page": 2, "proof": 3}
PASSING: dict[str, Callable[[], Fault]] = {
    "error 5": lambda: ErrorCode(code=5),
    "error 15": lambda: ErrorCode(code=15),
    "error 17": lambda: ErrorCode(code=17, flat=True),
    "status 500": lambda: HttpStatus(status=500),
    "status 429": lambda: HttpStatus(status=429, retry_after="0"),
    "web page": Html,
    "half a body": HalfBody,
    "half a JSON": CutJson,
    "dropped connection": Drop,
}
FINAL: dict[str, tuple[Callable[[], Fault], type[PipelineError]]] = {
    "error 2": (lambda: ErrorCode(code=2), KeyRefused),
    "error 8": (lambda: ErrorCode(code=8), ApiClosed),
    "error 9": (lambda: ErrorCode(code=9), ApiClosed),
    "error 24": (lambda: ErrorCode(code=24), ApiClosed),
}


@dataclass(frozen=True, kw_only=True)
class Wide:
    """A platform whose first faction's crimes take three pages, all of it loaded once."""

    platform: Platform

    def plant(self, fault: Fault, place: str, *, times: int = 1) -> None:
        """Let the fault take the call of that page, or so many from there on."""
        fault.call = len(self.platform.simulator.calls) + 1 + PLACES[place]
        fault.times = times
        self.platform.simulator.faults.append(fault)

    def fetch(self) -> Fetch:
        """Fetch the crimes."""
        return steps.fetch(self.platform.pipeline, "faction_crimes", "default")

    def load(self) -> None:
        """Load the latest complete fetch, as a run does."""
        pipeline = self.platform.pipeline
        fetched = steps.latest_fetch(pipeline, "faction_crimes", "default")
        with steps.validate(pipeline, fetched) as prepared:
            steps.load(pipeline, fetched, prepared)

    def landed(self, fetched: Fetch) -> list[dict[str, Any]]:
        """The crimes that landed with a fetch, oldest first."""
        landing = self.platform.pipeline.landing
        crimes = {crime["id"]: crime for page in fetched.pages for crime in orjson.loads(landing.get(page))["crimes"]}
        return [crimes[crime_id] for crime_id in sorted(crimes)]

    def change(self) -> list[dict[str, Any]]:
        """Change every crime a little; the crimes after it, oldest first."""
        with self.platform.world.lock:
            for crime in self.platform.world.faction(FACTIONS["default"]).crimes:
                crime["difficulty"] += 1
        return self.crimes()

    def crimes(self) -> list[dict[str, Any]]:
        """The crimes as they are in the world now, oldest first."""
        crimes: list[dict[str, Any]] = state_of(self.platform.world)["/faction/crimes", "default"]["crimes"]
        return crimes

    def everything(self) -> tuple[Tables, list[str]]:
        """The tables, and the complete fetches in the landing."""
        landed = [fetched.fetch_id for fetched in self.platform.pipeline.landing.fetches("faction_crimes")]
        return self.platform.tables(*CRIMES), landed


@pytest.fixture(scope="module")
def opened_wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wide]:
    with open_platform(tmp_path_factory.mktemp("wide"), size=Size(members=12, crimes=250, items=12)) as platform:
        wide = Wide(platform=platform)
        wide.fetch()
        wide.load()
        yield wide


@pytest.fixture
def wide(opened_wide: Wide) -> Iterator[Wide]:
    yield opened_wide
    opened_wide.platform.simulator.faults.clear()
    opened_wide.platform.simulator.before_call = None


@pytest.mark.parametrize("kind", PASSING)
def test_a_fault_that_passes_is_recovered_from_whole(wide: Wide, kind: str) -> None:
    for place in PLACES:
        crimes = wide.change()
        calls = len(wide.platform.simulator.calls)
        wide.plant(PASSING[kind](), place)

        fetched = wide.fetch()

        assert (fetched.complete, fetched.rows, len(fetched.pages)) == (True, len(crimes), 3), place
        assert wide.landed(fetched) == crimes, place
        assert len(wide.platform.simulator.calls) == calls + len(PLACES) + 1, place

    wide.load()
    assert_tables(wide.platform.tables(*CRIMES), reference_tables("/faction/crimes", [{"crimes": wide.crimes()}]))


@pytest.mark.parametrize("kind", FINAL)
def test_a_fault_that_no_retry_can_help_leaves_everything_as_it_was(wide: Wide, kind: str) -> None:
    before = wide.everything()
    wide.change()
    fault, error = FINAL[kind]
    for place in PLACES:
        wide.plant(fault(), place)
        with pytest.raises(error):
            wide.fetch()
        forgive(wide.platform.settings.data_dir)

    assert wide.everything() == before
    last = wide.platform.pipeline.warehouse.fetches("faction_crimes").to_dicts()[-len(PLACES) :]
    assert [(one["complete"], one["pages"]) for one in last] == [(False, pages) for pages in PLACES.values()]


@pytest.mark.parametrize("place", PLACES)
def test_a_fault_that_stays_leaves_everything_as_it_was(wide: Wide, place: str) -> None:
    before = wide.everything()
    wide.change()
    for fault in PASSING.values():
        wide.plant(fault(), place, times=1_000)
        with pytest.raises(Transient):
            wide.fetch()
        wide.platform.simulator.faults.clear()

    assert wide.everything() == before


def test_what_failed_is_whole_at_the_next_try(wide: Wide) -> None:
    crimes = wide.change()
    wide.plant(Drop(), "last page", times=1_000)
    with pytest.raises(Transient):
        wide.fetch()
    wide.platform.simulator.faults.clear()

    wide.fetch()
    wide.load()

    assert_tables(wide.platform.tables(*CRIMES), reference_tables("/faction/crimes", [{"crimes": crimes}]))


def test_a_list_that_grows_while_it_is_read_is_read_whole(wide: Wide) -> None:
    world, second_page = wide.platform.world, len(wide.platform.simulator.calls) + 2

    def add_a_crime(number: int, path: str) -> None:
        if (number, path) == (second_page, "/faction/crimes"):
            world.add_crime(FACTIONS["default"], created_at=world.now)

    wide.platform.simulator.before_call = add_a_crime

    fetched = wide.fetch()
    wide.load()

    assert (len(wide.crimes()), fetched.repeated > 0) == (251, True)
    assert_tables(wide.platform.tables(*CRIMES), reference_tables("/faction/crimes", [{"crimes": wide.crimes()}]))
