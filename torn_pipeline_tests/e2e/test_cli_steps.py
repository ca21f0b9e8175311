"""The single steps on the console: fetch, normalize, validate, load."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from torn_pipeline_tests.e2e.console import Console, files_below

if TYPE_CHECKING:
    from pathlib import Path


def body_of(console: Console, **changes: object) -> dict[str, Any]:
    """What the API answers for crimes, the first of them changed."""
    crimes = json.loads(json.dumps(console.world.faction(40_832).crimes))
    crimes[0] |= changes
    return {"crimes": crimes}


def write(folder: Path, body: object) -> str:
    (folder / "body.json").write_text(json.dumps(body), encoding="utf-8")
    return "body.json"


def count(console: Console, table: str) -> int:
    return int(console("sql", f"FROM {table} SELECT count(*) AS rows").out.split()[-1])


def test_fetch_lands_each_account_and_says_where(console: Console) -> None:
    result = console("fetch", "faction_crimes")
    assert (result.status, result.err) == (0, "")
    account, fetch_id, rows, pages, complete, folder = result.row("second")
    assert (account, rows, pages, complete) == ("second", "40", "1", "yes")
    assert folder == f"{console.data}/landing/torn/faction_crimes/account=second/date={fetch_id[:4]}-{fetch_id[4:6]}-{fetch_id[6:8]}"
    assert (console.folder / folder / f"{fetch_id}.fetch.json").is_file()


def test_fetch_for_one_account_asks_for_no_other(console: Console) -> None:
    assert console("fetch", "faction_basic", "--account", "second").status == 0
    assert {call.owner for call in console.simulator.calls} == {console.world.keys[console.environment["TORN_API_KEY_SECOND"]].owner}


def test_a_limited_fetch_is_not_complete_and_nothing_to_load(console: Console) -> None:
    assert console("fetch", "torn_items", "--limit", "5").row("default")[4] == "no"
    result = console("load", "torn_items")
    assert result.status == 2
    assert result.err == "nothing of torn_items has landed for the account default; run: torn-pipeline fetch torn_items\n"


def test_load_loads_the_latest_fetch_once(console: Console) -> None:
    console("fetch", "faction_crimes")
    result = console("load", "faction_crimes")
    assert (result.status, result.err) == (0, "")
    assert count(console, "faction_crimes") == 80
    assert console("load", "faction_crimes").out.count("nothing to do, as fetch") == 2
    assert count(console, "faction_crimes") == 80


@pytest.mark.parametrize("first", [[], ["--limit", "40"]])
def test_a_limited_load_adds_rows_and_takes_none_away(console: Console, first: list[str]) -> None:
    console("fetch", "faction_crimes", "--account", "default")
    console("load", "faction_crimes", "--account", "default", *first)
    assert console("load", "faction_crimes", "--account", "default", "--limit", "3").status == 0
    assert count(console, "faction_crimes") == 40


def test_a_full_load_follows_a_limited_one(console: Console) -> None:
    console("fetch", "faction_crimes", "--account", "default")
    console("load", "faction_crimes", "--account", "default", "--limit", "3")
    assert count(console, "faction_crimes") == 3
    console("load", "faction_crimes", "--account", "default")
    assert count(console, "faction_crimes") == 40


def test_a_limited_load_of_a_table_that_is_replaced_is_refused(console: Console) -> None:
    console("fetch", "faction_members")
    result = console("load", "faction_members", "--account", "default", "--limit", "3")
    assert (result.status, result.out) == (2, "")
    assert "would drop the rest: leave --limit out, or add --dry-run" in result.err


def test_load_takes_a_body_from_a_file(console: Console) -> None:
    result = console("load", "faction_crimes", "--input", write(console.folder, body_of(console)))
    assert (result.status, result.err) == (0, "")
    assert count(console, "faction_crimes") == 40
    assert console.simulator.calls == []
    assert console("status").row("faction_crimes", "default")[3] == "40"


def test_load_takes_a_body_from_standard_input(console: Console) -> None:
    result = console.child("load", "faction_crimes", "--input", "-", given=json.dumps(body_of(console)).encode())
    assert (result.status, result.err) == (0, "")
    assert result.row("faction_crimes")[1] == "40"


def test_normalize_writes_a_file_a_table(console: Console) -> None:
    console("fetch", "faction_crimes")
    result = console("normalize", "faction_crimes", "--to", "out")
    assert result.status == 0
    tables = {file.stem: pl.read_parquet(file) for file in (console.folder / "out").iterdir()}
    assert tables.keys() == {"faction_crimes", "faction_crimes_slots", "faction_crimes_rewards_items"}
    assert set(tables["faction_crimes"]["_account"]) == {"default", "second"}
    assert int(result.row("faction_crimes_slots")[1]) == tables["faction_crimes_slots"].height
    assert not (console.data / "warehouse.duckdb").exists() or count(console, "torn_meta.loads") == 0


def test_validate_leaves_broken_roots_out_and_says_why(console: Console) -> None:
    body = body_of(console, difficulty="hard", brand_new=1)
    result = console("validate", "faction_crimes", "--input", write(console.folder, body), "--to", "out")
    assert result.status == 0
    assert pl.read_parquet(console.folder / "out/faction_crimes.parquet").height == 39
    (line,) = (console.folder / "out/quarantine.json").read_text().splitlines()
    broken = json.loads(line)
    assert broken["json_path"] == "$.crimes[0].difficulty"
    assert broken["raw"] == body["crimes"][0]
    assert "left out _account default, id" in result.out


def test_validate_says_when_there_is_nothing_to_say(console: Console) -> None:
    result = console("validate", "faction_crimes", "--input", write(console.folder, body_of(console)))
    assert result.status == 0
    assert result.out.splitlines()[-1] == "faction_crimes agrees with its contract"
    broken = console("validate", "faction_crimes", "--input", write(console.folder, body_of(console, difficulty="hard")))
    assert "agrees" not in broken.out


def test_a_file_with_an_error_of_the_api_is_told_as_such(console: Console) -> None:
    for body in ({"error": {"code": 2, "error": "Incorrect key"}}, {"code": 2, "error": "Incorrect key"}):
        result = console("load", "faction_crimes", "--input", write(console.folder, body))
        assert result.status == 1
        assert result.err == "body.json holds the API's error 2, 'Incorrect key', no answer: fetch it again and give the new body\n"


def test_a_file_that_is_not_text_is_told_as_such(console: Console) -> None:
    (console.folder / "body.json").write_bytes(b"\xff\xfe\x00")
    result = console("load", "faction_crimes", "--input", "body.json")
    assert (result.status, result.err) == (1, "body.json is not text in UTF-8; give a response body as the API answered it\n")


def test_an_unknown_endpoint_is_told_in_the_same_words_everywhere(console: Console) -> None:
    first = console("load", "faction_crime")
    second = console("materialize", "faction_crime")
    said = "faction_crime in config/pipeline.json; did you mean faction_crimes? the endpoints are "
    assert (first.status, second.status) == (2, 2)
    assert first.err.startswith(f"there is no endpoint {said}")
    assert second.err.startswith(f"there is no endpoint or table {said}")


def test_validate_fails_where_a_load_would_be_refused(console: Console) -> None:
    file = write(console.folder, body_of(console, difficulty="hard"))
    result = console("validate", "faction_crimes", "--input", file, "--set", "endpoints.faction_crimes.max_quarantined=0.01")
    assert result.status == 1
    assert "1 of 40 roots are broken, more than max_quarantined allows (1%)" in result.err


@pytest.mark.parametrize("is_loaded", [False, True])
def test_a_dry_run_writes_nothing(console: Console, is_loaded: bool) -> None:  # noqa: FBT001 - pytest gives parameters by name
    console("fetch", "faction_crimes")
    if is_loaded:
        console("load", "faction_crimes", "--account", "default")
    file = write(console.folder, body_of(console, brand_new=1))
    before, calls = files_below(console.folder), len(console.simulator.calls)
    for command in (["fetch"], ["normalize", "--to", "out"], ["validate", "--to", "out"], ["load"], ["load", "--limit", "2"]):
        for source in ([], ["--input", file]):
            result = console(*command, "faction_crimes", *source, "--dry-run")
            assert (result.status, result.err) == (0, ""), command
    assert files_below(console.folder) == before
    assert len(console.simulator.calls) == calls


def test_a_dry_run_of_a_fetch_says_what_would_be_asked_and_shows_no_key(console: Console) -> None:
    result = console("fetch", "faction_members", "--dry-run")
    assert f"GET {console.simulator.url}/faction/members" in result.out
    assert "striptags=true" in result.out
    assert "TORN_API_KEY_SECOND: there" in result.out
    assert console.environment["TORN_API_KEY_SECOND"] not in result.out


def test_a_dry_run_of_a_load_tells_new_columns(console: Console) -> None:
    new = console("load", "faction_crimes", "--input", write(console.folder, body_of(console)), "--dry-run")
    assert "all: the table is new" in new.out
    console("load", "faction_crimes", "--input", write(console.folder, body_of(console)))
    more = console("load", "faction_crimes", "--input", write(console.folder, body_of(console, brand_new=1)), "--dry-run")
    assert more.row("faction_crimes", "upsert")[1:] == ["40", "upsert", "brand_new"]


def test_one_account_that_fails_leaves_the_other_alone(console: Console) -> None:
    console.environment["TORN_API_KEY"] = "WRONGKEY12345678"
    result = console("fetch", "faction_basic")
    assert result.status == 1
    assert result.err.splitlines()[-1].startswith("default: GET /key/info for account default: the API answered error 2")
    assert result.row("second")[4] == "yes"
