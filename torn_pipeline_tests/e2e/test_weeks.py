"""Four weeks of two factions: the tables are what the world was, value by value, whatever went wrong meanwhile.

Once with the shipped storage modes: about 69 ticks, three a day, at which 128 fetches in 460 calls meet 62 faults of every
kind there is; 46 of these fetches recover, 16 fail, and under 37 the world moves while they ask; 11,300 rows are loaded, and
840 remain. Once with other modes: 72 ticks, 97 fetches in 270 calls, 39 faults, of which 23 recover and 16 fail, the world
moves under 25; 6,000 rows are loaded, and 710 remain.

The accounts take turns. The tables are held against the world's state after every fetch on one day of each week, and in the
evening of the others, when what was fetched in a day is loaded in one transaction. Then everything is asked once more in a
world that stands still, and the landing is loaded into an empty warehouse.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count, pairwise, takewhile
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from torn_pipeline import steps
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import FAULTS, Simulator, Size, World
from torn_pipeline.simulator.chance import Chance
from torn_pipeline.tables.contracts import CONTRACTS
from torn_pipeline_tests.dagster.running import write_config
from torn_pipeline_tests.e2e.weeks import DAY, HOUR, IMPATIENCE, Change, Trouble, Weeks, second_key
from torn_pipeline_tests.e2e.weeks_truth import ENDPOINTS, FACTIONS, body_of, known, roots_of, state_of
from torn_pipeline_tests.reference import TABLES, differences, reference_tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from torn_pipeline_tests.e2e.weeks_truth import Taken
    from torn_pipeline_tests.reference import Rows

WEEKS, TICKS_A_DAY = 4, 3
PAGE = 9
SIZE = Size(members=14, crimes=24, items=16, attacks=0)
MEMBERS, MOST_CRIMES = (11, 18), 32
PERIODS = {"faction_members": 3, "torn_items": 9, "faction_basic": 7, "faction_balance": 7}
TROUBLED, MOVING = 0.5, 0.5


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is lived through: the world's seed, the storage modes that are not the shipped ones, and every how many ticks crimes are due."""

    seed: int
    modes: Mapping[str, str]
    crimes: int = 1


PLANS = {
    "shipped modes": Plan(seed=11, modes={}),
    "other modes": Plan(
        seed=12,
        crimes=2,
        modes={
            "faction_crimes": "replace",
            "faction_members": "append",
            "torn_items": "upsert",
            "faction_basic": "upsert",
            "faction_balance": "replace",
        },
    ),
}


@contextmanager
def open_weeks(folder: Path, plan: Plan) -> Iterator[Weeks]:
    world = World(seed=plan.seed, size=SIZE)
    first, second = world.keys
    keys = {"default": (first,), "second": (second, second_key(world, "second"))}
    config = write_config(folder, endpoints={name: {"storage_mode": mode} for name, mode in plan.modes.items()})
    contracts = dict(CONTRACTS) | {"/faction/crimes": replace(CONTRACTS["/faction/crimes"], page_size=PAGE)}
    with Simulator(world, calls_per_window=1_000_000) as simulator, pytest.MonkeyPatch.context() as patch:
        patch.setattr("torn_pipeline.plan.CONTRACTS", contracts)
        given: dict[str, Any] = {"dagster_home": folder / "dagster", "rate_window": 0.01, "keys": keys}
        settings = Settings(api_url=simulator.url, config=config, data_dir=folder / "data", **given)
        yield Weeks(
            world=world,
            simulator=simulator,
            patient=steps.open_pipeline(settings),
            impatient=steps.open_pipeline(settings, [f"defaults.timeout={IMPATIENCE}"]),
            trouble=Trouble(chance=Chance(plan.seed, "trouble"), page=PAGE),
            change=Change(chance=Chance(plan.seed, "change"), world=world, most_crimes=MOST_CRIMES, members=MEMBERS),
        )


def live(weeks: Weeks, plan: Plan) -> None:
    """Let the days pass: on one of each week every fetch is loaded at once, on the others all of a day's in one transaction."""
    chance = Chance(weeks.world.seed, "weeks")
    periods = {"faction_crimes": plan.crimes, **PERIODS}
    for day in takewhile(lambda _: weeks.world.now < weeks.born + WEEKS * 7 * DAY, count()):
        if day % 7 == 0:
            for endpoint in pass_day(weeks, periods, day, chance):
                check(weeks, endpoint)
        else:
            with weeks.held():
                run = set(pass_day(weeks, periods, day, chance))
            check(weeks, *run)


def pass_day(weeks: Weeks, periods: Mapping[str, int], day: int, chance: Chance) -> Iterator[str]:
    """Run what is due at each tick of a day, the accounts in turn; tells each endpoint when it has been run."""
    for tick in range(day * TICKS_A_DAY, (day + 1) * TICKS_A_DAY):
        weeks.tick = tick
        weeks.world.advance(chance.randint(4 * HOUR, 12 * HOUR))
        for account in FACTIONS:
            weeks.change.between(account)
        for place, (endpoint, period) in enumerate(periods.items()):
            if (tick + place) % period == 0:
                accounts = weeks.accounts_of(endpoint)
                account = accounts[tick // period % len(accounts)]
                weeks.run(endpoint, account, moves=chance.yes(MOVING), trouble=chance.yes(TROUBLED))
                yield endpoint


def check(weeks: Weeks, *endpoints: str) -> None:
    known = {name for name, _ in weeks.taken}
    weeks.problems += [f"tick {weeks.tick}: {problem}" for name in known.intersection(endpoints) for problem in weeks.check(name)]


def come_to_rest(weeks: Weeks) -> None:
    """Once more everything, in a world that stands still and an API that works."""
    for endpoint in ENDPOINTS:
        for account in weeks.accounts_of(endpoint):
            assert weeks.run(endpoint, account).error == ""
    check(weeks, *ENDPOINTS)


@dataclass(frozen=True, kw_only=True)
class Lived:
    """The weeks when they are over, and every table by then."""

    weeks: Weeks
    tables: Mapping[str, Rows]

    @property
    def taken(self) -> list[tuple[str, Taken]]:
        """Every fetch that was loaded, with its endpoint."""
        return [(endpoint, one) for (endpoint, _), all_taken in self.weeks.taken.items() for one in all_taken]


@pytest.fixture(scope="module", params=PLANS)
def lived(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    plan = PLANS[request.param]
    with open_weeks(tmp_path_factory.mktemp("weeks"), plan) as weeks:
        live(weeks, plan)
        come_to_rest(weeks)
        yield Lived(weeks=weeks, tables=weeks.tables())


def test_at_every_time_the_tables_are_what_the_world_was(lived: Lived) -> None:
    assert lived.weeks.problems == []


def test_at_the_end_the_tables_are_what_the_world_is(lived: Lived) -> None:
    weeks = lived.weeks
    for endpoint, path in ENDPOINTS.items():
        for account in weeks.accounts_of(endpoint):
            last = weeks.taken[endpoint, account][-1].fetch.fetch_id
            state = state_of(weeks.world, path, account)
            for table, wanted in reference_tables(path, [body_of(path, list(state.values()))], account=account).items():
                rows = [row for row in lived.tables[table] if row["_account"] == account]
                fresh = [known(row) for row in rows if row["_fetch_id"] == last]
                assert differences(table, fresh, wanted) == []
                assert len(fresh) == len(rows) or weeks.mode_of(endpoint) != "replace"


def test_what_is_gone_is_kept_as_it_was_seen_last(lived: Lived) -> None:
    """What the tables hold beyond the world: forgotten crimes where they are upserted, and every fetch where it is appended."""
    weeks = lived.weeks
    for endpoint, path in ENDPOINTS.items():
        root = TABLES[path][0]
        held = len(lived.tables[root])
        there = sum(len(state_of(weeks.world, path, account)) for account in weeks.accounts_of(endpoint))
        taken = [one for name, one in lived.taken if name == endpoint]
        met = {"append": sum(len(one.certain) for one in taken), "replace": there}
        assert held >= met.get(weeks.mode_of(endpoint), there)
        if path == "/faction/crimes" or weeks.mode_of(endpoint) == "append":
            assert (held > there) == (weeks.mode_of(endpoint) != "replace")


def test_it_was_four_weeks_in_which_everything_went_wrong(lived: Lived) -> None:
    weeks = lived.weeks
    assert weeks.world.now - weeks.born > WEEKS * 7 * DAY
    assert {kind for road in weeks.roads for kind in road.struck} == set(FAULTS)
    failed = [road for road in weeks.roads if not road.complete]
    assert len(failed) > 5
    assert all(road.struck for road in failed)
    assert len([road for road in weeks.roads if road.complete and road.struck]) > 15
    assert len([road for road in weeks.roads if road.complete and road.states > 1]) > 15


def test_it_was_four_weeks_in_which_the_world_lived(lived: Lived) -> None:
    crimes: dict[int, list[dict[str, Any]]] = {}
    for endpoint, one in lived.taken:
        for crime_id, crime in one.states[-1].items() if endpoint == "faction_crimes" else ():
            crimes.setdefault(crime_id, []).append(orjson.loads(crime))
    assert {(forms[0]["status"], forms[-1]["status"]) for forms in crimes.values()} > {
        ("Recruiting", "Successful"),
        ("Recruiting", "Expired"),
    }
    lost = [pair for forms in crimes.values() for pair in pairwise(forms) if lost_a_member(*pair)]
    assert lost or lived.weeks.mode_of("faction_crimes") != "upsert"
    for account in FACTIONS:
        first, *_, last = [one.certain for one in lived.weeks.taken["faction_members", account]]
        assert first - last
        assert last - first


def lost_a_member(then: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    return any(before["user"] and not after["user"] for before, after in zip(then["slots"], now["slots"], strict=False))


def test_the_platforms_own_tables_agree(lived: Lived) -> None:
    weeks, warehouse = lived.weeks, lived.weeks.patient.warehouse
    fetches = warehouse.fetches().to_dicts()
    loaded = {one.fetch.fetch_id: (endpoint, one) for endpoint, one in lived.taken}
    assert {row["_fetch_id"] for row in fetches if row["complete"]} == loaded.keys()
    told = [road for road in weeks.roads if not road.complete and not road.held]
    assert sorted(row["error"] for row in fetches if not row["complete"]) == sorted(road.error for road in told)
    loads = warehouse.query("SELECT _fetch_id, table_name, rows FROM torn_meta.loads").to_pylist()
    assert sorted((row["_fetch_id"], row["table_name"]) for row in loads) == sorted(
        (fetch_id, table) for fetch_id, (endpoint, _) in loaded.items() for table in TABLES[ENDPOINTS[endpoint]]
    )
    for row in loads:
        endpoint, one = loaded[row["_fetch_id"]]
        if row["table_name"] == endpoint:
            assert len(one.certain) <= row["rows"] == one.fetch.rows - one.fetch.repeated <= len(one.possible)
    assert warehouse.quarantined() == []
    status = {(state.endpoint, state.account): state for state in warehouse.status()}
    assert {pair: state.fetch_id for pair, state in status.items()} == {
        pair: taken[-1].fetch.fetch_id for pair, taken in weeks.taken.items()
    }


def test_nothing_in_the_landing_is_in_part(lived: Lived) -> None:
    weeks, landing = lived.weeks, lived.weeks.patient.landing
    for endpoint, path in ENDPOINTS.items():
        landed = list(landing.fetches(endpoint))
        assert [fetched.fetch_id for fetched in landed] == sorted(one.fetch.fetch_id for name, one in lived.taken if name == endpoint)
        for fetched in landed:
            rows = [row for page in fetched.pages for row in roots_of(path, landing.get(page))]
            assert (len(rows), len(set(rows))) == (fetched.rows, fetched.rows - fetched.repeated)
    files = [file for file in landing.root.rglob("*") if file.is_file()]
    assert [file for file in files if not file.name.endswith((".fetch.json", ".json.zst"))] == []
    assert len([file for file in files if file.name.endswith(".fetch.json")]) == len(weeks.roads)


def test_the_landing_alone_gives_the_same_tables(lived: Lived) -> None:
    weeks = lived.weeks
    weeks.warehouse.unlink()
    calls = weeks.simulator.received

    done = steps.rebuild(weeks.patient, list(ENDPOINTS))

    assert len(done) == len(lived.taken)
    assert weeks.simulator.received == calls
    assert weeks.tables() == lived.tables
