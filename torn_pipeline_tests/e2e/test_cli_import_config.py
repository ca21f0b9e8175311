"""``import-config`` on the console, and what ``docs/from-tcdatalogger.md`` says: its config is imported, its SQL is run."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from torn_pipeline_tests.e2e.console import files_below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torn_pipeline_tests.e2e.console import Console, Result

PAGE = Path(__file__).parents[2] / "docs" / "from-tcdatalogger.md"
FACTIONS = {"faction_40832": 40_832, "faction_8991": 8_991}
BLOCK = re.compile(r"^```sql\n(?P<query>.*?)^```$", re.MULTILINE | re.DOTALL)
COLUMN = re.compile(r"`(?P<table>(?:faction|torn)_\w+)\.(?P<column>\w+)`")
LITERAL_KEY = "Zx9Yw8Vu7Ts6Rq5P"


def tcdatalogger_config() -> dict[str, Any]:
    """A config as TCdatalogger comes with, for the two factions of the simulated world."""
    base = "https://api.torn.com/v2"
    asked = [
        ("v2_{key}_crimes", "faction/crimes", "v2_{key}_crimes", "PT15M", "replace"),
        ("v2_{key}_members", "faction/members?striptags=true", "v2_{key}_members", "PT15M", "replace"),
        ("v2_{key}_basic", "faction/{id}/basic", "v2_faction_basic", "PT12H", "append"),
        ("v2_{key}_currency", "faction?selections=currency", "v2_faction_currency", "PT12H", "append"),
    ]
    entries = [
        {
            "name": name.format(key=key),
            "url": f"{base}/{url.format(id=number)}",
            "table": f"my-project.torn_data.{table.format(key=key)}",
            "frequency": frequency,
            "storage_mode": mode,
            "api_key": key,
            "max_retries": 3,
            "retry_delay": 60,
        }
        for name, url, table, frequency, mode in asked
        for key, number in FACTIONS.items()
    ]
    items = {"name": "v2_torn_items", "url": f"{base}/torn/items", "table": "my-project.torn_data.v2_torn_items", "frequency": "P1D"}
    stamp = {"name": "server_timestamp", "url": f"https://api.torn.com/torn/?selections=timestamp&key={LITERAL_KEY}", "table": "x.y.z"}
    return {
        "/*": ["Configuration for Torn City API endpoints"],
        "defaults": {"max_retries": 3, "retry_delay": 60, "rate_limit": 60, "timeout": 30, "pagination": {"next_url_field": "next"}},
        "endpoints": [*entries, {**items, "storage_mode": "replace", "api_key": "faction_40832"}, stamp],
    }


def take_over(console: Console) -> Result:
    """Import the config and use it from then on."""
    (console.folder / "TC_API_config.json").write_text(json.dumps(tcdatalogger_config(), indent=2))
    result = console("import-config", "TC_API_config.json")
    assert result.status == 0
    (console.folder / "config/mine.yaml").write_bytes(result.raw)
    console.environment["TORN_CONFIG"] = "config/mine.yaml"
    return result


def give_keys(console: Console) -> None:
    for account, key in zip(FACTIONS, console.world.keys, strict=True):
        console.environment[f"TORN_API_KEY_{account.upper()}"] = key


def test_what_is_printed_passes_check_but_for_keys_and_then_runs(console: Console) -> None:
    imported = take_over(console)
    unset = console("check")
    assert unset.status == 2
    assert [line.split(": ")[1] for line in unset.err.splitlines()] == [f"accounts.{account}" for account in FACTIONS]
    assert imported.err.splitlines()[-2:] == [
        f"set TORN_API_KEY_{account.upper()}, in the environment or in .env beside the config, to the key `{account}` of TC_API_key.json"
        for account in FACTIONS
    ]
    give_keys(console)
    assert (console("check").status, console("check").err) == (0, "")
    assert console("materialize", "faction_basic").status == 0
    found = console("sql", "SELECT _account, id FROM faction_basic ORDER BY _account", "--format", "csv").out
    assert found.splitlines()[1:] == [f"{account},{number}" for account, number in FACTIONS.items()]


def test_nothing_is_written_nothing_is_called_and_no_key_is_shown(console: Console) -> None:
    (console.folder / "TC_API_config.json").write_text(json.dumps(tcdatalogger_config()))
    before = files_below(console.folder)
    for result in (console("import-config", "TC_API_config.json"), console("--debug", "import-config", "TC_API_config.json")):
        assert result.status == 0
        assert LITERAL_KEY not in result.out + result.err
        assert "server_timestamp: is left out: there is no contract for /torn/timestamp yet" in result.err
    assert files_below(console.folder) == before
    assert console.simulator.calls == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"endpoints": [\n{"name" "a"}]}', "TC.json:2: is not JSON"),
        (b'{"endpoints": [{"name": "a"}]}', "TC.json: $.endpoints[0].url must be text that is not empty"),
        (b'{"endpoints": "\xff"}', "TC.json: is not UTF-8 text"),
        (None, "TC.json: cannot be read: No such file or directory"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(console: Console, content: bytes | None, message: str) -> None:
    if content is not None:
        (console.folder / "TC.json").write_bytes(content)
    result = console("import-config", "TC.json")
    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert len(result.err.splitlines()) == 1


# --- the page --------------------------------------------------------------------------------------------------


@pytest.fixture
def moved(console: Console) -> Console:
    """The imported config, with all crimes, items, basics, balances and members loaded."""
    take_over(console)
    give_keys(console)
    for endpoint in ("faction_crimes", "faction_members", "faction_basic", "faction_balance", "torn_items"):
        assert console("fetch", endpoint).status == 0
        assert console("load", endpoint).status == 0
    return console


def queries() -> tuple[str, list[str]]:
    """The query for BigQuery, and those for our warehouse, in the order of the page."""
    found = [match["query"] for match in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]
    (theirs,) = [query for query in found if query.startswith("-- in BigQuery")]
    return theirs, [query for query in found if query is not theirs]


def answers(console: Console, query: str) -> list[dict[str, str]]:
    result = console("sql", query, "--format", "csv")
    assert result.status == 0, result.err
    return list(csv.DictReader(io.StringIO(result.out)))


def crimes_of(console: Console, account: str) -> list[dict[str, Any]]:
    return console.world.faction(FACTIONS[account]).crimes


def old_rows(crimes: list[dict[str, Any]]) -> Iterator[tuple[int, str, int | None]]:
    """Id, status and money of the rows that TCdatalogger makes: one for each slot and each reward item."""
    for crime in crimes:
        rewards = crime["rewards"] or {"money": None, "items": []}
        for _ in crime["slots"] or [None]:
            for _ in rewards["items"] or [None]:
                yield crime["id"], crime["status"], rewards["money"]


def test_the_page_and_its_sql(moved: Console) -> None:
    theirs, ours = queries()
    twice, earned, by_day, items, by_member, compare = ours
    money = {account: [crime["rewards"]["money"] for crime in crimes_of(moved, account) if crime["rewards"]] for account in FACTIONS}
    multiplied = {account: sum(row[2] or 0 for row in old_rows(crimes_of(moved, account))) for account in FACTIONS}

    rows = answers(moved, twice)
    assert [(row["_account"], int(row["multiplied"]), int(row["earned"])) for row in rows] == [
        (account, multiplied[account], sum(money[account])) for account in FACTIONS
    ]
    assert all(float(row["times"]) > 1 for row in rows)

    rows = answers(moved, earned)
    assert [(int(row["crimes"]), int(row["money"])) for row in rows] == [(len(money[account]), sum(money[account])) for account in FACTIONS]

    paid = [crime["rewards"] for account in FACTIONS for crime in crimes_of(moved, account) if (crime["rewards"] or {}).get("payout")]
    rows = answers(moved, by_day)
    assert sum(int(row["crimes"]) for row in rows) == len(paid)
    assert sum(int(row["money"]) for row in rows) == sum(reward["money"] for reward in paid)
    share = sum(reward["money"] * reward["payout"]["percentage"] / 100 for reward in paid)
    assert sum(float(row["to_participants"]) for row in rows) == pytest.approx(share)
    assert sum(float(row["to_faction"]) for row in rows) == pytest.approx(sum(reward["money"] for reward in paid) - share)

    prices = {item["id"]: (item["name"], item["value"]["market_price"]) for item in moved.world.items}
    won = [item for account in FACTIONS for crime in crimes_of(moved, account) if crime["rewards"] for item in crime["rewards"]["items"]]
    rows = answers(moved, items)
    assert sum(int(row["quantity"]) for row in rows) == sum(item["quantity"] for item in won)
    assert sum(int(row["worth"]) for row in rows) == sum(item["quantity"] * prices[item["id"]][1] for item in won)

    rows = answers(moved, by_member)
    for account in FACTIONS:
        shares = sum(float(row["share_of_money"]) for row in rows if row["_account"] == account)
        assert shares == pytest.approx(sum(money[account]))

    assert_sides_compare(moved, theirs, compare)
    assert_columns_exist(moved)


def assert_sides_compare(console: Console, theirs: str, compare: str) -> None:
    """What TCdatalogger's table gives differs in nothing, and a crime that it lacks shows."""
    with duckdb.connect() as bigquery:
        bigquery.execute(
            "CREATE TABLE old (id BIGINT, status VARCHAR, rewards_money BIGINT, server_timestamp TIMESTAMP DEFAULT now()::TIMESTAMP)"
        )
        bigquery.executemany(
            "INSERT INTO old (id, status, rewards_money) VALUES (?, ?, ?)", list(old_rows(crimes_of(console, "faction_40832")))
        )
        one_each = re.sub(r"`[^`]+`", "old", theirs)
        file = console.folder / "old_crimes.csv"
        bigquery.sql(one_each).write_csv(str(file))
        assert answers(console, compare) == []
        last = crimes_of(console, "faction_40832")[-1]["id"]
        bigquery.execute("DELETE FROM old WHERE id = ?", [last])
        bigquery.sql(one_each).write_csv(str(file))
        assert [(row["crime"], row["old_status"]) for row in answers(console, compare)] == [(str(last), "")]


def assert_columns_exist(console: Console) -> None:
    """Every ``table.column`` that the page names."""
    named = {f"{match['table']}.{match['column']}" for match in COLUMN.finditer(PAGE.read_text(encoding="utf-8"))}
    there = answers(console, "SELECT table_name || '.' || column_name AS name FROM information_schema.columns WHERE table_schema = 'torn'")
    assert len(named) > 15
    assert named <= {row["name"] for row in there}
