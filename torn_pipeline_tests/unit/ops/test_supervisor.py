"""Processes that are kept up: real ones, which end, hang or are killed."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from torn_pipeline.ops import supervisor
from torn_pipeline.ops.supervisor import Service, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECONDS = 30  # for anything to happen, on a machine with other work to do
SLEEPER = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); print('up', flush=True); time.sleep(600)"


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_POLL_SECONDS", 0.02)
    monkeypatch.setattr(supervisor, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(supervisor, "_DOWN_SECONDS", 5.0)


@contextmanager
def running(*services: Service, log: Path | None = None) -> Iterator[list[tuple[str, str]]]:
    """The services, kept up; gives what is told of them."""
    told: list[tuple[str, str]] = []
    stop = threading.Event()
    keeper = Supervisor(services, os.environ, lambda name, problem: told.append((name, problem)), log=log)
    thread = threading.Thread(target=keeper.run, args=(stop,))
    thread.start()
    try:
        yield told
    finally:
        stop.set()
        thread.join()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def sleeper(name: str, folder: Path) -> Service:
    path = folder / name
    return Service(name=name, command=(sys.executable, "-c", SLEEPER, str(path)), is_well=lambda _: path.exists())


def process_of(service: str, folder: Path, *, other_than: int = 0) -> int:
    def number() -> int:
        path = folder / service
        return int(path.read_text() or 0) if path.exists() else 0

    until(lambda: number() not in {0, other_than})
    return number()


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_is_killed_is_started_again_and_told_once_each_way(tmp_path: Path) -> None:
    with running(sleeper("one", tmp_path), sleeper("two", tmp_path)) as told:
        first, other = process_of("one", tmp_path), process_of("two", tmp_path)
        until(lambda: len(told) == 2)
        os.kill(first, signal.SIGKILL)
        second = process_of("one", tmp_path, other_than=first)
        until(lambda: len(told) == 4)
        assert told == [("one", ""), ("two", ""), ("one", "it ended by SIGKILL"), ("one", "")]
        assert process_of("two", tmp_path) == other, "the others are left alone"
    assert not is_alive(second)
    assert not is_alive(other)


def test_what_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    script = tmp_path / "script"
    with running(Service(name="one", command=(str(script),), is_well=lambda _: True)) as told:
        until(lambda: len(told) == 1)
        script.write_text("#!/bin/sh\nsleep 600\n")
        script.chmod(0o755)
        until(lambda: len(told) == 2)
    assert told == [("one", "it cannot be started (No such file or directory)"), ("one", "")]


def test_what_ends_again_and_again_is_told_once_and_waited_for(tmp_path: Path) -> None:
    """Two starts in the first second, the third only two seconds later."""
    marks = tmp_path / "marks"
    command = (sys.executable, "-c", f"open({str(marks)!r}, 'a').write('x'); raise SystemExit(3)")
    with running(Service(name="one", command=command, is_well=lambda _: False)) as told:
        until(lambda: marks.exists() and len(marks.read_text()) == 3)
    assert told == [("one", "it ended with status 3")]


def test_what_has_stayed_up_is_waited_for_a_second_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "_STEADY_SECONDS", 0.0)
    with running(sleeper("one", tmp_path)) as told:
        process = 0
        for _ in range(2):
            process = process_of("one", tmp_path, other_than=process)
            until(lambda: len(told) % 2 == 1)  # it is well
            os.kill(process, signal.SIGKILL)
        until(lambda: len(told) == 4)
    assert caplog.messages == ["one: it ended by SIGKILL; it is started again in 1 s"] * 2


def test_an_end_is_told_though_nobody_has_looked_since_it_was_well_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_LOOK_SECONDS", 1e9)
    with running(sleeper("one", tmp_path)) as told:
        process = 0
        for kills in (1, 2):
            process = process_of("one", tmp_path, other_than=process)
            os.kill(process, signal.SIGKILL)
            until(lambda kills=kills: len(told) == 2 * kills)  # type: ignore[misc]  # of the loop as it is now
    assert told == [("one", ""), ("one", "it ended by SIGKILL")] * 2


def test_what_gives_no_sign_of_life_is_started_again(tmp_path: Path) -> None:
    service = Service(name="one", command=sleeper("one", tmp_path).command, is_well=lambda _: False, patience=0.5)
    with running(service) as told:
        first = process_of("one", tmp_path)
        process_of("one", tmp_path, other_than=first)
        assert told[0][1].startswith("it gave no sign of life")
        until(lambda: not is_alive(first))


def test_nothing_is_started_before_what_it_needs_is_well(tmp_path: Path) -> None:
    ready = threading.Event()
    first = Service(name="one", command=sleeper("one", tmp_path).command, is_well=lambda _: ready.is_set())
    with running(first, sleeper("two", tmp_path)):
        process_of("one", tmp_path)
        assert not (tmp_path / "two").exists()
        ready.set()
        process_of("two", tmp_path)


def test_what_they_write_goes_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running(sleeper("one", tmp_path), log=log):
        process_of("one", tmp_path)
        until(lambda: log.read_text() == "up\n")
