"""What a faction wants of its own data, on real runs: rules as checks, KPIs as assets, and what alerts tell of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb
import pytest

from torn_pipeline.automation.looking import Looks
from torn_pipeline.checks.specs import check_specs
from torn_pipeline.definitions import build_defs
from torn_pipeline.errors import ConfigError, WarehouseBusy
from torn_pipeline.warehouse.duckdb import DuckDBWarehouse
from torn_pipeline_tests.dagster.running import open_platform
from torn_pipeline_tests.dagster.test_looking import look, sent, ticked
from torn_pipeline_tests.dagster.test_runs import FIRST, SECOND, checks, failed_steps, records
from torn_pipeline_tests.emulator import PROJECT, bigquery, emulator

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torn_pipeline_tests.dagster.running import Platform

__all__ = ["ticked"]

MEMBERS = "faction_members"
IDLE: dict[str, Any] = {
    "name": "all_in_crimes",
    "table": MEMBERS,
    "sql": "SELECT id, name FROM faction_members WHERE NOT is_in_oc ORDER BY id; ",
}


def wish(platform: Platform, **sections: object) -> None:
    """Write sections of the config anew, and build the definitions from it."""
    file = platform.settings.config
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | sections, indent=1), encoding="utf-8")
    platform.defs = build_defs(platform.settings)


def said(result: dg.ExecuteInProcessResult, name: str) -> dg.AssetCheckEvaluation:
    assert result.success, failed_steps(result)
    return checks(result)[MEMBERS, name]


def idle(platform: Platform, *members: int) -> list[Mapping[str, Any]]:
    """Let these members, by their place, take no part in crimes, and all others do; the idle ones by id."""
    everybody = platform.world.faction(FIRST).members
    for place, member in enumerate(everybody):
        member["is_in_oc"] = place not in members
    return sorted((everybody[place] for place in members), key=lambda member: member["id"])


# --- rules ---------------------------------------------------------------------------------------------------


def test_the_rows_that_break_a_rule_are_counted_and_shown(platform: Platform) -> None:
    wish(platform, rules=[IDLE, IDLE | {"name": "nearly_all", "most": 2, "severity": "error"}])
    lazy = idle(platform, 1, 4)

    result = platform.run(MEMBERS)

    check = said(result, "all_in_crimes")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.description == "2 rows break the rule all_in_crimes, and none may"
    assert (check.metadata["rows_breaking"].value, check.metadata["most"].value) == (2, 0)
    assert records(check, "offending_rows") == [{"id": one["id"], "name": one["name"]} for one in lazy]
    assert said(result, "nearly_all").passed

    idle(platform, 1, 4, 5)
    check = said(platform.run(MEMBERS), "nearly_all")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert check.description == "3 rows break the rule nearly_all, and at most 2 may"


def test_a_query_that_is_wrong_is_a_warning_that_says_why_and_keeps_nothing_else_back(platform: Platform) -> None:
    wrong = {**IDLE, "name": "wrong", "severity": "error", "sql": "SELECT id\nFROM faction_member -- a comment at the end"}
    wish(platform, rules=[wrong, IDLE, {**IDLE, "name": "no_reading", "sql": "DELETE FROM faction_members"}])
    idle(platform)

    result = platform.run(MEMBERS)

    check = said(result, "wrong")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.description is not None
    assert check.description.startswith("could not be asked: the query is wrong in line 2: there is no table faction_member")
    assert said(result, "all_in_crimes").passed
    assert not said(result, "no_reading").passed
    assert platform.rows(MEMBERS)


def test_rules_cost_nothing_where_there_are_none_and_two_queries_at_most(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    wish(platform, rules=[IDLE])
    asked: list[str] = []
    query = DuckDBWarehouse.query

    def noted(self: DuckDBWarehouse, sql: str) -> Any:  # noqa: ANN401 - as the warehouse's
        asked.append(sql)
        return query(self, sql)

    monkeypatch.setattr(DuckDBWarehouse, "query", noted)

    idle(platform)
    said(platform.run(MEMBERS), "all_in_crimes")
    assert len([sql for sql in asked if "is_in_oc" in sql]) == 1
    platform.run("faction_basic")
    assert len([sql for sql in asked if "is_in_oc" in sql]) == 1
    idle(platform, 0)
    said(platform.run(MEMBERS), "all_in_crimes")
    assert len([sql for sql in asked if "is_in_oc" in sql]) == 3


def test_a_rule_that_finds_the_warehouse_busy_looks_again_next_time(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    wish(platform, rules=[IDLE])
    query = DuckDBWarehouse.query

    def busy(self: DuckDBWarehouse, sql: str) -> Any:  # noqa: ANN401 - as the warehouse's
        if "is_in_oc" in sql:
            message = "another process"
            raise WarehouseBusy(message)
        return query(self, sql)

    monkeypatch.setattr(DuckDBWarehouse, "query", busy)

    check = said(platform.run(MEMBERS), "all_in_crimes")

    assert (check.passed, check.metadata["not_looked_at"].value) == (True, "another process")


def test_a_check_says_its_rule_and_a_rule_of_a_history_is_one_too(platform: Platform) -> None:
    history: dict[str, Any] = {
        "name": "changes",
        "table": f"{MEMBERS}_history",
        "sql": "SELECT * FROM faction_members_history",
        "most": 100,
    }
    platform.reload(**{MEMBERS: {"storage_mode": "snapshot"}})
    wish(platform, rules=[{**IDLE, "description": "Everybody takes part."}, history])
    specs = check_specs([platform.pipeline.plan(MEMBERS)])
    (about,) = [spec.description or "" for spec in specs if spec.name == "all_in_crimes"]

    assert about.startswith("Everybody takes part.\n\n- **Passed**: ")
    assert "```sql\nSELECT id, name FROM faction_members WHERE NOT is_in_oc ORDER BY id\n```" in about
    assert checks(platform.run(MEMBERS))[history["table"], "changes"].passed


def test_an_alert_tells_of_a_rule_once_with_its_rows_and_of_its_recovery(platform: Platform) -> None:
    wish(platform, rules=[IDLE])
    looks = Looks()
    look(platform, looks)
    (lazy,) = idle(platform, 3)
    for member in platform.world.faction(SECOND).members:
        member["is_in_oc"] = True
    for account in ("default", "second"):
        platform.run(MEMBERS, account)
        look(platform, looks)
    title = "check all_in_crimes of torn/faction_members for all accounts"
    assert sent(platform) == [("alert", f"{title} warns")]
    (line,) = (platform.settings.data_dir / "alerts.jsonl").read_text(encoding="utf-8").splitlines()
    assert f"- id {lazy['id']}, name {lazy['name']}" in json.loads(line)["lines"]

    idle(platform)
    platform.run(MEMBERS)
    look(platform, looks)

    assert sent(platform)[1:] == [("recovery", f"Recovered: {title} passed")]


def test_a_table_that_no_endpoint_writes_is_refused_with_its_line(platform: Platform) -> None:
    with pytest.raises(ConfigError) as caught:
        wish(platform, rules=[IDLE, {**IDLE, "name": "typo", "table": "faction_member"}], kpis=[{**IDLE, "name": "far", "table": "x"}])

    file = platform.settings.config
    lines = file.read_text(encoding="utf-8").splitlines()
    first, second = str(caught.value).split("\n")
    number = 1 + lines.index('   "table": "faction_member",')
    assert first == (
        f"{file}:{number}: rules.typo.table: no endpoint of this config writes a table faction_member; did you mean faction_members?"
    )
    assert "kpis.far.table: no endpoint of this config writes a table x; the tables are " in second


def test_a_name_that_would_stand_for_two_things_is_refused(platform: Platform) -> None:
    crimes = {"table": "faction_crimes", "sql": "SELECT 1"}
    rules = [{**crimes, "name": "slots_rules"}, {**crimes, "name": "slots_few"}, {**crimes, "name": "few", "table": "faction_crimes_slots"}]
    with pytest.raises(ConfigError) as caught:
        wish(platform, rules=rules)

    first, second = str(caught.value).split("\n")
    of_slots = "of the table faction_crimes_slots too: choose another name"
    assert first.endswith(f": rules.slots_rules.name: faction_crimes_slots_rules is the check rules {of_slots}")
    assert second.endswith(
        ": rules.few.name: faction_crimes_slots_few is the check slots_few of the table faction_crimes too: choose another name"
    )


def test_an_endpoint_that_is_named_as_the_job_of_the_kpis_is_refused(platform: Platform) -> None:
    endpoints = json.loads(platform.settings.config.read_text(encoding="utf-8"))["endpoints"]
    with pytest.raises(ConfigError, match=r"endpoints.kpis.name: is the name of the job of all KPIs: choose another name"):
        wish(platform, endpoints=[{**endpoints[0], "name": "kpis"}], kpis=[{**SHARE, "table": "kpis"}])


# --- KPIs ----------------------------------------------------------------------------------------------------

SHARE = {"name": "idle_share", "table": MEMBERS, "sql": "SELECT 100.0 * AVG(CASE WHEN is_in_oc THEN 0 ELSE 1 END) FROM faction_members"}
NOTHING = {"name": "nothing", "table": "faction_crimes", "sql": "SELECT NULL AS value", "at_least": 1}


def run_kpis(platform: Platform) -> dg.ExecuteInProcessResult:
    return platform.defs.resolve_job_def("kpis").execute_in_process(instance=platform.instance, raise_on_error=False)


def test_without_kpis_there_is_no_job_for_them(platform: Platform) -> None:
    assert "kpis" not in {job.name for job in platform.defs.resolve_all_job_defs()}


def test_the_value_of_a_kpi_is_shown_judged_and_kept(platform: Platform) -> None:
    wish(platform, kpis=[SHARE | {"unit": "%", "at_most": 20, "description": "Who is idle."}, NOTHING, {**SHARE, "name": "count"}])
    idle(platform, 1, 2, 3)
    assert platform.run(MEMBERS).success

    result = run_kpis(platform)

    assert result.success, failed_steps(result)
    said = {
        event.materialization.asset_key.to_user_string(): event.materialization.metadata
        for event in result.get_asset_materialization_events()
    }
    share = said["mart/idle_share"]
    assert (share["value"], share["unit"].value, share["target"].value) == (dg.FloatMetadataValue(25.0), "%", "at most 20 %")
    assert said["mart/nothing"]["value"].value is None
    found = {check.asset_key.path[-1]: check for check in result.get_asset_check_evaluations()}
    assert set(found) == {"idle_share", "nothing"}
    assert (found["idle_share"].passed, found["idle_share"].severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found["idle_share"].description == "25 %, and at most 20 % is wanted"
    assert found["nothing"].passed
    kept = {one.subject: (one.value, one.unit, one.met, one.said, one.run_id) for one in platform.pipeline.warehouse.measurements("kpi")}
    assert kept == {
        "idle_share": (25.0, "%", False, "at most 20 %", result.run_id),
        "nothing": (None, "", None, "at least 1", result.run_id),
        "count": (25.0, "", None, "", result.run_id),
    }


NO_NUMBER = {
    "SELECT id FROM faction_members": "is one number, and its query answers with more than one row",
    "SELECT id FROM faction_members WHERE 1 = 0": "is one number, and its query answers with 0 rows",
    "SELECT 1 AS a, 2 AS b": "is one number, and its query answers with 2 columns",
    "SELECT 'many'": "is one number, and its query answers with a value of the type string",
    "SELECT TRUE": "is one number, and its query answers with True",
    "SELECT CAST('nan' AS DOUBLE)": "is one number, and its query answers with nan",
    "SELECT COUNT(*) FROM faction_member": "could not be asked: the query is wrong in line 1: there is no table faction_member",
}


def test_what_is_no_number_fails_with_one_sentence_and_keeps_no_other_back(platform: Platform) -> None:
    wrong = {f"wrong_{number}": sql for number, sql in enumerate(NO_NUMBER)}
    wish(platform, kpis=[*({**SHARE, "name": name, "sql": sql} for name, sql in wrong.items()), NOTHING])
    assert platform.run(MEMBERS).success

    result = run_kpis(platform)

    said = {
        str(event.step_key).removeprefix("mart__"): event.step_failure_data.user_failure_data.description or ""
        for event in result.all_events
        if event.is_step_failure and event.step_failure_data.user_failure_data
    }
    assert set(said) == set(wrong)
    for name, sentence in said.items():
        assert sentence.startswith(f"the KPI {name} {NO_NUMBER[wrong[name]]}")
    assert [event.asset_key.path for event in result.get_asset_materialization_events() if event.asset_key] == [["mart", "nothing"]]
    assert [one.subject for one in platform.pipeline.warehouse.measurements("kpi")] == ["nothing"]


def test_a_kpi_is_its_tables_and_its_owners_and_its_schedule_daily(platform: Platform) -> None:
    wish(platform, kpis=[SHARE])
    (spec,) = [spec for spec in platform.defs.resolve_all_asset_specs() if spec.key.path[0] == "mart"]

    assert (spec.key.path, spec.group_name, spec.owners, spec.kinds) == (["mart", "idle_share"], "mart", ["team:faction"], {"sql"})
    assert [dependency.asset_key.path for dependency in spec.deps] == [["torn", MEMBERS]]
    schedule = platform.defs.resolve_schedule_def("kpis_schedule")
    assert (schedule.job_name, schedule.cron_schedule, schedule.execution_timezone) == ("kpis", "0 5 * * *", "UTC")


def test_an_alert_tells_those_of_the_table_of_a_target_that_is_missed(platform: Platform) -> None:
    wish(platform, kpis=[SHARE | {"at_most": 20}])
    rules = "rules: [{name: theirs, owners: ['team:faction'], channels: [file]}]"
    file = platform.settings.config.parent / "alerts.yaml"
    file.write_text(f"channels: [{{name: file, kind: file, path: alerts.jsonl}}]\n{rules}\n", encoding="utf-8")
    looks = Looks()
    look(platform, looks)
    idle(platform, 1, 2, 3)
    assert platform.run(MEMBERS).success
    run_kpis(platform)
    look(platform, looks)

    assert sent(platform) == [("alert", "check target of mart/idle_share warns")]


# --- service levels ------------------------------------------------------------------------------------------


def run_levels(platform: Platform) -> tuple[list[Mapping[str, Any]], dg.AssetCheckEvaluation]:
    """What the asset tells of each endpoint and account, and its check."""
    result = platform.defs.resolve_job_def("ops_service_levels").execute_in_process(instance=platform.instance)
    (event,) = result.get_asset_materialization_events()
    table = event.materialization.metadata["service_levels"]
    assert isinstance(table, dg.TableMetadataValue)
    (check,) = result.get_asset_check_evaluations()
    return [record.data for record in table.records], check


def test_before_the_first_load_nothing_is_missed(platform: Platform) -> None:
    rows, check = run_levels(platform)

    assert {row["fresh"] for row in rows} == {"nothing loaded yet"}
    assert {row["objective"] for row in rows} == {"99 %"}
    assert check.passed
    assert platform.pipeline.warehouse.measurements("service_level") == []


def test_a_level_is_reckoned_from_the_ledger_and_told_where_it_is_missed(platform: Platform) -> None:
    hourly: dict[str, object] = {"frequency": "PT1H", "max_runtime": "PT1H", "service_level": 0.9}
    platform.reload(faction_members=hourly, torn_items={"enabled": False})
    for name in (MEMBERS, "faction_crimes"):
        assert platform.run(name).success
    # As if the same had come every hour for the last 40 days, and not at all for six hours on the day before yesterday.
    with duckdb.connect(str(platform.settings.data_dir / "warehouse.duckdb")) as connection:
        for table, moments in (("fetches", ("started",)), ("loads", ("_fetched_at", "loaded_at"))):
            earlier = ", ".join(f"{moment} - to_hours(h::INTEGER) AS {moment}" for moment in moments)
            connection.execute(
                f"INSERT INTO torn_meta.{table} SELECT t.* REPLACE (_fetch_id || '-' || h AS _fetch_id, {earlier}) "  # noqa: S608 - our own names
                f"FROM torn_meta.{table} t, range(1, 961) hours(h) WHERE h NOT BETWEEN 40 AND 45 AND _fetch_id IN "
                f"(SELECT _fetch_id FROM torn_meta.fetches WHERE endpoint = '{MEMBERS}')"
            )

    rows, check = run_levels(platform)

    told = {(row["endpoint"], row["account"]): row for row in rows}
    assert ("torn_items", "default") not in told
    assert told["faction_crimes", "second"]["fresh"] == "nothing loaded yet"
    assert told["faction_crimes", "default"]["fresh"] == "100 %"
    row = told[MEMBERS, "default"]
    # The seventh hour without a load is the fourth that is too long: three are allowed.
    assert (row["days"], row["objective"], row["minutes_stale"], row["worst_gap_minutes"]) == (30.0, "90 %", 240.0, 240.0)
    assert row["fresh"] == f"{int(100_000 * (1 - 4 / 720)) / 1000:g} %"
    assert row["minutes_left"] == 72 * 60 - 240
    assert check.passed
    kept = {(one.subject, one.account): one for one in platform.pipeline.warehouse.measurements("service_level")}
    assert set(kept) == {(MEMBERS, "default"), ("faction_crimes", "default")}
    assert kept[MEMBERS, "default"].value == pytest.approx(1 - 4 / 720)
    assert (kept[MEMBERS, "default"].unit, kept[MEMBERS, "default"].met) == ("share", True)

    platform.reload(faction_members=hourly | {"service_level": 0.999})
    _, check = run_levels(platform)

    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.description == f"{MEMBERS} for default was fresh {row['fresh']} of the time, and 99.9 % are wanted"
    (missed,) = records(check, "missed")
    assert missed["minutes_left"] == pytest.approx(43.2 - 240, abs=0.1)


def test_on_bigquery_rules_kpis_and_levels_are_asked_and_answered(tmp_path: Path) -> None:
    with bigquery() as warehouse:
        url = f"bigquery://{PROJECT}/{warehouse.place.dataset}?location=EU"
        with open_platform(tmp_path, warehouse=url, bigquery_emulator=emulator()) as platform:
            recent = "SELECT COUNT(*) FROM faction_members WHERE last_action_timestamp > CURRENT_TIMESTAMP - INTERVAL 30 DAY"
            wrong = {**IDLE, "name": "wrong", "sql": "SELECT id FROM faction_member"}
            wish(platform, rules=[IDLE, wrong], kpis=[SHARE, {**SHARE, "name": "recent", "sql": recent, "at_most": 1000}])
            lazy = idle(platform, 1, 2, 3)

            result = platform.run(MEMBERS)
            found = run_kpis(platform)
            rows, check = run_levels(platform)

            assert records(said(result, IDLE["name"]), "offending_rows")[0]["id"] in {one["id"] for one in lazy}
            assert said(result, IDLE["name"]).description == "3 rows break the rule all_in_crimes, and none may"
            assert "there is no table faction_member" in (said(result, "wrong").description or "")
            assert found.success, failed_steps(found)
            kept = {one.subject: one.value for one in platform.pipeline.warehouse.measurements("kpi")}
            assert (set(kept), kept["idle_share"]) == ({"idle_share", "recent"}, 25.0)
            assert {row["fresh"] for row in rows if (row["endpoint"], row["account"]) == (MEMBERS, "default")} == {"100 %"}
            assert check.passed
            (level,) = platform.pipeline.warehouse.measurements("service_level")
            assert (level.subject, level.value) == (MEMBERS, 1.0)
