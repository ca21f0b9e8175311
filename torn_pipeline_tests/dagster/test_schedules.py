"""When each endpoint is fetched, and for whom."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from torn_pipeline.automation import schedules as automation_schedules
from torn_pipeline.definitions import build_defs
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import KeyDies
from torn_pipeline_tests.dagster.graph import schedules
from torn_pipeline_tests.dagster.running import ENDPOINTS, QUICK, Platform, write_config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TICK = datetime(2026, 4, 29, 12, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NAMES = sorted((*ENDPOINTS, "ops_health", "ops_keys", "ops_retention", "ops_service_levels", "report_validation"))


@dataclass
class Clock:
    """What schedules and sensors take for now."""

    now: datetime


@pytest.fixture
def platform(platform: Platform, tmp_path: Path) -> Iterator[Platform]:
    """The usual one, on an instance that schedules can open again."""
    folder = tmp_path / "instance"
    folder.mkdir()
    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        platform.instance = instance
        yield platform


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The moment that schedules and sensors take for now; a minute after ``TICK`` unless a test changes it."""
    clock = Clock(TICK + MINUTE)
    monkeypatch.setattr(automation_schedules, "current_time", lambda: clock.now)
    return clock


def evaluate(platform: Platform, endpoint: str, at: datetime = TICK) -> tuple[list[dg.RunRequest], str | None]:
    """The runs that a schedule asks for at a moment, and why there are none."""
    context = dg.build_schedule_context(
        instance=platform.instance, scheduled_execution_time=at, repository_def=platform.defs.get_repository_def()
    )
    data = platform.defs.resolve_schedule_def(f"{endpoint}_schedule").evaluate_tick(context)
    return list(data.run_requests or ()), data.skip_message


def tick(platform: Platform, endpoint: str, at: datetime = TICK) -> list[dg.RunRequest]:
    """The runs that a schedule asks for at a moment."""
    return evaluate(platform, endpoint, at)[0]


def sensors(platform: Platform) -> list[dg.SensorDefinition]:
    """The sensors of endpoints."""
    return [one for one in platform.defs.sensors or () if isinstance(one, dg.SensorDefinition) and one.name.startswith("faction_")]


def begin(platform: Platform, request: dg.RunRequest, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED) -> dg.DagsterRun:
    """A run for a request, as if it had been started."""
    job = platform.defs.resolve_job_def("faction_crimes")
    return platform.instance.create_run_for_job(job, tags=dict(request.tags), status=status)


@pytest.mark.parametrize(
    ("frequency", "crons"),
    [
        ("PT1M", ["* * * * *"]),
        ("PT15M", ["2-59/15 * * * *"]),
        ("PT45M", ["6,51 */3 * * *", "36 1-23/3 * * *", "21 2-23/3 * * *"]),
        ("PT1H", ["10 * * * *"]),
        ("PT1H30M", ["10 */3 * * *", "40 1-23/3 * * *"]),
        ("PT6H", ["10 */6 * * *"]),
        ("P1D", ["10 0 * * *"]),
    ],
)
def test_the_frequency_of_the_config_becomes_crons(tmp_path: Path, frequency: str, crons: list[str]) -> None:
    config = write_config(tmp_path, defaults={}, endpoints={"faction_crimes": {"frequency": frequency}})
    definitions = build_defs(Settings(config=config))

    schedule = definitions.resolve_schedule_def("faction_crimes_schedule")
    assert schedule.cron_schedule == crons
    assert schedule.execution_timezone == "UTC"


@pytest.mark.parametrize("fields", [{"frequency": "PT7M"}, {"frequency": "P2D"}, {"frequency": "P1W"}, {"catch_up": "all"}])
def test_what_no_schedule_can_keep_has_a_sensor(platform: Platform, fields: dict[str, object]) -> None:
    assert not sensors(platform)

    platform.reload(faction_crimes=fields)

    assert "faction_crimes_schedule" not in {schedule.name for schedule in schedules(platform.defs)}
    (sensor,) = sensors(platform)
    assert (sensor.name, sensor.job_name) == ("faction_crimes_sensor", "faction_crimes")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert (sensor.minimum_interval_seconds or 0) <= 30


def test_a_changed_frequency_changes_no_other_schedule(platform: Platform) -> None:
    before = {schedule.name: schedule.cron_schedule for schedule in schedules(platform.defs)}

    platform.reload(torn_items={"frequency": "P1D"})

    after = {schedule.name: schedule.cron_schedule for schedule in schedules(platform.defs)}
    assert {name for name in before if after[name] != before[name]} == {"torn_items_schedule"}


def test_each_endpoint_has_a_schedule_that_is_on(platform: Platform) -> None:
    assert [schedule.name for schedule in schedules(platform.defs)] == [f"{name}_schedule" for name in NAMES]
    assert {schedule.default_status for schedule in schedules(platform.defs)} == {dg.DefaultScheduleStatus.RUNNING}
    assert [schedule.job_name for schedule in schedules(platform.defs)] == NAMES


def test_a_tick_asks_for_a_run_an_account(platform: Platform) -> None:
    first, second = tick(platform, "faction_crimes")

    assert (first.partition_key, second.partition_key) == ("default", "second")
    assert (first.run_key, second.run_key) == ("2026-04-29T12:30:00+00:00|default", "2026-04-29T12:30:00+00:00|second")
    assert {name: value for name, value in first.tags.items() if "partition" not in name} == {
        "torn/tick": "2026-04-29T12:30:00+00:00",
        "torn/work": "faction_crimes|default",
        "dagster/max_retries": "1",
        "dagster/max_runtime": "3600",
        "dagster/schedule_name": "faction_crimes_schedule",
    }


def test_a_tick_of_a_global_endpoint_asks_for_one_run(platform: Platform) -> None:
    (request,) = tick(platform, "torn_items")

    assert request.partition_key is None
    assert request.run_key == "2026-04-29T12:30:00+00:00|"
    assert request.tags["torn/work"] == "torn_items|"


def test_each_tick_asks_for_runs_of_its_own(platform: Platform) -> None:
    keys = [request.run_key for at in (TICK, TICK - 15 * MINUTE) for request in tick(platform, "faction_crimes", at)]

    assert len(set(keys)) == 4


def test_the_longest_time_of_a_run_is_the_configs(platform: Platform) -> None:
    platform.reload(faction_crimes={"max_runtime": "PT2M30S"})

    assert {request.tags["dagster/max_runtime"] for request in tick(platform, "faction_crimes")} == {"150"}


def test_an_endpoint_of_some_accounts_is_run_for_those(platform: Platform) -> None:
    platform.reload(faction_members={"accounts": ["second"]})

    assert [request.partition_key for request in tick(platform, "faction_members")] == ["second"]


# --- ticks that are missed, or come too early ------------------------------------------------------------------


def test_a_missed_tick_is_made_up_for_and_says_so(platform: Platform, clock: Clock) -> None:
    clock.now = TICK + 12 * MINUTE

    requests = tick(platform, "faction_crimes")

    assert [request.tags["torn/caught_up"] for request in requests] == ["true", "true"]


@pytest.mark.filterwarnings("ignore:Non-compliant tag keys:DeprecationWarning")  # Dagster's own, of partitions with two parts
def test_a_missed_tick_of_yesterday_brings_what_is_new(platform: Platform, clock: Clock) -> None:
    endpoint = {"name": "faction_attacks", "path": "/faction/attacks", "frequency": "PT1H", "storage_mode": "upsert"}
    config = {"defaults": QUICK, "accounts": [{"name": "default"}, {"name": "second"}], "endpoints": [endpoint]}
    platform.settings.config.write_text(json.dumps(config), encoding="utf-8")
    platform.reload()
    clock.now = datetime.now(UTC)

    request, _ = tick(platform, "faction_attacks", clock.now - timedelta(days=1))
    job = platform.defs.resolve_job_def("faction_attacks")
    result = job.execute_in_process(instance=platform.instance, tags=dict(request.tags), raise_on_error=False)

    assert request.tags["torn/caught_up"] == "true"
    assert result.success
    (event, *_) = result.get_asset_materialization_events()
    assert event.partition == f"default|{clock.now.date()}"
    assert platform.rows("faction_attacks", "default")


def test_a_missed_tick_is_left_out_with_none(platform: Platform, clock: Clock) -> None:
    platform.reload(faction_crimes={"catch_up": "none"})
    clock.now = TICK - 59 * MINUTE
    first = begin(platform, tick(platform, "faction_crimes", TICK - 60 * MINUTE)[0], dg.DagsterRunStatus.SUCCESS)
    clock.now = TICK + 12 * MINUTE

    requests, reason = evaluate(platform, "faction_crimes")

    assert first.tags["torn/tick"] == "2026-04-29T11:30:00+00:00"
    assert not requests
    assert reason == (
        "default: 4 ticks are left out, the last of 2026-04-29 12:30 UTC: nothing ran, and catch_up is none; "
        "second: the tick of 2026-04-29 12:30 UTC is left out: nothing ran, and catch_up is none"
    )


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED])
def test_a_tick_is_left_out_while_the_run_before_is_at_work(platform: Platform, status: dg.DagsterRunStatus) -> None:
    before, _ = tick(platform, "faction_crimes", TICK - 15 * MINUTE)
    run = begin(platform, before, status)

    assert [request.partition_key for request in tick(platform, "faction_crimes")] == ["second"]

    platform.reload(faction_crimes={"accounts": ["default"]})
    requests, reason = evaluate(platform, "faction_crimes")
    assert not requests
    assert reason == "default: the tick of 2026-04-29 12:30 UTC is left out, as the run before has not ended"

    platform.instance.report_run_canceled(run)
    assert len(tick(platform, "faction_crimes")) == 1


# --- sensors ---------------------------------------------------------------------------------------------------


@dataclass
class Looks:
    """A sensor that is looked at again and again, as Dagster's daemon does: with its cursor, and no run key twice."""

    platform: Platform
    clock: Clock
    begun: float | None
    cursor: str | None = None
    reason: str | None = None
    runs: list[tuple[str | None, str | None]] = field(default_factory=list)

    def look(self, now: datetime, *, remember: bool = True) -> list[dg.RunRequest]:
        """What the sensor asks for that has not been run yet; it forgets that it was asked if it is killed then."""
        self.clock.now = now
        sensor = self.platform.defs.resolve_sensor_def("faction_crimes_sensor")
        context = dg.build_sensor_context(
            self.platform.instance, self.cursor, definitions=self.platform.defs, last_sensor_start_time=self.begun, sensor_name=sensor.name
        )
        with context:
            data = sensor.evaluate_tick(context)
        self.reason = data.skip_message
        if remember:
            self.cursor = data.cursor
        keys = [key for _, key in self.runs]
        found = [request for request in data.run_requests or () if request.run_key not in keys]
        self.runs += [(request.partition_key, request.run_key) for request in found]
        return found


@pytest.fixture
def looks(platform: Platform, clock: Clock) -> Looks:
    """The sensor of crimes, every seven minutes, turned on a day before ``TICK``."""
    platform.reload(faction_crimes={"frequency": "PT7M"})
    return Looks(platform, clock, (TICK - timedelta(days=1)).timestamp())


def ticks_between(after: datetime, until: datetime) -> list[datetime]:
    """The ticks of crimes every seven minutes, by counting."""
    offset = int.from_bytes(sha256(b"faction_crimes").digest()[:8]) % 2
    first = after.replace(second=0) + MINUTE
    return [
        minute
        for minute in (first + number * MINUTE for number in range((until - first) // MINUTE + 1))
        if (int(minute.timestamp()) // 60 - offset) % 7 == 0
    ]


def test_a_sensor_begins_with_the_next_tick_and_takes_each_once(looks: Looks) -> None:
    assert not looks.look(TICK)
    assert looks.reason is not None
    assert looks.reason.startswith("default, second: the next tick is at 2026-04-29 12:")

    for number in range(1, 120):
        looks.look(TICK + number * MINUTE / 2, remember=number % 3 > 0)  # killed before it could remember, every third time

    expected = [moment.isoformat() for moment in ticks_between(TICK, TICK + 59.5 * MINUTE)]
    assert looks.runs == [(account, f"{moment}|{account}") for moment in expected for account in ("default", "second")]


@pytest.mark.parametrize(("catch_up", "made_up"), [("none", []), ("latest", [-1]), ("all", [0, 1, 2, 3, 4, 5, 6, 7])])
def test_a_sensor_makes_up_for_what_was_missed_as_the_config_says(looks: Looks, catch_up: str, made_up: list[int]) -> None:
    looks.platform.reload(faction_crimes={"frequency": "PT7M", "catch_up": catch_up, "accounts": ["default"]})
    looks.look(TICK)
    missed = ticks_between(TICK, TICK + 60 * MINUTE)[:8]
    now = missed[-1] + 5 * MINUTE

    found = [request for number in range(10) for request in looks.look(now + number * timedelta(seconds=3))]

    assert [request.tags["torn/tick"] for request in found] == [missed[place].isoformat() for place in made_up]
    assert {request.tags["torn/caught_up"] for request in found} == ({"true"} if made_up else set())


def test_a_sensor_works_where_dagster_does_not_say_since_when_it_is_on(looks: Looks) -> None:
    looks.begun = None
    looks.look(TICK)

    assert len(looks.look(TICK + 7 * MINUTE)) == 2


def test_with_all_one_run_waits_for_another(looks: Looks) -> None:
    looks.platform.reload(faction_crimes={"frequency": "PT7M", "catch_up": "all", "accounts": ["default"]})
    looks.look(TICK)
    (request,) = looks.look(TICK + 30 * MINUTE)
    run = begin(looks.platform, request)

    assert not looks.look(TICK + 31 * MINUTE)
    assert looks.reason == "default: 3 ticks are due, waiting for the run before to end"

    looks.platform.instance.report_run_canceled(run)
    assert len(looks.look(TICK + 32 * MINUTE)) == 1


def test_what_passes_while_a_sensor_is_off_or_by_another_frequency_is_not_missed(looks: Looks) -> None:
    looks.platform.reload(faction_crimes={"frequency": "PT7M", "catch_up": "all"})
    looks.look(TICK)

    looks.begun = (TICK + 600 * MINUTE).timestamp()
    assert not looks.look(TICK + 600 * MINUTE)

    looks.platform.reload(faction_crimes={"frequency": "PT11M", "catch_up": "all"})
    assert not looks.look(TICK + 700 * MINUTE)
    assert len(looks.look(TICK + 711 * MINUTE)) == 2


# --- disabled, and really run ----------------------------------------------------------------------------------


def test_a_disabled_endpoint_has_no_schedule_but_keeps_its_tables(platform: Platform) -> None:
    platform.reload(faction_basic={"enabled": False})

    assert "faction_basic_schedule" not in {schedule.name for schedule in schedules(platform.defs)}
    assert len(schedules(platform.defs)) == len(NAMES) - 1
    assert platform.run("faction_basic").success


def test_a_run_that_a_tick_asks_for_can_be_run(platform: Platform) -> None:
    _, request = tick(platform, "faction_members")

    result = platform.run("faction_members", account=request.partition_key or "", tags=dict(request.tags))

    assert result.success
    assert {row["_account"] for row in platform.rows("faction_members")} == {"second"}


def test_keys_are_looked_after(platform: Platform) -> None:
    """The asset tells the state of each key, never the key, and fails its check when one cannot be used."""
    job = platform.defs.resolve_job_def("ops_keys")
    assert job.execute_in_process(instance=platform.instance).success
    dead = next(iter(platform.world.keys))
    platform.simulator.faults.append(KeyDies(key=dead, code=2))
    result = job.execute_in_process(instance=platform.instance)
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    assert "key 1 of TORN_API_KEY of account default: " in (check.description or "")
    (event,) = result.get_asset_materialization_events()
    table = event.materialization.metadata["keys"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [record.data["account"] for record in table.records] == ["default", "second"]
    assert not any(key in str(table) for key in platform.world.keys)
