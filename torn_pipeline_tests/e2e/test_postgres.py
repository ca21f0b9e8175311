"""Machines that share a PostgreSQL database: one budget, one knowledge of keys, one Dagster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from torn_pipeline_tests.dagster.running import ROOT
from torn_pipeline_tests.e2e.console import files_below
from torn_pipeline_tests.postgres import IN_URL, PASSWORD, postgres, query

if TYPE_CHECKING:
    from torn_pipeline_tests.e2e.console import Console

MATERIALIZE = ("materialize", "faction_basic", "--partition", "default")


@pytest.fixture
def url(console: Console) -> str:
    url = postgres()
    console.environment["DAGSTER_POSTGRES_URL"] = url
    return url


def test_machines_with_one_database_share_the_budget_the_keys_and_dagster(console: Console, url: str) -> None:
    said = []
    for machine in ("first", "second"):
        console.environment["TORN_DATA_DIR"] = machine
        result = console(*MATERIALIZE)
        assert result.status == 0, result.err
        said.append(result.out + result.err)
    assert [call.path for call in console.simulator.calls] == ["/key/info", "/faction/basic", "/faction/basic"]
    assert query(url, "SELECT count(*) FROM torn_ledger.calls") == [(3,)]
    assert query(url, "SELECT status, count(*) FROM runs GROUP BY status") == [("SUCCESS", 2)]
    shown = console("keys")
    assert "usable 3 3 3" in " ".join(shown.row("key", "1", "TORN_API_KEY"))
    assert console("check").status == 0
    files = files_below(console.folder)
    assert not any(name.endswith("quota.sqlite") or "/history/" in name for name in files)
    assert not any(secret.encode() in content for secret in (PASSWORD, IN_URL) for content in files.values())
    assert not any(secret in text for secret in (PASSWORD, IN_URL) for text in (*said, shown.out))


def test_an_instance_follows_the_variable_and_leaves_what_somebody_wrote(console: Console, url: str) -> None:
    place = console.data / "dagster" / "dagster.yaml"
    assert console(*MATERIALIZE).status == 0
    assert console("prune", "--dry-run").status == 0
    assert place.resolve() == ROOT / "dagster.postgres.yaml"
    console.environment["DAGSTER_POSTGRES_URL"] = ""
    assert console(*MATERIALIZE).status == 0
    assert place.resolve() == ROOT / "dagster.yaml"
    assert (console.data / "quota.sqlite").exists()
    place.unlink()
    place.write_text("telemetry: {enabled: false}\n")
    console.environment["DAGSTER_POSTGRES_URL"] = url
    assert console(*MATERIALIZE).status == 0
    assert place.read_text() == "telemetry: {enabled: false}\n"
    assert query(url, "SELECT count(*) FROM runs") == [(1,)]


def test_a_database_that_is_away_is_one_sentence(console: Console) -> None:
    console.environment["DAGSTER_POSTGRES_URL"] = f"postgresql://torn:{IN_URL}@127.0.0.1:9/torn"
    sentence = "the database of DAGSTER_POSTGRES_URL, in which calls are counted, does not answer (connection to server"
    for command in (MATERIALIZE, ("fetch", "faction_basic"), ("keys",), ("check",)):
        result = console(*command)
        assert result.status == 1
        assert sentence in result.err
        assert "hush" not in result.out + result.err
    assert console.simulator.calls == []


def test_both_files_of_dagster_say_the_same_but_for_the_storage() -> None:
    plain, shared = (yaml.safe_load((ROOT / name).read_text(encoding="utf-8")) for name in ("dagster.yaml", "dagster.postgres.yaml"))
    assert shared == plain | {"storage": {"postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}}}
