"""Trouble for as long as one likes: ``torn-pipeline dev`` on a simulated Torn City where much goes wrong, and what is left of it.

A share of the calls fails or is late, a key dies and comes back, and Dagster's daemon is killed twice. Then all is well again.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
import psutil

from torn_pipeline import steps
from torn_pipeline.alerts import open_alerts
from torn_pipeline.automation.in_process import dagster_instance
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import Chaos, Simulator, Size, World
from torn_pipeline_tests.dagster.running import ROOT
from torn_pipeline_tests.e2e.weeks_truth import FACTIONS, body_of, state_of
from torn_pipeline_tests.reference import TABLES, differences, reference_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from torn_pipeline.alerts import Alerts, Incident

__all__ = ["DEAD", "Aftermath", "chaos"]

SECOND = "TORN_API_KEY_SECOND"
MODES = {
    "/faction/crimes": "upsert",
    "/faction/members": "replace",
    "/torn/items": "replace",
    "/faction/basic": "append",
    "/faction/balance": "append",
}
DEFAULTS = {"max_retries": 3, "retry_delay": "PT0.2S", "timeout": "PT5S", "rate_limit": 10_000}
LATE = 2.0  # seconds
CALLS_BEFORE_DEATH = 3  # with the key that dies: it had worked
CALLS_A_CRIME = 10
PATIENCE = 420.0  # seconds for anything to happen, on a machine with other work to do
LOOK = 1.0  # seconds between two looks at what other processes do
BEFORE_A_TICK = 5  # seconds that the daemon needs to stop, so that no run begins in it
FIRST_KILL, DEATH, SECOND_KILL, REVIVAL = 0.2, 0.4, 0.5, 0.7  # shares of the time
GONE, DEAD = "the daemon is gone", f"key 1 of {SECOND} of account second cannot be used"
_ENDED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
_AT_WORK = [status for status in dg.DagsterRunStatus if status not in _ENDED]
_BEGINNING = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING]

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True, kw_only=True)
class Aftermath:
    """What was left: ``problems`` a sentence each; what ``torn-pipeline health`` said while the key was dead and at the end."""

    problems: Sequence[str]
    calls: int
    runs: Mapping[str, int]
    incidents: Sequence[Incident]
    ill: Done
    well: Done
    status: Done


def chaos(folder: Path, *, seconds: float, paths: Sequence[str], frequency: str, share: float) -> Aftermath:
    """Run the platform on these endpoints in trouble for at least so long, until all is well again, and look at what is left."""
    world = World(seed=3, size=Size(members=12, crimes=40, items=12), now=int(time.time()))
    with Simulator(world, calls_per_window=10_000, speed=1.0) as simulator, ExitStack() as stack:
        settings = _settings(folder, simulator, paths, frequency)
        instance = stack.enter_context(dagster_instance(settings.dagster_home, ROOT / "dagster.yaml"))
        trial = _Trial(settings=settings, paths=paths, simulator=simulator, instance=instance, seconds=seconds)
        simulator.chaos = Chaos(share, seconds=LATE)
        simulator.before_call = trial.before_call
        with trial.up():
            trial.wait(FIRST_KILL)
            trial.until(trial.is_at_work, "no run began")
            trial.kill_daemon()
            trial.until(lambda: trial.gone_and_back() == 1, "the daemon did not come back")
            trial.until(lambda: trial.incidents(DEAD), "nobody heard of the key", patience=seconds + PATIENCE)
            ill = trial.call("health")
            trial.wait(SECOND_KILL)
            trial.kill_daemon()
            trial.wait(REVIVAL)
            trial.revive()
            trial.wait(1.0)
            trial.calm()
            trial.until(trial.is_well, "it did not become well again")
        well, status = trial.call("health"), trial.call("status")
        return Aftermath(
            problems=list(trial.problems()),
            calls=simulator.received,
            runs=Counter(run.status.value for run in instance.get_runs()),
            incidents=trial.alerts.incidents(open_only=False),
            ill=ill,
            well=well,
            status=status,
        )


def _settings(folder: Path, simulator: Simulator, paths: Sequence[str], frequency: str) -> Settings:
    endpoints = [
        {
            "name": _name(path),
            "path": path,
            "frequency": frequency,
            "storage_mode": MODES[path],
            "params": {"striptags": "true"} if path == "/faction/members" else {},
        }
        for path in paths
    ]
    config = folder / "pipeline.json"
    content = {"defaults": DEFAULTS, "accounts": [{"name": name} for name in FACTIONS], "endpoints": endpoints}
    config.write_text(json.dumps(content), encoding="utf-8")
    return Settings(
        api_url=simulator.url,
        config=config,
        data_dir=folder / "data",
        dagster_home=folder / "dagster",
        rate_window=1.0,
        keys={name: (key,) for name, key in zip(FACTIONS, simulator.world.keys, strict=True)},
    )


def _name(path: str) -> str:
    return path.strip("/").replace("/", "_")


def _accounts(path: str) -> list[str]:
    return ["default"] if path.startswith("/torn/") else list(FACTIONS)


@dataclass(kw_only=True)
class _Trial:
    """The platform as a process of its own, what is done to it, and what can be seen of it."""

    settings: Settings
    paths: Sequence[str]
    simulator: Simulator
    instance: dg.DagsterInstance
    seconds: float
    has_died: bool = False
    calm_since: float = 0.0
    kills: int = 0
    began: float = field(default_factory=time.monotonic)
    ended: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the alerts as they stand beside the config."""
        self.alerts: Alerts = open_alerts(self.settings)
        self.dying = self.settings.keys["second"][0]

    # --- the platform --------------------------------------------------------------------------------------------

    @contextmanager
    def up(self) -> Iterator[None]:
        """``torn-pipeline dev``, ended as systemd does it; whatever happens, nothing of it stays."""
        command = [sys.executable, "-m", "torn_pipeline", "dev", "--port", str(_free_port())]
        log = self.settings.config.parent / "dev.log"
        with log.open("wb") as output:
            environment = self.settings.environment()
            self.dev = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT)  # noqa: S603 - our own
        try:
            yield
            tree = psutil.Process(self.dev.pid).children(recursive=True)
            self.dev.send_signal(signal.SIGTERM)
            status = self.dev.wait(PATIENCE)
            self.ended += [f"dev ended with status {status}"] if status else []
            self.ended += [f"{one} was left" for one in psutil.wait_procs(tree, timeout=20)[1]]
        finally:
            for one in _tree(self.dev.pid):
                one.kill()
            self.dev.wait()

    def kill_daemon(self) -> None:
        """Kill Dagster's daemon, as the kernel does where memory runs out."""
        children = psutil.Process(self.dev.pid).children()
        (daemon,) = [one for one in children if any("dagster-daemon" in word for word in one.cmdline())]
        daemon.kill()
        self.kills += 1

    def call(self, *words: str) -> Done:
        """The console script, as a person has it."""
        command = [sys.executable, "-m", "torn_pipeline", *words]
        environment = self.settings.environment()
        return subprocess.run(  # noqa: S603 - our own
            command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=ROOT
        )

    # --- what is done to it --------------------------------------------------------------------------------------

    def before_call(self, number: int, _path: str) -> None:
        """Let the key die in the middle of its work, and let things happen between two calls."""
        world = self.simulator.world
        if number % CALLS_A_CRIME == 0:
            world.add_crime(FACTIONS["default" if number % (2 * CALLS_A_CRIME) else "second"])
        if not self.has_died and time.monotonic() - self.began >= DEATH * self.seconds:
            owner = world.keys[self.dying].owner
            with self.simulator.lock:
                calls = sum(call.owner == owner for call in self.simulator.calls)
            if calls >= CALLS_BEFORE_DEATH:
                self.has_died = True
                self._set_key("paused")

    def revive(self) -> None:
        """The owner of the key resumes it, and somebody says so."""
        self._set_key("active")
        self.until(lambda: self.call("keys", "--refresh").returncode == 0, "the keys could not be refreshed")

    def calm(self) -> None:
        """Let nothing go wrong or happen any more."""
        self.simulator.before_call = None
        with self.simulator.lock:
            self.simulator.chaos = None
        self.simulator.set_speed(0)
        self.calm_since = time.time()

    def _set_key(self, state: Any) -> None:  # noqa: ANN401 - one of the states of a key
        world = self.simulator.world
        with world.lock:
            world.keys[self.dying] = replace(world.keys[self.dying], state=state)

    # --- what can be seen ----------------------------------------------------------------------------------------

    def wait(self, share: float) -> None:
        """Until this share of the time is over."""
        self.until(lambda: time.monotonic() - self.began >= share * self.seconds, "", patience=self.seconds + PATIENCE)

    def until(self, look: Callable[[], object], what: str, *, patience: float = PATIENCE) -> None:
        """Until a look finds something."""
        deadline = time.monotonic() + patience
        while not look():
            assert self.dev.poll() is None, "dev has ended"
            assert time.monotonic() < deadline, what
            time.sleep(LOOK)  # other processes do it, and tell nobody

    def is_at_work(self) -> bool:
        """Whether runs are at work, and none is just being started."""
        started = self._has_run(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        return started and not self._has_run(dg.RunsFilter(statuses=_BEGINNING))

    def is_well(self) -> bool:
        """Whether every endpoint was fetched since the calm, nothing is at work, wrong or still to be said, and no tick is near."""
        is_quiet = datetime.now(UTC).second < 60 - BEFORE_A_TICK and not self._has_run(dg.RunsFilter(statuses=_AT_WORK))
        return is_quiet and not self.alerts.incidents() and not self.alerts.waiting() and all(map(self._is_fetched, self._works()))

    def incidents(self, words: str) -> list[Incident]:
        """The incidents that hold these words, those that are over too."""
        return [one for one in self.alerts.incidents(open_only=False) if words in "\n".join((one.title, *one.lines))]

    def gone_and_back(self) -> int:
        """How often the daemon was missed and came back."""
        return sum(one.closed is not None for one in self.incidents(GONE))

    def _works(self) -> list[str]:
        return [f"{_name(path)}|{'' if path.startswith('/torn/') else account}" for path in self.paths for account in _accounts(path)]

    def _is_fetched(self, work: str) -> bool:
        newest = self.instance.get_run_records(dg.RunsFilter(tags={"torn/work": work}), limit=1)
        return bool(newest) and newest[0].dagster_run.is_success and newest[0].create_timestamp.timestamp() >= self.calm_since

    def _has_run(self, runs: dg.RunsFilter) -> bool:
        return bool(self.instance.get_run_records(runs, limit=1))

    # --- what is left --------------------------------------------------------------------------------------------

    def problems(self) -> Iterator[str]:
        """What is not as it should be, a sentence each."""
        yield from self.ended
        yield from (f"{run.job_name} is {run.status.value}" for run in self.instance.get_runs(dg.RunsFilter(statuses=_AT_WORK)))
        yield from self._wrong_rows()
        yield from _wrong_messages(self.settings.data_dir / "alerts.jsonl")
        yield from self._wrong_incidents()
        yield from self._shown_secrets()

    def _wrong_rows(self) -> Iterator[str]:
        """What the tables hold beside what the world is."""
        pipeline = steps.open_pipeline(self.settings)
        yield from (f"quarantined: {row}" for row in pipeline.warehouse.quarantined())
        for path in self.paths:
            fetches = pipeline.warehouse.fetches(_name(path)).filter("complete")
            for account in _accounts(path):
                rows = {table: pipeline.warehouse.read(table, account=account).to_dicts() for table in TABLES[path]}
                whole = fetches.filter(account=account)["_fetch_id"].to_list()
                if MODES[path] == "append":
                    loaded = [row["_fetch_id"] for row in rows[TABLES[path][0]]]
                    yield from [f"{path} of {account} has the fetches {sorted(loaded)}, not {whole}"] if sorted(loaded) != whole else []
                    rows = {table: [row for row in found if row["_fetch_id"] == whole[-1]] for table, found in rows.items()}
                body = body_of(path, list(state_of(self.simulator.world, path, account).values()))
                for table, wanted in reference_tables(path, [body], account=account).items():
                    yield from differences(table, rows[table], wanted)

    def _wrong_incidents(self) -> Iterator[str]:
        for one in self.alerts.incidents(open_only=False):
            if one.closed is None or one.told != ("file",) or one.waiting:
                yield f"{one.title}: ended {one.closed}, told {one.told}, waiting {one.waiting}"
        for words, wanted in ((GONE, self.kills), (DEAD, 1)):
            if len(found := self.incidents(words)) != wanted:
                yield f"{len(found)} incidents, not {wanted}, say {words!r}: {[one.title for one in found]}"

    def _shown_secrets(self) -> Iterator[str]:
        secrets = [key.encode() for keys in self.settings.keys.values() for key in keys]
        for path in self.settings.config.parent.rglob("*"):
            if path.is_file() and any(secret in path.read_bytes() for secret in secrets):
                yield f"a key stands in {path}"


def _wrong_messages(path: Path) -> Iterator[str]:
    """Each incident is told once and its end once, or both in one message."""
    messages = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    yield from (f"{name} was sent {count} times" for name, count in Counter(one["id"] for one in messages).items() if count > 1)
    told: dict[str, list[Mapping[str, str]]] = {}
    for one in messages:
        told.setdefault(one["incident"], []).append(one)
    for about in told.values():
        kinds = [one["kind"] for one in about]
        both_in_one = kinds == ["recovery"] and about[0]["title"].startswith("Was wrong")
        if kinds != ["alert", "recovery"] and not both_in_one:
            yield f"told {kinds}: {[one['title'] for one in about]}"


def _tree(process: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(process)
        return [*root.children(recursive=True), root]
    except psutil.NoSuchProcess:
        return []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
