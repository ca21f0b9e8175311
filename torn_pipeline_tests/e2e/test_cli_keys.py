"""``keys`` on the console: what is known of each key, and never the key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from torn_pipeline.simulator import Key

if TYPE_CHECKING:
    from torn_pipeline_tests.e2e.console import Console, Result

OTHER = "AnotherKey123456"


def keys_of(console: Console) -> list[str]:
    return [key for name, value in console.environment.items() if name.startswith("TORN_API_KEY") for key in value.split(",")]


def assert_unseen(console: Console, result: Result) -> None:
    for key in keys_of(console):
        assert key[:6] not in result.out + result.err
        assert key[-6:] not in result.out + result.err


def change(console: Console, key: str, **fields: object) -> None:
    with console.world.lock:
        console.world.keys[key] = replace(console.world.keys[key], **fields)  # type: ignore[arg-type]


def test_a_key_is_unknown_until_it_is_used(console: Console) -> None:
    result = console("keys")
    assert result.status == 0
    assert result.row("default") == ["default", "key", "1", "of", "TORN_API_KEY", "usable", "0", "0", "0"]
    assert console.simulator.calls == []
    assert console("fetch", "faction_basic", "--account", "default").status == 0
    assert [call.path for call in console.simulator.calls] == ["/key/info", "/faction/basic"]
    owner = console.simulator.calls[0].owner
    result = console("keys")
    row = result.row("default")
    assert row[:-3] == ["default", "key", "1", "of", "TORN_API_KEY", "Full", str(owner), "usable", "2"]
    assert (row[-3], {"1", "2"} >= {row[-2]}) == ("2", True)  # a minute may end between the two
    assert row[-1].startswith("20")
    assert_unseen(console, result)
    assert console("fetch", "faction_members", "--account", "default").status == 0
    assert [call.path for call in console.simulator.calls][2:] == ["/faction/members"]


def test_a_refused_key_is_not_tried_again_until_it_is_refreshed(console: Console) -> None:
    first = console.environment["TORN_API_KEY"]
    change(console, first, state="paused")
    for _ in range(2):
        refused = console("fetch", "faction_basic", "--account", "default")
        assert refused.status == 1
        assert "error 18" in refused.err
        assert "key 1 of TORN_API_KEY" in refused.err
        assert_unseen(console, refused)
    assert len(console.simulator.calls) == 1
    assert "error 18" in console("keys").out
    change(console, first, state="active")
    refreshed = console("keys", "--refresh")
    assert refreshed.row("default")[-5:-2] == ["usable", "2", "2"]
    assert refreshed.row("second")[-5:-2] == ["usable", "1", "1"]
    assert_unseen(console, refreshed)
    assert console("fetch", "faction_basic", "--account", "default").status == 0


def test_a_key_of_too_low_a_level_is_refused_with_the_level_that_is_needed(console: Console) -> None:
    change(console, console.environment["TORN_API_KEY"], access="Public")
    refused = console("fetch", "faction_balance", "--account", "default")
    assert refused.status == 1
    assert "its level is Public, and /faction/balance needs Limited" in refused.err
    assert [call.path for call in console.simulator.calls] == ["/key/info"]
    assert console("fetch", "faction_basic", "--account", "default").status == 0


def test_another_key_of_the_account_takes_over(console: Console) -> None:
    first = console.environment["TORN_API_KEY"]
    with console.world.lock:
        console.world.keys[OTHER] = console.world.keys[first]
    console.environment["TORN_API_KEY"] = f"{first},{OTHER}"
    change(console, first, access="Public")
    assert console("fetch", "faction_balance", "--account", "default").status == 0
    assert [call.path for call in console.simulator.calls] == ["/key/info", "/key/info", "/faction/balance"]
    result = console("keys")
    assert [line.split()[5] for line in result.out.splitlines()[1:3]] == ["Public", "Full"]
    assert_unseen(console, result)


def test_keys_of_different_people_in_one_account_are_refused(console: Console) -> None:
    first = console.environment["TORN_API_KEY"]
    with console.world.lock:
        known = console.world.keys[first]
        console.world.keys[OTHER] = Key(known.owner + 1, known.faction)
    console.environment["TORN_API_KEY"] = f"{first},{OTHER}"
    assert console("keys", "--refresh").status == 0
    refused = console("fetch", "faction_basic", "--account", "default")
    assert refused.status == 2
    assert "the keys in TORN_API_KEY belong to different users" in refused.err
    checked = console("check")
    assert checked.status == 2
    assert "the keys in TORN_API_KEY belong to different users" in checked.err
