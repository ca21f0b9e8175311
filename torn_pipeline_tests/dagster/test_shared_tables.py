"""Endpoints that share their tables: each has its own raw asset and job, the tables are one definition."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from torn_pipeline.assets import raw_key, table_key
from torn_pipeline.definitions import build_defs
from torn_pipeline_tests.dagster.running import Platform, open_platform

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPEN = {"Recruiting", "Planning"}
DONE = {"Successful", "Failure"}


def shared(name: str, cat: str, accounts: list[str]) -> dict[str, Any]:
    """An endpoint of the table ``faction_crimes``, for crimes of one category."""
    return {
        "name": name,
        "path": "/faction/crimes",
        "table": "faction_crimes",
        "frequency": "PT1H",
        "storage_mode": "upsert",
        "params": {"cat": cat},
        "accounts": accounts,
    }


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with open_platform(tmp_path) as found:
        path = found.settings.config
        config = json.loads(path.read_text(encoding="utf-8"))
        config["endpoints"] = [shared("crimes_done", "completed", ["default"]), shared("crimes_open", "available", ["default", "second"])]
        path.write_text(json.dumps(config), encoding="utf-8")
        found.defs = build_defs(found.settings)
        yield found


def statuses(platform: Platform) -> set[str]:
    return {row["status"] for row in platform.rows("faction_crimes", "default")}


def test_each_job_loads_what_its_endpoint_brought(platform: Platform) -> None:
    assert platform.run("crimes_done").success
    assert statuses(platform) == DONE
    assert platform.run("crimes_open").success
    assert statuses(platform) == DONE | OPEN
    crimes = platform.world.faction(40_832).crimes
    assert len(platform.rows("faction_crimes", "default")) == sum(crime["status"] in DONE | OPEN for crime in crimes)


def test_an_account_of_one_endpoint_alone(platform: Platform) -> None:
    assert platform.run("crimes_open", "second").success
    assert {row["_account"] for row in platform.rows("faction_crimes")} == {"second"}


def test_tables_that_somebody_asks_for_take_the_latest_of_each_endpoint(platform: Platform) -> None:
    assert platform.run("crimes_done", asset_selection=[raw_key("crimes_done")]).success
    assert platform.run("crimes_open", asset_selection=[raw_key("crimes_open")]).success
    tables = [table_key(name) for name in ("faction_crimes", "faction_crimes_slots", "faction_crimes_rewards_items")]
    job = platform.defs.resolve_implicit_global_asset_job_def()

    result = job.execute_in_process(instance=platform.instance, partition_key=f"default|{datetime.now(UTC).date()}", asset_selection=tables)

    assert result.success
    assert statuses(platform) == DONE | OPEN


def test_tables_of_which_nothing_landed_say_so(platform: Platform) -> None:
    job = platform.defs.resolve_implicit_global_asset_job_def()

    result = job.execute_in_process(
        instance=platform.instance,
        partition_key=f"second|{datetime.now(UTC).date()}",
        asset_selection=[table_key(name) for name in ("faction_crimes", "faction_crimes_slots", "faction_crimes_rewards_items")],
        raise_on_error=False,
    )

    (event,) = [event for event in result.all_events if event.is_step_failure]
    said = event.step_failure_data.user_failure_data
    assert said is not None
    assert said.description == "nothing of crimes_open has landed for the account second; run: torn-pipeline fetch crimes_open"


def test_a_partition_that_only_the_other_endpoint_has_is_refused(platform: Platform) -> None:
    result = platform.run("crimes_done", "second")

    (event,) = [event for event in result.all_events if event.is_step_failure]
    said = event.step_failure_data.user_failure_data
    assert said is not None
    assert said.description == "the account second is not among those of crimes_done in the config; choose the partition of another"
    assert platform.simulator.calls == []
