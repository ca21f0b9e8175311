"""An account that gets another name, on the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline_tests.dagster.running import write_config

if TYPE_CHECKING:
    from torn_pipeline_tests.e2e.console import Console


def test_a_renamed_account_is_refused_until_its_rows_follow(console: Console) -> None:
    for step in ("fetch", "load"):
        assert console(step, "faction_basic").status == 0
    write_config(console.folder / "config", accounts=("default", "renamed"))
    console.environment["TORN_API_KEY_RENAMED"] = console.environment.pop("TORN_API_KEY_SECOND")
    calls = len(console.simulator.calls)
    refused = console("fetch", "faction_basic", "--account", "renamed")
    assert (refused.status, refused.out) == (2, "")
    assert "run `torn-pipeline rename-account second renamed`" in refused.err
    assert len(console.simulator.calls) == calls
    assert console("rename-account", "renamed", "default").status == 2
    renamed = console("rename-account", "second", "renamed")
    assert (renamed.status, renamed.out, renamed.err) == (0, "1 rows of second are renamed's now\n", "")
    assert console("fetch", "faction_basic", "--account", "renamed").status == 0
    assert console("load", "faction_basic", "--account", "renamed").status == 0
    owners = console("sql", "SELECT _account, count(*) AS n FROM faction_basic GROUP BY ALL ORDER BY ALL", "--format", "csv")
    assert owners.out.split() == ["_account,n", "default,1", "renamed,2"]
