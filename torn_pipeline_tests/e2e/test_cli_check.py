"""``check`` on the console: every problem at once, and nothing written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from torn_pipeline_tests.e2e.console import files_below

if TYPE_CHECKING:
    from torn_pipeline_tests.e2e.console import Console


def rewrite(console: Console, **sections: object) -> None:
    path = console.folder / "config/pipeline.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | sections, indent=1))


def test_all_is_well_and_nothing_is_written(console: Console) -> None:
    before = files_below(console.folder)
    result = console("check")
    assert (result.status, result.err) == (0, "")
    assert [line.split(": ok")[0] for line in result.out.splitlines()] == [
        "config",
        "keys",
        "alerts",
        "warehouse",
        "request budget",
        "landing",
        "log",
        "disk",
    ]
    assert "default 0.1" in result.out
    assert files_below(console.folder) == before
    assert console.simulator.calls == []


RULES: list[dict[str, object]] = [
    {"name": "all_in_crimes", "table": "faction_members", "sql": "SELECT id FROM faction_members WHERE NOT is_in_oc", "most": 1000},
    {"name": "nobody", "table": "faction_members", "sql": "SELECT id FROM faction_members", "severity": "error"},
]
KPIS: list[dict[str, object]] = [
    {"name": "members", "table": "faction_members", "sql": "SELECT COUNT(DISTINCT id) FROM faction_members", "at_least": 1000},
    {"name": "none", "table": "faction_crimes", "sql": "SELECT NULL", "unit": "%"},
]


def test_rules_and_kpis_are_asked_only_when_that_is_asked_for_and_wrong_queries_told(console: Console) -> None:
    assert console("materialize", "faction_members").status == 0
    rewrite(console, rules=RULES, kpis=KPIS)
    result = console("check")
    assert (result.status, result.err) == (0, "")
    assert "rules and KPIs: ok, 2 rules and 2 KPIs; `torn-pipeline check --queries` alone asks what they ask\n" in result.out
    assert "at most 1,000" not in result.out

    result = console("check", "--queries")

    members = sum(len(faction.members) for faction in console.world.factions.values())
    assert (result.status, result.err) == (0, "")
    assert result.row("rule", "nobody")[3:] == [str(members), "rows", "at", "most", "0", "error"]
    assert result.row("rule", "all_in_crimes")[-4:] == ["at", "most", "1,000", "right"]
    assert result.row("KPI", "members")[3:] == [str(members), "at", "least", "1000", "warn"]
    assert result.row("KPI", "none")[3:] == ["null"]

    wrong = [{**one, "sql": "SELECT a FROM faction_member"} for one in (RULES[0], KPIS[0])]
    rewrite(console, rules=[wrong[0]], kpis=[wrong[1], KPIS[1]])
    result = console("check", "--queries")
    assert result.status == 2
    problem = "could not be asked: the query is wrong in line 1: there is no table faction_member; did you mean faction_members?"
    assert result.err.splitlines() == [f"the rule all_in_crimes {problem}", f"the KPI members {problem}"]
    assert result.row("KPI", "none")


def test_a_rule_about_a_table_that_is_not_there_is_told_with_its_line(console: Console) -> None:
    rewrite(console, rules=[{**RULES[0], "table": "members"}])
    result = console("check", "--queries")
    assert result.status == 2
    assert "rules.all_in_crimes.table: no endpoint of this config writes a table members; " in result.err


def test_one_of_each_is_told_as_one_and_a_disk_once(console: Console) -> None:
    console.data.mkdir()
    (console.folder / "elsewhere").mkdir()
    console.environment["TORN_LANDING"] = (console.folder / "elsewhere").as_uri()
    endpoint = {"name": "faction_basic", "path": "/faction/basic", "frequency": "PT1H", "accounts": ["default"]}
    rewrite(console, accounts=[{"name": "default"}], endpoints=[endpoint])
    result = console("check")
    assert (result.status, result.err) == (0, "")
    assert "has 1 enabled endpoint and 1 account\n" in result.out
    (disk,) = [line for line in result.out.splitlines() if line.startswith("disk: ")]
    assert str(console.data) in disk


def test_a_key_that_cannot_be_one_is_warned_of_and_not_shown(console: Console) -> None:
    console.environment["TORN_API_KEY_SECOND"] = "short"
    result = console("check")
    assert result.status == 0
    assert result.err == "TORN_API_KEY_SECOND holds a key that is not 16 letters and digits, as Torn's are: copy it again, whole\n"
    assert "short" not in result.out + result.err


def test_every_problem_is_told_at_once_with_its_line(console: Console) -> None:
    rewrite(
        console,
        defaults={"rate_limit": 1},
        endpoints=[
            {"name": "faction_applications", "path": "/faction/applications", "frequency": "PT1M"},
            {"name": "faction_balance", "path": "/faction/balance", "frequency": "PT1M", "storage_mode": "upsert"},
            {"name": "faction_crimes", "path": "/faction/crimes", "frequency": "PT1M", "storage_mode": "upsert"},
            {"name": "faction_crimes_slots", "path": "/faction/basic", "frequency": "PT1M"},
        ],
    )
    del console.environment["TORN_API_KEY_SECOND"]
    console.environment.update({"TORN_WAREHOUSE": "postgresql://host/torn", "TORN_LANDING": "s3://bucket", "TORN_LOG_LEVEL": "LOUD"})
    result = console("check")
    assert result.status == 2
    lines = result.err.splitlines()
    for part in (
        "TORN_LOG_LEVEL is 'LOUD'",
        "there is no contract for /faction/applications",
        "have no key, so none can be told from another",
        "writes the table faction_crimes_slots, as faction_crimes does with other rows",
        "accounts.second: there is no key for it: put one into TORN_API_KEY_SECOND",
        "the schedules need",
        "TORN_WAREHOUSE names a postgresql warehouse",
        "TORN_LANDING is s3://bucket",
    ):
        (line,) = [line for line in lines if part in line][:1]
        assert line.startswith(("config/pipeline.json:", "TORN_")), line
    assert len(lines) == 9  # the budget is told for both accounts


def test_accounts_of_one_person_are_refused_also_when_only_the_api_knows(console: Console) -> None:
    first, second = (console.environment[name] for name in ("TORN_API_KEY", "TORN_API_KEY_SECOND"))
    console.environment["TORN_API_KEY_SECOND"] = first
    result = console("check")
    assert result.status == 2
    assert "the accounts `default` and `second` have keys of one user, whose calls Torn counts together" in result.err

    console.environment["TORN_API_KEY_SECOND"] = "AnotherKey123456"
    assert console("check").status == 0
    with console.world.lock:
        console.world.keys["AnotherKey123456"] = console.world.keys[first]
    result = console("fetch", "faction_basic")
    assert result.status == 2
    assert "second: the accounts `second` and `default` have keys of one user" in result.err
    assert {call.path for call in console.simulator.calls[2:]} == {"/key/info"}
    result = console("check")
    assert result.status == 2
    assert "config/pipeline.json:" in result.err
    assert "the accounts `default` and `second` have keys of one user" in result.err

    console.environment["TORN_API_KEY_SECOND"] = second
    assert console("check").status == 0


def test_the_calls_that_fetches_took_are_what_the_budget_counts(console: Console) -> None:
    rewrite(console, defaults={"rate_limit": 1, "timeout": "PT10S"})
    console.environment["TORN_RATE_WINDOW"] = "0.1"  # the key is asked about too
    assert console("fetch", "faction_crimes", "--account", "default").status == 0
    del console.environment["TORN_RATE_WINDOW"]
    planned = console("plan")
    assert planned.status == 0
    assert planned.row("default", "faction_crimes")[2:5] == ["PT15M", "1.0", "seen"]
    assert planned.row("second", "faction_crimes")[2:5] == ["PT15M", "1.0", "assumed"]
    total = planned.row("default", "all")
    assert float(total[-2]) == pytest.approx(float(total[-1].rstrip("%")) / 100, abs=0.001)
    assert console("check").status == 0


def test_a_log_that_cannot_be_written_is_told_with_its_line(console: Console) -> None:
    (console.folder / "notes").touch()
    for file in (str(console.folder / "notes" / "own.log"), str(console.folder)):
        rewrite(console, logging={"file": file})
        result = console("check")
        assert result.status == 1
        assert result.err.startswith("config/pipeline.json:")
        assert ": logging.file: the log cannot be written: " in result.err
    rewrite(console, logging={"level": "LOUD", "fil": "own.log"})
    result = console("check")
    assert result.status == 2
    assert "logging.level: is 'LOUD': use DEBUG, INFO, WARNING, ERROR or CRITICAL\n" in result.err
    assert "logging.fil: is not a known field: did you mean `file`?\n" in result.err


def test_a_config_that_cannot_be_read_hides_no_other_problem(console: Console) -> None:
    (console.folder / "config/pipeline.json").write_text('{"endpoints": [{"name": "Bad Name"}]}')
    console.environment["TORN_LANDING"] = "nonsense"
    result = console("check")
    assert result.status == 2
    assert "config/pipeline.json:1: " in result.err
    assert "TORN_LANDING is 'nonsense'" in result.err


def test_bad_surroundings_are_another_exit_status(console: Console) -> None:
    (console.folder / "notes").write_text("not a database")
    console.environment.update({"TORN_WAREHOUSE": "duckdb:///notes", "TORN_LANDING": (console.folder / "notes/landing").as_uri()})
    result = console("check")
    assert result.status == 1
    first, second = result.err.splitlines()
    assert first.endswith("notes is not a DuckDB database; move it away, or name another file in TORN_WAREHOUSE")
    assert second.endswith("notes is not a folder; name another place")


def test_a_key_that_is_mistaken_for_something_else_is_not_shown(console: Console) -> None:
    console.environment["TORN_LANDING"] = f"https://{console.environment['TORN_API_KEY']}/"
    result = console("check")
    assert result.status == 2
    assert console.environment["TORN_API_KEY"] not in result.out + result.err


ALERTS = """\
channels:
  - {name: file, kind: file, path: alerts.jsonl}
  - {name: chief, kind: discord}
  - {name: old, kind: file, path: old.jsonl}
rules:
  - {name: all, channels: [file, chief]}
  - name: faction
    assets: ["torn/fction_*", faction_crimes, torn/faction_crimes]
    owners: [nobody, "team:facton", "team:ops"]
    channels: [file]
"""


def test_a_channel_that_could_not_send_and_rules_that_nothing_fits_are_told_with_their_lines(console: Console) -> None:
    (console.folder / "config/alerts.yaml").write_text(ALERTS)
    console.environment["TORN_ALERT_CHIEF"] = "https://discord.example/hook"

    result = console("check")

    assert result.status == 0
    assert result.err.splitlines() == [
        "config/alerts.yaml:4: channels.old: no rule uses it: name it in the `channels` of one, or take it out",
        "config/alerts.yaml:8: rules.faction.assets[0]: no asset is called 'torn/fction_*': did you mean torn/faction_*?",
        "config/alerts.yaml:8: rules.faction.assets[1]: no asset is called 'faction_crimes': did you mean torn/faction_crimes?",
        "config/alerts.yaml:9: rules.faction.owners[0]: nothing is owned by 'nobody': write for example team:faction",
        "config/alerts.yaml:9: rules.faction.owners[1]: nothing is owned by 'team:facton': did you mean team:faction?",
    ]
    assert "alerts: ok, 2 rules and 3 channels\n" in result.out

    console.environment["TORN_ALERT_CHIEF"] = "ftp://discord.example/h00k"
    console.data.mkdir(exist_ok=True)
    (console.data / "old.jsonl").write_bytes(b"\0DUCK")

    result = console("check")

    assert result.status == 2
    assert "config/alerts.yaml:3: channels.chief: TORN_ALERT_CHIEF " in result.err
    assert "config/alerts.yaml:4: channels.old: channel old (file) would write into data/old.jsonl, which holds something" in result.err
    assert "h00k" not in result.err
    assert "alerts: ok" not in result.out


def test_alerts_without_rules_are_warned_of(console: Console) -> None:
    (console.folder / "config/alerts.yaml").write_text("channels: [{name: file, kind: file, path: alerts.jsonl}]\nrules: []\n")
    result = console("check")
    assert (result.status, result.err) == (0, "config/alerts.yaml:2: rules: is empty, so that nobody hears of anything: add a rule\n")
