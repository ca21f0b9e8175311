"""``replay`` and the change of a storage mode on the console."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from torn_pipeline_tests.dagster.running import write_config

if TYPE_CHECKING:
    from torn_pipeline_tests.e2e.console import Console

ALL = "FROM faction_basic ORDER BY ALL"


def answer(console: Console, sql: str) -> str:
    result = console("sql", sql, "--format", "csv")
    assert result.status == 0, result.err
    return result.out


def load_twice(console: Console) -> None:
    for respect in (10, 20):
        with console.world.lock:
            console.world.faction(40_832).basic["respect"] = respect
        console("fetch", "faction_basic", "--account", "default")
        console("load", "faction_basic", "--account", "default")


def test_replay_makes_the_tables_anew_without_a_call(console: Console) -> None:
    load_twice(console)
    before, calls = answer(console, ALL), len(console.simulator.calls)
    (console.data / "warehouse.duckdb").unlink()
    result = console("replay", "faction_basic")
    assert (result.status, result.err) == (0, "")
    assert result.row("faction_basic")[1:] == ["default", "2", "0", "0", "2"]
    assert answer(console, ALL) == before
    assert len(console.simulator.calls) == calls
    assert console("replay").row("faction_basic")[1:] == ["default", "0", "2", "0", "0"]


def test_replay_since_a_day(console: Console) -> None:
    load_twice(console)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    assert console("replay", "faction_basic", "--since", str(tomorrow)).out.splitlines()[1:] == []
    assert console("replay", "faction_basic", "--since", "tomorrow").status == 2


def test_a_changed_storage_mode_is_refused_until_the_table_is_rebuilt(console: Console) -> None:
    load_twice(console)
    assert answer(console, "SELECT count(*) FROM faction_basic").split() == ["count_star()", "2"]
    write_config(console.folder / "config", endpoints={"faction_basic": {"storage_mode": "replace"}})
    for command in ("load", "replay", "materialize"):
        refused = console(command, "faction_basic")
        assert (refused.status, refused.out) == (2, "")
        assert refused.err.startswith("config/pipeline.json:")
        assert refused.err.rstrip().endswith("or migrate with: torn-pipeline replay faction_basic --rebuild")
    assert "torn-pipeline replay faction_basic --rebuild" in console("check").err
    assert console("replay", "faction_basic", "--rebuild").status == 0
    assert answer(console, "SELECT respect FROM faction_basic").split() == ["respect", "20"]
    assert console("load", "faction_basic", "--account", "default").status == 0
    assert console("check").status == 0


def test_a_rebuild_wants_to_know_what_it_may_empty_and_takes_all_that_landed(console: Console) -> None:
    assert console("replay", "--rebuild").err == "--rebuild empties tables: name the endpoints that it may empty\n"
    assert console("replay", "faction_basic", "--rebuild", "--since", "2026-01-01").status == 2
    assert "so nothing can be rebuilt" in console("replay", "faction_basic", "--rebuild").err


def test_a_fetch_that_is_refused_stops_no_other(console: Console) -> None:
    crimes = console.world.faction(40_832).crimes
    good, broken = console.folder / "good.json", console.folder / "broken.json"
    broken.write_text(json.dumps({"crimes": [{**crime, "difficulty": "hard"} for crime in crimes]}))
    good.write_text(json.dumps({"crimes": crimes}))
    for file in (broken, good):
        console("load", "faction_crimes", "--input", str(file))
    for more in ([], ["--rebuild"]):
        result = console("replay", "faction_crimes", *more)
        assert result.status == 1
        assert "40 of 40 roots are broken" in result.err
        assert result.row("faction_crimes")[4] == "1"
        assert answer(console, "SELECT count(*) FROM faction_crimes").split()[1] == "40"
        assert answer(console, "SELECT count(*) FROM torn_meta.quarantine").split()[1] == "40"
