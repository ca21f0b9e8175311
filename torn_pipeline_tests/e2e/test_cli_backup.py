"""``backup`` and ``restore`` on the console: back to what the tables were at a moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from torn_pipeline_tests.dagster.running import QUICK, write_config

if TYPE_CHECKING:
    from torn_pipeline_tests.e2e.console import Console


def load(console: Console, respect: int) -> str:
    """Fetch and load the faction with that respect; a moment right after."""
    with console.world.lock:
        console.world.faction(40_832).basic["respect"] = respect
    assert console("fetch", "faction_basic", "--account", "default").status == 0
    assert console("load", "faction_basic", "--account", "default").status == 0
    return datetime.now(UTC).isoformat()


def respects(console: Console) -> list[int]:
    result = console("sql", "SELECT respect FROM faction_basic ORDER BY _fetched_at", "--format", "csv")
    assert result.status == 0, result.err
    return [int(line) for line in result.out.split()[1:]]


def test_back_to_a_backup_and_on_to_a_moment(console: Console) -> None:
    load(console, 10)
    made = console("backup")
    assert (made.status, made.err) == (0, "")
    assert made.out.startswith("backup of ")
    moment = load(console, 20)
    load(console, 30)
    calls = len(console.simulator.calls)

    result = console("restore", "--as-of", moment)
    assert (result.status, result.err) == (0, "")
    assert respects(console) == [10, 20]
    assert "what was there is the backup of " in result.out
    assert "loaded 1 fetches that landed until" in result.out
    assert len(console.simulator.calls) == calls
    assert len(console("restore", "--list").out.splitlines()) == 3


def test_back_to_a_backup_alone(console: Console) -> None:
    load(console, 10)
    console("backup")
    moment = load(console, 20)
    assert console("restore", "--as-of", moment, "--no-replay").status == 0
    assert respects(console) == [10]
    now = datetime.now(UTC).isoformat()
    assert console("restore", "--as-of", now, "--no-replay").status == 0
    assert respects(console) == [10, 20]


def test_backups_in_a_folder_of_ones_own(console: Console) -> None:
    load(console, 10)
    elsewhere = str(console.folder / "else")
    assert console("backup", "--to", elsewhere).status == 0
    moment = load(console, 20)
    assert console("restore", "--as-of", moment).status == 2
    assert console("restore", "--as-of", moment, "--from", elsewhere, "--no-replay").status == 0
    assert respects(console) == [10]


def test_as_many_are_kept_as_the_config_says(console: Console) -> None:
    write_config(console.folder / "config", defaults={**QUICK, "keep_backups": 2})
    load(console, 10)
    for _ in range(4):
        assert console("backup").status == 0
    assert len(console("restore", "--list").out.splitlines()) == 3


def test_what_cannot_be_is_said_in_one_sentence(console: Console) -> None:
    nothing = console("backup")
    assert (nothing.status, nothing.err.count("\n")) == (1, 1)
    assert "nothing was loaded into" in nothing.err
    assert "there is none at all" in console("restore", "--as-of", "2026-04-29T12:00Z").err
    load(console, 10)
    console("backup")
    early = console("restore", "--as-of", "2026-04-29")
    assert (early.status, early.err.count("\n")) == (2, 1)
    assert early.err.startswith("there is no backup of 2026-04-29T00:00:00Z or before, the oldest is of ")
    assert "is no moment" in console("restore", "--as-of", "yesterday").err
    assert "restore needs the moment to go back to" in console("restore").err
