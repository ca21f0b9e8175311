"""From a row of a table to the HTTP call that brought it, and back, by the log alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from torn_pipeline.simulator import HttpStatus

if TYPE_CHECKING:
    from torn_pipeline_tests.e2e.console import Console


def records(console: Console) -> list[dict[str, Any]]:
    """Every line of the log file; each is one JSON object."""
    return [json.loads(line) for line in (console.data / "logs" / "torn_pipeline.log").read_text(encoding="utf-8").splitlines()]


def test_a_row_leads_to_its_call_and_a_call_to_its_rows(console: Console) -> None:
    for account in ("default", "second"):
        assert console("materialize", "faction_crimes", "faction_members", "--partition", account).status == 0
    asked = "SELECT _raw_id, _fetch_id, count(*) AS rows FROM faction_crimes WHERE _account = 'second' GROUP BY ALL"
    (row,) = json.loads(console("sql", asked, "--format", "json").out)
    loads = json.loads(console("sql", "SELECT DISTINCT _fetch_id, run_id FROM torn_meta.loads", "--format", "json").out)
    (run,) = [load for load in loads if load["_fetch_id"] == row["_fetch_id"]]
    log = records(console)

    (landed,) = [one for one in log if one.get("raw_id") == row["_raw_id"]]
    (called,) = [one for one in log if one.get("call_id") == landed["call_id"] and "status" in one]
    (loaded,) = [one for one in log if one.get("fetch_id") == row["_fetch_id"] and "tables" in one]

    work = {"run_id": run["run_id"], "endpoint": "faction_crimes", "account": "second", "fetch_id": row["_fetch_id"]}
    for one in (called, landed, loaded):
        assert one | work == one
    assert (called["method"], called["path"], called["status"], called["attempt"]) == ("GET", "/faction/crimes", 200, 1)
    assert called["bytes"] == landed["bytes"] > 1000
    assert called["milliseconds"] >= 0
    assert (landed["rows"], loaded["tables"]["faction_crimes"]) == (row["rows"], row["rows"])
    assert loaded["rows"] == sum(loaded["tables"].values())

    of_the_fetch = [one for one in log if one.get("fetch_id") == row["_fetch_id"]]
    told = [(one["logger"].rpartition(".")[2], one.get("path", "")) for one in of_the_fetch]
    assert told == [("client", "/key/info"), ("client", "/faction/crimes"), ("fetching", ""), ("fetching", ""), ("loading", "")]
    assert {one["run_id"] for one in of_the_fetch} == {run["run_id"]}
    assert len({one["call_id"] for one in log if "status" in one}) == len([one for one in log if "status" in one]) >= 4
    assert not [one for one in log if one.get("run_id") and one["logger"].startswith("torn_pipeline") and "endpoint" not in one]


def test_each_try_of_a_call_is_told_apart(console: Console) -> None:
    console.simulator.faults.append(HttpStatus(status=503, path="/faction/basic"))
    assert console("fetch", "faction_basic").status == 0
    log = [one for one in records(console) if one.get("account") == "default"]
    first, second = [one for one in log if one.get("path") == "/faction/basic"]
    assert (first["status"], first["attempt"], second["status"], second["attempt"]) == (503, 1, 200, 2)
    assert first["fetch_id"] == second["fetch_id"]
    assert first["call_id"] != second["call_id"]
    (landed,) = [one for one in log if "raw_id" in one]
    assert landed["call_id"] == second["call_id"]
    assert "run_id" not in landed  # nothing of Dagster's was in it
