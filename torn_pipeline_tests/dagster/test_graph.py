"""The graph that Dagster shows: a snapshot of all of it, and what every asset has to say."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from torn_pipeline.config import PipelineConfig, load_config
from torn_pipeline.definitions import build_defs
from torn_pipeline.plan import EndpointPlan, plan_of
from torn_pipeline.settings import Settings
from torn_pipeline_tests.dagster.graph import SNAPSHOT, as_text, describe, shipped_definitions
from torn_pipeline_tests.dagster.running import ENDPOINTS, ROOT, Platform
from torn_pipeline_tests.reference import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.tables.contract import Reference, Rule
    from torn_pipeline.tables.table import Table

RENEW = "If that is meant, renew it with `python -m torn_pipeline_tests.dagster.renew_graph` and commit what changed."
SCHEMA = "dagster/column_schema"
OPS = {"ops/health", "ops/keys", "ops/retention", "ops/service_levels", "report/validation"}


def shipped() -> PipelineConfig:
    return load_config(Settings(config=ROOT / "config/pipeline.yaml"))


PLANS = {endpoint.name: plan_of(endpoint, shipped()) for endpoint in shipped().endpoints}
PLANNED = [(plan, table) for plan in PLANS.values() for table in plan.tables]


@pytest.fixture(scope="module")
def specs() -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in shipped_definitions().resolve_all_asset_specs()}


def test_the_graph_is_as_the_snapshot_has_it() -> None:
    now, then = as_text(describe(shipped_definitions())), SNAPSHOT.read_text(encoding="utf-8")

    changed = "\n".join(difflib.unified_diff(then.splitlines(), now.splitlines(), SNAPSHOT.name, "the graph now", lineterm=""))
    assert now == then, f"the graph that Dagster shows is not the one in {SNAPSHOT}. {RENEW}\n{changed}"


def test_the_graph_is_the_same_each_time_it_is_built() -> None:
    assert as_text(describe(shipped_definitions())) == as_text(describe(shipped_definitions()))


def test_the_assets_are_the_endpoints_answers_and_their_tables(specs: dict[str, dg.AssetSpec]) -> None:
    tables = {table for names in TABLES.values() for table in names}

    assert set(specs) == {f"raw/{name}" for name in ENDPOINTS} | {f"torn/{table}" for table in tables} | OPS


def test_every_asset_says_what_it_is_whose_and_where(specs: dict[str, dg.AssetSpec]) -> None:
    for key, spec in specs.items():
        assert spec.description, key
        assert spec.owners, key
        assert spec.kinds, key
        assert spec.group_name not in {None, "default"}, key
        assert spec.metadata, key
        assert key in OPS or {"section", "storage_mode", "access"} <= set(spec.tags), key


def test_everything_that_ticks_says_what_it_does_and_in_plain_text() -> None:
    definitions = shipped_definitions()
    ticking = [*(definitions.schedules or ()), *(definitions.sensors or ())]
    assert len(ticking) > len(ENDPOINTS)
    for one in ticking:
        assert isinstance(one, dg.ScheduleDefinition | dg.SensorDefinition)
        assert one.description, one.name
        assert "`" not in one.description, one.name  # those pages show no Markdown


def test_the_code_version_of_an_asset_is_its_plans(specs: dict[str, dg.AssetSpec]) -> None:
    for name, plan in PLANS.items():
        versions = {specs[f"raw/{name}"].code_version, *(specs[f"torn/{table.name}"].code_version for table in plan.tables)}
        assert versions == {plan.version}
        assert re.fullmatch(r"[0-9a-f]{12}-add", plan.version)
    assert len({plan.version for plan in PLANS.values()}) == len(PLANS)


def test_the_code_version_changes_with_what_becomes_of_new_fields(platform: Platform) -> None:
    before = {spec.key: spec.code_version for spec in platform.defs.resolve_all_asset_specs()}

    platform.reload(faction_crimes={"on_new_field": "report"})

    changed = {spec.key for spec in platform.defs.resolve_all_asset_specs() if spec.code_version != before[spec.key]}
    assert {key.to_user_string() for key in changed} == {"raw/faction_crimes", *(f"torn/{name}" for name in TABLES["/faction/crimes"])}


@pytest.mark.parametrize(("plan", "table"), PLANNED, ids=[table.name for _, table in PLANNED])
def test_the_columns_shown_are_the_tables_own(specs: dict[str, dg.AssetSpec], plan: EndpointPlan, table: Table) -> None:
    shown = specs[f"torn/{table.name}"].metadata[SCHEMA]

    assert isinstance(shown, dg.TableSchema)
    assert [(column.name, column.type) for column in shown.columns] == [(column.name, column.type.value) for column in table.columns]
    assert [column.name for column in shown.columns if not column.description] == []
    assert {column.name for column in shown.columns if not column.constraints.nullable} == set(table.key)
    assert ("_fetched_at" in table.key) == (plan.endpoint.storage_mode.value == "append")


def test_units_known_values_and_references_are_shown_with_the_columns(specs: dict[str, dg.AssetSpec]) -> None:
    def columns(table: str) -> dict[str, str]:
        return {column.name: column.description for column in specs[f"torn/{table}"].metadata[SCHEMA].columns}

    assert columns("faction_crimes")["rewards_money"] == "Money earned. [$]"
    assert columns("faction_crimes")["rewards_payout_type"].endswith("Known so far: `balance`, `wallet`, `inventory`.")
    assert columns("faction_crimes_slots")["user_id"] == "The participant. Refers to `faction_members.id`."


def test_descriptions_say_what_one_row_is_how_rows_are_kept_and_how_often_they_come(specs: dict[str, dg.AssetSpec]) -> None:
    said = {key: spec.description or "" for key, spec in specs.items()}

    assert said["raw/faction_crimes"].startswith("The API's answers: Organised crimes of the faction.\n")
    assert (
        "from `/faction/crimes` with a key of access level Minimal or higher: for each account every 15 minutes."
        in said["raw/faction_crimes"]
    )
    assert "one crime, told from others by `_account, id`" in said["torn/faction_crimes"]
    assert "one item of one crime, told from" in said["torn/faction_crimes_rewards_items"]
    assert "one mod of one item, told from" in said["torn/torn_items_details_mods"]
    assert "one member of one fetch, told from" in said["torn/faction_balance_members"]
    assert "one fetch, told from" in said["torn/faction_basic"]
    assert "`upsert`: a row that comes again" in said["torn/faction_crimes_slots"]
    assert "once for all accounts, as it is the same for each, every 6 hours" in said["torn/torn_items"]
    assert all("https://www.torn.com/swagger.php" in text for key, text in said.items() if key not in OPS)


def test_an_endpoint_that_is_disabled_says_so(platform: Platform) -> None:
    platform.reload(faction_crimes={"enabled": False}, faction_members={"frequency": "P1D"}, faction_basic={"frequency": "PT1H30M"})

    said = {spec.key.to_user_string(): spec.description or "" for spec in platform.defs.resolve_all_asset_specs()}
    assert "only when somebody starts it, as it is disabled in the config." in said["torn/faction_crimes"]
    assert "for each account every day." in said["torn/faction_members"]
    assert "for each account every 90 minutes." in said["torn/faction_basic"]


@pytest.mark.parametrize(("url", "kind"), [("", "duckdb"), ("duckdb:///a.duckdb", "duckdb"), ("bigquery://p/d", "bigquery"),
                                           ("postgresql://u:s3cret@h/d", "postgresql"), ("s3cret", "duckdb")])  # fmt: skip
def test_tables_show_what_kind_of_warehouse_holds_them(url: str, kind: str) -> None:
    shown = build_defs(Settings(config=ROOT / "config/pipeline.yaml", warehouse=url))

    specs = [spec for spec in shown.resolve_all_asset_specs() if spec.key.path[0] == "torn"]
    assert [set(spec.kinds) for spec in specs] == [{kind, "table"}] * len(specs)


def test_every_check_says_what_it_means_and_which_rules_it_looks_at() -> None:
    graph = shipped_definitions().resolve_asset_graph()
    said = {(key.asset_key.path[-1], key.name): graph.get_check_spec(key).description or "" for key in graph.asset_check_keys}

    assert "**Error**" in said.pop(("keys", "usable"))
    assert all("**Passed**" in text and "**Warning**" in text for text in said.values())
    assert all("torn-pipeline quarantine list" in text for (_, name), text in said.items() if name == "contract")
    for plan, table in PLANNED:
        known: dict[str, Sequence[Rule | Reference]] = {"rules": plan.contract.rules, "relations": plan.contract.references}
        for name, rules in known.items():
            expected = {rule.name for rule in rules if "_".join(filter(None, (plan.root.name, rule.table))) == table.name}
            text = said.get((table.name, name), "There is no rule for this table yet.")
            assert set(re.findall(r"^- `(\w+)`: ", text, re.MULTILINE)) == expected
            assert ("There is no rule for this table yet." in text) == (not expected)


def test_a_table_has_the_checks_that_say_something_of_it() -> None:
    graph = shipped_definitions().resolve_asset_graph()
    found: dict[str, set[str]] = {}
    for key in graph.asset_check_keys:
        found.setdefault(key.asset_key.path[-1], set()).add(key.name)
    every = {"contract", "rules", "nulls"}
    assert found["faction_members"] == every | {"quarantine", "freshness", "volume"}
    assert found["faction_crimes_slots"] == every | {"relations"}


@pytest.mark.parametrize(("plan", "table"), PLANNED, ids=[table.name for _, table in PLANNED])
def test_a_table_says_which_table_of_the_warehouse_it_is(specs: dict[str, dg.AssetSpec], plan: EndpointPlan, table: Table) -> None:
    spec = specs[f"torn/{table.name}"]

    assert spec.metadata["dagster/table_name"] == f"torn.{table.name}"
    assert plan.endpoint.path in (spec.description or "")
    assert ", ".join(table.key) in (spec.description or "")


def test_an_account_more_is_a_partition_more(platform: Platform) -> None:
    shown = describe(platform.defs)["assets"]

    assert shown["raw/faction_crimes"]["partitions"] == shown["torn/faction_crimes_slots"]["partitions"] == ["default", "second"]
    assert shown["raw/torn_items"]["partitions"] is None


def test_an_endpoint_of_some_accounts_has_only_their_partitions(platform: Platform) -> None:
    platform.reload(faction_crimes={"accounts": ["second"]})

    assert describe(platform.defs)["assets"]["torn/faction_crimes"]["partitions"] == ["second"]


def test_a_table_may_have_a_name_of_its_own(platform: Platform) -> None:
    platform.reload(faction_crimes={"table": "ocs"})

    graph = describe(platform.defs)
    assert graph["jobs"]["faction_crimes"]["assets"] == ["raw/faction_crimes", "torn/ocs", "torn/ocs_rewards_items", "torn/ocs_slots"]


def test_no_key_is_in_the_definitions(platform: Platform) -> None:
    shown = as_text(describe(platform.defs)) + repr(platform.defs)

    assert [key for keys in platform.settings.keys.values() for key in keys if key in shown] == []
