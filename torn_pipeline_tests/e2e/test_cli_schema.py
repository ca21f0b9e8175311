"""``schema`` on the console: what must change, making it so, what was changed, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from torn_pipeline_tests.dagster.running import write_config

if TYPE_CHECKING:
    from torn_pipeline_tests.e2e.console import Console


def alter(console: Console, *statements: str) -> None:
    """What somebody did to the tables by hand."""
    with duckdb.connect(str(console.data / "warehouse.duckdb")) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def filled(console: Console) -> Console:
    assert console("fetch", "faction_members", "--account", "default").status == 0
    assert console("load", "faction_members", "--account", "default").status == 0
    return console


def test_tables_of_the_contracts_need_nothing(filled: Console) -> None:
    result = filled("schema", "plan", "faction_members")
    assert (result.status, result.out, result.err) == (0, "every table has the shape of its contract\n", "")
    assert filled("schema", "apply", "faction_members").out == "nothing was changed\n"


def test_a_table_that_is_not_there_yet_is_planned_and_made(console: Console) -> None:
    assert console("schema", "plan", "faction_basic").row("faction_basic")[1:4] == ["create", "the", "table"]
    assert console("schema", "apply", "faction_basic").out == "faction_basic: create the table\n"
    assert console("sql", "SELECT count(*) FROM faction_basic", "--format", "csv").out.split()[1:] == ["0"]


def test_what_somebody_changed_by_hand_is_found_and_put_right(filled: Console) -> None:
    alter(
        filled,
        "ALTER TABLE torn.faction_members ALTER level SET DATA TYPE VARCHAR",
        "ALTER TABLE torn.faction_members ADD COLUMN note VARCHAR",
        "ALTER TABLE torn.faction_members DROP COLUMN days_in_faction",
    )
    refused = filled("load", "faction_members", "--account", "default")
    assert refused.status == 1
    assert "see `torn-pipeline schema plan`" in refused.err

    plan = filled("schema", "plan", "faction_members").out
    assert "narrow level from text to integer" in plan
    assert "needs schema apply --allow narrow" in plan
    assert "drop note text, which the contract does not have" in plan
    assert "add days_in_faction integer" in plan

    first = filled("schema", "apply", "faction_members")
    assert first.status == 1
    assert "faction_members: add days_in_faction integer" in first.out
    assert "faction_members: not done: narrow level from text to integer: needs schema apply --allow narrow" in first.err
    second = filled("schema", "apply", "faction_members", "--allow", "narrow", "--allow", "drop")
    assert (second.status, second.err) == (0, "")
    assert filled("schema", "plan", "faction_members").out == "every table has the shape of its contract\n"
    assert filled("fetch", "faction_members", "--account", "default").status == 0
    assert filled("load", "faction_members", "--account", "default").status == 0

    history = filled("schema", "history", "faction_members").out
    assert "narrowed level from text to integer" in history
    assert "kept" in history
    back = filled("schema", "rollback", "faction_members", "--to", "2")
    assert (back.status, back.err) == (0, "")
    assert "faction_members: widened level from integer to text" in back.out
    assert "faction_members: rolled back to version 2" in back.out


def test_what_cannot_be_is_said_in_one_sentence(filled: Console) -> None:
    alter(filled, "ALTER TABLE torn.faction_members ALTER level SET DATA TYPE VARCHAR", "UPDATE torn.faction_members SET level = 'high'")
    lost = filled("schema", "apply", "faction_members", "--allow", "narrow")
    assert lost.status == 1
    assert lost.err.count("\n") == 1
    assert "values of level cannot become integer, the first is 'high'" in lost.err
    unknown = filled("schema", "rollback", "crimes")
    assert (unknown.status, unknown.err.count("\n")) == (2, 1)
    assert "has a table 'crimes'" in unknown.err
    assert filled("schema", "rollback", "faction_members").err.startswith("table faction_members cannot be rolled back to version 0")
    assert filled("schema", "plan", "nothing").status == 2


def test_before_the_first_load_there_is_no_history(console: Console) -> None:
    result = console("schema", "history")
    assert (result.status, len(result.out.splitlines())) == (0, 1)


def test_a_table_in_the_place_of_a_history_is_found_by_check(console: Console) -> None:
    write_config(
        console.folder / "config",
        endpoints={"faction_members": {"storage_mode": "snapshot"}, "faction_basic": {"table": "faction_members_history"}},
    )
    result = console("check")
    assert result.status == 2
    assert "endpoints.faction_basic: writes the table faction_members_history, as faction_members does with other rows" in result.err
