"""From a row of a table to the HTTP call that brought it, and back, by the log alone."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from typing import TYPE_CHECKING, Any

from torn_pipeline.simulator import HttpStatus

if TYPE_CHECKING:
    from torn_pipeline_tests.e2e.console import Console


def records(console: Console) -> list[dict[str, Any]]:
    """Every line of the log file; each is one JSON object."""
    return [json.loads(line) for line in lines(console)]


def lines(console: Console) -> list[str]:
    """The log file's lines."""
    return (console.data / "logs" / "torn_pipeline.log").read_text(encoding="utf-8").splitlines()


def say(console: Console, **sections: object) -> None:
    """Add sections to the config file."""
    path = console.folder / "config/pipeline.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | sections, indent=1))


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

    assert all({"timestamp", "level", "logger", "pid", "message"} <= one.keys() for one in log)
    assert all(one["timestamp"].endswith("+00:00") for one in log)
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


def test_logs_shows_what_belongs_to_a_run_a_fetch_and_a_call(console: Console) -> None:
    for account in ("default", "second"):
        assert console("materialize", "faction_basic", "--partition", account).status == 0
    asked = "SELECT _raw_id, _fetch_id, run_id FROM faction_basic JOIN torn_meta.loads USING (_fetch_id) WHERE _account = 'second'"
    (row,) = json.loads(console("sql", asked, "--format", "json").out)
    of_run = [line for line in lines(console) if json.loads(line).get("run_id") == row["run_id"]]
    assert 0 < len(of_run) < len(lines(console))

    whole = console("logs", "--run", row["run_id"], "--format", "json")
    assert (whole.status, whole.out.splitlines(), whole.err) == (0, of_run, "")
    shown = console("logs", "--run", row["run_id"][:8]).out.splitlines()
    assert len(shown) == len(of_run)
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO     [a-z_.]+\[\d+\] ", line) for line in shown)

    # The way of the runbook: from a row to its fetch, to the line that tells where its answer landed, to the call.
    (landed,) = [line for line in console("logs", "--fetch", row["_fetch_id"]).out.splitlines() if row["_raw_id"] in line]
    assert landed in shown
    call = landed.rstrip("]").rpartition(" call ")[2]
    called = console("logs", "--call", call).out.splitlines()
    assert "GET /faction/basic for account second: HTTP status 200" in called[0]
    assert called[1] == landed
    assert console("logs", "--fetch", row["_fetch_id"].rpartition("-")[2], "--account", "default").out == ""


def test_logs_takes_what_fits_and_says_what_is_missing(console: Console) -> None:
    nothing = console("logs")
    assert (nothing.status, nothing.out) == (0, "")
    assert nothing.err == f"there is no log {console.data}/logs/torn_pipeline.log yet\n"
    console.simulator.faults.append(HttpStatus(status=503, path="/faction/basic"))
    assert console("fetch", "faction_basic", "--account", "default").status == 0
    assert console("logs", "--level", "warning").out.count("\n") == 1
    assert console("logs", "--level", "warning", "--since", "PT1H", "--endpoint", "faction_basic").out.count("\n") == 1
    for arguments in (["--since", "2099-01-01"], ["--since", "2099-01-01T12:00+02:00"], ["--level", "error"], ["--endpoint", "faction"]):
        other = console("logs", *arguments)
        assert (other.status, other.out) == (0, "")
        assert other.err.endswith("torn_pipeline.log has no such record\n")
    wrong = console("logs", "--since", "yesterday")
    assert wrong.status == 2
    assert "'yesterday' is no moment: use 2026-04-29" in wrong.err
    with (console.data / "logs" / "torn_pipeline.log").open("a") as file:
        file.write('{"timestamp": "2026-11')
    broken = console("logs")
    assert broken.out.count("\n") == len(lines(console)) - 1
    assert broken.err == "1 line is left out: no whole record, as a process leaves it that is killed while it writes\n"


def test_logs_follows_until_ctrl_c(console: Console) -> None:
    assert console("fetch", "faction_basic", "--account", "default").status == 0
    before = len(lines(console))
    command = console.command("logs", "--follow", "--endpoint", "faction_basic")
    with subprocess.Popen(  # noqa: S603 - the command is our own
        command, cwd=console.folder, env=console.child_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(before)]
        assert console("fetch", "faction_basic", "--account", "second").status == 0
        later = [process.stdout.readline() for _ in range(len(lines(console)) - before)]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "fetched faction_basic for default" in told[-1]
    assert "fetched faction_basic for second" in later[-1]


def test_what_a_run_gives_up_is_told_once_after_the_last_try(console: Console) -> None:
    console.simulator.faults.append(HttpStatus(status=503, path="/faction/basic", times=100))
    for command in ("materialize", "fetch"):
        (console.data / "logs" / "torn_pipeline.log").unlink(missing_ok=True)
        ended = console(command, "faction_basic", *(["--partition", "default"] if command == "materialize" else ["--account", "default"]))
        assert ended.status == 1
        (sentence,) = [line for line in ended.err.splitlines() if " WARNING " not in line]
        log = records(console)
        tries = [one["attempt"] for one in log if one.get("path") == "/faction/basic"]
        assert tries == [1, 2]
        (given_up,) = [one for one in log if one["level"] == "CRITICAL"]
        assert given_up["message"].startswith("fetching faction_basic for default is given up: GET /faction/basic for account default: ")
        assert sentence.endswith(given_up["message"].partition("is given up: ")[2])
        assert (given_up["endpoint"], given_up["account"], "run_id" in given_up) == ("faction_basic", "default", command == "materialize")
        assert given_up["fetch_id"] == next(one["fetch_id"] for one in log if "attempt" in one)


def test_every_process_logs_where_the_config_says(console: Console) -> None:
    say(console, logging={"level": "WARNING", "file": "elsewhere/own.log"})
    console.simulator.faults.append(HttpStatus(status=503, path="/faction/basic", times=2))
    assert console("fetch", "faction_basic", "--account", "default", "--dry-run").status == 0
    assert not console.data.exists()
    assert console("fetch", "faction_basic", "--account", "default").status == 1
    code = """
import logging
from torn_pipeline.definitions import defs
defs()
logging.getLogger("torn_pipeline.example").warning("of a code server")
logging.getLogger("torn_pipeline.example").info("nobody asked for this")
raise SystemExit
"""
    assert console.child("status", code=code).status == 0
    assert not (console.data / "logs").exists()
    told = console("logs").out.splitlines()
    assert [line.split()[1] for line in told] == ["WARNING", "CRITICAL", "WARNING"]
    assert told[-1].endswith(" of a code server")
    console.environment["TORN_LOG_LEVEL"] = "ERROR"
    console.simulator.faults.append(HttpStatus(status=503, path="/faction/basic", times=2))
    assert console("fetch", "faction_basic", "--account", "default").status == 1
    assert [line.split()[1] for line in console("logs").out.splitlines()[3:]] == ["CRITICAL"]
