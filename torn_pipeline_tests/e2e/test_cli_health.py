"""``health`` on the console: whether all is well, in sentences and by its exit status, with no Dagster at hand."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import duckdb
import pytest

from torn_pipeline.ops.heartbeat import HEARTBEAT_FILE, beat
from torn_pipeline.steps import watching
from torn_pipeline.steps.aging import FIRST_SEEN_FILE
from torn_pipeline.warehouse import Measurement
from torn_pipeline.warehouse.duckdb import DuckDBWarehouse

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


def test_what_is_part_of_an_incident_is_told_once_with_what_helps(console: Console) -> None:
    first = console("health", "--alert")
    assert [line.split()[0] for line in first.out.splitlines()] == ["state", "critical", "not"]
    assert "it has never given a sign of life; start it with: make dev; torn-pipeline alerts ack " in first.out
    assert first.out.splitlines()[-1].startswith("not well: 1 of 1")
    name = json.loads(console("health", "--format", "json").out)["incidents"][0]["id"]
    assert console("alerts", "ack", name, "--by", "the chief").status == 0
    acknowledged = console("health")
    assert "make dev; acknowledged by the chief at 20" in acknowledged.out
    assert "alerts ack" not in acknowledged.out
    give_a_sign(console)
    over = console("health")
    assert verdict(over) == (NOT_WELL, "not well")
    assert over.out.splitlines()[-1] == "not well: 1 incident is open"
    assert console("health", "--alert").out.splitlines()[-1].startswith("well: all 1")


def test_a_program_is_told_the_same(console: Console) -> None:
    give_a_sign(console)
    assert console("materialize", "faction_basic", "--partition", "default").status == 0
    told = console("health", "--format", "json")
    content = json.loads(told.out)
    assert (told.status, content["version"], content["well"], content["score"], content["score_at"]) == (WELL, 1, True, None, None)
    assert list(content) == ["version", "well", "score", "score_at", "things", "incidents", "messages_waiting", "messages_held"]
    assert {one["ok"] for one in content["things"]} == {True}
    assert {(one["kind"], one["subject"]) for one in content["things"]} >= {("stale", "faction_basic|default"), ("daemon_gone", "daemon")}
    at = datetime.now(UTC).replace(microsecond=0)
    for value, ago in ((40.0, 2), (87.0, 1)):
        one = Measurement(kind="score", subject="platform", value=value, measured_at=at - timedelta(days=ago))
        DuckDBWarehouse(console.data / "warehouse.duckdb").record_measurements([one])
    give_a_sign(console, timedelta(hours=1))
    alerted = console("health", "--format", "json", "--alert")
    content = json.loads(alerted.out)
    assert (alerted.status, content["well"], content["score"]) == (NOT_WELL, False, 87)
    assert content["score_at"] == f"{at - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    (gone,), (incident,) = [one for one in content["things"] if not one["ok"]], content["incidents"]
    assert (gone["title"], gone["incident"]) == ("the daemon is gone", incident["id"])
    assert (incident["severity"], incident["title"], incident["acknowledged_by"]) == ("critical", "the daemon is gone", "")
    assert f"score: 87 of 100 on {at - timedelta(days=1):%Y-%m-%d %H:%M} UTC" in console("health").out


def test_an_account_that_makes_nearly_all_of_its_calls_is_warned_of(console: Console) -> None:
    give_a_sign(console)
    assert console("keys", "--refresh").status == 0
    minute = int(datetime.now(UTC).timestamp() // 60)
    busy = [("default", "id", minute - ago, 9_001) for ago in range(1, 32)]
    with closing(sqlite3.connect(console.data / "quota.sqlite")) as ledger, ledger:
        ledger.executemany("INSERT INTO minutes VALUES (?, ?, ?, ?)", busy[:30])
    assert verdict(console("health")) == (WELL, "well")
    with closing(sqlite3.connect(console.data / "quota.sqlite")) as ledger, ledger:
        ledger.executemany("INSERT INTO minutes VALUES (?, ?, ?, ?)", [*busy[30:], ("second", "id", minute - 1, 10_000)])
    busy_now = console("health")
    assert verdict(busy_now) == (WELL, "well, warnings aside")
    assert "account default made more than 90% of its 10000 calls a minute in most minutes of the last hour" in busy_now.out
    assert "choose longer periods" in busy_now.out
    assert "account second" not in busy_now.out


def test_a_message_that_quiet_hours_hold_is_no_warning(console: Console) -> None:
    rules = "- {name: night, channels: [file], quiet_hours: {from: '00:00', to: '23:59', except: []}}"
    channels = "- {name: file, kind: file, path: alerts.jsonl}\n- {name: hook, kind: webhook}"
    (console.folder / "config/alerts.yaml").write_text(f"channels:\n{channels}\nrules:\n{rules}\n- {{name: day, channels: [hook]}}\n")
    console.environment["TORN_ALERT_HOOK"] = "http://127.0.0.1:1/nobody/listens/T0PS3CRET"
    if f"{datetime.now(UTC):%H:%M}" > "23:57":
        pytest.skip("the quiet hours have an end")
    found = console("health", "--alert")
    assert "1 message waits for the end of the quiet hours of the channel file" in found.out
    rows = [line for line in found.out.splitlines() if line.startswith("warning")]
    assert len(rows) == 1
    assert "1 message waits for the channel hook" in rows[0]


def test_wrong_rules_of_the_alerts_are_one_of_the_things_that_are_wrong(console: Console) -> None:
    give_a_sign(console)
    (console.folder / "config/alerts.yaml").write_text("rules: nonsense\n")
    wrong = console("health")
    assert verdict(wrong) == (NOT_WELL, "not well")
    assert "alerts.yaml is wrong" in wrong.out


@pytest.mark.parametrize("config", ["accounts: [", "endpoints: []\nnonsense: 1\n"])
def test_a_wrong_config_is_a_wrong_call(console: Console, config: str) -> None:
    (console.folder / "config/pipeline.json").write_text(config)
    result = console("health")
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("config/pipeline.json:")
