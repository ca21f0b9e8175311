"""The daily look: what counts in the scores, and what is kept of them for years."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from torn_pipeline.quality.score import GOOD
from torn_pipeline_tests.dagster.test_runs import FIRST

if TYPE_CHECKING:
    import dagster as dg

    from torn_pipeline.warehouse import Measurement
    from torn_pipeline_tests.dagster.running import Platform

MEMBERS = "faction_members"


def health(platform: Platform) -> dg.ExecuteInProcessResult:
    return platform.defs.resolve_job_def("ops_health").execute_in_process(instance=platform.instance)


def kept(platform: Platform) -> dict[tuple[str, str], Measurement]:
    return {(one.kind, one.subject): one for one in platform.pipeline.warehouse.measurements()}


def score_of(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (found,) = result.get_asset_check_evaluations()
    return found


def test_a_new_start_has_no_score_and_nothing_to_complain_of(platform: Platform) -> None:
    found = score_of(health(platform))
    assert (found.passed, found.description) == (True, "There is no score yet: nothing was loaded, and nothing had to be.")
    assert kept(platform) == {}


def test_what_is_not_due_yet_does_not_count(platform: Platform) -> None:
    platform.reload(torn_items={"frequency": "PT6H"})
    for endpoint in ("faction_basic", "faction_crimes", MEMBERS, "faction_balance"):
        for account in ("default", "second"):
            assert platform.run(endpoint, account).success
    found = score_of(health(platform))
    assert (found.passed, found.metadata["score"].value) == (True, 100)
    assert not [subject for _, subject in kept(platform) if subject.startswith("torn_items")]
    platform.age(timedelta(hours=14))
    assert score_of(health(platform)).metadata["score"].value != 100
    assert kept(platform)["check", "torn_items.contract"].said == "never made"


def test_an_error_of_one_account_is_not_hidden_by_the_next_one(platform: Platform) -> None:
    """The check of the table has one result in the UI, the last one; the score takes that of the account for which it is worst."""
    platform.world.faction(FIRST).members[0]["mood"] = "tense"
    assert platform.run(MEMBERS).success
    assert platform.run(MEMBERS, "second").success
    warned = (0.5, 'new field $.members[*].mood, once (string, for example "tense")')
    health(platform)
    assert (kept(platform)["check", f"{MEMBERS}.contract"].value, kept(platform)["check", f"{MEMBERS}.contract"].said) == warned
    del platform.world.faction(FIRST).members[0]["mood"]
    assert platform.run(MEMBERS).success
    health(platform)
    assert kept(platform)["check", f"{MEMBERS}.contract"].value == 1


def test_how_the_checks_went_and_the_scores_are_kept(platform: Platform) -> None:
    platform.world.faction(FIRST).members[0]["mood"] = "tense"
    assert platform.run(MEMBERS).success
    platform.age(timedelta(days=2))
    before = datetime.now(UTC)

    result = health(platform)

    found = kept(platform)
    assert {one.run_id for one in found.values()} == {result.run_id}
    (moment,) = {one.measured_at for one in found.values()}
    assert before <= moment <= datetime.now(UTC)
    told = {name: (one.value, one.met, one.said) for (_, name), one in found.items()}
    assert told[f"{MEMBERS}.rules"] == (1.0, True, "")
    assert told[f"{MEMBERS}.contract"] == (0.5, False, 'new field $.members[*].mood, once (string, for example "tense")')
    assert told[f"{MEMBERS}.freshness"] == (0.0, False, "what was last loaded of second was fetched: never")
    assert told["faction_crimes.contract"] == (0.0, False, "never made")

    (event,) = result.get_asset_materialization_events()
    points = event.materialization.metadata["score"].value
    score = found["score", "platform"]
    assert (score.value, score.unit, score.met) == (points, "points", False)
    assert (score.value or 0) < GOOD
    names = {subject.partition(".")[0] for kind, subject in found if kind == "check"}
    assert names == {subject for kind, subject in found if kind == "score"} - {"platform"}


def test_each_look_is_kept_beside_those_before_it_also_where_nothing_was_loaded(platform: Platform) -> None:
    platform.age(timedelta(days=2))
    health(platform)
    assert {one.met for one in kept(platform).values() if one.kind == "check"} <= {False, True}
    first = platform.pipeline.warehouse.measurements("score")
    assert platform.run(MEMBERS).success
    health(platform)
    moments = {one.measured_at for one in platform.pipeline.warehouse.measurements("score")}
    assert (len(moments), min(moments)) == (2, first[0].measured_at)
    later = platform.pipeline.warehouse.measurements("score", since=max(moments))
    assert {one.subject for one in later} == {one.subject for one in first}
    (before,), (after,) = ([one.value for one in found if one.subject == MEMBERS] for found in (first, later))
    assert before is not None
    assert after is not None
    assert before < after
