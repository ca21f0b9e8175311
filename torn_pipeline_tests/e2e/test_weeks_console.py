"""A world that lives in a process of its own, at a day in four seconds, and the console script that follows it through Dagster."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import requests

from torn_pipeline import steps
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import World
from torn_pipeline_tests.e2e.weeks import DAY, HOUR
from torn_pipeline_tests.e2e.weeks_truth import ENDPOINTS, body_of, state_of
from torn_pipeline_tests.reference import differences, reference_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torn_pipeline_tests.e2e.console import Console


@contextmanager
def simulator_process(console: Console, *arguments: str) -> Iterator[str]:
    """The simulator as a process; tells the variables to use it with, and where its controls are."""
    command = console.command("simulator", "--port", "0", *arguments)
    with subprocess.Popen(command, cwd=console.folder, env=console.child_environment(), stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        assert process.stdout is not None
        try:
            for line in process.stdout:
                name, _, value = line.removeprefix("export ").split("  #")[0].strip().partition("=")
                if name in {"TORN_API_URL", "TORN_API_KEY"}:
                    console.environment[name] = value
                if line.startswith("the page of controls is "):
                    yield line.split()[5].rstrip("/;")
                    break
        finally:
            process.terminate()
    assert process.returncode == 0


def control(origin: str, action: str, **given: object) -> None:
    requests.post(f"{origin}/control/{action}", json=given, timeout=10).raise_for_status()


def now_of(origin: str) -> int:
    return int(requests.get(f"{origin}/control/state", timeout=10).json()["now"])


def test_a_world_in_a_hurry_and_the_console(console: Console) -> None:
    """The simulator in a process of its own, at a day in four seconds; then it stops, and the tables are a world of the same seed."""
    names = ("faction_crimes", "faction_members")
    born = 1_777_500_000
    with simulator_process(console, "--seed", "5", "--now", str(born), "--speed", "21600") as origin:
        assert console("materialize", *names, "--partition", "default").status == 0
        passed = now_of(origin) - born
        control(origin, "speed", speed=0)
        control(origin, "advance", seconds=7 * DAY)
        assert console("materialize", *names, "--partition", "default").status == 0
        now = now_of(origin)
    world = World(seed=5, now=born)
    world.advance_to(now)
    config = console.folder / "config/pipeline.json"
    warehouse = steps.open_pipeline(Settings(api_url=origin, config=config, data_dir=console.data)).warehouse

    assert passed > HOUR
    for endpoint in names:
        path = ENDPOINTS[endpoint]
        state = state_of(world, path, "default")
        for table, wanted in reference_tables(path, [body_of(path, list(state.values()))]).items():
            assert differences(table, warehouse.read(table).to_dicts(), wanted) == []
    assert state_of(world, "/faction/crimes", "default") != state_of(World(seed=5, now=born), "/faction/crimes", "default")
