"""``status``, ``sql`` and ``export`` on the console."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

if TYPE_CHECKING:
    from torn_pipeline_tests.e2e.console import Console


@pytest.fixture
def loaded(console: Console) -> Console:
    """All crimes and items."""
    for endpoint in ("faction_crimes", "torn_items"):
        console("fetch", endpoint)
        assert console("load", endpoint).status == 0
    return console


def test_status_before_and_after_the_first_fetch(console: Console) -> None:
    never = console("status", "--debug")
    assert (never.status, never.err) == (0, "")
    assert never.row("faction_crimes", "second")[2] == "never"
    assert not console.data.exists()
    console("fetch", "faction_crimes", "--account", "second")
    fetched = console("status").row("faction_crimes", "second")
    assert fetched[2].endswith("Z")
    assert fetched[3:6] == ["not", "loaded", "0"]  # quarantined; nothing is loaded yet
    console("load", "faction_crimes", "--account", "second")
    row = console("status").row("faction_crimes", "second")
    assert row[3:5] == ["40", "0"]
    assert row[5].endswith("Z")


def test_status_tells_a_program_the_same(console: Console) -> None:
    console("fetch", "faction_crimes", "--account", "second")
    console("load", "faction_crimes", "--account", "second")
    console("fetch", "faction_crimes", "--account", "second")
    text = console("status").row("faction_crimes", "second")
    told = console("status", "--format", "json")
    assert told.status == 0
    known = {(one["endpoint"], one["account"]): one for one in json.loads(told.out)["endpoints"]}
    second = known["faction_crimes", "second"]
    assert [second["last_complete_fetch"], "not", "loaded,", "data", "of", second["last_loaded_fetch"], "40", "0", text[-1]] == text[2:]
    never = known["torn_items", "default"]
    assert [never[name] for name in ("last_complete_fetch", "last_loaded_fetch", "rows", "quarantined")] == [None, None, None, 0]


@pytest.mark.parametrize(("frequency", "minutes"), [("PT15M", 15), ("PT7M", 7), ("PT1H30M", 90), ("P2D", 2880), ("P1W", 10080)])
def test_status_tells_the_next_run_of_any_frequency(console: Console, frequency: str, minutes: int) -> None:
    file = console.folder / "config/pipeline.json"
    config = json.loads(file.read_text())
    for endpoint in config["endpoints"]:
        endpoint["frequency"] = frequency
    file.write_text(json.dumps(config))
    before = datetime.now(UTC)
    told = datetime.strptime(console("status").row("faction_crimes", "default")[-1], "%Y-%m-%dT%H:%M%z")

    assert before < told <= datetime.now(UTC) + timedelta(minutes=minutes)
    late = int(told.timestamp()) // 60 % minutes  # minutes after a multiple of the period since 1970
    assert late <= min(minutes / 4, 15)


def test_status_of_a_disabled_endpoint(console: Console) -> None:
    text = (console.folder / "config/pipeline.json").read_text()
    (console.folder / "config/pipeline.json").write_text(text.replace('"name": "torn_items"', '"enabled": false, "name": "torn_items"'))
    assert console("status").row("torn_items")[-1] == "disabled"


def test_sql_in_each_format(loaded: Console) -> None:
    query = "SELECT id, name, created_at, executed_at FROM faction_crimes WHERE _account = 'default' ORDER BY id LIMIT 2"
    crimes = sorted(loaded.world.faction(40_832).crimes, key=lambda crime: crime["id"])[:2]
    assert str(crimes[0]["id"]) in loaded("sql", query).out
    rows = list(csv.DictReader(io.StringIO(loaded("sql", query, "--format", "csv").out)))
    assert [(row["id"], row["name"]) for row in rows] == [(str(crime["id"]), crime["name"]) for crime in crimes]
    assert json.loads(loaded("sql", query, "--format", "json").out)[0]["created_at"] == rows[0]["created_at"]
    assert rows[0]["created_at"].endswith("Z")
    assert loaded("sql", "SELECT 1 AS one WHERE false", "--format", "json").out == "[]\n"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("DROP TABLE faction_crimes", "only a SELECT may be asked, and one at a time: give a single SELECT"),
        ("SELECT 1; SELECT 2", "only a SELECT may be asked, and one at a time: give a single SELECT"),
        ("SELECT * FROM faction_crimez", "the query is wrong: there is no table faction_crimez; did you mean faction_crimes?"),
        ("SELEC 1", 'the query is wrong: syntax error at or near "SELEC"'),
    ],
)
def test_sql_only_reads_and_says_what_is_wrong(loaded: Console, query: str, sentence: str) -> None:
    result = loaded("sql", query)
    assert (result.status, result.out, result.err) == (2, "", f"{sentence}\n")
    assert loaded("sql", "SELECT count(*) FROM faction_crimes").out.split()[-1] == "80"


def test_sql_before_anything_was_loaded(console: Console) -> None:
    result = console("sql", "SELECT 1")
    assert result.status == 1
    assert "run `torn-pipeline materialize` first" in result.err


def test_export_in_each_format_says_the_same(loaded: Console) -> None:
    as_csv = list(csv.DictReader(io.StringIO(loaded("export", "faction_crimes_slots").out)))
    as_json = json.loads(loaded("export", "torn/faction_crimes_slots", "--format", "json").out)
    loaded("export", "faction_crimes_slots", "--format", "parquet", "--to", "out/slots.parquet")
    typed = pl.read_parquet(loaded.folder / "out/slots.parquet")
    assert len(as_csv) == len(as_json) == typed.height > 0
    assert [int(row["crime_id"]) for row in as_csv] == [row["crime_id"] for row in as_json] == typed["crime_id"].to_list()
    assert typed["created_at"].dtype == pl.Datetime("us", "UTC")
    assert as_json[0]["created_at"] == typed["created_at"][0].strftime("%Y-%m-%dT%H:%M:%SZ")
    piped = loaded("export", "faction_crimes_slots", "--format", "parquet")
    assert pl.read_parquet(io.BytesIO(piped.raw)).equals(typed)


def test_export_to_a_file_leaves_no_half_of_one(loaded: Console) -> None:
    assert loaded("export", "torn_items", "--format", "json", "--to", "items.json").out == ""
    assert len(json.loads((loaded.folder / "items.json").read_text())) == 12
    assert [path.name for path in loaded.folder.iterdir() if path.name.startswith(".")] == []
    result = loaded("export", "torn_items", "--to", "items.json/more.csv")
    assert result.status == 2
    assert len(result.err.splitlines()) == 1


def test_export_of_an_unknown_table_names_those_there_are(loaded: Console) -> None:
    result = loaded("export", "nope")
    assert (result.status, result.out) == (2, "")
    assert "the tables are faction_crimes, faction_crimes_rewards_items, faction_crimes_slots, torn_items, " in result.err


def test_a_reader_that_goes_away_is_no_error(loaded: Console) -> None:
    query = "SELECT repeat('x', 1000) AS x FROM range(100000)"
    with subprocess.Popen(  # noqa: S603 - the command is our own
        loaded.command("sql", query, "--format", "csv"),
        cwd=loaded.folder,
        env=loaded.child_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        process.wait(60)


def test_a_terminal_is_shown_what_it_would_obey_and_a_file_gets_it_as_it_is(loaded: Console) -> None:
    question = "SELECT chr(27) || '[2J' AS name"
    shown, written = loaded("sql", question), loaded("sql", question, "--format", "csv")
    assert "\\u001b[2J" in shown.out
    assert "\x1b" not in shown.out
    assert "\x1b[2J" in written.out
