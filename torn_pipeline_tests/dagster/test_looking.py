"""One look after the other at a platform whose runs fail and recover: what is told of it, when, and how often."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from torn_pipeline.alerts import Kind, Observation, Severity, open_alerts
from torn_pipeline.automation.looking import Looks, look_around
from torn_pipeline.errors import WarehouseBusy
from torn_pipeline.ops.heartbeat import HEARTBEAT_FILE, last_beat
from torn_pipeline.simulator import ErrorCode, HttpStatus, KeyDies
from torn_pipeline.warehouse.duckdb import DuckDBWarehouse
from torn_pipeline_tests.dagster.running import ENDPOINTS, Platform
from torn_pipeline_tests.dagster.test_observing import Ticked, tick

MANY = 1_000  # calls: more than any run makes
CLOSED, PAUSED = 24, 18  # codes of the API
THREE = ("faction_basic", "faction_crimes", "faction_members")


@pytest.fixture(autouse=True)
def ticked(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Ticked:
    """What is remembered of schedules and sensors, nothing at first; an instance in memory has no place for it."""
    known = Ticked()
    for name in ("all_instigator_state", "get_ticks"):
        monkeypatch.setattr(platform.instance, name, getattr(known, name))
    return known


def look(platform: Platform, looks: Looks, *, later: timedelta = timedelta(0)) -> list[dg.AssetCheckEvaluation]:
    """Look at everything, now or later; the news of freshness."""
    pipeline = platform.pipeline
    plans = [pipeline.plan(endpoint.name) for endpoint in pipeline.config.endpoints]
    now = datetime.now(UTC) + later
    said, events = look_around(platform.instance, pipeline, plans, ("ops_keys_schedule",), looks, now, platform.checks)
    assert said.endswith("messages sent")
    assert last_beat(platform.settings.data_dir / HEARTBEAT_FILE) == now
    return events


def begin(platform: Platform, kind: Kind, subject: str, *, ago: timedelta = timedelta(minutes=1)) -> None:
    """Let something have gone wrong so long ago, and let those be told who are to hear of it."""
    at = datetime.now(UTC) - ago
    wrong = Observation(kind=kind, subject=subject, ok=False, at=at, severity=Severity.ERROR, title=f"{kind} of {subject}")
    alerts = open_alerts(platform.settings)
    alerts.observe([wrong], now=at)
    alerts.deliver(at)


def sent(platform: Platform) -> list[tuple[str, str]]:
    """The kind and the title of each message that was sent, with no rules to the file."""
    path = platform.settings.data_dir / "alerts.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    return [(line["kind"], line["title"]) for line in lines]


def test_endpoints_that_fail_for_one_cause_are_one_incident_from_the_first_to_the_last(platform: Platform) -> None:
    looks = Looks()
    look(platform, looks)
    platform.simulator.faults.append(HttpStatus(status=503, times=MANY))
    for name in THREE[:2]:
        platform.run(name)
    look(platform, looks)
    platform.simulator.faults[:] = [ErrorCode(code=CLOSED, times=MANY)]
    platform.run(THREE[2])
    look(platform, looks)
    look(platform, looks)
    assert sent(platform) == [("alert", "the API is in trouble (2 things)")]

    platform.simulator.faults.clear()
    for name in THREE[:2]:
        platform.run(name)
    look(platform, looks)
    assert len(sent(platform)) == 1
    platform.run(THREE[2])
    look(platform, looks)
    look(platform, looks)

    assert sent(platform)[1:] == [("recovery", "Recovered from: the API is in trouble (3 things)")]
    assert open_alerts(platform.settings).incidents() == []


def test_a_dead_key_and_the_runs_that_it_fails_are_one_incident(platform: Platform) -> None:
    looks = Looks()
    look(platform, looks)
    first, _ = platform.world.keys
    platform.simulator.faults.append(KeyDies(code=PAUSED, key=first))
    for name in ("torn_items", "faction_basic"):  # the first of them of no account
        platform.run(name)

    look(platform, looks)

    assert sent(platform) == [("alert", "the key of default cannot be used (3 things)")]


def test_what_is_no_longer_fresh_is_told_to_the_alerts_and_to_dagster_once(platform: Platform) -> None:
    others = {name: {"enabled": False} for name in ENDPOINTS if name != "faction_members"}
    platform.reload(**others, faction_members={"accounts": ["default"]})
    looks = Looks()
    platform.run("faction_members")
    assert look(platform, looks) == []

    (stale,) = look(platform, looks, later=timedelta(days=3))
    assert look(platform, looks, later=timedelta(days=3, minutes=6)) == []
    (fresh,) = look(platform, Looks(stale=looks.stale))

    assert (stale.asset_key.path, stale.check_name, stale.passed) == (["torn", "faction_members"], "freshness", False)
    assert (fresh.asset_key.path, fresh.check_name, fresh.passed) == (["torn", "faction_members"], "freshness", True)
    assert (stale.description or "").startswith("faction_members for default is no longer fresh: the last fetch that was loaded began 20")
    assert sent(platform) == [("alert", "faction_members for default is no longer fresh")]
    platform.instance.report_runless_asset_event(stale)  # as the daemon does with what a sensor gives


def test_a_busy_warehouse_keeps_no_alert_waiting(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def busy(_: DuckDBWarehouse) -> None:
        asked.append(len(sent(platform)))
        message = "another process writes"
        raise WarehouseBusy(message)

    monkeypatch.setattr(DuckDBWarehouse, "status", busy)
    looks = Looks()
    look(platform, looks)
    first, _ = platform.world.keys
    del platform.world.keys[first]
    platform.run("faction_members")

    look(platform, looks, later=timedelta(seconds=30))
    assert asked == [0]
    look(platform, looks, later=timedelta(seconds=90))

    assert asked == [0, 1]
    assert len(sent(platform)) == 1


def test_a_rule_for_an_owner_hears_of_all_that_is_theirs_and_of_nothing_else(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = "rules: [{name: theirs, owners: ['team:ops'], channels: [file]}]"
    file = platform.settings.config.parent / "alerts.yaml"
    file.write_text(f"channels: [{{name: file, kind: file, path: alerts.jsonl}}]\n{rules}\n", encoding="utf-8")
    looks = Looks()
    look(platform, looks)
    platform.simulator.faults.append(HttpStatus(status=503, times=MANY))
    platform.run("faction_members")
    with monkeypatch.context() as patch:
        patch.setattr(DuckDBWarehouse, "status", lambda _: (_ for _ in ()).throw(WarehouseBusy("another process writes")))
        platform.run("ops_health")
        look(platform, looks)

    assert sent(platform) == [("alert", "ops_health failed")]


def test_a_schedule_that_another_frequency_has_replaced_is_not_missed(platform: Platform, ticked: Ticked) -> None:
    for name in ("faction_crimes_schedule", "faction_members_schedule"):
        ticked.states.append((name, "RUNNING"))
        ticked.ticks[name] = [tick("SUCCESS", timedelta(days=365))]
    platform.reload(faction_members={"frequency": "PT7M"})
    looks = Looks()
    look(platform, looks)
    assert sent(platform) == []  # nothing could tick before the first look
    looks.since -= timedelta(days=30)

    look(platform, looks)

    ((kind, title),) = sent(platform)
    assert (kind, title.partition(" since")[0]) == ("alert", "faction_crimes_schedule has not ticked")


def test_a_mistake_in_the_rules_is_told_by_the_rules_before_it(platform: Platform) -> None:
    file, looks = platform.settings.config.parent / "alerts.yaml", Looks()
    file.write_text("channels: [{name: file, kind: file, path: alerts.jsonl}]\nrules: [{name: all, channels: [file]}]\n")
    right = file.read_text()
    look(platform, looks)
    file.write_text(right.replace("channels: [file]", "channels: [phone]"))
    look(platform, looks)
    look(platform, Looks())  # of a code server that was started again
    assert sent(platform) == [("alert", "alerts.yaml is wrong")]
    file.write_text(right)
    look(platform, looks)
    assert sent(platform)[1:] == [("recovery", "Recovered: alerts.yaml is right")]


GONE = (
    (Kind.RUN_FAILED, "faction_gone|default"),
    (Kind.RUN_FAILED, "torn_items|"),
    (Kind.RUN_FAILED, "faction_basic|third"),
    (Kind.RUN_FAILED, "mart/gone|"),
    (Kind.CHECK_FAILED, "torn/faction_gone|contract|default"),
    (Kind.CHECK_FAILED, "torn/torn_items|contract|default"),
    (Kind.CHECK_FAILED, "torn/faction_basic|contract|third"),
    (Kind.CHECK_FAILED, "torn/faction_basic|gone|all accounts"),
    (Kind.CHECK_FAILED, "mart/gone|target|"),
    (Kind.STALE, "faction_gone|default"),
    (Kind.STALE, "torn_items|default"),
    (Kind.STALE, "faction_basic|third"),
    (Kind.KEY_DONE, "third|key 1 of TORN_API_KEY_THIRD"),
    (Kind.KEY_DONE, "default|key 2 of TORN_API_KEY_DEFAULT"),
    (Kind.BUDGET_LOW, "third|calls"),
    (Kind.BUDGET_LOW, "third|news"),
    (Kind.AUTOMATION_DEAD, "faction_basic_sensor"),
    (Kind.AUTOMATION_DEAD, "faction_gone_schedule"),
    (Kind.AUTOMATION_DEAD, "kpis_schedule"),
    (Kind.DISK_LOW, "/where/the/landing/was"),
)
"""What a config has no more in which `torn_items` is disabled."""

WATCHED = (
    (Kind.RUN_FAILED, "faction_basic|default"),
    (Kind.RUN_FAILED, "ops_health|"),
    (Kind.CHECK_FAILED, "torn/faction_basic|contract|second"),
    (Kind.CHECK_FAILED, "ops/health|score|"),
    (Kind.DAEMON_GONE, "webserver"),
)
"""What it still has, and one look does not find right."""


def test_what_the_config_has_no_more_ends_at_the_next_look_and_nothing_else_does(platform: Platform) -> None:
    platform.reload(torn_items={"enabled": False})
    for kind, subject in (*GONE, *WATCHED):
        begin(platform, kind, subject)
    look(platform, Looks())
    told = sent(platform)[len(GONE) + len(WATCHED) :]
    assert sorted(told) == sorted(("recovery", f"Is no longer watched: {kind} of {subject}") for kind, subject in GONE)
    still = sorted(incident.title for incident in open_alerts(platform.settings).incidents())
    assert still == sorted(f"{kind} of {subject}" for kind, subject in WATCHED)


def test_what_needs_no_account_is_watched_where_it_is_enabled(platform: Platform) -> None:
    for kind, subject in ((Kind.RUN_FAILED, "torn_items|"), (Kind.CHECK_FAILED, "torn/torn_items|contract|default")):
        begin(platform, kind, subject)
    look(platform, Looks())
    assert [kind for kind, _ in sent(platform)] == ["alert", "alert"]


def test_who_looks_has_a_daemon(platform: Platform) -> None:
    begin(platform, Kind.DAEMON_GONE, "daemon")
    look(platform, Looks())
    assert sent(platform)[1:] == [("recovery", "Recovered: the daemon works")]


def test_what_ended_during_a_break_is_told_only_with_its_end(platform: Platform) -> None:
    file = platform.settings.config.parent / "alerts.yaml"
    escalating = "{name: all, channels: [file], escalate: {after: PT1H, channels: [file]}}"
    file.write_text(f"channels: [{{name: file, kind: file, path: alerts.jsonl}}]\nrules: [{escalating}]\n", encoding="utf-8")
    platform.run("faction_members")
    begin(platform, Kind.STALE, "faction_members|default", ago=timedelta(hours=3))
    look(platform, Looks())
    assert [kind for kind, _ in sent(platform)] == ["alert", "recovery"]


def test_the_sensor_looks_and_says_what_it_did(platform: Platform) -> None:
    sensor = platform.defs.resolve_sensor_def("alerts")
    result = sensor(dg.build_sensor_context(instance=platform.instance))
    assert isinstance(result, dg.SensorResult)
    assert result.skip_reason == dg.SkipReason("0 news of runs and checks, 0 incidents open, 0 messages sent")
