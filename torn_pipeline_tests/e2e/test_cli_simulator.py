"""The simulator as a command: a process of its own, whose world lives on from one start to the next."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import requests

from torn_pipeline.simulator import World
from torn_pipeline.simulator.world import ACCESS_LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torn_pipeline_tests.e2e.console import Console

LINES = 12


class Running:
    """A simulator's process, and what it said at its start."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.lines = [process.stdout.readline().rstrip("\n") for _ in range(LINES)]
        exports = [line.removeprefix("export ").split("  # ")[0].split("=", 1) for line in self.lines if line.startswith("export ")]
        self.exported = dict(exports)
        self.origin = self.exported["TORN_API_URL"].removesuffix("/v2")

    def get(self, path: str, variable: str = "TORN_API_KEY") -> dict[str, object]:
        headers = {"Authorization": f"ApiKey {self.exported[variable]}"}
        body: dict[str, object] = requests.get(self.exported["TORN_API_URL"] + path, headers=headers, timeout=10).json()
        return body

    def now(self) -> int:
        return int(requests.get(f"{self.origin}/control/state", timeout=10).json()["now"])


@contextmanager
def simulator(console: Console, *arguments: str, stop: signal.Signals = signal.SIGTERM) -> Iterator[Running]:
    command = console.command("simulator", "--port", "0", *arguments)
    environment = console.child_environment()
    with subprocess.Popen(command, cwd=console.folder, env=environment, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            yield Running(process)
        finally:
            process.send_signal(stop)
            try:
                assert process.wait(30) == (-signal.SIGKILL if stop == signal.SIGKILL else 0)
            finally:
                process.kill()  # else one that does not end would keep the tests from ending


def test_its_keys_and_page_are_told_and_work(console: Console) -> None:
    # A key that the environment already has is shown all the same: it is made up, and the line would be useless without it.
    console.environment["TORN_API_KEY"] = next(iter(World(seed=3).keys))
    with simulator(console, "--seed", "3") as running:
        assert running.lines[0] == f"the simulator answers at {running.exported['TORN_API_URL']}; use it with:"
        assert running.exported["TORN_DATA_DIR"] == str((console.folder / console.data).absolute() / "simulator")
        assert requests.get(f"{running.origin}/control/state", timeout=10).json()["exports"] == running.lines[1:3]
        assert running.exported["TORN_API_KEY"] == console.environment["TORN_API_KEY"]
        assert running.lines[-1].startswith(f"the page of controls is {running.origin}/; the world's time is 20")
        assert running.lines[-1].endswith("Z, seed 3")
        assert {line.split("level ")[1].split(",")[0] for line in running.lines if "level " in line} == set(ACCESS_LEVELS)
        assert len([name for name in running.exported if name.startswith("TORN_API_KEY")]) == 8
        for variable, opens in (("TORN_API_KEY", "crimes"), ("TORN_API_KEY_FACTION2", "balance"), ("TORN_API_KEY_MINIMAL", "positions")):
            assert opens in running.get(f"/faction/{opens}", variable)
        assert running.get("/faction/crimes", "TORN_API_KEY_PUBLIC") == {
            "error": {"code": 16, "error": "Access level of this key is not high enough"}
        }
        assert "<title>Torn simulator</title>" in requests.get(running.origin, timeout=10).text
        assert abs(running.now() - time.time()) < 60


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_the_next_start_shows_the_same_world_further_on(console: Console, stop: signal.Signals) -> None:
    with simulator(console, "--seed", "5", stop=stop) as running:
        first = running.get("/faction/crimes?cat=completed&limit=5"), running.exported
        started = running.now()
        answer = requests.post(f"{running.origin}/control/advance", json={"seconds": 86_400}, timeout=10)
        assert answer.status_code == 200
    with simulator(console) as running:
        keys = {name: value for name, value in running.exported.items() if name != "TORN_API_URL"}
        assert keys == {name: value for name, value in first[1].items() if name != "TORN_API_URL"}
        forward = running.now() - started
        assert (0 if stop == signal.SIGKILL else 86_400) <= forward < 86_520
        crimes = running.get(f"/faction/crimes?cat=completed&limit=100&to={started}")["crimes"]
        assert isinstance(crimes, list)
        known = first[0]["crimes"]
        assert isinstance(known, list)
        assert {crime["id"] for crime in known} <= {crime["id"] for crime in crimes}
        assert running.lines[-1].endswith("seed 5")


def test_its_clock_starts_where_told_and_stands_still_if_told(console: Console) -> None:
    with simulator(console, "--now", "2026-04-29T22:00:00Z", "--speed", "0") as running:
        assert running.get("/torn/timestamp") == {"timestamp": 1_777_500_000}
        assert "the world's time is 2026-04-29T22:00:00Z, seed 1" in running.lines[-1]
    with simulator(console, "--now", "1777586400", "--speed", "0") as running:
        assert running.get("/torn/timestamp") == {"timestamp": 1_777_586_400}
    result = console("simulator", "--now", "2026-04-29")
    assert (result.status, result.out) == (2, "")
    assert "has lived until 2026-04-30T22:00:00Z: name a later --now, or add --fresh" in result.err
    with simulator(console, "--now", "2026-04-29", "--speed", "0", "--fresh") as running:
        assert running.now() == 1_777_420_800


@pytest.mark.parametrize(
    ("kept", "arguments", "sentence"),
    [
        ('{"seed": 1', [], "keeps no world that can be read (JSONDecodeError): add --fresh"),
        ("[]", [], "keeps no world that can be read (TypeError): add --fresh"),
        ('{"seed": 1, "colour": 2}', [], "keeps no world that can be read (TypeError): add --fresh"),
        ("\udcff", [], "keeps no world that can be read (UnicodeDecodeError): add --fresh"),
        ('{"seed": 1, "born": 9, "world": 8, "at": 7}', [], "keeps no world that could be: add --fresh"),
        ('{"seed": "1", "born": 1777500000, "world": 1777500000, "at": 1}', [], "keeps no world that could be: add --fresh"),
        ('{"seed": 1, "born": 1777500000, "world": 1777500000, "at": 1}', ["--seed", "2"], "of the seed 1, not 2: add --fresh"),
        ("", ["--now", "yesterday"], "'yesterday' is no moment"),
        ("", ["--now", "5"], "'5' is too long ago or too far away"),
        ("", ["--speed", "-1"], "--speed"),
        ("", ["--speed", "1e9"], "--speed"),
    ],
)
def test_what_cannot_be_is_told_in_one_sentence(console: Console, kept: str, arguments: list[str], sentence: str) -> None:
    console.data.mkdir()
    (console.data / "simulator.json").write_bytes(kept.encode(errors="surrogateescape"))
    result = console("simulator", "--port", "0", *arguments)
    assert (result.status, result.out, len(result.err.splitlines())) == (2, "", 1)
    assert sentence in result.err
    assert (console.data / "simulator.json").read_bytes() == kept.encode(errors="surrogateescape")


def test_a_port_that_is_taken_is_told(console: Console) -> None:
    port = console.simulator.origin.rpartition(":")[2]
    result = console("simulator", "--port", port)
    assert (result.status, result.out) == (2, "")
    assert f"cannot listen on 127.0.0.1:{port}" in result.err
    assert not (console.data / "simulator.json").exists()


def test_a_long_absence_is_lived_through_at_the_start(console: Console) -> None:
    console.data.mkdir()
    born = int(time.time()) - 30 * 86_400
    (console.data / "simulator.json").write_text(json.dumps({"seed": 2, "born": born, "world": born, "at": born}))
    with simulator(console) as running:
        assert abs(running.now() - time.time()) < 60
        news = running.get("/faction/news?cat=crime")["news"]
        assert isinstance(news, list)
        assert len(news) == 100
        assert news[0]["timestamp"] > time.time() - 3 * 86_400
