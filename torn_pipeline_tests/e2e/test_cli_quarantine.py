"""``quarantine`` on the console."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from torn_pipeline.tables.contract import Array, Object, Scalar
from torn_pipeline.tables.contracts import CONTRACTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from torn_pipeline_tests.e2e.console import Console

BROKEN = {3: 5, 5: 6}  # the names of two crimes, by their place


@pytest.fixture
def loaded(console: Console) -> Console:
    """A fetch of 40 crimes, two of them in quarantine."""
    crimes = json.loads(json.dumps(console.world.faction(40_832).crimes))
    for place, name in BROKEN.items():
        crimes[place]["name"] = name
    (console.folder / "body.json").write_text(json.dumps({"crimes": crimes}))
    assert console("load", "faction_crimes", "--input", "body.json").status == 0
    return console


@pytest.fixture
def mended(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Mends the contract: a name may be a number."""
    contract = CONTRACTS["/faction/crimes"]
    (crimes,) = contract.body
    assert isinstance(crimes, Array)
    assert isinstance(crimes.items, Object)
    fields = [replace(field, type="any") if isinstance(field, Scalar) and field.name == "name" else field for field in crimes.items.fields]
    new = replace(contract, body=(replace(crimes, items=replace(crimes.items, fields=tuple(fields))),))
    return lambda: monkeypatch.setitem(CONTRACTS, "/faction/crimes", new)


def ids(console: Console) -> list[str]:
    return [line.split()[0] for line in console("quarantine", "list").out.splitlines()[1:]]


def crimes_of(console: Console) -> str:
    return console("sql", "FROM faction_crimes ORDER BY ALL", "--format", "csv").out


def test_list_and_show_say_what_and_why(loaded: Console) -> None:
    listed = loaded("quarantine", "list", "faction_crimes")
    assert (listed.status, listed.err) == (0, "")
    assert len(ids(loaded)) == 2
    shown = loaded("quarantine", "show", ids(loaded)[0])
    assert "expected string, got integer" in shown.out
    raw = json.loads(shown.out[shown.out.index("\n{") :])
    assert raw["name"] in BROKEN.values()
    assert loaded("quarantine", "list", "faction_basic").out.splitlines()[1:] == []
    assert loaded("status").row("faction_crimes", "default")[4] == "2"


def test_what_is_still_broken_stays_as_it_is(loaded: Console) -> None:
    before = loaded("quarantine", "list").out
    result = loaded("quarantine", "retry", "--all")
    assert result.status == 1
    assert result.err.count("still broken: faction_crimes") == 2
    assert result.row("faction_crimes")[3:] == ["0", "0", "2"]
    assert loaded("quarantine", "list").out == before


def test_what_the_mended_contract_takes_is_loaded_with_the_time_of_its_fetch(loaded: Console, mended: Callable[[], None]) -> None:
    before = loaded("sql", "SELECT DISTINCT _fetch_id, _fetched_at FROM faction_crimes", "--format", "csv").out
    mended()
    first, second = ids(loaded)
    assert loaded("quarantine", "retry", first).row("faction_crimes")[3:] == ["1", "0", "0"]
    assert ids(loaded) == [second]
    result = loaded("quarantine", "retry", "--all")
    assert (result.status, result.err) == (0, "")
    assert ids(loaded) == []
    assert loaded("sql", "SELECT DISTINCT _fetch_id, _fetched_at FROM faction_crimes", "--format", "csv").out == before
    names = loaded("sql", "SELECT name FROM faction_crimes WHERE name IN ('5', '6') ORDER BY name", "--format", "csv").out
    assert names.split() == ["name", "5", "6"]
    assert len(crimes_of(loaded).splitlines()) == 41


def test_what_a_newer_fetch_has_brought_is_superseded(loaded: Console, mended: Callable[[], None]) -> None:
    (loaded.folder / "good.json").write_text(json.dumps({"crimes": loaded.world.faction(40_832).crimes}))
    loaded("load", "faction_crimes", "--input", "good.json")
    before = crimes_of(loaded)
    mended()
    result = loaded("quarantine", "retry", "--all")
    assert (result.status, result.err) == (0, "")
    assert result.row("faction_crimes")[3:] == ["0", "2", "0"]
    assert ids(loaded) == []
    assert crimes_of(loaded) == before


def test_a_fetch_that_was_refused_is_loaded_as_a_whole(loaded: Console, mended: Callable[[], None]) -> None:
    none_broken = ["--set", "endpoints.faction_crimes.max_quarantined=0"]
    (loaded.data / "warehouse.duckdb").unlink()
    refused = loaded("load", "faction_crimes", "--account", "default", *none_broken)
    assert refused.status == 1
    assert "so nothing was loaded" in refused.err
    mended()
    assert loaded("quarantine", "retry", "--all").row("faction_crimes")[3:] == ["40", "0", "0"]
    assert len(crimes_of(loaded).splitlines()) == 41


def test_what_is_purged_comes_back_with_its_fetch(loaded: Console) -> None:
    first, second = ids(loaded)
    crimes = crimes_of(loaded)
    dry = loaded("quarantine", "purge", "--all", "--dry-run")
    assert (dry.status, dry.err) == (0, "")
    assert dry.row("faction_crimes") == ["faction_crimes", "default", "2"]
    assert dry.out.endswith("would purge 2 roots from the quarantine\n")
    assert loaded("quarantine", "purge", "--older-than", "P1D", "--yes").out.endswith("purged 0 roots from the quarantine\n")
    assert ids(loaded) == [first, second]

    assert loaded("quarantine", "purge", first, "--yes").out.endswith("purged 1 root from the quarantine\n")
    assert ids(loaded) == [second]
    assert loaded("quarantine", "purge", "--all", "--yes").status == 0
    assert (ids(loaded), crimes_of(loaded)) == ([], crimes)

    assert loaded("replay", "faction_crimes", "--rebuild").status == 0
    assert ids(loaded) == [first, second]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["purge", "--yes"], "name the ids that `torn-pipeline quarantine list` shows, or say --older-than DURATION or --all"),
        (
            ["purge", "a", "--all", "--yes"],
            "name the ids that `torn-pipeline quarantine list` shows, or say --older-than DURATION or --all",
        ),
        (["purge", "--all"], "say --yes to purge them, or --dry-run to see what would be purged"),
        (["purge", "--older-than", "30d", "--yes"], "--older-than is no ISO 8601 duration: write P30D"),
        (["show", "nosuchid"], "there is no nosuchid in quarantine: `torn-pipeline quarantine list` shows the ids there are"),
        (["retry"], "name the ids that `torn-pipeline quarantine list` shows, or say --all"),
        (["retry", "--all", "someid"], "name the ids that `torn-pipeline quarantine list` shows, or say --all"),
    ],
)
def test_wrong_ids_are_refused(console: Console, arguments: list[str], message: str) -> None:
    result = console("quarantine", *arguments)
    assert (result.status, result.out, result.err) == (2, "", f"{message}\n")
