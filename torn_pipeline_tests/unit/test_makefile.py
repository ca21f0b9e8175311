"""What ``make`` says before anything starts."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOLD = '#!/bin/sh\necho dagster "$@"\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The Makefile in a folder of its own, with what it looks at."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "uv.lock", "dagster.yaml"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def ready(checkout: Path) -> Path:
    """One with a virtual environment whose ``dagster`` only says how it was called."""
    programs = checkout / ".venv/bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    (programs / "dagster").write_text(TOLD)
    (programs / "dagster").chmod(0o755)
    (checkout / ".venv/.ready").touch()
    return checkout


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("make")
    assert program is not None
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    return subprocess.run([program, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own


@pytest.mark.parametrize("python", ["/bin/false", "/nowhere/python3"])
def test_an_interpreter_that_does_not_do_is_told(checkout: Path, python: str) -> None:
    result = make(checkout, "dev", f"PYTHON={python}")
    assert result.returncode == 2
    sentence = f"{python} is not a Python 3.11, 3.12 or 3.13 that runs: name one: make dev PYTHON=/path/to/python3"
    assert result.stderr.splitlines()[0] == sentence
    assert not (checkout / ".venv").exists()


def test_a_port_in_use_is_told_before_dagster_starts(ready: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = make(ready, "dev", f"PORT={port}")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"port {port} cannot be used, another make dev may run there: end it, or name another port")
    again = make(ready, "dev", f"PORT={port}")
    assert again.returncode == 0
    told, called = again.stdout.splitlines()
    assert f"http://127.0.0.1:{port} until Ctrl-C" in told
    assert called == f"dagster dev --workspace workspace.yaml --host 127.0.0.1 --port {port}"
