"""The client against a bare loop of requests on the same server, and the budget over real minutes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import orjson
import requests

from bench.calls_server import CRIMES
from bench.figure import Figure
from torn_pipeline.simulator import Simulator, Size, World
from torn_pipeline.torn import Quota, TornClient
from torn_pipeline.torn.ledger import ledger_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

__all__ = ["budget", "calls"]

CALLS = 100
ROUNDS = 25
KEY = "a" * 16
PATHS = {"/faction/basic": "a small object", "/faction/crimes": f"a page of {CRIMES} crimes"}
LIMIT = 95
MINUTE = 60.0
MINUTES = 2


def calls(folder: Path) -> Iterator[Figure]:
    """Calls a second through the client, without a limit, against ``requests.Session.get`` and ``orjson.loads`` alone."""
    with _serving() as url, requests.Session() as session, _client(folder, url) as client:
        session.trust_env = False
        session.headers["Authorization"] = f"ApiKey {KEY}"
        for path, what in PATHS.items():
            ways = (partial(_bare, session, f"{url}{path}"), partial(_ours, client, path))
            if ways[0]() != ways[1]():
                message = "the client and the bare loop were answered differently"
                raise RuntimeError(message)
            rounds = [[_seconds(way) for way in ways] for _ in range(ROUNDS)]
            bare, ours = (statistics.median(column) for column in zip(*rounds, strict=True))
            ratio = statistics.median(theirs / mine for theirs, mine in rounds)
            made_of = f"client {CALLS / ours:.0f} a second, bare requests {CALLS / bare:.0f}, medians of {ROUNDS} rounds of {CALLS} in turn"
            yield Figure(f"calls a second, {what}", ratio, 0.9, made_of, at_least=True)


def budget(folder: Path) -> Iterator[Figure]:
    """Real minutes of two accounts' budgets: four processes call as fast as they may, and the simulator counts."""
    world = World(size=Size(members=12, crimes=12, items=12))
    with Simulator(world, calls_per_window=LIMIT, window=MINUTE) as simulator, ExitStack() as stack:
        for account, key in list(zip(("default", "second"), world.keys, strict=True)) * 2:
            given = {"url": simulator.url, "path": str(folder / "minutes.sqlite"), "account": account, "key": key, "limit": LIMIT}
            command = [sys.executable, "-m", "bench.calls_caller", json.dumps(given)]
            stack.callback(stack.enter_context(subprocess.Popen(command)).kill)
        time.sleep(MINUTES * MINUTE * 1.1)
        by_owner = [
            [call.at for call in simulator.calls if call.owner == owner] for owner in {call.owner for call in list(simulator.calls)}
        ]
    most = max(_most_in_a_minute(arrivals) for arrivals in by_owner)
    counted = ", ".join(f"{len(arrivals)} calls in {arrivals[-1] - arrivals[0]:.0f} s" for arrivals in by_owner)
    yield Figure("calls of one account in any minute, by four processes", most, LIMIT, counted, "calls")
    # The first call of a minute more tells how long those before it took.
    used = min(MINUTES * MINUTE / (arrivals[MINUTES * LIMIT] - arrivals[0]) for arrivals in by_owner)
    yield Figure("share of each account's budget that is used", used, 0.95, f"{MINUTES} minutes", "", at_least=True)


def _bare(session: requests.Session, url: str) -> object:
    return orjson.loads(session.get(url, timeout=30).content)


def _ours(client: TornClient, path: str) -> object:
    return client.get(path).body


def _most_in_a_minute(arrivals: Sequence[float]) -> int:
    return max(sum(start <= arrival < start + MINUTE for arrival in arrivals) for start in arrivals)


def _seconds(call: Callable[[], object]) -> float:
    """Seconds for one round of calls."""
    started = time.perf_counter()
    for _ in range(CALLS):
        call()
    return time.perf_counter() - started


@contextmanager
def _client(folder: Path, url: str) -> Iterator[TornClient]:
    """A client that no limit holds back."""
    quota = Quota(ledger_at(folder / "calls.sqlite"), 10**9, 0.1, hold=30.0, address_limit=10**9)
    with TornClient(url, keys=[KEY], account="default", quota=quota, timeout=30.0, max_retries=0, retry_delay=1.0) as client:
        yield client


@contextmanager
def _serving() -> Iterator[str]:
    """A server in a process of its own that answers at once; its URL."""
    with subprocess.Popen([sys.executable, "-m", "bench.calls_server"], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip() if process.stdout else ""
        finally:
            process.kill()
