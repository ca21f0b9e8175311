"""The way of the data: its ten steps in their order, and its three stages, each alone. ``docs/flow.md`` tells of them."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from torn_pipeline import steps
from torn_pipeline.assets import HEALTH, REPORT, raw_key, table_key
from torn_pipeline.automation.looking import Looks, look_around
from torn_pipeline.correlation import bound_fields
from torn_pipeline.quality.validate import Validator
from torn_pipeline.simulator import HttpStatus
from torn_pipeline.tables.findings import Kind
from torn_pipeline_tests.dagster.graph import shipped_definitions
from torn_pipeline_tests.dagster.running import ENDPOINTS, Platform
from torn_pipeline_tests.dagster.test_runs import CRIMES, FIRST, crimes_of, failure, materialized

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torn_pipeline.tables.normalise import Batch

STEPS = ("detect", "ask", "land", "validate", "normalise", "judge", "load", "check again", "measure", "tell")
NOWHERE = "http://127.0.0.1:9"  # where nothing listens
ASKED_OF_THE_WAREHOUSE = ("relations", "nulls", "freshness", "volume")

Timeline = list[tuple[float, str]]
"""When each step was seen to be taken."""


@pytest.fixture
def platform(platform: Platform, tmp_path: Path) -> Iterator[Platform]:
    """The usual one, on an instance that has schedules."""
    folder = tmp_path / "instance"
    folder.mkdir()
    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        platform.instance = instance
        yield platform


def look(platform: Platform, looks: Looks | None = None, at: datetime | None = None) -> tuple[str, list[dg.AssetCheckEvaluation]]:
    """Let the alerts look, as their sensor does; what it says, and the news of freshness."""
    pipeline = platform.pipeline
    plans = [pipeline.plan(name) for name in ENDPOINTS]
    return look_around(platform.instance, pipeline, plans, (), looks or Looks(), at or datetime.now(UTC), platform.checks)


def now() -> float:
    return datetime.now(UTC).timestamp()


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged, with what each record belongs to, as the log file has it."""

    def bind(record: logging.LogRecord) -> bool:
        record.__dict__.update({name: value for name, value in bound_fields().items() if name not in record.__dict__})
        return True

    caplog.set_level(logging.INFO, logger="torn_pipeline")
    caplog.handler.addFilter(bind)
    yield caplog
    caplog.handler.removeFilter(bind)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Timeline:
    """What is seen where rows are handed to the rules, and where they come back."""
    seen: Timeline = []
    judge = Validator.validate

    def watched(self: Validator, batch: Batch) -> Batch:
        if batch.rejected:
            seen.append((now(), "validate"))
        frame = batch.frames["faction_crimes"]
        if frame.height == batch.roots - len(batch.rejected) and str(frame.schema["created_at"]).startswith("Datetime"):
            seen.append((now(), "normalise"))
        assert Kind.RULE not in {finding.kind for finding in batch.findings}
        found = judge(self, batch)
        if Kind.RULE in {finding.kind for finding in found.findings}:
            seen.append((now(), "judge"))
        return found

    monkeypatch.setattr(Validator, "validate", watched)
    return seen


def spoil(platform: Platform) -> None:
    """Let one crime be broken, and another one be against a rule."""
    broken = next(crime for crime in crimes_of(platform) if crime["status"] == "Planning")
    broken["difficulty"] = "hard"
    failed = next(crime for crime in crimes_of(platform) if crime["status"] == "Failure")
    failed["rewards"] = {"money": 5, "items": [], "respect": 1, "scope": 0, "payout": None}


def detected(platform: Platform, seen: Timeline) -> dg.RunRequest:
    """What the schedule of the crimes asks for at its next moment."""
    schedule = platform.defs.resolve_schedule_def("faction_crimes_schedule")
    context = dg.build_schedule_context(
        instance=platform.instance, scheduled_execution_time=datetime.now(UTC), repository_def=platform.defs.get_repository_def()
    )
    request = next(one for one in schedule.evaluate_tick(context).run_requests or () if one.partition_key == "default")
    seen.append((now(), "detect"))
    return request


def events(platform: Platform, result: dg.ExecuteInProcessResult, kind: dg.DagsterEventType) -> list[tuple[float, dg.DagsterEvent]]:
    """The events of a kind in the log of a run, with their moments."""
    logged = platform.instance.all_logs(result.run_id, of_type=kind)
    return [(entry.timestamp, entry.dagster_event) for entry in logged if entry.dagster_event]


def results(platform: Platform, result: dg.ExecuteInProcessResult) -> tuple[list[float], list[float]]:
    """When the tables of a run were told to be written, and when the checks were that ask the warehouse."""
    written = events(platform, result, dg.DagsterEventType.ASSET_MATERIALIZATION)
    checked = events(platform, result, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    return (
        [at for at, event in written if event.asset_key and event.asset_key.path[0] == "torn"],
        [at for at, event in checked if event.asset_check_evaluation_data.check_name in ASKED_OF_THE_WAREHOUSE],
    )


def records(log: pytest.LogCaptureFixture, name: str) -> list[Any]:
    """The records of the log with a field of this name."""
    return [record for record in log.records if hasattr(record, name)]


def test_the_ten_steps_are_taken_in_their_order(platform: Platform, judged: Timeline, log: pytest.LogCaptureFixture) -> None:
    look(platform)  # what is there before is no news
    spoil(platform)
    seen: Timeline = []

    request = detected(platform, seen)
    run = platform.run("faction_crimes", tags=request.tags)
    assert run.success
    assert platform.tags(run)["torn/tick"] == request.tags["torn/tick"]
    measured = platform.run("ops_health")
    look(platform)

    (called,) = [one for one in records(log, "call_id") if getattr(one, "path", "") == "/faction/crimes"]
    (landed,) = records(log, "raw_id")
    (loaded,) = records(log, "tables")
    (written, checked), told = results(platform, run), [one for one in log.records if " took alert " in one.getMessage()]
    (row,) = platform.pipeline.warehouse.query("SELECT * FROM torn_meta.loads WHERE table_name = 'faction_crimes'").to_pylist()
    (landing,) = (platform.settings.data_dir / "landing").rglob("*.fetch.json")
    seen += [(called.created, "ask"), (landed.created, "land"), *judged, (loaded.created, "load"), (checked[0], "check again")]
    seen += [(at, "measure") for at, _ in events(platform, measured, dg.DagsterEventType.ASSET_OBSERVATION)[:1]]
    seen += [(told[0].created, "tell")]

    assert tuple(step for _, step in sorted(seen)) == STEPS
    assert landing.stat().st_mtime < row["loaded_at"].timestamp() < written[0] <= written[-1] < checked[0]
    # It is one fetch all the way: what was asked, what landed, what was loaded, what is told.
    assert {one.fetch_id for one in (called, landed, loaded)} == {row["_fetch_id"]} == {landing.name.removesuffix(".fetch.json")}
    assert {one.run_id for one in (called, landed, loaded)} == {row["run_id"]} == {run.run_id}
    assert (landed.call_id, landed.rows, row["rows"]) == (called.call_id, 40, 39)
    assert {one["_raw_id"] for one in platform.rows("faction_crimes")} == {landed.raw_id}
    assert [one.getMessage().partition(": ")[2] for one in told] == [
        "rows of faction_crimes for default cannot be read (2 things)",
        "check rules of torn/faction_crimes for default warns",
    ]


# --- the graph -------------------------------------------------------------------------------------------------


def test_every_table_is_below_the_answer_it_is_made_of_and_above_what_measures_it() -> None:
    graph = shipped_definitions().resolve_asset_graph()
    tables = {key for key in graph.get_all_asset_keys() if key.path[0] == "torn"}

    assert tables == graph.get(HEALTH).parent_keys
    assert graph.get(REPORT).parent_keys == {HEALTH}
    for key in tables:
        (above,) = graph.get_ancestor_asset_keys(key)
        assert above.path[0] == "raw"
        assert key.path[-1].startswith(above.path[-1])


def test_nothing_is_started_because_something_else_was_made() -> None:
    definitions = shipped_definitions()
    graph = definitions.resolve_asset_graph()

    assert {graph.get(key).automation_condition for key in graph.get_all_asset_keys()} == {None}
    assert definitions.resolve_job_def("ops_health").asset_layer.executable_asset_keys == {HEALTH}


# --- each stage alone ------------------------------------------------------------------------------------------


def cut_off(platform: Platform) -> None:
    """Let the API be where nothing answers."""
    platform.settings = replace(platform.settings, api_url=NOWHERE)
    platform.reload()


def ledger(platform: Platform) -> list[Any]:
    rows: list[Any] = platform.pipeline.warehouse.query("SELECT * FROM torn_meta.loads ORDER BY ALL").to_pylist()
    return rows


def test_ingestion_alone_lands_and_leaves_the_tables_as_they_were(platform: Platform) -> None:
    platform.run("faction_crimes")
    before, loads = platform.tables(*CRIMES), ledger(platform)
    platform.world.add_crime(FIRST)

    result = platform.run("faction_crimes", asset_selection=[raw_key("faction_crimes")])

    assert list(materialized(result)) == ["raw/faction_crimes"]
    assert [one.rows for one in platform.pipeline.landing.fetches("faction_crimes")] == [40, 41]
    assert (platform.tables(*CRIMES), ledger(platform)) == (before, loads)


def test_processing_alone_makes_the_tables_of_what_landed_while_the_api_is_down(platform: Platform) -> None:
    platform.run("faction_crimes", asset_selection=[raw_key("faction_crimes")])
    cut_off(platform)

    result = platform.run("faction_crimes", asset_selection=[table_key(table) for table in CRIMES])
    fetched = platform.run("faction_crimes", asset_selection=[raw_key("faction_crimes")])

    assert list(materialized(result)) == [f"torn/{table}" for table in CRIMES]
    assert len(platform.rows("faction_crimes")) == 40
    assert not fetched.success


def test_reporting_alone_takes_neither_the_api_nor_the_landing(platform: Platform) -> None:
    platform.run("faction_members")
    cut_off(platform)
    shutil.rmtree(platform.settings.data_dir / "landing")
    calls = len(platform.simulator.calls)

    result, report = platform.run("ops_health"), platform.run("report_validation")

    assert result.success
    assert report.success
    assert list((platform.settings.data_dir / "reports").rglob("*.html"))
    scored = materialized(result)["ops/health"].metadata["tables"]
    assert isinstance(scored, dg.TableMetadataValue)
    assert [record.data["rows"] for record in scored.records if record.data["table"] == "faction_members"] == [12]
    assert table_key("faction_members") in {one.asset_key for _, one in events(platform, result, dg.DagsterEventType.ASSET_OBSERVATION)}
    assert len(platform.simulator.calls) == calls


# --- what a run may be told ------------------------------------------------------------------------------------


def test_the_launchpad_takes_what_the_console_takes(platform: Platform) -> None:
    asked = {
        "ops": {"raw__faction_crimes": {"config": {"full": True}}},
        "resources": {"pipeline": {"config": {"overrides": ["endpoints.faction_crimes.params.cat=recruiting"]}}},
    }

    result = platform.run("faction_crimes", "second", run_config=asked)

    assert result.success
    assert {row["status"] for row in platform.rows("faction_crimes")} == {"Recruiting"}
    assert {row["_account"] for row in platform.rows("faction_crimes")} == {"second"}
    assert platform.run("faction_crimes", "second").success
    assert {row["status"] for row in platform.rows("faction_crimes")} > {"Recruiting"}  # it held for that run alone


def test_what_cannot_be_told_is_refused_in_a_sentence(platform: Platform) -> None:
    wrong = {"resources": {"pipeline": {"config": {"overrides": ["endpoints.faction_crimes.frequency=often"]}}}}

    assert "endpoints.faction_crimes.frequency" in failure(platform.run("faction_crimes", run_config=wrong))
    with pytest.raises(dg.DagsterInvalidConfigError, match="ful"):
        platform.run("faction_crimes", run_config={"ops": {"raw__faction_crimes": {"config": {"ful": True}}}})


# --- an API that stays away ------------------------------------------------------------------------------------


def test_what_was_known_last_stays_and_is_told_to_be_old(platform: Platform) -> None:
    others = {name: {"enabled": False} for name in ENDPOINTS if name != "faction_members"}
    platform.reload(**others, faction_members={"accounts": ["default"]})
    platform.run("faction_members")
    before, looks = platform.rows("faction_members"), Looks()
    look(platform, looks)
    platform.simulator.faults.append(HttpStatus(path="/faction/members", status=503, times=1_000))

    assert not platform.run("faction_members").success
    assert platform.rows("faction_members") == before
    later = datetime.now(UTC) + timedelta(days=3)
    _, (stale,) = look(platform, looks, later)
    assert (stale.asset_key.path, stale.check_name, stale.passed) == (["torn", "faction_members"], "freshness", False)
    assert [one.endpoint for one in steps.states(platform.pipeline, later) if one.data_at] == ["faction_members"]
    assert "the last fetch that was loaded began" in (stale.description or "")

    platform.simulator.faults.clear()
    assert platform.run("faction_members").success
    _, (fresh,) = look(platform, Looks(stale=looks.stale))
    assert fresh.passed
