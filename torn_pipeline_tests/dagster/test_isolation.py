"""One endpoint hangs, one fails, one is slow, one is killed: each is fetched by a process of its own, started by Dagster's daemon."""

from __future__ import annotations

import json
import os
import re
import signal
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
ENDS = {dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE}
PARENT = "dagster/parent_run_id"  # of a run that is tried again
SECONDS = 300  # for anything to happen, on a machine with other work to do
HANGS, FAILS, SLOW, KILLED = "faction_crimes", "faction_members", "faction_basic", "torn_items"
ENDPOINTS: Mapping[str, Mapping[str, object]] = {
    HANGS: {"frequency": "PT1M", "timeout": "PT10M", "max_runtime": "PT5S"},
    FAILS: {"frequency": "PT1M"},
    SLOW: {"frequency": "PT1M"},
    KILLED: {"frequency": "PT1M", "timeout": "PT10M"},
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
        # One that took too long is failed by the daemon, and canceled by its own process: its status is whichever came last.
        return runs[-1] if runs and instance.all_logs(runs[-1].run_id, of_type=ENDS) else None

    return until(look, f"no run of {endpoint} has ended")


def killed(instance: dg.DagsterInstance, **tags: str) -> tuple[dg.DagsterRun, int]:
    """Kill the process of a run as the kernel does where memory runs out; the run, and how ready the kernel was to choose it."""

    def at_work() -> tuple[dg.DagsterRun, int] | None:
        for run in instance.get_runs(dg.RunsFilter(job_name=KILLED, tags=tags))[-1:]:
            for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_START):
                return run, entry.get_dagster_event().pid or 0
        return None

    run, pid = until(at_work, f"no run of {KILLED} is at work")
    readiness = int(Path(f"/proc/{pid}/oom_score_adj").read_text(encoding="ascii"))
    os.kill(pid, signal.SIGKILL)
    return run, readiness


def told(settings: Settings, title: str) -> str:
    """What the alert with that title says, as soon as it is there."""
    file = settings.data_dir / "alerts.jsonl"

    def look() -> str | None:
        alerts = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
        return next(("\n".join(alert["lines"]) for alert in alerts if alert["title"] == title), None)

    return until(look, f"nobody was told: {title}")


def test_one_that_hangs_or_fails_or_is_killed_harms_no_other(tmp_path: Path) -> None:
    with open_platform(tmp_path) as platform:
        platform.simulator.faults += [
            Delay(path="/faction/crimes", times=99, seconds=3600.0),
            Delay(path="/torn/items", times=99, seconds=3600.0),
            ErrorCode(path="/faction/members", times=99, code=7),
            Delay(path="/faction/basic", times=99, seconds=3.0),
        ]
        write_config(tmp_path, accounts=["default"], endpoints=ENDPOINTS)
        with daemon(platform.settings) as instance:
            first, readiness = killed(instance)
            again, _ = killed(instance, **{PARENT: first.run_id})
            slow, failed, hung = (ended(instance, name) for name in (SLOW, FAILS, HANGS))
            said = "\n".join(entry.message for entry in instance.all_logs(hung.run_id))
            pid = re.search(r"pid: (\d+)", said)
            assert pid is not None
            until(lambda: None if psutil.pid_exists(int(pid[1])) else True, "the process that hung is still there")
            why, too_long = (told(platform.settings, f"{name} failed") for name in (KILLED, f"{HANGS} for default"))

        assert (slow.is_success, failed.is_success, hung.is_success) == (True, False, False)
        assert len({run.tags["torn/tick"] for run in (slow, failed, hung, first, again)}) == 1
        assert "Exceeded maximum runtime of 5 seconds" in said
        assert too_long.startswith("it took longer than the 5 seconds that it may, and was ended; ")
        assert len(platform.rows("faction_basic", "default")) >= 1
        assert readiness == 500
        assert why.startswith("its process was killed (signal 9): memory may have run out; ")
        assert f"(run {again.run_id})" in why
        assert not instance.get_runs(dg.RunsFilter(tags={PARENT: again.run_id}))
