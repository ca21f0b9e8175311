"""What is seen of runs, checks, schedules and sensors, on runs that really failed, and on ticks of every kind."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dagster as dg

from torn_pipeline.alerts import Kind, Observation, Severity
from torn_pipeline.assets.runs import asked_accounts
from torn_pipeline.automation import observing
from torn_pipeline.automation.looking import watched_by_name
from torn_pipeline.automation.observing import Watched, automations, ended_runs
from torn_pipeline.automation.wording import check_text, check_title
from torn_pipeline.checks import records
from torn_pipeline.simulator import HttpStatus
from torn_pipeline_tests.dagster.test_runs import FIRST, RETRY_TAG, SCHEDULED, crimes_of

if TYPE_CHECKING:
    import pytest

    from torn_pipeline_tests.dagster.running import Platform

MEMBERS = "faction_members"
ABOUT = Watched((f"raw/{MEMBERS}", f"torn/{MEMBERS}"), ("team:faction",), MEMBERS, account="default")
UI = "http://127.0.0.1:3000"
MANY = 1_000  # calls: more than any run makes
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def watched(platform: Platform) -> dict[str, Watched]:
    pipeline = platform.pipeline
    return watched_by_name(pipeline, [pipeline.plan(endpoint.name) for endpoint in pipeline.config.endpoints])


def news(platform: Platform, cursor: str) -> tuple[list[Observation], str]:
    checks = [spec for one in platform.defs.assets or () if isinstance(one, dg.AssetsDefinition) for spec in one.check_specs]
    return ended_runs(platform.instance, cursor, watched(platform), datetime.now(UTC), ui_url=UI, checks=checks)


# --- runs and their checks -------------------------------------------------------------------------------------


def test_a_failure_is_told_once_with_its_cause_and_nothing_of_what_was_before(platform: Platform) -> None:
    platform.simulator.faults.append(HttpStatus(status=503, times=MANY))
    platform.run(MEMBERS)
    before, cursor = news(platform, "")

    failed = platform.run(MEMBERS)

    assert before == []
    (told,), cursor = news(platform, cursor)
    assert (told.kind, told.subject, told.ok, told.severity) == (Kind.RUN_FAILED, "faction_members|default", False, Severity.ERROR)
    assert told.title == "faction_members for default failed"
    assert "503" in told.text
    assert told.text.endswith(f"(run {failed.run_id})")
    assert (told.cause, told.assets) == ("the API is in trouble", ABOUT.assets)
    assert told.link == f"{UI}/runs/{failed.run_id}"
    assert news(platform, cursor) == ([], cursor)

    platform.simulator.faults.clear()
    first, second = platform.world.keys
    del platform.world.keys[second]
    platform.run(MEMBERS)
    platform.run(MEMBERS, "second")
    told_now, _ = news(platform, cursor)
    runs = [(one.subject, one.ok, one.cause) for one in told_now if one.kind is Kind.RUN_FAILED]
    assert runs == [("faction_members|default", True, ""), ("faction_members|second", False, "the key of second cannot be used")]
    assert not any(key in repr(told_now) for key in (first, second))


def test_a_check_is_told_with_what_it_found_and_its_rows(platform: Platform) -> None:
    _, cursor = news(platform, "")
    failed = next(crime for crime in crimes_of(platform, FIRST) if crime["status"] == "Failure")
    failed["rewards"] = {"money": 5, "items": [], "respect": 1, "scope": 0, "payout": None}

    platform.run("faction_crimes")

    told, _ = news(platform, cursor)
    assert next(one.kind for one in told if one.ok) is Kind.RUN_FAILED
    (wrong,) = [one for one in told if not one.ok]
    assert (wrong.kind, wrong.severity) == (Kind.CHECK_FAILED, Severity.WARNING)
    assert wrong.title == "check rules of torn/faction_crimes for default warns"
    first, *rows = wrong.text.splitlines()
    assert "rewards_only_when_successful" in first
    assert rows[0].startswith(f"- _account default, id {failed['id']}, found rule broken rewards_only_when_successful, value ")
    assert rows[-1].startswith("Look at them: if the game has changed, mend the rule in the contract; ")
    assert wrong.assets == ("torn/faction_crimes",)
    assert wrong.link == f"{UI}/assets/torn/faction_crimes?view=checks&checkDetail=rules"


def test_rows_are_told_only_where_they_say_more_than_the_sentence(platform: Platform) -> None:
    _, cursor = news(platform, "")
    for member, setting in zip(platform.world.faction(FIRST).members, ("Calm", "Calm", "Wild", "Calm", "Wild"), strict=False):
        member["revive_setting"] = setting
    platform.run(MEMBERS)

    told, _ = news(platform, cursor)

    wrong = next(one for one in told if one.subject == f"torn/{MEMBERS}|contract|default")
    assert wrong.title == f"check contract of torn/{MEMBERS} for default warns"
    said, row, to_do = wrong.text.splitlines()
    assert said.startswith("unknown value $.members[*].revive_setting, ")
    assert {"Calm", "Wild"} == {said.rpartition(" ")[2].strip(')"'), row.rpartition(" ")[2].strip('"')}
    assert to_do.startswith("All of it was loaded. Adopt what is new in the contract, or leave it")


def test_points_that_a_score_lost_are_told_in_words() -> None:
    lost = [
        {"table": "torn_items", "what": "contract", "lost": 31, "of": 31, "why": "never made"},
        {"table": "torn_items", "what": "volume", "lost": 4, "of": 8, "why": ""},
    ]
    check = dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(["ops", "health"]),
        check_name="score",
        passed=False,
        metadata={"score": dg.MetadataValue.int(40), "points_lost": records(lost)},
        description="40 of 100 points",
    )
    description = "Is it 80 or more?\n\n- **Passed**: yes.\n- **Error**: it is less than 50. Begin with the worst table."
    assert check_title(check, "") == "check score of ops/health failed"
    assert check_text(check, description).splitlines() == [
        "40 of 100 points",
        "- torn_items: contract lost 31 of 31, never made",
        "- torn_items: volume lost 4 of 8",
        "Begin with the worst table.",
    ]


def test_rows_that_cannot_be_read_are_one_cause_and_so_is_the_run_that_they_fail(platform: Platform) -> None:
    _, cursor = news(platform, "")
    crimes = crimes_of(platform, FIRST)
    crimes[0]["difficulty"] = "hard"
    platform.run("faction_crimes")

    told, cursor = news(platform, cursor)
    cause = "rows of faction_crimes for default cannot be read"
    wrong = [(one.subject, one.cause) for one in told if not one.ok]
    assert wrong == [(f"torn/faction_crimes|{check}|default", cause) for check in ("contract", "quarantine")]
    assert {one.cause for one in told if one.ok} == {""}

    for crime in crimes:
        crime["difficulty"] = "hard"
    platform.run("faction_crimes")

    told, _ = news(platform, cursor)
    wrong = [(one.kind, one.cause) for one in told if not one.ok]
    assert wrong == [(kind, cause) for kind in (Kind.RUN_FAILED, Kind.CHECK_FAILED, Kind.CHECK_FAILED)]


def test_a_dead_key_is_not_told_a_second_time_by_the_check_of_the_keys(platform: Platform) -> None:
    _, cursor = news(platform, "")
    key = next(iter(platform.world.keys))
    platform.world.keys[key] = replace(platform.world.keys[key], state="paused")

    made = platform.run("ops_keys")

    assert [check.passed for check in made.get_asset_check_evaluations()] == [False]
    assert [(one.kind, one.ok) for one in news(platform, cursor)[0]] == [(Kind.RUN_FAILED, True)]


def test_a_run_that_is_tried_again_has_not_failed_yet(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    _, cursor = news(platform, "")
    platform.simulator.faults.append(HttpStatus(status=503, times=MANY))
    platform.run(MEMBERS, tags=SCHEDULED)
    assert news(platform, cursor)[0] == []

    # Between the end of a run and Dagster's word on whether it is tried again there is a moment.
    with monkeypatch.context() as patch:
        patch.setattr(platform.instance, "add_run_tags", lambda *_: None)
        given_up = platform.run(MEMBERS, tags=SCHEDULED)
    told, cursor = news(platform, cursor)
    assert told == []
    platform.instance.add_run_tags(given_up.run_id, {"dagster/will_retry": "false"})
    (told_then,), cursor = news(platform, cursor)
    assert (told_then.kind, told_then.ok) == (Kind.RUN_FAILED, False)
    assert given_up.run_id in told_then.text

    platform.simulator.faults.clear()
    first, _ = platform.world.keys
    del platform.world.keys[first]
    lasting = platform.run(MEMBERS, tags=SCHEDULED)
    assert platform.tags(lasting)[RETRY_TAG] == "false"
    assert [one.ok for one in news(platform, cursor)[0]] == [False]


def test_more_ends_than_one_look_takes_are_told_in_their_order_and_none_twice(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observing, "_MOST", 2)
    _, cursor = news(platform, "")
    ended = []
    for is_well in (False, True, True, True, False):
        platform.simulator.faults[:] = [] if is_well else [HttpStatus(status=503, times=MANY)]
        ended.append((platform.run(MEMBERS).run_id, is_well))

    told, before = [], ""
    while cursor != before:
        before = cursor
        found, cursor = news(platform, cursor)
        told += [(one.link.rpartition("/")[2], one.ok) for one in found if one.kind is Kind.RUN_FAILED]

    assert told == ended


# --- whoever starts a run ----------------------------------------------------------------------------------------


def click(platform: Platform, *assets: str, **options: Any) -> dg.ExecuteInProcessResult:  # noqa: ANN401 - Dagster's own options
    """Materialize assets as a person does in the graph, or on their pages."""
    keys = [dg.AssetKey.from_user_string(asset) for asset in assets]
    job = platform.defs.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=platform.instance, asset_selection=keys, raise_on_error=False, **options)


def ended(told: list[Observation]) -> list[tuple[str, bool, tuple[str, ...]]]:
    return [(one.subject, one.ok, one.owners) for one in told if one.kind is Kind.RUN_FAILED]


def test_a_run_of_clicked_assets_is_told_as_one_of_their_endpoint(platform: Platform) -> None:
    _, cursor = news(platform, "")
    fault = HttpStatus(path="/faction/members", status=503, times=MANY)
    platform.simulator.faults.append(fault)
    result = click(platform, *ABOUT.assets, partition_key="default")
    run = platform.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.job_name == "__ASSET_JOB"
    click(platform, *watched(platform)["torn_items"].assets)

    told, cursor = news(platform, cursor)
    failed = (f"{MEMBERS}|default", False, ABOUT.owners)
    assert ended(told) == [failed, ("torn_items|", True, ("team:torn",))]
    assert (told[0].title, told[0].assets, told[0].cause) == (f"{MEMBERS} for default failed", ABOUT.assets, "the API is in trouble")

    platform.run(MEMBERS, tags={"dagster/backfill": "abcdefgh"})
    assert ended(news(platform, cursor)[0]) == [failed]
    platform.simulator.faults.clear()
    _, cursor = news(platform, cursor)
    click(platform, f"raw/{MEMBERS}", partition_key="default")
    told, cursor = news(platform, cursor)
    assert ended(told) == []  # as it says nothing of the table
    click(platform, *ABOUT.assets, partition_key="default")
    assert ended(news(platform, cursor)[0]) == [(f"{MEMBERS}|default", True, ABOUT.owners)]


def test_a_run_of_assets_of_several_endpoints_is_told_as_one_of_each(platform: Platform) -> None:
    _, cursor = news(platform, "")
    fault = HttpStatus(path="/faction/members", status=503, times=MANY)
    platform.simulator.faults.append(fault)
    known = watched(platform)
    _, *tables = known["torn_items"].assets
    click(platform, *ABOUT.assets, *known["faction_basic"].assets, *tables, partition_key="default")

    told, _ = news(platform, cursor)
    assert sorted((subject, ok) for subject, ok, _ in ended(told)) == [
        ("faction_basic|default", True), ("faction_members|default", False), ("torn_items|", False),
    ]  # fmt: skip
    texts = {one.subject: one.text for one in told if not one.ok}
    assert "503" in texts["faction_members|default"]
    assert texts["torn_items|"].startswith("nothing of torn_items has landed")
    assert {one.owners for one in told if one.subject.startswith("torn/faction_basic")} == {("team:faction",)}


def test_what_is_about_the_platform_is_told_to_its_owners_and_a_kpi_to_those_of_its_table(platform: Platform) -> None:
    config = json.loads(platform.settings.config.read_text(encoding="utf-8"))
    queries = {"members": "SELECT count(*) FROM faction_members", "typo": "SELECT count(*) FROM faction_member"}
    config["kpis"] = [{"name": name, "table": MEMBERS, "sql": sql} for name, sql in queries.items()]
    platform.settings.config.write_text(json.dumps(config), encoding="utf-8")
    platform.reload()
    platform.run(MEMBERS)
    _, cursor = news(platform, "")

    for job in ("ops_health", "ops_service_levels", "kpis"):
        platform.run(job)
    click(platform, "mart/members")

    told, _ = news(platform, cursor)
    ops = ("team:ops",)
    assert ended(told) == [
        ("ops_health|", True, ops), ("ops_service_levels|", True, ops),
        ("mart/members|", True, ABOUT.owners), ("mart/typo|", False, ABOUT.owners), ("mart/members|", True, ABOUT.owners),
    ]  # fmt: skip
    assert [(one.assets, one.owners) for one in told if one.subject == "ops/health|score|"] == [(("ops/health",), ops)]


SHARED = {
    name: Watched((f"raw/{name}", "torn/crimes"), ("team:faction",), name, (f"raw__{name}", "done_tables"), "a", ("a", "b", "c"))
    for name in ("done", "open")
}


def went(
    assets: tuple[str, ...], *, begun: tuple[str, ...] = (), succeeded: tuple[str, ...] = (), status: str = "FAILURE"
) -> dict[str, bool | None]:
    """What a run of assets says of endpoints that share a table; these steps of it began, of which those succeeded."""
    keys = frozenset(dg.AssetKey.from_user_string(asset) for asset in assets)
    run = dg.DagsterRun(job_name="__ASSET_JOB", status=dg.DagsterRunStatus(status), asset_selection=keys)
    seen = [(step, dg.DagsterEventType.STEP_START) for step in begun] + [(step, dg.DagsterEventType.STEP_SUCCESS) for step in succeeded]
    events: list[Any] = [SimpleNamespace(step_key=step, event_type=kind) for step, kind in seen]
    return dict(observing._outcomes(run, events, SHARED))


def test_what_a_run_says_of_each_is_no_more_than_it_has_shown() -> None:
    both = ("raw/done", "raw/open", "torn/crimes")
    assert went(both, status="SUCCESS") == {"done": True, "open": True}
    assert went(("torn/crimes",), status="SUCCESS") == {"done": None}
    assert went(("raw/open", "torn/crimes"), status="SUCCESS") == {"open": True}
    assert went(("raw/open",)) == {"open": False}
    assert went(both) == {"done": False, "open": False}  # it could not start
    assert went(both, begun=("raw__done",)) == {"done": False, "open": None}  # it was killed
    assert went(both, begun=("raw__done", "raw__open"), succeeded=("raw__open",)) == {"done": False, "open": None}
    assert went(("ops/elsewhere",)) == {}


def test_days_that_somebody_chose_of_several_accounts_are_those_of_all_between() -> None:
    chosen = {"dagster/asset_partition_range_start": "a|2026-05-01", "dagster/asset_partition_range_end": "b|2026-05-04"}
    accounts = SHARED["done"].accounts
    assert asked_accounts(dg.DagsterRun(job_name="done", tags={"dagster/partition": "a|2026-05-01", **chosen}), accounts) == ("a", "b")
    assert asked_accounts(dg.DagsterRun(job_name="done", tags={"dagster/partition": "c|2026-05-01"}), accounts) == ("c",)


# --- schedules and sensors ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ticked:
    """What Dagster remembers of schedules and sensors, as far as it is asked for: each one's status, and its ticks, newest first.

    What stands behind an ``@`` tells those apart that have one name.
    """

    states: list[tuple[str, str]] = field(default_factory=list)
    ticks: dict[str, list[Any]] = field(default_factory=dict)

    def all_instigator_state(self) -> list[Any]:
        return [
            SimpleNamespace(name=name.partition("@")[0], status=SimpleNamespace(value=status), instigator_origin_id=name, selector_id=name)
            for name, status in self.states
        ]

    def get_ticks(self, origin: str, _: str, limit: int) -> list[Any]:
        return self.ticks.get(origin, [])[:limit]


def tick(status: str, ago: timedelta, error: str = "") -> Any:  # noqa: ANN401 - it stands for a tick of Dagster's
    said = SimpleNamespace(message=error) if error else None
    return SimpleNamespace(status=SimpleNamespace(value=status), timestamp=(NOW - ago).timestamp(), error=said)


def seen(status: str, *ticks: object, since: datetime = NOW - timedelta(days=1)) -> Observation:
    """What is said of a schedule of every quarter of an hour."""
    left = [tick("FAILURE", timedelta(days=30))]
    states = [("members_schedule", status), ("gone_schedule", "STOPPED"), ("members_schedule@elsewhere", "RUNNING")]
    instance: Any = Ticked(states if ticks else states[:2], {"members_schedule": list(ticks), "members_schedule@elsewhere": left})
    (told,) = automations(instance, {"members_schedule": (ABOUT, QUARTER), "new_schedule": (ABOUT, QUARTER)}, NOW, since)
    assert (told.kind, told.subject, told.owners) == (Kind.AUTOMATION_DEAD, "members_schedule", ("team:faction",))
    return told


def test_a_schedule_that_ticks_works() -> None:
    for status in ("RUNNING", "DECLARED_IN_CODE"):
        assert seen(status).ok  # it is new
        assert seen(status, tick("SUCCESS", QUARTER), tick("FAILURE", 2 * QUARTER)).ok
        assert seen(status, tick("SKIPPED", QUARTER)).title == "members_schedule works"


def test_a_schedule_that_is_switched_off_is_told_with_what_to_do() -> None:
    told = seen("STOPPED", tick("SUCCESS", QUARTER))
    assert (told.ok, told.title) == (False, "members_schedule is switched off")
    assert told.text == "switch it on in the UI, or say `enabled: false` in the config"


def test_a_schedule_whose_last_tick_failed_is_told_until_the_next_has_ended() -> None:
    failed = tick("FAILURE", QUARTER, "there is no endpoint\n")
    for ticks in ([failed], [tick("STARTED", timedelta(0)), failed]):
        told = seen("RUNNING", *ticks)
        assert (told.ok, told.title) == (False, "members_schedule failed: there is no endpoint")
    assert seen("RUNNING", tick("SUCCESS", timedelta(0)), failed).ok


def test_a_schedule_that_ticks_no_more_is_told_unless_nothing_could_tick() -> None:
    long_ago = tick("SUCCESS", timedelta(hours=9))
    told = seen("RUNNING", long_ago)
    assert (told.ok, told.title) == (False, "members_schedule has not ticked since 2026-05-04 03:00 UTC")
    assert told.text == "is the daemon up?"
    assert seen("RUNNING", long_ago, since=NOW - timedelta(minutes=39)).ok  # the daemon is up again since then
    assert not seen("RUNNING", long_ago, since=NOW - timedelta(minutes=41)).ok
