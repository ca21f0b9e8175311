"""``alerts`` on the console: what is wrong, acknowledging it, and trying out the channels."""

from __future__ import annotations

import getpass
import json
import re
import signal
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from torn_pipeline.alerts import Kind, Observation, Severity, open_alerts
from torn_pipeline.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from torn_pipeline_tests.e2e.console import Console

HOOK = "http://127.0.0.1:1/services/T0PS3CRETT0PS3CRET"  # nobody listens there
RULES = """\
channels:
  - {name: file, kind: file, path: alerts.jsonl}
  - {name: hook, kind: webhook}
rules:
  - {name: all, channels: [file, hook], escalate: {after: PT1H, channels: [file]}}
"""


@pytest.fixture
def alerting(console: Console) -> Console:
    """A console whose alerts go to a file and to somebody who is away."""
    (console.folder / "config/alerts.yaml").write_text(RULES)
    console.environment["TORN_ALERT_HOOK"] = HOOK
    return console


def observe(console: Console, subject: str, *, ok: bool = False) -> None:
    settings = Settings(config=console.folder / "config/pipeline.json", data_dir=console.data, alert_secrets={"hook": HOOK})
    now = datetime.now(UTC) - timedelta(seconds=0 if ok else 5)
    title, link = f"{subject} is {'fresh' if ok else 'stale'}", "http://127.0.0.1:3000/x"
    thing = Observation(
        kind=Kind.STALE, subject=subject, ok=ok, at=now, severity=Severity.ERROR, title=title, text="see its runs", link=link
    )
    open_alerts(settings).observe([thing], now=now)


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_incident_from_its_alert_to_its_recovery(alerting: Console) -> None:
    observe(alerting, "faction_crimes")
    listed = alerting("alerts", "list")
    assert listed.status == 0
    row = listed.row("faction_crimes", "stale")
    assert row[1:2] + row[3:] == ["error", "file,", "hook", "faction_crimes", "is", "stale"]
    sent = alerting("alerts", "send")
    assert (sent.status, sent.out) == (0, "sent: 1; still waiting: hook 1\n")
    assert alerting("alerts", "list").row("faction_crimes", "stale")[3:5] == ["file", "hook"]
    acknowledged = alerting("alerts", "ack", row[0][:6])
    assert acknowledged.status == 0
    assert f"acknowledged by {getpass.getuser()} at 20" in acknowledged.out
    again = alerting("alerts", "ack", row[0], "--by", "ann")
    assert (again.status, "ann" in again.out) == (0, False)
    assert re.search(rf": {getpass.getuser()} has it since 20\S+Z, so nothing is changed\n$", again.out)
    observe(alerting, "faction_crimes", ok=True)
    alerting("alerts", "send")
    assert [line["kind"] for line in lines_of(alerting.data / "alerts.jsonl")] == ["alert", "recovery"]
    assert alerting("alerts", "list").out == "nothing is wrong; `torn-pipeline alerts list --all` shows what was\n"
    assert alerting("alerts", "list", "--all").row("faction_crimes", "stale")[0] == row[0]
    over = alerting("alerts", "ack", row[0])
    assert over.status == 0
    assert "is over since 20" in over.out


def test_all_of_an_incident_is_shown(alerting: Console) -> None:
    assert alerting("alerts", "list", "--all").out == "nothing was ever wrong\n"
    observe(alerting, "faction_crimes")
    alerting("alerts", "send")
    (listed,) = json.loads(alerting("alerts", "list", "--format", "json").out)["incidents"]
    assert (listed["severity"], listed["title"], listed["closed"]) == ("error", "faction_crimes is stale", None)
    assert (listed["told"], listed["waiting"]) == (["file"], ["hook"])

    shown = alerting("alerts", "show", listed["id"][:6])

    assert shown.status == 0
    head, since, _, thing, began, why, link, _, _, told, *waits = (line.strip() for line in shown.out.splitlines())
    assert head == f"{listed['id']}: error: faction_crimes is stale"
    assert since == f"since {listed['opened']}; to acknowledge it: torn-pipeline alerts ack {listed['id']}"
    assert thing == "faction_crimes is stale (stale, error)"
    assert (began, why, link) == (f"since {listed['opened']}", "see its runs", "http://127.0.0.1:3000/x")
    assert re.fullmatch(r"file +faction_crimes is stale +20\S+Z +told", told)
    hook, escalation = waits
    assert re.match(r"hook +faction_crimes is stale +20\S+Z +to be told; 1 try, it said: channel hook \(webhook\)", hook)
    assert re.fullmatch(r"file +escalation +20\S+Z +to be told unless acknowledged or over by then", escalation)


def test_a_wrong_id_or_channel_is_a_wrong_call(alerting: Console) -> None:
    for arguments, sentence in [
        (("ack", "abc"), "there is no incident 'abc': `torn-pipeline alerts list --all` shows the ids\n"),
        (("show", "abc"), "there is no incident 'abc': `torn-pipeline alerts list --all` shows the ids\n"),
        (("ack", "abc", "--by", " "), "--by is empty: give the name of who cares for it, or leave it out\n"),
        (("test", "nobody"), "there is no alert channel nobody: use one of file, hook, or add it to alerts.yaml\n"),
    ]:
        result = alerting("alerts", *arguments)
        assert (result.status, result.out, result.err) == (2, "", sentence)


def test_a_channel_is_tried_out(alerting: Console) -> None:
    taken = alerting("alerts", "test", "file")
    assert (taken.status, taken.out) == (0, "file took a test message\n")
    (line,) = lines_of(alerting.data / "alerts.jsonl")
    assert line["kind"] == "test"
    away = alerting("alerts", "test", "hook")
    assert (away.status, away.out) == (1, "")
    assert away.err.startswith("channel hook (webhook)")
    assert "T0PS3CRET" not in away.err
    del alerting.environment["TORN_ALERT_HOOK"]
    refused = alerting("alerts", "test", "hook")
    assert (refused.status, refused.out) == (1, "")
    assert refused.err == "channel hook (webhook) has no secret: set TORN_ALERT_HOOK\n"


def test_check_looks_at_the_rules_and_the_secrets(alerting: Console) -> None:
    result = alerting("check")
    assert (result.status, result.err) == (0, "")
    assert "alerts: ok, 1 rule and 2 channels\n" in result.out
    del alerting.environment["TORN_ALERT_HOOK"]
    (alerting.folder / "config/alerts.yaml").write_text(RULES + "  - {name: more, channels: [nobody]}\n")
    result = alerting("check")
    assert result.status == 2
    assert "config/alerts.yaml:6: rules.more.channels[0]: there is no channel of this name" in result.err
    (alerting.folder / "config/alerts.yaml").write_text(RULES)
    result = alerting("check")
    assert result.err.startswith("config/alerts.yaml:3: channels.hook: there is no secret for it: put it into TORN_ALERT_HOOK, ")
    assert "alerts: ok" not in result.out


def test_wrong_rules_keep_nobody_from_asking(alerting: Console) -> None:
    observe(alerting, "faction_crimes")
    rules = alerting.folder / "config/alerts.yaml"
    rules.write_text(RULES.replace("[file, hook]", "[file, phone]"))
    problem = "config/alerts.yaml:5: rules.all.channels[1]: there is no channel of this name"
    listed = alerting("alerts", "list")
    assert listed.status == 0
    assert listed.err.startswith(problem)
    assert listed.err.endswith("until that is mended, alerts follow the rules that were right last\n")
    incident = listed.row("faction_crimes", "stale")[0]
    for arguments in (("show", incident), ("ack", incident)):
        result = alerting("alerts", *arguments)
        assert (result.status, incident in result.out, problem in result.err) == (0, True, True)
    sent = alerting("alerts", "send")
    assert (sent.status, sent.out) == (0, "sent: 1; still waiting: hook 1\n")
    tried = alerting("alerts", "test", "file")
    assert (tried.status, tried.out) == (2, "")
    assert tried.err.startswith(problem)
    assert alerting("check").status == 2


def test_wrong_rules_are_not_well_and_keep_no_platform_from_starting(alerting: Console) -> None:
    alerting("health")
    (alerting.folder / "config/alerts.yaml").write_text("rules: [")
    well = alerting("health", "--format", "json")
    assert well.status == 1
    assert ("alerts.yaml is wrong", False) in [(thing["title"], thing["ok"]) for thing in json.loads(well.out)["things"]]
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            started = alerting("dev", "--port", str(port))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    rules, *_, refused = started.err.splitlines()
    assert rules.startswith("config/alerts.yaml:")
    assert refused.startswith(f"port {port} cannot be used"), "which it asks for once it has nothing against the rules"
