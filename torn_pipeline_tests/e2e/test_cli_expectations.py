"""``expectations`` on the console: contracts as suites of Great Expectations, whole or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from torn_pipeline_tests.dagster.running import write_config

if TYPE_CHECKING:
    from torn_pipeline_tests.e2e.console import Console

WORDS = {
    "expect_table_columns_to_match_set": {"column_set", "exact_match"},
    "expect_column_values_to_be_of_type": {"column", "type_"},
    "expect_column_values_to_not_be_null": {"column"},
    "expect_column_values_to_be_unique": {"column"},
    "expect_compound_columns_to_be_unique": {"column_list"},
    "expect_column_values_to_be_in_set": {"column", "value_set"},
    "unexpected_rows_expectation": {"unexpected_rows_query"},
}
"""GX's own names, each with the arguments that a suite gives."""


@pytest.fixture
def suites(console: Console) -> dict[str, dict[str, Any]]:
    write_config(console.folder / "config", endpoints={"faction_members": {"storage_mode": "snapshot"}})
    result = console("expectations", "--to", "gx/expectations")
    assert (result.status, result.err) == (0, "")
    files = sorted((console.folder / "gx/expectations").iterdir())
    found = {file.stem: json.loads(file.read_text()) for file in files}
    assert [result.row(name)[1] for name in found] == [str(len(suite["expectations"])) for suite in found.values()]
    return found


def about(suite: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one for one in suite["expectations"] if one["type"] == kind]


def test_every_suite_has_the_form_that_gx_reads(suites: dict[str, dict[str, Any]]) -> None:
    assert {"faction_crimes", "faction_crimes_slots", "faction_members", "faction_members_history"} <= set(suites)
    for name, suite in suites.items():
        assert set(suite) == {"name", "expectations", "meta"}
        assert suite["name"] == name
        for one in suite["expectations"]:
            assert set(one) == {"type", "kwargs", "meta", "severity"}
            assert set(one["kwargs"]) == WORDS[one["type"]]
            assert one["severity"] in {"critical", "warning"}
            if one["type"] == "unexpected_rows_expectation":
                query = one["kwargs"]["unexpected_rows_query"]
                assert query.format(batch="t").count("{") == 0
                assert "{batch} AS" not in query  # GX gives the batch a name of its own


def test_the_key_breaks_a_table_and_what_is_only_observed_warns(suites: dict[str, dict[str, Any]]) -> None:
    crimes = suites["faction_crimes"]
    assert about(crimes, "expect_compound_columns_to_be_unique")[0]["kwargs"] == {"column_list": ["_account", "id"]}
    nulls = {one["kwargs"]["column"]: one["severity"] for one in about(crimes, "expect_column_values_to_not_be_null")}
    assert (nulls["id"], nulls["name"], "executed_at" in nulls) == ("critical", "warning", False)
    status, *_ = about(crimes, "expect_column_values_to_be_in_set")
    assert status["kwargs"]["value_set"] == ["Recruiting", "Planning", "Successful", "Failure", "Expired"]
    asked = about(crimes, "unexpected_rows_expectation")
    assert {one["severity"] for one in [status, *asked]} == {"warning"}
    queries = {one["meta"]["rule"]: one["kwargs"]["unexpected_rows_query"] for one in asked}
    assert queries["expires_after_created"] == "SELECT * FROM {batch} WHERE NOT (expired_at > created_at)"
    assert "TIMESTAMPTZ '2025-01-15 00:00:00+00'" in queries["executed_when_done"]
    types = {one["kwargs"]["column"]: one["kwargs"]["type_"] for one in about(crimes, "expect_column_values_to_be_of_type")}
    assert (types["id"], types["created_at"], types["status"]) == ("BigInteger", "TIMESTAMP", "String")


def test_what_gx_cannot_say_is_named_with_its_reason(suites: dict[str, dict[str, Any]]) -> None:
    left_out = {one["what"]: one["why"] for one in suites["faction_crimes"]["meta"]["not_expressed"]}
    assert left_out["created_at is not null"] == "the API says 0 where there is no such moment, which becomes null"
    history = suites["faction_members_history"]
    assert not about(history, "unexpected_rows_expectation")
    assert "rules and relations" in [one["what"] for one in history["meta"]["not_expressed"]]
    assert history["meta"]["endpoint"] == "faction_members"
    assert {"_valid_from", "_valid_to"} <= set(history["expectations"][0]["kwargs"]["column_set"])


def test_a_reference_to_a_table_that_the_config_does_not_have_is_left_out(console: Console) -> None:
    config = console.folder / "config" / "few.yaml"
    config.write_text("endpoints: [{name: faction_crimes, path: /faction/crimes, frequency: PT1H, storage_mode: append}]\n")
    console.environment["TORN_CONFIG"] = "config/few.yaml"
    assert console("expectations", "faction_crimes_rewards_items", "--to", "gx").status == 0
    (file,) = (console.folder / "gx").iterdir()
    suite = json.loads(file.read_text())
    assert suite["meta"]["not_expressed"] == [
        {"what": "reward_items_are_items", "why": "no endpoint of the config has the table torn_items"}
    ]
    assert "_fetched_at" in about(suite, "expect_compound_columns_to_be_unique")[0]["kwargs"]["column_list"]


def test_a_file_that_is_there_is_replaced_and_nothing_else_is_touched(console: Console) -> None:
    folder = console.folder / "gx"
    folder.mkdir()
    (folder / "faction_members.json").write_text("old")
    (folder / "own.json").write_text("mine")
    assert console("expectations", "torn/faction_members", "--to", "gx").status == 0
    assert json.loads((folder / "faction_members.json").read_text())["name"] == "faction_members"
    assert sorted(file.name for file in folder.iterdir()) == ["faction_members.json", "own.json"]
    assert (folder / "own.json").read_text() == "mine"


def test_what_cannot_be_is_said_in_one_sentence(console: Console) -> None:
    unknown = console("expectations", "faction_members", "nothing", "--to", "gx")
    assert (unknown.status, unknown.err.count("\n")) == (2, 1)
    assert "has a table nothing; the tables are faction_" in unknown.err
    assert not (console.folder / "gx").exists()
    (console.folder / "file").write_text("")
    assert console("expectations", "--to", "file").err == "file is not a folder: give --to a folder, or one that is not there yet\n"
    assert console("expectations").status == 2
