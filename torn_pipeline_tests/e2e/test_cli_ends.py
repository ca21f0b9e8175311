"""How a call ends: its exit status, one sentence on stderr, no traceback and no secret."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from torn_pipeline.simulator import Delay

if TYPE_CHECKING:
    from torn_pipeline_tests.e2e.console import Console

CRASH = """
import torn_pipeline.steps
from torn_pipeline.settings import Settings
def crash(settings, overrides=()):
    raise RuntimeError("something with " + Settings.from_environment().secrets[0])
torn_pipeline.steps.open_pipeline = crash
"""


@pytest.mark.parametrize(
    ("arguments", "variables", "status"),
    [
        (["nonsense"], {}, 2),
        (["load"], {}, 2),
        (["load", "nope"], {}, 2),
        (["load", "torn_items"], {}, 2),
        (["load", "faction_crimes", "--limit", "0"], {}, 2),
        (["load", "faction_crimes", "--input", "nofile"], {}, 2),
        (["load", "faction_crimes", "--input", "half.json"], {}, 1),
        (["load", "faction_members", "--input", "crimes.json"], {}, 1),
        (["load", "faction_crimes", "--input", "config"], {}, 2),
        (["normalize", "faction_crimes", "--input", "crimes.json", "--to", "half.json"], {}, 2),
        (["fetch", "faction_basic", "--account", "third"], {}, 2),
        (["fetch", "torn_items"], {"TORN_API_KEY": ""}, 2),
        (["fetch", "torn_items"], {"TORN_API_URL": "http://127.0.0.1:1/v2"}, 1),
        (["fetch", "torn_items"], {"TORN_API_URL": "http://example.org/v2"}, 2),
        (["fetch", "torn_items"], {"TORN_CONFIG": "nowhere.yaml"}, 2),
        (["fetch", "torn_items"], {"TORN_CONFIG": "half.json"}, 2),
        (["fetch", "torn_items"], {"TORN_LANDING": "s3://bucket"}, 2),
        (["status"], {"TORN_WAREHOUSE": "duckdb:///half.json"}, 1),
        (["status"], {"TORN_WAREHOUSE": "postgresql://me:hunter2secret@host/db"}, 2),
        (["status"], {"TORN_LOG_FORMAT": "xml"}, 2),
        (["replay", "--since", "yesterday"], {}, 2),
        (["export"], {}, 2),
        (["sql", "SELECT 1"], {}, 1),
        (["quarantine", "show", "nothing"], {}, 2),
        (["simulator", "--port", "99999"], {}, 2),
    ],
)
def test_bad_input_is_told_in_one_sentence(console: Console, arguments: list[str], variables: dict[str, str], status: int) -> None:
    (console.folder / "half.json").write_text('{"crimes": [')
    (console.folder / "crimes.json").write_text(json.dumps({"crimes": console.world.faction(40_832).crimes}))
    console.environment.update(variables)
    result = console(*arguments)
    sentences = [line for line in result.err.splitlines() if " WARNING " not in line]
    assert (result.status, len(sentences)) == (status, 1), result.err
    assert "Traceback" not in result.err
    assert "hunter2secret" not in result.err
    assert result.out == ""


def test_what_nobody_expected_is_one_sentence_with_the_kind_of_error(console: Console) -> None:
    result = console.child("status", code=CRASH)
    assert (result.status, result.out) == (1, "")
    assert result.err == "torn-pipeline failed in a way that nobody expected (RuntimeError); run it again with --debug to see where\n"


def test_debug_shows_where_but_no_key(console: Console) -> None:
    result = console.child("status", "--debug", code=CRASH)
    assert result.status == 1
    assert "Traceback (most recent call last)" in result.err
    assert console.environment["TORN_API_KEY"] not in result.err
    known = console.child("--debug", "load", "nope")
    assert known.status == 2
    assert "Traceback (most recent call last)" in known.err


@pytest.mark.parametrize("command", [["fetch", "torn_items"], ["materialize", "torn_items"]])
def test_ctrl_c_stops_the_work(console: Console, command: list[str]) -> None:
    asked = threading.Event()
    console.simulator.faults.append(Delay(seconds=60, times=10))
    console.simulator.before_call = lambda _number, _path: asked.set()
    with subprocess.Popen(  # noqa: S603 - the command is our own
        console.command(*command),
        cwd=console.folder,
        env=console.child_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert asked.wait(60)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.decode().split() == ["stopped"]


def test_the_simulator_serves_until_it_is_stopped(console: Console) -> None:
    command = console.command("simulator", "--port", "0", "--seed", "3")
    with subprocess.Popen(command, cwd=console.folder, env=console.child_environment(), stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - the command is our own
        assert process.stdout is not None
        lines = [process.stdout.readline().split("  #")[0].strip() for _ in range(4)]
        exported = dict(line.removeprefix("export ").split("=") for line in lines[1:])
        console.environment.update({"TORN_API_URL": exported["TORN_API_URL"], "TORN_API_KEY": exported["TORN_API_KEY"]})
        assert console("fetch", "faction_basic", "--account", "default").status == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_help_and_version_load_nothing_heavy(console: Console) -> None:
    code = "import atexit, sys; atexit.register(lambda: print(sorted({m.split('.')[0] for m in sys.modules}), file=sys.stderr))"
    for arguments in (["--help"], ["materialize", "--help"], ["--version"]):
        result = console.child(*arguments, code=code)
        assert result.status == 0
        assert not {"polars", "pandera", "duckdb", "requests", "dagster", "pyarrow", "rich"} & set(eval(result.err))  # noqa: S307 - our own list
    assert result.out.startswith("torn-pipeline 0.")
