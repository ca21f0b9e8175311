"""Rules that are wrong end no alert: those that were right before hold, or those of nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from torn_pipeline.alerts import Kind, Severity, open_alerts
from torn_pipeline.settings import Settings
from torn_pipeline_tests.unit.alerts.stubs import after

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "T0PS3CRETT0PS3CRET"  # noqa: S105 - it opens nothing
RULES = """\
channels: [{name: file, kind: file, path: mine.jsonl}, {name: hook, kind: webhook}]
rules: [{name: mine, channels: [file]}, {name: hooks, kinds: [stale], channels: [hook]}]
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(config=tmp_path / "pipeline.yaml", data_dir=tmp_path / "data", alert_secrets={"hook": f"https://example.org/{SECRET}"})


def write(settings: Settings, rules: str) -> None:
    (settings.config.parent / "alerts.yaml").write_text(rules, encoding="utf-8")


@pytest.mark.parametrize("wrong", ["rules: [", RULES + "more: 1\n", RULES.replace("[hook]", f"[{SECRET}]"), ""])
def test_the_rules_that_were_right_last_hold_while_the_file_is_wrong(settings: Settings, wrong: str) -> None:
    write(settings, RULES)
    right = open_alerts(settings)
    write(settings, wrong)
    kept = open_alerts(settings)
    assert (right.problem, kept.config.model_dump()) == ("", right.config.model_dump())
    assert "alerts.yaml" in kept.problem
    assert kept.problem.endswith("until that is mended, alerts follow the rules that were right last")
    assert SECRET not in kept.problem
    assert SECRET.encode() not in b"".join(path.read_bytes() for path in settings.data_dir.iterdir())

    kept.observe([kept.about_rules(after(0))], now=after(0))
    assert kept.deliver(after(0)) == 1
    (incident,) = kept.incidents()
    assert (incident.title, incident.severity, incident.told) == ("alerts.yaml is wrong", Severity.CRITICAL, ("file",))
    write(settings, RULES.replace("mine", "ours"))
    mended = open_alerts(settings)
    mended.observe([mended.about_rules(after(1))], now=after(1))
    assert mended.deliver(after(1)) == 1
    assert mended.incidents() == []
    assert "Recovered: alerts.yaml is right" in (settings.data_dir / "ours.jsonl").read_text(encoding="utf-8")


def test_without_rules_that_were_right_all_is_written_to_the_file(settings: Settings) -> None:
    write(settings, "rules: [")
    alerts = open_alerts(settings)
    assert alerts.problem.splitlines()[-1].startswith("until that is mended, all alerts go to alerts.jsonl in the data directory")
    seen = alerts.about_rules(after(0))
    assert (seen.kind, seen.ok, seen.text) == (Kind.AUTOMATION_DEAD, False, alerts.problem)
    alerts.observe([seen], now=after(0))
    assert alerts.deliver(after(0)) == 1
    assert "alerts.yaml is wrong" in (settings.data_dir / "alerts.jsonl").read_text(encoding="utf-8")
