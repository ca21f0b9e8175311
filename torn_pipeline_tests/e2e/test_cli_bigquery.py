"""Questions, changes of shape and copies of a warehouse in BigQuery, on the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from torn_pipeline.warehouse import warehouse_from_url
from torn_pipeline.warehouse.bigquery import BigQueryWarehouse
from torn_pipeline_tests.e2e.test_bigquery_road import on_bigquery
from torn_pipeline_tests.e2e.test_cli_backup import load, respects
from torn_pipeline_tests.emulator import bigquery
from torn_pipeline_tests.unit.warehouse.test_bigquery import client_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torn_pipeline_tests.e2e.console import Console


@pytest.fixture
def there(console: Console) -> Iterator[Console]:
    with bigquery() as warehouse:
        yield on_bigquery(console, warehouse)


def test_a_warehouse_in_bigquery_is_asked_looked_after_and_brought_back(there: Console) -> None:
    load(there, 10)
    wrong = there("sql", "SELECT respct FROM torn.faction_basic")
    assert (wrong.status, wrong.out) == (2, "")
    assert wrong.err == "the query is wrong: there is no column respct; did you mean respect?\n"
    assert there("schema", "plan", "faction_basic").out == "every table has the shape of its contract\n"
    assert "created" in there("schema", "history", "faction_basic").out

    made = there("backup")
    assert (made.status, made.err) == (0, "")
    assert ".copy_" in made.out
    assert "SHA-256" not in made.out
    refused = there("backup", "--to", str(there.folder / "else"))
    assert (refused.status, refused.out) == (2, "")
    assert "name no folder" in refused.err
    moment = load(there, 20)
    load(there, 30)
    result = there("restore", "--as-of", moment)
    assert (result.status, result.err) == (0, "")
    assert respects(there) == [10, 20]
    assert len(there("restore", "--list").out.splitlines()) == 3


def test_a_table_that_somebody_copied_is_told_and_laid_out_anew_by_a_rebuild(there: Console) -> None:
    load(there, 10)
    warehouse = warehouse_from_url(
        there.environment["TORN_WAREHOUSE"], there.data, bigquery_emulator=there.environment["BIGQUERY_EMULATOR_HOST"]
    )
    assert isinstance(warehouse, BigQueryWarehouse)
    client, name = client_of(warehouse), warehouse.place.table("faction_basic")
    client.query_and_wait(f"ALTER TABLE {name} RENAME TO other")
    client.query_and_wait(f"CREATE TABLE {name} AS SELECT * FROM {warehouse.place.table('other')}")  # noqa: S608 - our own
    there("schema", "apply", "faction_basic")  # its descriptions
    plan = there("schema", "plan", "faction_basic")
    assert "lay it out by days of _fetched_at and clusters of _account, id, in place of nothing" in plan.out
    assert "conditions read more than they must until replay --rebuild" in plan.out
    left = there("schema", "apply", "faction_basic")
    assert (left.status, left.out) == (0, "nothing was changed\n")
    assert left.err.startswith("faction_basic: not done: lay it out by days of _fetched_at")
    assert there("replay", "faction_basic", "--rebuild").status == 0
    assert there("schema", "plan", "faction_basic").out == "every table has the shape of its contract\n"
    assert respects(there) == [10]
