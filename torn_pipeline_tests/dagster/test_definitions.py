"""Loading the code location: cheap, without config until it is asked for, and accepted by Dagster's own tools."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import yaml

from torn_pipeline.automation.queue import RankedRunCoordinator
from torn_pipeline.definitions import build_defs, defs
from torn_pipeline.errors import ConfigError
from torn_pipeline.settings import Settings
from torn_pipeline_tests.dagster.running import ROOT

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("polars", "pandera", "duckdb", "requests", "pandas", "pyarrow", "google.cloud", "boto3")
BROKEN = "endpoints:\n  - name: Wrong Name\n    path: nowhere\n    frequency: often\n"


def run(program: str, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program in a process of its own, on a config and data of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TORN_", "DAGSTER_"))}
    given = {"PYTHONPATH": str(ROOT), "TORN_DATA_DIR": str(folder / "data"), "DAGSTER_HOME": str(folder / "home"), **environment}
    (folder / "home").mkdir(exist_ok=True)
    command = [sys.executable, *(["-c", program] if program else []), *arguments]
    return subprocess.run(command, cwd=ROOT, env=inherited | given, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 - our own interpreter


def test_loading_the_definitions_loads_nothing_that_only_a_run_needs(tmp_path: Path) -> None:
    program = f"""
import sys
import dagster
before = set(sys.modules)
from torn_pipeline.definitions import defs
defs().get_repository_def()
new = set(sys.modules) - before
print(sorted(name for name in new if name.startswith({HEAVY!r})))
print("torn_pipeline.assets" in new)
"""
    done = run(program, tmp_path)

    assert done.stdout.splitlines() == ["[]", "True"], done.stderr


def test_importing_reads_no_config_and_opens_nothing(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text(BROKEN, encoding="utf-8")
    program = """
import os, sys
opened = []
sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event in {"open", "socket.connect"} else None)
import torn_pipeline.definitions
print([name for name in opened if not name.endswith((".py", ".pyc")) and name.startswith((os.environ["HERE"], os.getcwd() + "/config"))])
from torn_pipeline.errors import ConfigError
try:
    torn_pipeline.definitions.build_defs()
except ConfigError as error:
    print(str(error).count("pipeline.yaml:"))
"""
    done = run(program, tmp_path, TORN_CONFIG=str(tmp_path / "pipeline.yaml"), HERE=str(tmp_path))

    assert done.stdout.splitlines() == ["[]", "3"], done.stderr
    assert not (tmp_path / "data").exists()


def test_building_the_definitions_of_a_broken_config_says_each_problem(tmp_path: Path) -> None:
    config = tmp_path / "pipeline.yaml"
    config.write_text(BROKEN, encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        build_defs(Settings(config=config))

    assert [line.split(": ")[0] for line in str(caught.value).splitlines()] == [f"{config}:{line}" for line in (2, 3, 4)]


def test_building_the_definitions_makes_no_file_and_needs_no_key(tmp_path: Path) -> None:
    build_defs(Settings(config=ROOT / "config/pipeline.yaml", data_dir=tmp_path / "data", dagster_home=tmp_path / "home"))

    assert list(tmp_path.iterdir()) == []


def test_an_endpoint_without_a_contract_is_refused_with_the_line_and_what_to_do(tmp_path: Path) -> None:
    config = tmp_path / "pipeline.yaml"
    config.write_text("endpoints:\n  - name: hof\n    path: /torn/hof\n    frequency: P1D\n", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"pipeline\.yaml:3: endpoints\.hof\.path: there is no contract for /torn/hof"):
        build_defs(Settings(config=config))


def test_dagsters_own_tool_validates_the_workspace(tmp_path: Path) -> None:
    done = run("", tmp_path, "-m", "dagster", "definitions", "validate", "-w", str(ROOT / "workspace.yaml"))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Validation successful for code location torn_pipeline" in done.stdout + done.stderr


def test_the_code_location_says_what_is_wrong_with_the_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "pipeline.yaml"
    config.write_text(BROKEN, encoding="utf-8")
    monkeypatch.setenv("TORN_CONFIG", str(config))

    with pytest.raises(ConfigError, match=r"pipeline\.yaml:2: endpoints\.Wrong Name\.name"):
        defs()


def test_dagster_accepts_the_instances_settings(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").symlink_to(ROOT / "dagster.yaml")

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.run_retries_enabled
        assert instance.run_retries_max_retries == 0
        assert instance.run_monitoring_enabled
        assert isinstance(instance.run_coordinator, RankedRunCoordinator)
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs == 4
        assert {limit["key"] for limit in queue.tag_concurrency_limits} == {"torn/work", "dagster/backfill"}
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled


def test_the_instances_settings_name_no_place_and_no_variable() -> None:
    settings: dict[str, Any] = yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))

    assert "storage" not in settings
    assert "env:" not in (ROOT / "dagster.yaml").read_text(encoding="utf-8")
