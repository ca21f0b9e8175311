"""What ``make`` says before anything starts."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from torn_pipeline.cli.ui import dagster_ui
from torn_pipeline.errors import UsageError
from torn_pipeline.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
TOLD = '#!/bin/sh\necho torn-pipeline "$@"\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The Makefile in a folder of its own, with what it looks at."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "uv.lock", "dagster.yaml"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def ready(checkout: Path) -> Path:
    """One with a virtual environment whose ``torn-pipeline`` only says how it was called."""
    programs = checkout / ".venv/bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    (programs / "torn-pipeline").write_text(TOLD)
    (programs / "torn-pipeline").chmod(0o755)
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


def test_dev_links_dagsters_settings_and_starts_the_platform(ready: Path) -> None:
    result = make(ready, "dev", "PORT=3456")
    assert (result.returncode, result.stdout, result.stderr) == (0, "torn-pipeline dev --port 3456\n", "")
    assert (ready / "data/dagster/dagster.yaml").resolve() == ready / "dagster.yaml"


def test_a_port_in_use_is_told_before_dagster_starts(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text("endpoints: [{name: faction_basic, path: /faction/basic, frequency: P1D}]")
    settings = Settings(config=tmp_path / "pipeline.yaml", data_dir=tmp_path, dagster_home=tmp_path / "dagster")
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError) as caught, dagster_ui(settings, taken.getsockname()[1]):
        pass
    assert str(caught.value).endswith("the same may run there already: end it, or choose another port")
    assert not (tmp_path / "dagster").exists()
