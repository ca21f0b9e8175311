"""Jobs really run, against a simulated API: what a run leaves in the tables, and what Dagster shows of it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from filelock import FileLock

from torn_pipeline import errors
from torn_pipeline.assets import raw_key, table_key
from torn_pipeline.definitions import build_defs
from torn_pipeline.resources import told_to_dagster
from torn_pipeline.simulator import ErrorCode, HttpStatus
from torn_pipeline.warehouse.duckdb import DuckDBWarehouse
from torn_pipeline_tests.dagster.running import Platform, open_platform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CRIMES = ("faction_crimes", "faction_crimes_slots", "faction_crimes_rewards_items")
ROOT_CHECKS = ("quarantine", "freshness", "volume")
CHECKS = {
    *((table, name) for table in CRIMES for name in ("contract", "rules", "nulls")),
    *((table, "relations") for table in CRIMES[1:]),
    *((CRIMES[0], name) for name in ROOT_CHECKS),
}
RETRY_TAG = "dagster/retry_on_asset_or_op_failure"
SCHEDULED = {"dagster/max_retries": "1"}
FIRST, SECOND = 40_832, 8_991
PERMANENT, TRANSIENT = 2, 17  # codes of the API

Checks = dict[tuple[str, str], dg.AssetCheckEvaluation]


def materialized(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetMaterialization]:
    """What a run materialized, by the asset's key."""
    found = [event.materialization for event in result.get_asset_materialization_events()]
    return {one.asset_key.to_user_string(): one for one in found}


def metadata(result: dg.ExecuteInProcessResult, key: str) -> dict[str, Any]:
    """The plain values of an asset's metadata."""
    return {name: value.value for name, value in materialized(result)[key].metadata.items()}


def checks(result: dg.ExecuteInProcessResult) -> Checks:
    """What the checks said, by table and name."""
    return {(one.asset_key.path[-1], one.check_name): one for one in result.get_asset_check_evaluations()}


def records(check: dg.AssetCheckEvaluation, name: str) -> list[Mapping[str, Any]]:
    """The rows of a table in a check's metadata."""
    value = check.metadata[name]
    assert isinstance(value, dg.TableMetadataValue)
    return [record.data for record in value.records]


def failed_steps(result: dg.ExecuteInProcessResult) -> list[str | None]:
    return [event.step_key for event in result.all_events if event.is_step_failure]


def failure(result: dg.ExecuteInProcessResult) -> str:
    """What the one step that failed says."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    said = event.step_failure_data.user_failure_data
    assert said is not None
    assert said.description is not None
    return said.description


def crimes_of(platform: Platform, faction: int = FIRST) -> list[dict[str, Any]]:
    return platform.world.faction(faction).crimes


# --- a run that succeeds -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """A run that succeeded, to be looked at."""

    platform: Platform
    result: dg.ExecuteInProcessResult


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    with open_platform(tmp_path_factory.mktemp("done")) as platform:
        yield Done(platform, platform.run("faction_crimes"))


def test_a_run_materializes_the_answer_and_its_tables_and_says_what_it_did(done: Done) -> None:
    platform, result = done.platform, done.result

    assert result.success
    assert list(materialized(result)) == ["raw/faction_crimes", *(f"torn/{table}" for table in CRIMES)]
    assert {one.partition for one in materialized(result).values()} == {"default"}
    fetched, slots = metadata(result, "raw/faction_crimes"), metadata(result, "torn/faction_crimes_slots")
    assert (fetched["pages"], fetched["rows"], fetched["rows_repeated"]) == (1, 40, 0)
    assert fetched["bytes"] > 10_000
    count = sum(len(crime["slots"]) for crime in crimes_of(platform))
    assert slots["dagster/row_count"] == slots["rows_written"] == slots["rows_in_fetch"] == count
    assert slots["rows_replaced"] == 0
    assert slots["schema_changes"] == ["created"]
    assert slots["fetch_id"] == fetched["fetch_id"]


def test_the_metadata_leads_to_the_landed_bytes_and_shows_the_first_rows(done: Done) -> None:
    platform, result = done.platform, done.result

    fetched, crimes = metadata(result, "raw/faction_crimes"), metadata(result, "torn/faction_crimes")
    pipeline = platform.pipeline
    landed = pipeline.landing.latest("faction_crimes", "default")
    assert landed is not None
    assert landed.fetch_id == fetched["fetch_id"]
    assert str(pipeline.landing.folder(landed)) == fetched["landing"]
    assert [page.raw_id for page in landed.pages] == crimes["landed"]
    head, _, *rows = crimes["preview"].partition("\n\n")[0].splitlines()
    assert head.startswith("| id | name | difficulty | status | created_at |")
    sent = sorted(crimes_of(platform), key=lambda crime: crime["created_at"], reverse=True)
    assert [row.split(" | ")[0].strip("| `") for row in rows] == [str(crime["id"]) for crime in sent[:5]]
    assert f'"id": {sent[0]["id"]},' in fetched["preview"]
    assert {row["_fetch_id"] for row in platform.rows("faction_crimes")} == {fetched["fetch_id"]}


def test_every_check_of_every_table_is_told_and_passes(done: Done) -> None:
    found = checks(done.result)

    assert {key: one.passed for key, one in found.items()} == dict.fromkeys(CHECKS, True)
    assert {one.metadata["account"].value for one in found.values()} == {"default"}
    assert {one.metadata["fetch_id"].value for one in found.values()} == {metadata(done.result, "raw/faction_crimes")["fetch_id"]}


def test_a_check_is_about_the_materialization_of_its_own_run(platform: Platform) -> None:
    platform.run("faction_members")

    result = platform.run("faction_members")

    about = [one.target_materialization_data for one in checks(result).values()]
    assert [None if one is None else one.run_id for one in about] == [result.run_id] * 6


def test_a_second_run_counts_what_it_replaced(platform: Platform) -> None:
    platform.run("faction_members")
    platform.world.faction(FIRST).members.pop()

    result = platform.run("faction_members")

    members = metadata(result, "torn/faction_members")
    assert (members["rows_written"], members["rows_replaced"], members["dagster/row_count"]) == (11, 12, 11)
    assert "schema_changes" not in members


def test_a_global_endpoint_has_no_partition_and_asks_with_the_first_account(platform: Platform) -> None:
    result = platform.run("torn_items")

    assert result.success
    assert {one.partition for one in materialized(result).values()} == {None}
    assert {row["_account"] for row in platform.rows("torn_items")} == {"default"}
    assert {call.owner for call in platform.simulator.calls} == {platform.world.faction(FIRST).basic["leader_id"]}


def test_the_tables_alone_take_the_latest_landed_fetch_and_make_no_call(platform: Platform) -> None:
    platform.run("faction_crimes", asset_selection=[raw_key("faction_crimes")])
    calls = len(platform.simulator.calls)
    platform.world.add_crime(FIRST)

    result = platform.run("faction_crimes", asset_selection=[table_key(table) for table in CRIMES])

    assert result.success
    assert list(materialized(result)) == [f"torn/{table}" for table in CRIMES]
    assert len(platform.simulator.calls) == calls
    assert len(platform.rows("faction_crimes")) == 40


def test_the_tables_alone_without_any_fetch_say_what_to_do(platform: Platform) -> None:
    result = platform.run("faction_crimes", asset_selection=[table_key(table) for table in CRIMES])

    assert failure(result).endswith("run: torn-pipeline fetch faction_crimes")
    assert platform.tags(result)[RETRY_TAG] == "false"


# --- answers that are not what the contract says -------------------------------------------------------------


def test_a_broken_root_goes_to_quarantine_and_the_rest_is_loaded(platform: Platform) -> None:
    platform.run("faction_crimes")
    broken = crimes_of(platform)[3]
    broken["difficulty"], broken["name"] = "hard", "Changed"
    before = {table: [row for row in rows if broken["id"] in (row.get("id"), row.get("crime_id"))] for table, rows in
              platform.tables(*CRIMES).items()}  # fmt: skip

    result = platform.run("faction_crimes")

    assert result.success
    after = platform.tables(*CRIMES)
    for table, rows in before.items():
        assert [row for row in after[table] if broken["id"] in (row.get("id"), row.get("crime_id"))] == rows
    fetched = metadata(result, "raw/faction_crimes")["fetch_id"]
    assert [row["id"] for row in after["faction_crimes"] if row["_fetch_id"] != fetched] == [broken["id"]]
    (kept,) = platform.pipeline.warehouse.quarantined("faction_crimes")
    assert (kept.table, kept.run_id, kept.account) == ("faction_crimes", result.run_id, "default")
    assert (kept.json_path, '"hard"' in kept.raw) == ("$.crimes[36].difficulty", True)


def test_the_check_of_a_quarantined_root_is_an_error(platform: Platform) -> None:
    crimes_of(platform)[3]["slots"][0]["user"] = "nobody"

    result = platform.run("faction_crimes")

    assert result.success
    found = {key: one for key, one in checks(result).items() if not one.passed}
    assert list(found) == [("faction_crimes_slots", "contract"), ("faction_crimes", "quarantine")]
    check, quarantine = found.values()
    assert (check.severity, quarantine.severity) == (dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN)
    assert check.description is not None
    assert check.description.startswith("1 root in quarantine, the first for $.crimes[36].slots[0].user: ")
    assert quarantine.description == "1 of 40 roots (2.5%) were left out"
    (row,) = records(quarantine, "quarantined")
    assert (row["id"], row["where"]) == (crimes_of(platform)[3]["id"], "$.crimes[36].slots[0].user")
    assert metadata(result, "torn/faction_crimes")["dagster/row_count"] == 39


def test_too_many_broken_roots_load_nothing_and_fail_the_run(platform: Platform) -> None:
    platform.run("faction_crimes")
    before = platform.tables(*CRIMES)
    for crime in crimes_of(platform)[:3]:
        crime["difficulty"] = "hard"

    result = platform.run("faction_crimes")

    assert failed_steps(result) == ["faction_crimes_tables"]
    assert list(materialized(result)) == ["raw/faction_crimes"]
    assert "3 of 40 roots are broken, more than max_quarantined allows (5%)" in failure(result)
    assert platform.tables(*CRIMES) == before
    contract = checks(result)["faction_crimes", "contract"]
    assert (contract.passed, contract.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert len(checks(result)) == 7
    quarantine = checks(result)["faction_crimes", "quarantine"]
    assert (quarantine.passed, quarantine.severity, len(records(quarantine, "quarantined"))) == (False, dg.AssetCheckSeverity.ERROR, 3)
    assert quarantine.description == "3 of 40 roots (7.5%) were left out, more than max_quarantined allows (5%): nothing was loaded"
    assert {row.run_id for row in platform.pipeline.warehouse.quarantined("faction_crimes")} == {result.run_id}
    assert len(platform.pipeline.warehouse.quarantined("faction_crimes")) == 3
    assert platform.tags(result)[RETRY_TAG] == "false"


def test_a_new_field_is_loaded_and_reported_with_its_path(platform: Platform) -> None:
    for crime in crimes_of(platform)[:7]:
        crime["mood"] = "tense"

    result = platform.run("faction_crimes")

    assert result.success
    check = checks(result)["faction_crimes", "contract"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.description is not None
    assert "$.crimes[*].mood, 7 times" in check.description
    (row,) = records(check, "findings")
    assert (row["where"], row["count"]) == ("$.crimes[*].mood", 7)
    shown = records(check, "offending_rows")
    assert {one["id"] for one in shown} == {crime["id"] for crime in crimes_of(platform)[:7]}
    assert {(one["found"], one["value"]) for one in shown} == {("new field $.crimes[*].mood", '"tense"')}
    assert sorted(str(row["mood"]) for row in platform.rows("faction_crimes"))[32:] == ["None", *["tense"] * 7]
    assert checks(result)["faction_crimes", "rules"].passed


def test_a_new_field_that_is_only_to_be_reported_becomes_no_column(platform: Platform) -> None:
    platform.reload(faction_crimes={"on_new_field": "report"})
    crimes_of(platform)[0]["mood"] = "tense"

    result = platform.run("faction_crimes")

    assert not checks(result)["faction_crimes", "contract"].passed
    assert "mood" not in platform.rows("faction_crimes")[0]


def test_a_broken_rule_is_loaded_and_reported(platform: Platform) -> None:
    failed = next(crime for crime in crimes_of(platform) if crime["status"] == "Failure")
    failed["rewards"] = {"money": 5, "items": [], "respect": 1, "scope": 0, "payout": None}

    result = platform.run("faction_crimes")

    assert result.success
    assert [key for key, one in checks(result).items() if not one.passed] == [("faction_crimes", "rules")]
    check = checks(result)["faction_crimes", "rules"]
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert check.description is not None
    assert "rewards_only_when_successful" in check.description
    assert str(failed["id"]) in check.description
    (shown,) = records(check, "offending_rows")
    assert (shown["id"], shown["found"]) == (failed["id"], "rule broken rewards_only_when_successful")
    assert '"status": "Failure"' in str(shown["value"])
    (row,) = [row for row in platform.rows("faction_crimes") if row["id"] == failed["id"]]
    assert row["rewards_money"] == 5


def test_what_leads_nowhere_is_loaded_and_reported(platform: Platform) -> None:
    slot = next(slot for crime in crimes_of(platform) if crime["status"] == "Planning" for slot in crime["slots"])
    before = platform.run("faction_crimes")
    platform.run("faction_members")
    slot["user"]["id"] = 77

    result = platform.run("faction_crimes")

    assert checks(before)["faction_crimes_slots", "relations"].passed
    assert result.success
    assert [key for key, one in checks(result).items() if not one.passed] == [("faction_crimes_slots", "relations")]
    check = checks(result)["faction_crimes_slots", "relations"]
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert check.description is not None
    assert "slot_users_are_members, once: faction_members.id has no 77, which user_id refers to" in check.description
    (row,) = records(check, "offending_rows")
    (crime,) = [crime for crime in crimes_of(platform) if slot in crime["slots"]]
    assert (row["crime_id"], row["_index"], row["reference"], row["value"]) == (
        crime["id"], crime["slots"].index(slot), "slot_users_are_members", 77
    )  # fmt: skip
    assert 77 in [row["user_id"] for row in platform.rows("faction_crimes_slots")]


# --- a run that fails leaves the others alone ----------------------------------------------------------------


def test_a_dead_key_of_one_account_leaves_the_other_account_alone(platform: Platform) -> None:
    first, _ = platform.world.keys
    del platform.world.keys[first]

    dead, alive = platform.run("faction_members"), platform.run("faction_members", "second")

    assert (dead.success, alive.success) == (False, True)
    assert "put a working key into TORN_API_KEY" in failure(dead)
    assert {row["_account"] for row in platform.rows("faction_members")} == {"second"}
    assert len(platform.rows("faction_members")) == 12


def test_an_account_without_a_key_leaves_the_other_account_alone(platform: Platform) -> None:
    first, _ = platform.settings.keys
    platform.settings = replace(platform.settings, keys={first: platform.settings.keys[first]})
    platform.reload()

    assert platform.run("faction_members").success
    assert failure(platform.run("faction_members", "second")).endswith("put one into TORN_API_KEY_SECOND")


def test_one_endpoint_in_trouble_leaves_the_others_alone(platform: Platform) -> None:
    platform.simulator.faults.append(HttpStatus(path="/faction/crimes", status=500, times=100))

    success = {name: platform.run(name).success for name in ("faction_crimes", "faction_members", "torn_items")}

    assert success == {"faction_crimes": False, "faction_members": True, "torn_items": True}
    assert len(platform.rows("faction_members")) == 12


def test_one_failing_endpoint_leaves_the_others_alone_in_one_run_of_all(platform: Platform) -> None:
    platform.simulator.faults.append(HttpStatus(path="/faction/crimes", status=500, times=100))
    job = platform.defs.resolve_implicit_global_asset_job_def()
    keys = [key for key in platform.defs.resolve_asset_graph().get_all_asset_keys() if key.path[-1].startswith("faction")]

    result = job.execute_in_process(instance=platform.instance, partition_key="default", raise_on_error=False, asset_selection=keys)

    assert failed_steps(result) == ["raw__faction_crimes"]
    assert {key for key in materialized(result) if key.startswith("torn/")} == {
        "torn/faction_members", "torn/faction_basic", "torn/faction_balance", "torn/faction_balance_members"
    }  # fmt: skip


# --- what may be tried again -----------------------------------------------------------------------------------


def _leaves(kind: type[errors.PipelineError]) -> Iterator[type[errors.PipelineError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _leaves(below)


@pytest.mark.parametrize("kind", [one for one in _leaves(errors.PipelineError) if one.__module__ == errors.__name__])
def test_dagster_may_retry_what_is_transient_and_nothing_else(kind: type[errors.PipelineError]) -> None:
    message = "what is wrong"

    with pytest.raises(dg.Failure) as caught, told_to_dagster():
        raise kind(message)

    assert caught.value.allow_retries is issubclass(kind, errors.Transient)
    assert caught.value.description == message
    assert caught.value.metadata["error"].value == kind.__name__


def test_a_bug_is_no_failure_of_the_pipeline() -> None:
    with pytest.raises(ZeroDivisionError), told_to_dagster():
        _ = 1 / 0


@pytest.mark.parametrize(
    ("code", "tag", "again"), [(PERMANENT, "false", "false"), (TRANSIENT, None, "true")], ids=["permanent", "transient"]
)
def test_a_scheduled_run_is_run_again_only_when_that_can_help(platform: Platform, code: int, tag: str | None, again: str) -> None:
    platform.simulator.faults.append(ErrorCode(code=code, times=100))

    result = platform.run("faction_members", tags=SCHEDULED)

    assert not result.success
    assert platform.tags(result).get(RETRY_TAG) == tag
    assert platform.tags(result)["dagster/will_retry"] == again


def test_a_run_that_was_started_by_hand_is_not_run_again(platform: Platform) -> None:
    platform.simulator.faults.append(ErrorCode(code=TRANSIENT, times=100))

    assert platform.tags(platform.run("faction_members"))["dagster/will_retry"] == "false"


@pytest.mark.parametrize(("code", "tries"), [(PERMANENT, 1), (TRANSIENT, 3)], ids=["permanent", "transient"])
def test_a_retry_policy_of_dagsters_knows_them_apart_too(platform: Platform, code: int, tries: int) -> None:
    platform.reload(faction_members={"max_retries": 0})
    platform.simulator.faults.append(ErrorCode(code=code, times=100))
    job = dg.define_asset_job("members_again", [raw_key("faction_members")], op_retry_policy=dg.RetryPolicy(max_retries=2))
    platform.defs = dg.Definitions.merge(platform.defs, dg.Definitions(jobs=[job]))

    assert not platform.run("members_again").success
    assert len(platform.simulator.calls) == tries


def test_a_bug_is_not_run_again(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("torn_pipeline.steps.fetch", broken)

    result = platform.run("faction_members", tags=SCHEDULED)

    assert platform.tags(result)["dagster/will_retry"] == "false"


@pytest.fixture
def held_warehouse(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileLock]:
    """The lock of the warehouse, held as another process would hold it, and nobody who waits long for it."""
    monkeypatch.setattr(DuckDBWarehouse.__init__, "__kwdefaults__", {"lock_timeout": 0.05})
    platform.settings.data_dir.mkdir(exist_ok=True)
    lock = FileLock(platform.settings.data_dir / "warehouse.duckdb.lock")
    with lock.acquire():
        yield lock


def crimes_job() -> dg.JobDefinition:
    """The job of the crimes, from the environment, as a process that retries a run builds it."""
    return build_defs().resolve_job_def("faction_crimes")


def test_a_retry_resumes_where_the_run_failed(platform: Platform, held_warehouse: FileLock, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = platform.settings
    environment = {
        "TORN_API_URL": settings.api_url,
        "TORN_API_KEY": settings.keys["default"][0],
        "TORN_CONFIG": str(settings.config),
        "TORN_DATA_DIR": str(settings.data_dir),
        "TORN_RATE_WINDOW": "0.01",
    }
    for name in [name for name in os.environ if name.startswith("TORN_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    failed = platform.run("faction_crimes", tags=SCHEDULED)
    calls = len(platform.simulator.calls)
    assert failed_steps(failed) == ["faction_crimes_tables"]
    assert platform.tags(failed)["dagster/will_retry"] == "true"
    held_warehouse.release(force=True)

    again = dg.execute_job(
        dg.reconstructable(crimes_job),
        instance=platform.instance,
        tags={"dagster/partition": "default"},
        reexecution_options=dg.ReexecutionOptions.from_failure(failed.run_id, platform.instance),
    )

    assert again.success
    assert [event.step_key for event in again.all_events if event.is_step_success] == ["faction_crimes_tables"]
    assert len(platform.simulator.calls) == calls
    assert len(platform.rows("faction_crimes")) == 40


# --- the IO manager --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("held_warehouse")
def test_a_warehouse_that_is_busy_leaves_no_materialization(platform: Platform) -> None:
    result = platform.run("faction_crimes")

    assert list(materialized(result)) == ["raw/faction_crimes"]
    assert checks(result) == {}
    assert "another process is loading into it" in failure(result)
    assert not (platform.settings.data_dir / "warehouse.duckdb").exists()


def test_a_refused_load_leaves_no_materialization_and_the_tables_as_they_were(platform: Platform) -> None:
    first = platform.run("faction_crimes")
    before = platform.tables(*CRIMES)
    platform.reload(faction_crimes={"storage_mode": "replace"})
    platform.world.add_crime(FIRST)

    result = platform.run("faction_crimes", tags=SCHEDULED)

    assert list(materialized(result)) == ["raw/faction_crimes"]
    assert checks(result) == {}
    assert "was loaded with upsert" in failure(result)
    assert platform.tables(*CRIMES) == before
    assert platform.tags(result)["dagster/will_retry"] == "false"
    found = platform.instance.fetch_materializations(table_key("faction_crimes"), limit=10)
    assert [record.run_id for record in found.records] == [first.run_id]


READ: dict[str, Mapping[str, int]] = {}
"""What the assets below were given: how many rows an account."""


def reader(name: str, table: str, accounts: list[str] | None) -> dg.AssetsDefinition:
    """An asset that reads a table, partitioned by these accounts or not at all."""
    partitions = None if accounts is None else dg.StaticPartitionsDefinition(accounts)

    @dg.asset(name=name, ins={"rows": dg.AssetIn(table_key(table))}, partitions_def=partitions)
    def read(rows):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - the frame's type would become a check of Dagster's
        READ[name] = dict(rows["_account"].value_counts().iter_rows())

    return read


@pytest.mark.parametrize(
    ("table", "accounts", "expected"),
    [
        ("faction_members", ["default", "second"], {"second": 11}),
        ("faction_members", None, {"default": 12, "second": 11}),
        ("torn_items", ["default", "second"], {"default": 12}),
        ("torn_items", None, {"default": 12}),
    ],
    ids=["account by account", "all accounts", "global for an account", "global"],
)
def test_a_downstream_asset_is_given_the_rows_of_its_partition(
    platform: Platform, table: str, accounts: list[str] | None, expected: Mapping[str, int]
) -> None:
    platform.world.faction(SECOND).members.pop()
    for account in ("default", "second"):
        platform.run(table, account)
    platform.world.faction(SECOND).members.clear()
    platform.defs = dg.Definitions.merge(platform.defs, dg.Definitions(assets=[reader("below", table, accounts)]))
    job = platform.defs.resolve_implicit_global_asset_job_def()

    result = job.execute_in_process(
        instance=platform.instance, asset_selection=[dg.AssetKey("below")], partition_key=None if accounts is None else "second"
    )

    assert result.success
    assert READ.pop("below") == expected


def test_a_child_table_is_read_in_the_run_that_wrote_it(platform: Platform) -> None:
    below = reader("slots_below", "faction_crimes_slots", ["default", "second"])
    keys = [dg.AssetKey("slots_below"), raw_key("faction_crimes"), *(table_key(table) for table in CRIMES)]
    job = dg.define_asset_job("crimes_and_below", keys)
    platform.defs = dg.Definitions.merge(platform.defs, dg.Definitions(assets=[below], jobs=[job]))

    assert platform.run("crimes_and_below").success
    assert READ.pop("slots_below") == {"default": sum(len(crime["slots"]) for crime in crimes_of(platform))}


def test_a_table_that_is_not_there_yet_is_said_in_one_sentence(platform: Platform) -> None:
    platform.defs = dg.Definitions.merge(platform.defs, dg.Definitions(assets=[reader("too_early", "torn_items", None)]))
    job = platform.defs.resolve_implicit_global_asset_job_def()

    result = job.execute_in_process(instance=platform.instance, asset_selection=[dg.AssetKey("too_early")], raise_on_error=False)

    assert failure(result).endswith("yet: run `torn-pipeline materialize` first")
