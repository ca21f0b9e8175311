"""A BigQuery server on loopback, in a virtual environment of its own.

``local-bigquery`` wants Python 3.13 or newer and another DuckDB than ours. The environment is made once, below the
project's folder, from pinned packages of the package registry.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from filelock import FileLock

from torn_pipeline.warehouse.bigquery import BigQueryWarehouse
from torn_pipeline.warehouse.bigquery_service import Place
from torn_pipeline_tests.exhaustive import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EXHAUSTIVE", "PROJECT", "bigquery", "emulator"]

PROJECT = "torn"
FOLDER = Path(__file__).parent.parent / ".venv-bigquery"
DUCKDB = "1.5.5"
EXTENSIONS = ("ducklake", "icu", "spatial")
PACKAGES = Path(__file__).with_name("emulator.txt")
"""Every package of the environment with its version."""
SERVER = Path(__file__).with_name("bigquery_server.py")
STARTS = 60.0  # seconds


@cache
def emulator() -> str:
    """The URL of a server that runs until this process ends.

    The test is skipped where there is no Python 3.13, and fails there with ``CI=true``.
    """
    environment = _environment()
    memory = Path("/dev/shm")  # noqa: S108 - half the time of a statement is a disk's; only where there is none of it
    folder = Path(tempfile.mkdtemp(prefix="torn-bigquery-", dir=memory if os.access(memory, os.W_OK) else None))
    port, other = _free_port(), _free_port()
    command = [str(environment / "bin" / "python"), "-P", str(SERVER), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--grpc-port", str(other), "--data-dir", str(folder / "data"), "--project", PROJECT]
    own = {"PATH": os.environ["PATH"], "HOME": str(environment / "home")}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, env=own, cwd=folder, stdin=subprocess.PIPE, stdout=log, stderr=log)  # noqa: S603 - ours
    atexit.register(_stop, server)
    _wait(server, port, folder / "log")
    return f"http://127.0.0.1:{port}"


@contextmanager
def bigquery() -> Iterator[BigQueryWarehouse]:
    """A warehouse on the server in which nothing was ever written."""
    dataset = _FREE.pop() if _FREE else f"d{uuid4().hex[:12]}"
    place = Place(project=PROJECT, dataset=dataset, emulator=emulator())
    yield BigQueryWarehouse(place)
    _empty(place)
    _FREE.append(dataset)


_FREE: list[str] = []
"""Datasets that were used and emptied."""


def _empty(place: Place) -> None:
    """Leave nothing in both datasets: what costs most is to make the platform's own tables, so they stay, and hold no row."""
    kept = "fetches,loads,schema_versions,quarantine,measurements"
    request = urllib.request.Request(f"{place.emulator}/emptied/{place.dataset}/{place.meta}?kept={kept}", method="DELETE")  # noqa: S310 - ours
    with urllib.request.urlopen(request, timeout=STARTS) as answer:  # noqa: S310 - ours
        assert answer.status == HTTPStatus.OK


def _stop(server: subprocess.Popen[bytes]) -> None:
    assert server.stdin is not None
    server.stdin.close()
    server.wait()


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait for the first answer, which is slow: the server then makes its own tables."""
    deadline = time.monotonic() + STARTS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/bigquery/v2/projects/{PROJECT}/datasets", timeout=STARTS):
                return
        except urllib.error.URLError:
            time.sleep(0.05)
    message = f"the BigQuery emulator did not start: {log.read_text(errors='replace')[-2000:]}"
    raise AssertionError(message)


def _environment() -> Path:
    """The virtual environment, made when it is missing or of other packages; one process makes it, others wait."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n")
    ready, wanted = FOLDER / "packages", PACKAGES.read_text()
    with FileLock(FOLDER / "lock"):
        if not ready.exists() or ready.read_text() != wanted:
            _make(FOLDER / "venv")
            ready.write_text(wanted)
    return FOLDER / "venv"


def _make(place: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    python = _python()
    if python is None or not uv.exists():
        message = "BigQuery's emulator needs Python 3.13 or newer and the uv of the Makefile: install Python 3.13 to run these tests"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    _run(uv, "venv", "--clear", "--python", python, place)
    _run(uv, "pip", "install", "--python", place / "bin" / "python", "--no-deps", "--requirements", PACKAGES)
    for name in EXTENSIONS:
        (found,) = place.glob(f"lib/python3.*/site-packages/duckdb_extension_{name}/extensions/v{DUCKDB}/{name}.duckdb_extension")
        for system in ("linux_amd64", "linux_arm64", "osx_amd64", "osx_arm64"):
            target = place / "home" / ".duckdb" / "extensions" / f"v{DUCKDB}" / system
            target.mkdir(parents=True, exist_ok=True)
            (target / found.name).symlink_to(found.absolute())


def _run(*command: object) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"}}
    done = subprocess.run([str(part) for part in command], env=kept, capture_output=True, text=True, check=False, timeout=600)  # noqa: S603 - ours
    assert done.returncode == 0, done.stderr


def _python() -> Path | None:
    """A Python of 3.13 or newer that runs: a name on the PATH may be a shim that does not."""
    named = [Path(found) for name in ("python3.13", "python3.14", "python3") if (found := shutil.which(name))]
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    if pyenv := shutil.which("pyenv"):
        root = Path(subprocess.run([pyenv, "root"], capture_output=True, text=True, check=True, timeout=60).stdout.strip())  # noqa: S603 - ours
    for candidate in [Path(sys.executable), *named, *sorted(root.glob("versions/3.1[3-9]*/bin/python"))]:
        test = [str(candidate), "-c", "import sys; raise SystemExit(sys.version_info < (3, 13))"]
        if subprocess.run(test, capture_output=True, check=False, timeout=60).returncode == 0:  # noqa: S603 - ours
            return candidate
    return None


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
