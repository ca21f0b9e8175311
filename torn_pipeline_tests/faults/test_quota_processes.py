"""The quota over processes that know nothing of each other, counted where it matters: at the server."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from torn_pipeline_tests.unit.torn.loopback import Loopback, Reply, Request, reply, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WINDOW = 2.0
LIMIT = 20
SECONDS = 6.0
HOLD = 1.0

CALLER = f"""
import sys, threading
from pathlib import Path
from torn_pipeline.errors import ApiUnavailable
from torn_pipeline.torn import Quota, TornClient

url, path, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
quota = Quota(path, {LIMIT}, {WINDOW}, hold={HOLD})

def work():
    with TornClient(url, keys=["a" * 16], account="default", quota=quota, timeout={HOLD}, max_retries=0, retry_delay=1) as client:
        while True:
            try:
                client.get("/faction/basic")
            except ApiUnavailable:
                return

for _ in range(threads):
    threading.Thread(target=work, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
"""


@dataclass
class Counter:
    """Remembers when each call arrived; the first ``silent`` ones are never answered."""

    silent: int = 0
    arrivals: list[float] = field(default_factory=list)
    reached: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self, _: Request) -> Reply:
        with self.reached:
            self.arrivals.append(time.monotonic())
            self.reached.notify_all()
            return Reply(b"", hold=True) if len(self.arrivals) <= self.silent else reply({"basic": {}})

    def wait_for(self, count: int, seconds: float) -> None:
        with self.reached:
            assert self.reached.wait_for(lambda: len(self.arrivals) >= count, seconds), f"only {len(self.arrivals)} calls arrived"


@contextmanager
def caller(api: Loopback, path: Path, threads: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that calls as fast as it may."""
    command = [sys.executable, "-c", CALLER, api.url, str(path), str(threads)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603  # our own text
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def api() -> Iterator[Loopback]:
    with serving() as server:
        yield server


def most_in_a_window(arrivals: list[float]) -> int:
    return max(sum(start <= arrival < start + WINDOW for arrival in arrivals) for start in arrivals)


def test_two_processes_never_exceed_the_limit_and_use_it(api: Loopback, tmp_path: Path) -> None:
    api.answer = counter = Counter()
    path = tmp_path / "quota.sqlite"
    with caller(api, path, 3) as one, caller(api, path, 3) as other:
        for process in (one, other):
            assert process.stdout is not None
            process.stdout.readline()
        counter.wait_for(1, 10)
        # The first call after that time tells that it has passed.
        counter.wait_for(int(LIMIT * SECONDS / WINDOW) + 1, 2 * SECONDS)
    assert most_in_a_window(counter.arrivals) <= LIMIT
    used = sum(arrival < counter.arrivals[0] + SECONDS for arrival in counter.arrivals)
    assert used >= 0.9 * LIMIT * SECONDS / WINDOW


def test_a_process_killed_with_calls_under_way_frees_its_slots(api: Loopback, tmp_path: Path) -> None:
    api.answer = counter = Counter(silent=4)
    path = tmp_path / "quota.sqlite"
    with caller(api, path, 4) as doomed:
        counter.wait_for(4, 20)
        doomed.kill()
    with caller(api, path, 4):
        counter.wait_for(4 + LIMIT, 20)
    assert most_in_a_window(counter.arrivals) <= LIMIT
    assert counter.arrivals[3 + LIMIT] - counter.arrivals[0] >= WINDOW
