"""``health`` on the console: whether all is well, in sentences and by its exit status, with no Dagster at hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import duckdb
import pytest

from torn_pipeline.ops.heartbeat import HEARTBEAT_FILE, beat
from torn_pipeline.steps import watching
from torn_pipeline.steps.aging import FIRST_SEEN_FILE

if TYPE_CHECKING:
    from torn_pipeline_tests.e2e.console import Console, Result

WELL, NOT_WELL = 0, 1


def give_a_sign(console: Console, ago: timedelta = timedelta(0)) -> datetime:
    """A beat of the daemon's, so long ago."""
    at = datetime.now(UTC) - ago
    beat(console.data / HEARTBEAT_FILE, what="daemon", at=at)
    return at


def in_warehouse(console: Console, sql: str) -> None:
    with duckdb.connect(str(console.data / "warehouse.duckdb")) as connection:
        connection.execute(sql)


def age(console: Console, ago: timedelta) -> None:
    """Let what was seen enabled have been so for so long."""
    path = console.data / FIRST_SEEN_FILE
    path.write_text(json.dumps(dict.fromkeys(json.loads(path.read_text()), (datetime.now(UTC) - ago).isoformat())))


def verdict(result: Result) -> tuple[int, str]:
    """The exit status and the last line up to its colon."""
    assert result.err == ""
    return result.status, result.out.splitlines()[-1].partition(":")[0]


def alerts_of(console: Console) -> list[tuple[str, str]]:
    """What was sent to the file, which hears of everything where there are no rules."""
    path = console.data / "alerts.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    return [(line["kind"], line["title"]) for line in lines]


def test_what_gives_signs_of_life_is_well(console: Console) -> None:
    give_a_sign(console, timedelta(seconds=170))
    assert verdict(console("health")) == (WELL, "well")


def test_a_daemon_that_gives_none_or_has_ceased_to_is_gone(console: Console) -> None:
    never = console("health")
    assert verdict(never) == (NOT_WELL, "not well")
    assert never.out.splitlines()[1].startswith("critical")
    assert "it has never given a sign of life; start it with: make dev" in never.out
    at = give_a_sign(console, timedelta(seconds=190))
    ceased = console("health")
    assert verdict(ceased) == (NOT_WELL, "not well")
    assert f"its last sign of life was at {at:%Y-%m-%d %H:%M:%S} UTC; is `make dev` running?" in ceased.out
    assert alerts_of(console) == []


def test_a_file_that_is_no_heartbeat_is_none(console: Console) -> None:
    give_a_sign(console)
    (console.data / HEARTBEAT_FILE).write_text("{")
    assert "it has never given a sign of life" in console("health").out


def test_what_is_no_longer_fresh_is_not_well(console: Console) -> None:
    give_a_sign(console)
    assert console("materialize", "faction_basic", "--partition", "default").status == 0
    assert verdict(console("health")) == (WELL, "well")
    in_warehouse(console, "UPDATE torn_meta.fetches SET started = started - INTERVAL 30 DAY")
    assert verdict(console("health")) == (WELL, "well")
    in_warehouse(console, "UPDATE torn_meta.loads SET _fetched_at = _fetched_at - INTERVAL 29 DAY")
    stale = console("health")
    assert verdict(stale) == (NOT_WELL, "not well")
    assert "faction_basic for default is no longer fresh" in stale.out
    assert "the last fetch that was loaded began 20" in stale.out
    assert "is complete and was not loaded" not in stale.out


def test_what_was_fetched_and_never_loaded_is_not_fresh(console: Console) -> None:
    give_a_sign(console)
    assert console("fetch", "torn_items").status == 0
    assert verdict(console("health")) == (WELL, "well")
    age(console, timedelta(hours=14))
    never = console("health")
    assert verdict(never) == (NOT_WELL, "not well")
    assert "torn_items for default was never loaded" in never.out
    assert "is complete and was not loaded: torn-pipeline load torn_items" in never.out
    assert console("load", "torn_items").status == 0
    assert "torn_items" not in console("health").out


def test_what_never_started_is_heard_of_once_it_is_due(console: Console) -> None:
    """Nothing fails where nothing starts: what is counted is since when an endpoint is enabled."""
    give_a_sign(console)
    assert verdict(console("health")) == (WELL, "well")
    age(console, timedelta(minutes=44))
    assert verdict(console("health")) == (WELL, "well")
    age(console, timedelta(minutes=46))
    found = console("health")
    assert verdict(found) == (NOT_WELL, "not well")
    assert "faction_crimes for second was never loaded" in found.out
    assert "torn_items" not in found.out
    (console.data / FIRST_SEEN_FILE).write_text("[")
    assert verdict(console("health")) == (WELL, "well")


def test_a_full_disk_is_not_well(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    give_a_sign(console)
    monkeypatch.setattr(watching, "LEAST_FREE", 10**18)
    full = console("health")
    assert verdict(full) == (NOT_WELL, "not well")
    assert "MB left" in full.out
    assert "make room, or move TORN_DATA_DIR" in full.out


def test_cron_may_be_the_first_to_tell(console: Console) -> None:
    told = console("health", "--alert")
    assert verdict(told) == (NOT_WELL, "not well")
    assert "incident " in told.out
    console("health", "--alert")
    assert alerts_of(console) == [("alert", "the daemon is gone")]
    give_a_sign(console)
    assert verdict(console("health", "--alert")) == (WELL, "well")
    assert alerts_of(console)[1:] == [("recovery", "Recovered: the daemon works")]


def test_an_open_incident_is_not_well_though_nothing_else_is_wrong(console: Console) -> None:
    console("health", "--alert")
    give_a_sign(console)
    result = console("health")
    assert verdict(result) == (NOT_WELL, "not well")
    assert "the daemon is gone" in result.out
    assert "torn-pipeline alerts ack " in result.out


@pytest.mark.parametrize("config", ["accounts: [", "endpoints: []\nnonsense: 1\n"])
def test_a_wrong_config_is_a_wrong_call(console: Console, config: str) -> None:
    (console.folder / "config/pipeline.json").write_text(config)
    result = console("health")
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("config/pipeline.json:")
