"""Keeping processes up: each is started, watched, and started again when it ends."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Service", "Supervisor", "end"]

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_LOOK_SECONDS = 5.0  # between two looks at whether a service is well
_SHORTEST_WAIT, _LONGEST_WAIT = 1.0, 60.0
_STEADY_SECONDS = 60.0  # who stays up for so long has started well: the next wait is a short one again
_DOWN_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A process that should always run.

    ``is_well`` says whether it does its work, given when it was started (UTC); one that is not well for ``patience`` s is ended.
    """

    name: str
    command: Sequence[str]
    is_well: Callable[[datetime], bool]
    patience: float = 300.0


@dataclass(slots=True, kw_only=True)
class _Watched:
    service: Service
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    looked: float = 0.0
    well: float = 0.0  # when it was last
    wait: float = 0.0  # before the next start
    ended: float = 0.0
    problem: str | None = None  # nobody knows before it is well for the first time


class Supervisor:
    """Starts services and keeps them up, until it is told to stop; then ends them in turn, the last first.

    The first is what the others need: these are not started before it is well.
    One that ends is started again after 1 s, then 2, 4 and so on up to 60 s, until it has stayed up for a minute.
    ``tell`` hears of each change: a service's name, and what is wrong with it, empty when it is well, the first time too. What they
    write goes to ``log``, or to where this process writes.
    """

    def __init__(
        self,
        services: Sequence[Service],
        environment: Mapping[str, str],
        tell: Callable[[str, str], None],
        *,
        log: Path | None = None,
    ) -> None:
        self._watched = [_Watched(service=service) for service in services]
        self._environment = dict(environment)
        self._tell = tell
        self._log = log

    def run(self, stop: threading.Event) -> None:
        """Keep all of them up until ``stop`` is set."""
        try:
            while not stop.is_set():
                first, *others = self._watched
                self._look_after(first, time.monotonic())
                for watched in others if first.well else ():
                    self._look_after(watched, time.monotonic())
                stop.wait(_POLL_SECONDS)
        finally:
            for watched in reversed(self._watched):
                if watched.process is not None:
                    end(watched.process)

    def _look_after(self, watched: _Watched, now: float) -> None:
        process, service = watched.process, watched.service
        if process is None:
            if now - watched.ended >= watched.wait:
                self._start(watched, now)
        elif process.poll() is not None:
            if watched.problem != "" and service.is_well(watched.started_at):  # since the last look: so that its end is news
                self._is_well(watched, now)
            self._has_ended(watched, now, f"it ended {_how(process.returncode)}")
        elif now - watched.looked >= _LOOK_SECONDS:
            watched.looked = now
            if service.is_well(watched.started_at):
                self._is_well(watched, now)
            elif now - max(watched.well, watched.started) > service.patience:
                end(process)
                self._has_ended(watched, now, f"it gave no sign of life for {service.patience:.0f} s")

    def _is_well(self, watched: _Watched, now: float) -> None:
        watched.well = now
        if watched.problem != "":
            watched.problem = ""
            self._tell(watched.service.name, "")
        if now - watched.started >= _STEADY_SECONDS:
            watched.wait = _SHORTEST_WAIT

    def _start(self, watched: _Watched, now: float) -> None:
        watched.wait = min(max(_SHORTEST_WAIT, 2 * watched.wait), _LONGEST_WAIT)  # before the next one
        try:
            watched.process = self._open(watched.service.command)
        except OSError as error:
            self._has_ended(watched, now, f"it cannot be started ({error.strerror or error})")
            return
        watched.started, watched.started_at = now, datetime.now(UTC)
        _log.info("%s is started, process %d", watched.service.name, watched.process.pid)

    def _open(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with self._log.open("ab") if self._log else nullcontext() as output:
            # In a session of its own: Ctrl-C would reach it directly too, and in no order.
            return subprocess.Popen(  # noqa: S603 - nothing in it comes from outside
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output and subprocess.STDOUT,
                start_new_session=True,
            )

    def _has_ended(self, watched: _Watched, now: float, problem: str) -> None:
        # What it has started (runs, of a code server) goes on: it can end well.
        _log.error("%s: %s; it is started again in %.0f s", watched.service.name, problem, watched.wait)
        watched.process, watched.ended = None, now
        if not watched.problem:
            self._tell(watched.service.name, problem)
        watched.problem = problem


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started in a session of its own, with all that it has started."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_DOWN_SECONDS)


def _how(status: int) -> str:
    return f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
