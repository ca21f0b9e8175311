"""When each endpoint is fetched, and for whom."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from torn_pipeline.definitions import build_defs
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import KeyDies
from torn_pipeline_tests.dagster.graph import schedules
from torn_pipeline_tests.dagster.running import ENDPOINTS, Platform, write_config

if TYPE_CHECKING:
    from pathlib import Path

TICK = datetime(2026, 4, 29, 12, 30, tzinfo=UTC)


def tick(platform: Platform, endpoint: str, at: datetime = TICK) -> list[dg.RunRequest]:
    """The runs that a schedule asks for at a moment."""
    context = dg.build_schedule_context(
        instance=platform.instance, scheduled_execution_time=at, repository_def=platform.defs.get_repository_def()
    )
    data = platform.defs.resolve_schedule_def(f"{endpoint}_schedule").evaluate_tick(context)
    return list(data.run_requests or ())


@pytest.mark.parametrize(
    ("frequency", "crons"),
    [
        ("PT1M", ["* * * * *"]),
        ("PT15M", ["*/15 * * * *"]),
        ("PT45M", ["0,45 */3 * * *", "30 1-23/3 * * *", "15 2-23/3 * * *"]),
        ("PT1H", ["0 * * * *"]),
        ("PT1H30M", ["0 */3 * * *", "30 1-23/3 * * *"]),
        ("PT6H", ["0 */6 * * *"]),
        ("PT12H", ["0 */12 * * *"]),
        ("P1D", ["0 0 * * *"]),
    ],
)
def test_the_frequency_of_the_config_becomes_crons(tmp_path: Path, frequency: str, crons: list[str]) -> None:
    config = write_config(tmp_path, defaults={}, endpoints={"faction_crimes": {"frequency": frequency}})
    definitions = build_defs(Settings(config=config))

    schedule = definitions.resolve_schedule_def("faction_crimes_schedule")
    assert schedule.cron_schedule == crons
    assert schedule.execution_timezone == "UTC"


def test_a_changed_frequency_changes_no_other_schedule(platform: Platform) -> None:
    before = {schedule.name: schedule.cron_schedule for schedule in schedules(platform.defs)}

    platform.reload(torn_items={"frequency": "P1D"})

    after = {schedule.name: schedule.cron_schedule for schedule in schedules(platform.defs)}
    assert {name for name in before if after[name] != before[name]} == {"torn_items_schedule"}


def test_each_endpoint_has_a_schedule_that_is_on(platform: Platform) -> None:
    assert [schedule.name for schedule in schedules(platform.defs)] == sorted(f"{name}_schedule" for name in (*ENDPOINTS, "ops_keys"))
    assert {schedule.default_status for schedule in schedules(platform.defs)} == {dg.DefaultScheduleStatus.RUNNING}
    assert [schedule.job_name for schedule in schedules(platform.defs)] == sorted((*ENDPOINTS, "ops_keys"))


def test_a_tick_asks_for_a_run_an_account(platform: Platform) -> None:
    first, second = tick(platform, "faction_crimes")

    assert (first.partition_key, second.partition_key) == ("default", "second")
    assert (first.run_key, second.run_key) == ("2026-04-29T12:30:00+00:00|default", "2026-04-29T12:30:00+00:00|second")
    assert {request.tags["dagster/max_retries"] for request in (first, second)} == {"1"}


def test_a_tick_of_a_global_endpoint_asks_for_one_run(platform: Platform) -> None:
    (request,) = tick(platform, "torn_items")

    assert request.partition_key is None
    assert request.run_key == "2026-04-29T12:30:00+00:00|"


def test_each_tick_asks_for_runs_of_its_own(platform: Platform) -> None:
    keys = [request.run_key for at in (TICK, TICK.replace(minute=45)) for request in tick(platform, "faction_crimes", at)]

    assert len(set(keys)) == 4


def test_an_endpoint_of_some_accounts_is_run_for_those(platform: Platform) -> None:
    platform.reload(faction_members={"accounts": ["second"]})

    assert [request.partition_key for request in tick(platform, "faction_members")] == ["second"]


def test_a_disabled_endpoint_has_no_schedule_but_keeps_its_tables(platform: Platform) -> None:
    platform.reload(faction_basic={"enabled": False})

    assert "faction_basic_schedule" not in {schedule.name for schedule in schedules(platform.defs)}
    assert len(schedules(platform.defs)) == len(ENDPOINTS)  # the keys have one too
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
