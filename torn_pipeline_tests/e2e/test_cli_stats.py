"""``stats`` on the console: what runs and fetches came to."""

from __future__ import annotations

import json
from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dagster as dg

from torn_pipeline.assets import raw_key, table_key
from torn_pipeline.definitions import build_defs
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import HttpStatus

if TYPE_CHECKING:
    import pytest

    from torn_pipeline_tests.e2e.console import Console

MEMBERS = "faction_members"
MANY = 1_000  # calls: more than any run makes


def told(console: Console) -> tuple[dict[str, Any], dict[tuple[str, str], Any]]:
    """The answer as JSON: all of it, and what it says by endpoint and account."""
    result = console("stats", "--format", "json")
    assert (result.status, result.err) == (0, "")
    answer = json.loads(result.out)
    return answer, {(one["endpoint"], one["account"]): one for one in answer["endpoints"]}


def retry(console: Console) -> None:
    """Run members for the account ``default`` once more, as Dagster does by itself, from the assets; and let one for the other wait."""
    settings = Settings.from_environment(console.environment)
    definitions = build_defs(settings)
    chosen = [raw_key(MEMBERS), table_key(MEMBERS)]
    assets = definitions.resolve_implicit_job_def_def_for_assets(chosen)
    assert assets is not None
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        tags = {"dagster/retry_number": "1"}
        assert assets.execute_in_process(instance=instance, partition_key="default", asset_selection=chosen, tags=tags).success
        waits = {"dagster/partition": "second"}
        instance.create_run_for_job(definitions.resolve_job_def(MEMBERS), tags=waits)


def test_before_the_first_run_there_is_a_sentence_and_nothing_is_made(console: Console) -> None:
    result = console("stats")
    assert result.status == 0
    assert result.err.startswith(f"there are no runs in {console.data / 'dagster'} yet: ")
    assert [line.split() for line in result.out.splitlines() if line.startswith("all ")] == [["all", *"0000000", "0.0"], ["all", *"00000"]]
    assert not (console.data / "dagster").exists()


def test_a_success_a_failure_a_retry_and_a_run_that_waits(console: Console) -> None:
    assert console("materialize", MEMBERS, "torn_items").status == 0
    console.simulator.faults.append(HttpStatus(status=503, times=MANY))
    assert console("materialize", MEMBERS, "--partition", "default").status == 1
    console.simulator.faults.clear()
    retry(console)

    answer, pairs = told(console)

    assert set(pairs) == {(MEMBERS, "default"), (MEMBERS, "second"), ("torn_items", "default")}
    tried = pairs[MEMBERS, "default"]
    runs = tried["runs"]
    assert (runs["submitted"], runs["succeeded"], runs["failed"], runs["retries"]) == (3, 2, 1, 1)
    assert 0 < runs["median_seconds"] <= runs["p95_seconds"]
    assert "503" in tried["last_error"]
    fetches = tried["fetches"]
    assert (fetches["fetches"] - fetches["incomplete"], fetches["rows"]) == (2, 24)
    assert fetches["loaded_bytes"] > 0
    assert fetches["median_seconds_to_load"] > 0
    other = pairs[MEMBERS, "second"]
    assert (other["runs"]["success_rate"], other["runs"]["queued"], other["last_error"]) == (1, 1, "")
    assert (answer["queued_now"], answer["running_now"], answer["total"]["runs"]["submitted"]) == (1, 0, 6)

    levels = {(one["endpoint"], one["account"]): one for one in answer["service_levels"]}
    assert set(levels) == set(pairs)
    assert (levels[MEMBERS, "default"]["fresh"], levels[MEMBERS, "default"]["minutes_stale"]) == (1, 0)

    shown = console("stats", "--hours", "1")
    assert [MEMBERS, "default", "1.0", "0.99"] in [line.split()[:4] for line in shown.out.splitlines()]
    assert next(line.split()[2:8] for line in shown.out.splitlines() if line.startswith(f"{MEMBERS}  default")) == list("321000")
    assert f"{MEMBERS}  default  {tried['last_failed']}  {tried['last_error']}" in shown.out
    assert shown.out.splitlines()[-1].endswith("; runs queued now: 1, at work: 0")


def test_what_failed_last_is_tried_again_and_nothing_else(console: Console) -> None:
    nothing = (0, "there is nothing to try again: no last run failed\n")
    never = console("materialize", "--failed")
    assert (never.status, never.out) == nothing
    console.simulator.faults.append(HttpStatus(status=503, times=MANY))
    assert console("materialize", MEMBERS, "--partition", "default").status == 1
    console.simulator.faults.clear()
    assert console("materialize", MEMBERS, "--partition", "second").status == 0

    again = console("materialize", MEMBERS, "--failed")

    assert again.status == 0
    assert [line.split()[:2] for line in again.out.splitlines()[1:]] == [[f"raw/{MEMBERS}", "default"], [f"torn/{MEMBERS}", "default"]]
    done = console("materialize", "--failed")
    assert (done.status, done.out) == nothing


def test_it_can_be_watched_for_a_while(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append)
    monkeypatch.setattr("torn_pipeline.cli.stats.time", clock)
    monkeypatch.setattr("torn_pipeline.cli.ui.until_ctrl_c", nullcontext)  # signals are this process's own
    watched = console("stats", "--watch", "30", "--for", "PT1M30S")
    assert (watched.status, slept) == (0, [30, 30, 30])
    assert len([line for line in watched.out.splitlines() if "runs queued now: 0" in line]) == 4


def test_how_long_is_said_of_watching_alone(console: Console) -> None:
    alone = console("stats", "--for", "PT1M")
    assert (alone.status, alone.out, alone.err) == (2, "", "--for says how long to watch: give --watch SECONDS with it\n")
    wrong = console("stats", "--watch", "5", "--for", "a minute")
    assert wrong.status == 2
    assert "'a minute' is no length of time: use an ISO 8601 duration, such as PT10M" in wrong.err
