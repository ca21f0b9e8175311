"""Endpoints with a history, through Dagster and the console script: what the tables hold is what the world was."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from torn_pipeline import steps
from torn_pipeline.assets import raw_key, table_key
from torn_pipeline.automation.in_process import run_endpoint
from torn_pipeline.definitions import build_defs
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import DuplicatePage, EmptyList, ErrorCode, Simulator, Size, World
from torn_pipeline.torn import day_span
from torn_pipeline_tests.ledger import know_keys

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torn_pipeline.ops.summary import RunOutcome

FACTION = 40_832
ENDPOINTS = {
    "faction_attacks": ("/faction/attacks", {}),
    "faction_news": ("/faction/news", {"cat": "main,attack,crime,membership"}),
    "faction_chains": ("/faction/chains", {}),
    "faction_rankedwars": ("/faction/rankedwars", {}),
}
CRIMES = {"faction_crimes_open": "available", "faction_crimes_done": "completed", "faction_crimes_expired": "expired"}
BY_ID = {
    "faction_rankedwarreport": ("/faction/{rankedWarId}/rankedwarreport", "faction_rankedwars.id"),
    "faction_chainreport": ("/faction/{chainId}/chainreport", "faction_chains.id"),
}
DAYS = 6  # of the world's life before a test begins


@dataclass(kw_only=True)
class Harness:
    world: World
    simulator: Simulator
    settings: Settings
    instance: dg.DagsterInstance
    defs: dg.Definitions

    @property
    def pipeline(self) -> steps.Pipeline:
        return steps.open_pipeline(self.settings)

    def run(self, endpoint: str = "faction_attacks", day: date | None = None, **options: bool) -> RunOutcome:
        return run_endpoint(self.defs, self.instance, self.pipeline.plan(endpoint), "default", day, **options)

    def truth(self, endpoint: str) -> list[Any]:
        """The ids of what the faction has a history of, from the world's own state."""
        faction = self.world.faction(FACTION)
        categories = set(ENDPOINTS["faction_news"][1]["cat"].split(","))
        return sorted(
            {
                "faction_attacks": [row["id"] for row in faction.attacks],
                "faction_news": [row["id"] for category, row in faction.news if category in categories],
                "faction_chains": [row["id"] for row in faction.chains],
                "faction_rankedwars": [war["id"] for war in self.world.ranked_wars if FACTION in {one["id"] for one in war["factions"]}],
            }[endpoint]
        )

    def ids(self, endpoint: str) -> list[Any]:
        return sorted(self.pipeline.warehouse.read(endpoint, columns=["id"])["id"].to_list())

    def gaps(self, endpoint: str = "faction_attacks") -> list[Any]:
        plan, now = self.pipeline.plan(endpoint), datetime.now(UTC)
        return steps.missing(self.pipeline, plan, "default", plan.endpoint.since, now.date(), now=now)

    def check(self, endpoint: str = "faction_attacks") -> dg.AssetCheckEvaluation:
        """The last result of the check of completeness."""
        key = dg.AssetCheckKey(table_key(endpoint), "completeness")
        (record,) = self.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        assert record.event is not None
        assert record.event.dagster_event is not None
        return record.event.dagster_event.asset_check_evaluation_data


@contextmanager
def opened(folder: Path, *, attacks: int = 400) -> Iterator[Harness]:
    """A world that has lived for some days up to now, and a pipeline that knows nothing of it yet."""
    now = int(time.time())
    world = World(size=Size(members=14, crimes=6, items=12, attacks=attacks), now=now - DAYS * 86_400)
    world.advance_to(now)
    for _ in range(3):
        world.add_crime(FACTION)
    since = (datetime.now(UTC) - timedelta(days=40)).date()
    endpoints = [
        {"name": name, "path": path, "params": params, "frequency": "PT15M", "storage_mode": "upsert"}
        for name, (path, params) in ENDPOINTS.items()
    ]
    endpoints += [
        {"name": name, "path": path, "ids_from": ids_from, "frequency": "PT1H", "storage_mode": "upsert"}
        for name, (path, ids_from) in BY_ID.items()
    ]
    crimes = {"path": "/faction/crimes", "table": "faction_crimes", "frequency": "PT15M", "storage_mode": "upsert"}
    endpoints += [{"name": name, "params": {"cat": category}, **crimes} for name, category in CRIMES.items()]
    defaults = {"max_retries": 0, "rate_limit": 10_000, "since": since.isoformat()}
    (folder / "pipeline.json").write_text(json.dumps({"defaults": defaults, "endpoints": endpoints}))
    with Simulator(world, calls_per_window=10_000, cache_seconds=30) as simulator, dg.DagsterInstance.ephemeral() as instance:
        settings = Settings(
            api_url=simulator.url,
            config=folder / "pipeline.json",
            data_dir=folder / "data",
            dagster_home=folder / "dagster",
            keys={"default": (next(iter(world.keys)),)},
            rate_window=0.01,
        )
        know_keys(settings.data_dir, world)
        yield Harness(world=world, simulator=simulator, settings=settings, instance=instance, defs=build_defs(settings))


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    with opened(tmp_path) as found:
        yield found


def test_the_first_run_brings_all_there_is_and_the_next_what_is_new(harness: Harness) -> None:
    for endpoint in ENDPOINTS:
        assert not harness.run(endpoint).error
        assert harness.ids(endpoint) == harness.truth(endpoint)
        assert not harness.gaps(endpoint)
        assert harness.check(endpoint).passed
    calls = harness.simulator.received
    for _ in range(3):
        harness.world.add_attack(FACTION)
    harness.world.advance_to(int(time.time()) + 1)
    time.sleep(1.1)  # an attack of this second may not be asked for before it is over
    assert not harness.run("faction_attacks").error
    assert harness.ids("faction_attacks") == harness.truth("faction_attacks")
    assert harness.simulator.received - calls <= 3, "only what is new is asked for"
    assert harness.check().passed


def test_a_day_is_fetched_whole_and_alone(harness: Harness) -> None:
    day = (datetime.now(UTC) - timedelta(days=2)).date()
    assert not harness.run(day=day).error
    begin = int(datetime.combine(day, datetime.min.time(), UTC).timestamp())
    wanted = sorted(row["id"] for row in harness.world.faction(FACTION).attacks if begin <= row["ended"] < begin + 86_400)
    assert wanted
    assert harness.ids("faction_attacks") == wanted
    check = harness.check()
    assert not check.passed
    assert check.metadata["days_missing"].value == 40  # all but the one, today among them


def test_days_that_are_chosen_together_are_one_run(harness: Harness) -> None:
    """As the UI's backfill asks for them: a range of partitions."""
    today = datetime.now(UTC).date()
    first, last = (f"default|{today - timedelta(days=days)}" for days in (5, 1))
    job = harness.defs.resolve_job_def("faction_attacks")
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    result = job.execute_in_process(instance=harness.instance, tags=tags)
    keys = {event.partition for event in result.get_asset_materialization_events() if event.asset_key == raw_key("faction_attacks")}
    assert keys == {f"default|{today - timedelta(days=days)}" for days in range(1, 6)}
    assert len(harness.pipeline.warehouse.fetches("faction_attacks")) == 1
    plan, now = harness.pipeline.plan("faction_attacks"), datetime.now(UTC)
    assert not steps.missing(harness.pipeline, plan, "default", today - timedelta(days=5), today - timedelta(days=1), now=now)


def test_a_backfill_takes_what_has_landed_and_nothing_that_is_complete(harness: Harness) -> None:
    plan, today = harness.pipeline.plan("faction_attacks"), datetime.now(UTC).date()
    first, last = today - timedelta(days=5), today - timedelta(days=2)
    list(steps.fetch_span(harness.pipeline, "faction_attacks", "default", day_span(first, last)))
    assert not harness.run(day=last + timedelta(days=1)).error  # loaded later than what has only landed
    tags = {
        "dagster/backfill": "a",
        "dagster/asset_partition_range_start": f"default|{first}",
        "dagster/asset_partition_range_end": f"default|{last}",
    }
    job, calls = harness.defs.resolve_job_def("faction_attacks"), harness.simulator.received
    for _ in range(2):
        assert job.execute_in_process(instance=harness.instance, tags=tags).success
        assert harness.simulator.received == calls
        assert not steps.missing(harness.pipeline, plan, "default", first, last, now=datetime.now(UTC))
    full = {"ops": {"raw__faction_attacks": {"config": {"full": True}}}}
    assert job.execute_in_process(instance=harness.instance, tags=tags, run_config=full).success
    assert harness.simulator.received > calls


def test_what_landed_is_loaded_before_the_api_is_asked(harness: Harness) -> None:
    plan, gaps = harness.pipeline.plan("faction_attacks"), harness.gaps()
    time.sleep(1.1)  # a fetch proves nothing of the second in which it began
    (landed,) = steps.fetch_new(harness.pipeline, plan, "default")
    calls = harness.simulator.received
    assert [fetched.fetch_id for fetched, _ in steps.fill(harness.pipeline, plan, "default", gaps)] == [landed.fetch_id]
    assert harness.simulator.received == calls
    assert harness.ids("faction_attacks") == harness.truth("faction_attacks")
    assert not harness.gaps()


def test_a_window_with_too_much_in_it_is_split(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torn_pipeline.steps.fetching._MOST_PAGES", 2)
    assert not harness.run().error
    fetches = harness.pipeline.warehouse.fetches("faction_attacks").sort("window_from")
    assert len(fetches) > 2
    assert fetches["window_from"].to_list()[1:] == fetches["window_to"].to_list()[:-1]
    assert harness.ids("faction_attacks") == harness.truth("faction_attacks")
    assert not harness.gaps()


@pytest.mark.parametrize("fault", [EmptyList(call=3), DuplicatePage(call=3), ErrorCode(code=17, call=3)], ids=type)
def test_a_fault_on_the_way_is_overcome_or_refused(harness: Harness, fault: Any) -> None:  # noqa: ANN401 - any of the simulator's
    harness.simulator.faults.append(fault)
    if harness.run().error:
        assert harness.pipeline.warehouse.fetches("faction_attacks").filter(complete=True).is_empty()
        assert not harness.run().error
    assert harness.ids("faction_attacks") == harness.truth("faction_attacks")
    assert not harness.gaps()


def test_an_empty_week_is_complete(tmp_path: Path) -> None:
    with opened(tmp_path, attacks=0) as harness:
        harness.world.faction(FACTION).attacks.clear()
        assert not harness.run().error
        assert harness.ids("faction_attacks") == []
        assert not harness.gaps()


def test_a_run_for_all_there_is_reads_it_again(harness: Harness) -> None:
    assert not harness.run().error
    assert not harness.run(full=True).error
    windows = harness.pipeline.warehouse.fetches("faction_attacks")["window_from"].to_list()
    assert windows[0] == windows[1]
    assert harness.ids("faction_attacks") == harness.truth("faction_attacks")


def report_ids(harness: Harness, endpoint: str) -> list[int]:
    return sorted(harness.pipeline.warehouse.read(endpoint, columns=["id"])["id"].to_list())


def test_every_id_is_asked_for_once_when_its_answer_is_final(harness: Harness) -> None:
    harness.run("faction_chains")
    chains = harness.truth("faction_chains")
    assert len(chains) > 1
    assert not harness.run("faction_chainreport").error
    assert report_ids(harness, "faction_chainreport") == chains
    calls = harness.simulator.received
    outcome = harness.run("faction_chainreport")
    assert not outcome.error
    assert harness.simulator.received == calls


def test_an_id_whose_answer_still_changes_is_asked_for_again(harness: Harness) -> None:
    plan = harness.pipeline.plan("faction_rankedwarreport")

    def rewrite(moment: int) -> None:
        harness.world.advance(31)  # the API's cache is older then
        with harness.world.lock:
            for war in harness.world.ranked_wars:
                war["end"] = moment
        assert not harness.run("faction_rankedwars", full=True).error

    wars = harness.truth("faction_rankedwars")
    rewrite(0)  # as if they went on
    assert not harness.run("faction_rankedwarreport").error
    assert set(steps.ids_due(harness.pipeline, plan, "default")) >= set(wars)
    rewrite(int(time.time()) + 3600)  # they will have ended since the report was read
    assert set(steps.ids_due(harness.pipeline, plan, "default")) >= set(wars)


def test_ids_that_landed_are_loaded_and_not_asked_for_again(harness: Harness) -> None:
    """As after a kill between the fetches and their load."""
    harness.run("faction_chains")
    plan = harness.pipeline.plan("faction_chainreport")
    fetched = list(steps.fetch_ids(harness.pipeline, plan, "default"))
    assert len(fetched) == len(harness.truth("faction_chains"))
    calls = harness.simulator.received
    assert not harness.run("faction_chainreport").error
    assert harness.simulator.received == calls
    assert report_ids(harness, "faction_chainreport") == harness.truth("faction_chains")


def test_an_id_that_the_api_refuses_leaves_the_others_alone(harness: Harness, caplog: pytest.LogCaptureFixture) -> None:
    harness.run("faction_chains")
    first, *others = harness.truth("faction_chains")
    harness.simulator.faults.append(ErrorCode(code=6, path=f"/faction/{first}/chainreport"))
    assert not harness.run("faction_chainreport").error
    assert {record.levelname for record in caplog.records if "chainreport" in record.getMessage()} == {"WARNING"}  # nothing was given up
    assert report_ids(harness, "faction_chainreport") == others
    assert steps.ids_due(harness.pipeline, harness.pipeline.plan("faction_chainreport"), "default") == [first]


def test_without_any_id_the_tables_are_there_and_empty(tmp_path: Path) -> None:
    with opened(tmp_path, attacks=0) as harness:
        harness.world.faction(FACTION).chains.clear()
        harness.run("faction_chains")
        assert not harness.run("faction_chainreport").error
        assert report_ids(harness, "faction_chainreport") == []


def test_ids_of_a_table_that_is_not_there_are_an_error(harness: Harness) -> None:
    error = harness.run("faction_chainreport").error
    assert "takes its ids from faction_chains.id, which is not in the DuckDB file" in error
    assert "torn-pipeline materialize faction_chains first" in error


# --- crimes: open ones as a list, the others by when they ended ---------------------------------------------------


def crimes_of(harness: Harness) -> list[tuple[int, str]]:
    rows = harness.pipeline.warehouse.read("faction_crimes", columns=["id", "status"]).rows()
    return sorted(rows)


def expire(harness: Harness, crime: dict[str, Any]) -> None:
    with harness.world.lock:
        crime |= {"status": "Expired", "expired_at": int(time.time()) - 7200}
    harness.world.advance(31)  # the API's cache is older then


def true_crimes(harness: Harness) -> list[tuple[int, str]]:
    return sorted((crime["id"], crime["status"]) for crime in harness.world.faction(FACTION).crimes)


def test_crimes_of_all_kinds_come_into_one_table(harness: Harness) -> None:
    expire(harness, harness.world.faction(FACTION).crimes[-1])
    for endpoint in CRIMES:
        assert not harness.run(endpoint).error
    assert crimes_of(harness) == true_crimes(harness)
    assert {status for _, status in crimes_of(harness)} >= {"Recruiting", "Successful", "Expired"}
    for endpoint in ("faction_crimes_done", "faction_crimes_expired"):
        assert not harness.gaps(endpoint)
    assert harness.check("faction_crimes").passed


def test_a_crime_that_is_open_no_more_is_looked_up(harness: Harness) -> None:
    assert not harness.run("faction_crimes_open").error
    crime = next(crime for crime in harness.world.faction(FACTION).crimes if crime["status"] == "Recruiting")
    expire(harness, crime)
    assert not harness.run("faction_crimes_open").error
    assert (crime["id"], "Expired") in crimes_of(harness)
    assert set(crimes_of(harness)) <= set(true_crimes(harness))
    paths = [call.path for call in harness.simulator.calls if call.path.endswith("/crime")]
    assert paths == [f"/faction/{crime['id']}/crime"]
    assert not harness.run("faction_crimes_open").error
    assert len([call for call in harness.simulator.calls if call.path.endswith("/crime")]) == 1


def test_what_was_looked_up_is_there_after_a_replay(harness: Harness, tmp_path: Path) -> None:
    harness.run("faction_crimes_open")
    crime = next(crime for crime in harness.world.faction(FACTION).crimes if crime["status"] == "Recruiting")
    expire(harness, crime)
    harness.run("faction_crimes_open")
    wanted = crimes_of(harness)
    assert (crime["id"], "Expired") in wanted
    other = steps.open_pipeline(replace(harness.settings, warehouse=f"duckdb:///{tmp_path}/again.duckdb"))
    assert all(not isinstance(outcome, Exception) for _, outcome in steps.replay(other, ["faction_crimes_open"]))
    assert sorted(other.warehouse.read("faction_crimes", columns=["id", "status"]).rows()) == wanted


def test_an_open_crime_that_the_api_knows_no_more_is_marked(harness: Harness) -> None:
    harness.run("faction_crimes_open")
    crime = next(crime for crime in harness.world.faction(FACTION).crimes if crime["status"] == "Recruiting")
    with harness.world.lock:
        harness.world.faction(FACTION).crimes.remove(crime)
    harness.world.advance(31)  # the API's cache is older then
    assert not harness.run("faction_crimes_open").error
    marked = {row["id"]: row["_missing_since"] for row in harness.pipeline.warehouse.read("faction_crimes").to_dicts()}
    assert marked[crime["id"]] is not None
    assert [thing for thing, since in marked.items() if since] == [crime["id"]]
