"""The rules of alerts: what may stand in their file, and when quiet hours end."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torn_pipeline.config.alerts import AlertsConfig, Kind, QuietHours, Rule, Severity, load_alerts
from torn_pipeline.errors import ConfigError
from torn_pipeline.settings import Settings

SHIPPED = Path(__file__).parents[3] / "config" / "alerts.yaml"
PAGE = Path(__file__).parents[3] / "docs" / "alerts.md"
WRONG = """\
channels:
  - {name: a, kind: discrod}
  - {name: b}
  - {name: c, kind: discord, url: x}
  - {name: c, kind: file, file: x}
  - {name: e, kind: email, host: localhost, from: a@b.org, to: c@d.org, user: a, password: x}
rules:
  - {name: a, kinds: [nope], channels: [q], escalate: {after: PT0S, channels: [zz]}}
  - {name: b, quiet_hours: {from: 23:00, to: "24:00", timezone: Mars/X}, channels: []}
  - {name: b, quiet_hours: {from: 23:00, to: "23:00", timzone: UTC, except: [fatal]}, channels: x}
  - {name: d, quiet_hours: {from: 23:00, to: "23:00"}, channels: [b], severities: error, escalate: {after: 1h, channels: [a]}}
"""
PROBLEMS = """\
2: channels.a: is of the kind 'discrod': use discord, slack, email, pagerduty, webhook, file
3: channels.b: lacks `kind`: say of which kind it is
4: channels.c.url: secrets are not read from the config: take it out and set TORN_ALERT_C in the environment
5: channels.c.path: is missing: add it
6: channels.e.password: secrets are not read from the config: take it out and set TORN_ALERT_E in the environment
5: channels.c.file: is not a known field: use one of name, kind, path
5: channels.c.name: is used twice in `channels`: give each entry a name of its own
8: rules.a.kinds[0]: is 'nope': use run_failed, check_failed, stale, key_done, budget_low, automation_dead, daemon_gone, disk_low, \
channel_failed or report
8: rules.a.channels[0]: there is no channel of this name: add it to `channels`, or use one of a, b, c, e
8: rules.a.escalate.after: must be above zero: write for example PT1H
8: rules.a.escalate.channels[0]: there is no channel of this name: add it to `channels`, or use one of a, b, c, e
9: rules.b.quiet_hours.to: is no time of day: write for example "23:00"
9: rules.b.quiet_hours.timezone: is 'Mars/X', which is no time zone that this machine knows: write for example Europe/Berlin or UTC
9: rules.b.channels: is empty: name at least one channel
10: rules.b.name: is used twice in `rules`: give each entry a name of its own
10: rules.b.quiet_hours.timzone: is not a known field: did you mean `timezone`?
10: rules.b.quiet_hours.except[0]: is 'fatal': use warning, error or critical
10: rules.b.channels: is 'x': must be a list, write [x]
6: channels.e.to: is 'c@d.org': must be a list, write [c@d.org]
11: rules.d.severities: is 'error': must be a list, write [error]
11: rules.d.escalate.after: is no ISO 8601 duration: write PT1H
11: rules.d.quiet_hours: begins when it ends: give `from` and `to` two times of the day
"""


def load(folder: Path, text: str, **secrets: str) -> AlertsConfig:
    (folder / "alerts.yaml").write_text(text)
    return load_alerts(Settings(config=folder / "pipeline.yaml", alert_secrets=secrets))


def test_the_shipped_rules_and_those_of_nobody_write_all_to_a_file(tmp_path: Path) -> None:
    shipped, none = load_alerts(Settings(config=SHIPPED)), load_alerts(Settings(config=tmp_path / "pipeline.yaml"))
    assert shipped.model_dump() == none.model_dump()
    assert [(channel.kind, channel.name) for channel in none.channels] == [("file", "file")]


def test_the_examples_in_the_shipped_rules_are_right(tmp_path: Path) -> None:
    config = load(tmp_path, re.sub(r"^  # ", "  ", SHIPPED.read_text(), flags=re.MULTILINE))
    quiet = config.rule["leaders_by_day"].quiet_hours
    assert quiet is not None
    assert (quiet.from_, quiet.to, quiet.except_) == (time(23), time(7), (Severity.CRITICAL,))
    assert [channel.name for channel in config.channels] == ["file", "leaders", "owner"]


def test_the_page_about_alerts_is_right(tmp_path: Path) -> None:
    text = PAGE.read_text()
    example = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert example
    assert len(load(tmp_path, example[1]).rules) == 2
    told = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert told == {*Rule.model_fields, *Kind}


def test_rules_written_as_json_are_read_again_as_they_were() -> None:
    quiet = {"from": "23:00", "to": 420, "timezone": "Europe/Berlin", "except": ["error"]}
    rule = {"name": "all", "kinds": ["stale"], "channels": ["file"], "quiet_hours": quiet}
    long = {"after": "P400DT2H30M", "channels": ["file"]}
    file = {"name": "file", "kind": "file", "path": "alerts.jsonl"}
    config = AlertsConfig.model_validate({"channels": [file], "rules": [rule | {"escalate": long}]})
    assert AlertsConfig.model_validate_json(config.model_dump_json(by_alias=True)) == config


def test_every_problem_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, WRONG)
    found = str(caught.value).replace(f"{tmp_path}/alerts.yaml:", "").splitlines()
    assert sorted(found) == sorted(PROBLEMS.splitlines())
    assert [int(line.partition(":")[0]) for line in found] == sorted(int(line.partition(":")[0]) for line in found)


def test_a_secret_in_the_file_is_told_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "channels: [{name: a, kind: pagerduty, url: https://x.y/0123456789abcdef}]\nrules: []\n", a="0123456789abcdef")
    assert "secrets belong in the environment as TORN_ALERT_A" in str(caught.value)
    assert "0123456789abcdef" not in str(caught.value)


def test_a_report_may_not_page_anybody(tmp_path: Path) -> None:
    text = "channels: [{name: night, kind: pagerduty}]\nrules: [{name: a, kinds: [stale, report], channels: [night]}]\n"
    with pytest.raises(ConfigError, match=r"2: rules.a.channels\[0\]: is PagerDuty, which would page somebody for a report: give "):
        load(tmp_path, text, night="key")


def test_an_empty_file_is_told_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is empty: begin with `channels: "):
        load(tmp_path, "")


def quiet_hours(begin: str, end: str, timezone: str = "Europe/Berlin") -> QuietHours:
    return QuietHours.model_validate({"from": begin, "to": end, "timezone": timezone})


@pytest.mark.parametrize(
    ("begin", "end", "now", "until"),
    [
        ("23:00", "07:00", "2026-01-15T21:59", "2026-01-15T21:59"),
        ("23:00", "07:00", "2026-01-15T22:00", "2026-01-16T06:00"),
        ("23:00", "07:00", "2026-01-16T05:59", "2026-01-16T06:00"),
        ("23:00", "07:00", "2026-01-16T06:00", "2026-01-16T06:00"),
        ("09:00", "17:00", "2026-07-15T07:00", "2026-07-15T15:00"),
        ("23:00", "07:00", "2026-03-28T22:30", "2026-03-29T05:00"),  # the night is an hour shorter
        ("23:00", "07:00", "2026-10-24T21:30", "2026-10-25T06:00"),  # and an hour longer
        ("23:00", "02:30", "2026-03-29T01:00", "2026-03-29T01:30"),  # there is no 02:30
        ("23:00", "02:30", "2026-10-25T00:15", "2026-10-25T00:30"),  # the first 02:30 of two
        ("23:00", "02:30", "2026-10-25T01:15", "2026-10-25T01:15"),
    ],
)
def test_quiet_hours_end_by_the_clocks_of_the_place(begin: str, end: str, now: str, until: str) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert quiet_hours(begin, end).end(at) == datetime.fromisoformat(until).replace(tzinfo=UTC)


CLOCK = st.builds(time, st.integers(4, 23), st.sampled_from([0, 30]))  # at which no clock is changed
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])


@given(CLOCK, CLOCK, ZONES, st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001 - given one
def test_quiet_hours_are_what_a_clock_on_the_wall_says(begin: time, end: time, zone: str, now: datetime) -> None:
    if begin == end:
        return
    quiet = quiet_hours(f"{begin:%H:%M}", f"{end:%H:%M}", zone)
    wall = now.astimezone(ZoneInfo(zone)).time()
    is_quiet = begin <= wall < end if begin < end else wall >= begin or wall < end
    until = quiet.end(now)
    assert (until > now) == is_quiet
    if is_quiet:
        assert until.astimezone(ZoneInfo(zone)).time() == end
        assert until - now <= timedelta(hours=25)
        assert quiet.end(until) == until


def test_other_severities_wait(tmp_path: Path) -> None:
    config = load(
        tmp_path, "channels: [{name: a, kind: slack}]\nrules: [{name: r, channels: [a], quiet_hours: {from: '20:00', to: 23:00}}]\n"
    )
    now = datetime.combine(date(2026, 1, 1), time(21), UTC)
    until = {severity: config.rules[0].quiet_until(now, severity) for severity in Severity}
    assert until == {Severity.CRITICAL: now, **dict.fromkeys((Severity.WARNING, Severity.ERROR), now + timedelta(hours=2))}
