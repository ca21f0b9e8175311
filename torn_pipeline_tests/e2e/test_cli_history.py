"""``gaps``, ``backfill`` and ``plan --since`` as a user calls them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from torn_pipeline_tests.e2e.console import Console

ATTACKS = {"name": "faction_attacks", "path": "/faction/attacks", "frequency": "PT15M", "storage_mode": "upsert"}
MEMBERS = {"name": "faction_members", "path": "/faction/members", "frequency": "PT15M", "storage_mode": "replace"}


@pytest.fixture
def past(console: Console) -> Console:
    """A config with one endpoint that has a history, since the month in which the world's attacks are."""
    file = console.folder / "config/pipeline.json"
    config: dict[str, Any] = json.loads(file.read_text())
    config |= {"accounts": [{"name": "default"}], "endpoints": [ATTACKS, MEMBERS]}
    config["defaults"] = {**config.get("defaults", {}), "since": "2026-04-01"}
    file.write_text(json.dumps(config))
    return console


def attacks(console: Console, first: int, last: int) -> int:
    """How many attacks ended from one day of April 2026 to another."""
    days = [int(attack["ended"]) for attack in next(iter(console.world.factions.values())).attacks]
    april = int(datetime(2026, 4, 1, tzinfo=UTC).timestamp())
    count = sum(april + (first - 1) * 86_400 <= ended < april + last * 86_400 for ended in days)
    assert count
    return count


def test_what_is_missing_is_listed_and_filled(past: Console) -> None:
    listed = past("gaps")
    assert listed.status == 0
    assert listed.row("faction_attacks")[2:4] == ["2026-04-01", "00:00:00"]
    assert "faction_members" not in listed.out
    filled = past("backfill", "faction_attacks", "--since", "2026-04-20", "--until", "2026-04-25")
    assert filled.status == 0
    assert filled.row("faction_attacks")[2:4] == [str(attacks(past, 20, 25)), "1"]
    assert past("backfill", "faction_attacks", "--since", "2026-04-21", "--until", "2026-04-24").out == (
        "nothing is missing of faction_attacks in these days\n"
    )
    assert past("gaps", "faction_attacks", "--since", "2026-04-18", "--until", "2026-04-21").row("faction_attacks")[2:6] == [
        "2026-04-18",
        "00:00:00",
        "2026-04-19",
        "23:59:59",
    ]
    assert past("gaps", "--fill").status == 0
    assert past("gaps").out == "nothing is missing of faction_attacks\n"
    assert past("sql", "SELECT count(*) AS n FROM faction_attacks", "--format", "csv").out.split()[1] == str(attacks(past, 1, 30))


def test_a_dry_run_asks_nothing_and_says_what_it_would_take(past: Console) -> None:
    calls = past.simulator.received
    asked = ("backfill", "faction_attacks", "--since", "2026-04-20", "--until", "2026-04-29", "--dry-run")
    assert "10 days; how many calls they take is known once some of it was fetched" in past(*asked).out
    assert past.simulator.received == calls
    past("backfill", "faction_attacks", "--since", "2026-04-28", "--until", "2026-04-29")
    assert "default: 8 days, about " in past(*asked).out
    planned = past("plan", "--since", "2026-04-20", "--until", "2026-04-29")
    assert planned.status == 0
    assert "to fill faction_attacks for default: 8 days, about " in planned.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("backfill", "faction_members", "--since", "2026-04-01"), "faction_members (/faction/members) cannot be asked for a time"),
        (("gaps", "faction_members"), "it tells only how things are now"),
        (
            ("backfill", "faction_attacks", "--since", "2026-04-10", "--until", "2026-04-01"),
            "there are no days from 2026-04-10 to 2026-04-01",
        ),
        (("backfill", "faction_attacks", "--since", "2026-04-01", "--account", "nobody"), "is not fetched with the account 'nobody'"),
        (("materialize", "faction_attacks", "--partition", "default|2019-01-01"), "there is no partition 'default|2019-01-01'"),
        (("materialize", "faction_attacks", "--partition", "default|yesterday"), "and of each day since 2026-04-01"),
    ],
)
def test_what_cannot_be_is_one_sentence(past: Console, arguments: tuple[str, ...], said: str) -> None:
    result = past(*arguments)
    assert result.status == 2
    assert said in result.err
    assert result.err.count("\n") == 1
