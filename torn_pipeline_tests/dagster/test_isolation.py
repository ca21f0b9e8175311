"""One endpoint hangs, one fails, one is slow: each is fetched by a process of its own, started by Dagster's daemon."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import dagster as dg
import psutil
import yaml

from torn_pipeline.automation.in_process import dagster_instance
from torn_pipeline.simulator import Delay, ErrorCode
from torn_pipeline_tests.dagster.running import ROOT, open_platform, write_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torn_pipeline.settings import Settings

T = TypeVar("T")
SECONDS = 300  # for anything to happen, on a machine with other work to do
HANGS, FAILS, SLOW = "faction_crimes", "faction_members", "faction_basic"
ENDPOINTS: Mapping[str, Mapping[str, object]] = {
    HANGS: {"frequency": "PT1M", "timeout": "PT10M", "max_runtime": "PT5S"},
    FAILS: {"frequency": "PT1M"},
    SLOW: {"frequency": "PT1M"},
    "torn_items": {"enabled": False},
    "faction_balance": {"enabled": False},
}


@contextmanager
def daemon(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Dagster's daemon on these settings, which looks often for runs that take too long."""
    file = settings.dagster_home.parent / "dagster.yaml"
    known = yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    known["run_monitoring"]["poll_interval_seconds"] = 2
    file.write_text(yaml.safe_dump(known), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-w", str(ROOT / "workspace.yaml")]
    with dagster_instance(settings.dagster_home, file) as instance:
        process = subprocess.Popen(command, env=settings.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - our own
        try:
            yield instance
        finally:
            tree = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
            for one in tree:
                if psutil.pid_exists(one):
                    psutil.Process(one).kill()
            process.wait()


def until(look: Callable[[], T | None], what: str) -> T:
    """What a look finds, as soon as it does."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.5)  # other processes do it, and tell nobody
    raise AssertionError(what)


def ended(instance: dg.DagsterInstance, endpoint: str) -> dg.DagsterRun:
    """The first run of an endpoint, when it has ended."""

    def look() -> dg.DagsterRun | None:
        runs = instance.get_runs(dg.RunsFilter(job_name=endpoint))
        return runs[-1] if runs and runs[-1].is_finished else None

    return until(look, f"no run of {endpoint} has ended")


def test_one_that_hangs_or_fails_harms_no_other(tmp_path: Path) -> None:
    with open_platform(tmp_path) as platform:
        platform.simulator.faults += [
            Delay(path="/faction/crimes", times=99, seconds=3600.0),
            ErrorCode(path="/faction/members", times=99, code=7),
            Delay(path="/faction/basic", times=99, seconds=3.0),
        ]
        write_config(tmp_path, accounts=["default"], endpoints=ENDPOINTS)
        with daemon(platform.settings) as instance:
            slow, failed, hung = (ended(instance, name) for name in (SLOW, FAILS, HANGS))
            said = "\n".join(entry.message for entry in instance.all_logs(hung.run_id))
            pid = re.search(r"pid: (\d+)", said)
            assert pid is not None
            until(lambda: None if psutil.pid_exists(int(pid[1])) else True, "the process that hung is still there")

        assert (slow.status, failed.status, hung.status) == tuple(map(dg.DagsterRunStatus, ("SUCCESS", "FAILURE", "FAILURE")))
        assert len({run.tags["torn/tick"] for run in (slow, failed, hung)}) == 1
        assert "Exceeded maximum runtime of 5 seconds" in said
        assert len(platform.rows("faction_basic", "default")) >= 1
