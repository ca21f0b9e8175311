"""``materialize`` on the console: through Dagster, each endpoint and account a run of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from torn_pipeline.simulator import ErrorCode
from torn_pipeline_tests.dagster.running import ENDPOINTS

if TYPE_CHECKING:
    from torn_pipeline_tests.e2e.console import Console


def owners(console: Console) -> set[int | None]:
    return {call.owner for call in console.simulator.calls}


def test_all_enabled_endpoints_and_accounts_unless_named(console: Console) -> None:
    result = console("materialize", "--set", "endpoints.faction_crimes.enabled=false")
    assert (result.status, result.err) == (0, "")
    assert result.row("raw/faction_members", "second")[2] == "12"
    assert result.row("torn/faction_members", "second")[2:6] == ["12", "24", "6", "passed"]
    assert "faction_crimes" not in result.out
    assert [line.split()[1] for line in result.out.splitlines() if "raw/torn_items" in line] == ["default"]
    assert console("status").row("torn_items")[3] == "12"
    named = console("materialize", "faction_crimes", "--set", "endpoints.faction_crimes.enabled=false", "--partition", "default")
    assert named.row("raw/faction_crimes")[1:3] == ["default", "40"]


@pytest.mark.parametrize("name", ["faction_balance_members", "torn/faction_balance_members", "raw/faction_balance"])
def test_an_endpoint_goes_by_its_tables_too(console: Console, name: str) -> None:
    result = console("materialize", name, "--partition", "second", "--full")
    assert result.status == 0
    assert result.row("torn/faction_balance_members")[1:3] == ["second", "12"]
    assert owners(console) == {console.world.keys[console.environment["TORN_API_KEY_SECOND"]].owner}


def test_a_run_that_fails_leaves_the_others_alone(console: Console) -> None:
    console.environment["TORN_API_KEY_SECOND"] = "WRONGKEY12345678"
    result = console("materialize", "faction_basic", "torn_items")
    assert result.status == 1
    assert result.row("torn/torn_items")[2:4] == ["12", "12"]
    assert result.row("torn/faction_basic", "default")[2] == "1"
    assert "not written" in next(line for line in result.out.splitlines() if line.split()[:2] == ["torn/faction_basic", "second"])
    sentences = [line for line in result.err.splitlines() if " WARNING " not in line]
    assert len(sentences) == 1
    assert sentences[0].startswith("faction_basic for second: GET /key/info for account second: the API answered error 2")
    assert "Traceback" not in result.err


def test_overrides_reach_the_run(console: Console) -> None:
    statuses = console("materialize", "faction_crimes", "--set", "endpoints.faction_crimes.params.cat=recruiting")
    assert statuses.status == 0
    answer = console("sql", "SELECT DISTINCT status FROM faction_crimes", "--format", "csv")
    assert answer.out.split() == ["status", "Recruiting"]


def test_too_many_broken_roots_fail_the_run_with_their_checks_shown(console: Console) -> None:
    with console.world.lock:
        for crime in console.world.faction(40_832).crimes:
            crime["difficulty"] = "hard"
    result = console("materialize", "faction_crimes", "--partition", "default")
    assert result.status == 1
    assert "2 failed" in next(line for line in result.out.splitlines() if line.startswith("torn/faction_crimes "))
    assert "40 of 40 roots are broken" in result.err


def test_debug_shows_dagsters_log_and_else_it_is_quiet(console: Console) -> None:
    console.simulator.faults.append(ErrorCode(code=16, times=10))
    result = console("materialize", "torn_items")
    assert result.status == 1
    assert "STEP_FAILURE" not in result.err
    loud = console.child("--debug", "materialize", "torn_items")
    assert loud.status == 1
    assert "STEP_FAILURE" in loud.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["nope"],
            f"there is no endpoint or table nope in config/pipeline.json; the endpoints are {', '.join(ENDPOINTS)}",
        ),
        (["faction_basic", "--partition", "third"], "there is no partition 'third' of faction_basic; the partitions are default, second"),
        (
            ["torn_items", "--partition", "default"],
            "there is no partition 'default' of torn_items; it has none, as its rows belong to no account",
        ),
        (["--set", "nonsense"], "--set must be written PATH=VALUE, for example --set defaults.timeout=PT10S"),
    ],
)
def test_what_there_is_not_is_refused(console: Console, arguments: list[str], message: str) -> None:
    result = console("materialize", *arguments)
    assert (result.status, result.out, result.err) == (2, "", f"{message}\n")
    assert console.simulator.calls == []
