"""Dagster's code server, webserver and daemon on some definitions, with what they take of the machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Deployment", "deployed"]

ROOT = Path(__file__).parent.parent
UP_SECONDS = 180.0
RUN_SECONDS = 180.0
LAUNCH = """
mutation Launch($parameters: ExecutionParams!) {
  launchRun(executionParams: $parameters) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}
"""
STATUS = "query Status($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"
TICKED = """
{ runsOrError(limit: 1000) { ... on Runs { results { status tags { key value } } } } }
"""
LOCATIONS = "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus locationOrLoadError { __typename } } } } }"


@dataclass(frozen=True)
class Deployment:
    """A running Dagster: the URL of its webserver, the processes that it began as, and its home."""

    url: str
    processes: tuple[psutil.Process, ...]
    home: Path

    def run(self, job: str, tags: Mapping[str, str]) -> str:
        """Launch a job as the UI does, through queue and daemon, and wait for its end; its status."""
        selector = {"jobName": job, "repositoryName": "__repository__", "repositoryLocationName": "bench"}
        metadata = {"tags": [{"key": key, "value": value} for key, value in tags.items()]}
        parameters = {"selector": selector, "runConfigData": {}, "executionMetadata": metadata}
        launched = self._ask(LAUNCH, parameters=parameters)["launchRun"]
        if "run" not in launched:
            raise RuntimeError(launched)
        deadline = time.monotonic() + RUN_SECONDS
        while time.monotonic() < deadline:
            status: str = self._ask(STATUS, run=launched["run"]["runId"])["runOrError"]["status"]
            if status in {"SUCCESS", "FAILURE", "CANCELED"}:
                return status
            time.sleep(0.25)
        message = f"the job {job} did not end"
        raise RuntimeError(message)

    def cpu_seconds(self) -> float:
        """What it has used so far, with all processes that it has started."""
        total = 0.0
        for process in self._tree():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def memory(self) -> int:
        """The bytes that its processes hold, what they share counted once (PSS)."""
        return sum(process.memory_full_info().pss for process in self._tree())

    def ticks(self) -> int:
        """How many ticks of endpoints were run to a good end."""
        runs = self._ask(TICKED)["runsOrError"]["results"]
        return sum(run["status"] == "SUCCESS" and any(tag["key"] == "torn/tick" for tag in run["tags"]) for run in runs)

    def is_up(self) -> bool:
        """Whether the webserver answers, and has the definitions."""
        with suppress(requests.RequestException):
            entries = self._ask(LOCATIONS)["workspaceOrError"]["locationEntries"]
            return all((one["locationOrLoadError"] or {}).get("__typename") == "RepositoryLocation" for one in entries)
        return False

    def _tree(self) -> Sequence[psutil.Process]:
        return [process for root in self.processes for process in (root, *root.children(recursive=True))]

    def _ask(self, query: str, **variables: object) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=30)
        answer.raise_for_status()
        data: dict[str, Any] = answer.json()["data"]
        return data


@contextmanager
def deployed(home: Path, module: str, environment: Mapping[str, str]) -> Iterator[Deployment]:
    """Dagster on the definitions of a module, in a home of its own with the shipped ``dagster.yaml``, once it is up."""
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "dagster.yaml", home / "dagster.yaml")
    grpc, web = _free_port(), _free_port()
    workspace = home / "workspace.yaml"
    workspace.write_text(f"load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {grpc}, location_name: bench}}\n")
    place = ("-h", "127.0.0.1", "-p")
    commands = (
        (sys.executable, "-m", "dagster", "code-server", "start", "-m", module, "--location-name", "bench", *place, str(grpc)),
        (sys.executable, "-m", "dagster_webserver", "-w", str(workspace), *place, str(web)),
        (str(Path(sys.executable).with_name("dagster-daemon")), "run", "-w", str(workspace)),
    )
    given = dict(os.environ) | dict(environment) | {"DAGSTER_HOME": str(home)}
    started: list[subprocess.Popen[bytes]] = []
    try:
        with (home / "output.log").open("wb") as output:
            for command in commands:  # the first is what the others need
                started.append(subprocess.Popen(command, env=given, stdout=output, stderr=output, start_new_session=True, cwd=ROOT))
                _wait_for(grpc)
        deployment = Deployment(f"http://127.0.0.1:{web}", tuple(psutil.Process(one.pid) for one in started), home)
        deadline = time.monotonic() + UP_SECONDS
        while not deployment.is_up():
            if time.monotonic() > deadline:
                message = f"Dagster is not up: {(home / 'output.log').read_text()[-2000:]}"
                raise RuntimeError(message)
            time.sleep(0.5)
        yield deployment
    finally:
        for process in started:
            process.terminate()
        for process in started:
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + UP_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
