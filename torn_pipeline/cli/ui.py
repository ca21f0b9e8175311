"""Dagster's code server, webserver and daemon as child processes, kept up."""

from __future__ import annotations

import dataclasses
import signal
import socket
import sys
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from torn_pipeline.errors import PipelineError, UsageError
from torn_pipeline.ops.heartbeat import HEARTBEAT_FILE, last_beat
from torn_pipeline.ops.supervisor import Service, Supervisor
from torn_pipeline.steps.watching import DAEMON  # noqa: TID253 - this module is loaded as late as the steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torn_pipeline.settings import Settings

__all__ = ["UINotUp", "dagster_ui", "until_ctrl_c"]

CODE_SERVER, WEBSERVER = "code server", "webserver"
LOCATION = "torn_pipeline"
LOOPBACK = "127.0.0.1"
PORT = 3000
UP_SECONDS = 300.0  # on a small machine that does other work too
POLL_SECONDS = 0.2
FRESH = timedelta(minutes=3)  # the sensor of alerts beats every half minute
WORKSPACE = """\
load_from:
  - grpc_server: {{host: {host}, port: {port}, location_name: {location}}}
"""


class UINotUp(PipelineError):
    """Dagster's UI did not start."""


@contextmanager
def dagster_ui(
    settings: Settings, port: int | None = None, *, log: Path | None = None, tell: Callable[[str, str], None] | None = None
) -> Iterator[str]:
    """Dagster on these settings, as long as the block lasts; gives the URL once it answers.

    It comes on ``port``, or without one on 3000 or whatever is free. Its output goes to this process's own, or to ``log``. A process
    of it that ends is started again, and ``tell`` hears of that: its name, and what is wrong, empty when it is well.

    Raises:
        UINotUp: when it does not answer in time.
        UsageError: the port is in use.
    """
    if port is not None and not _is_free(port):
        message = f"port {port} cannot be used, the same may run there already: end it, or choose another port"
        raise UsageError(message)
    port = port or _free_port(PORT)
    url = f"http://{LOOPBACK}:{port}"
    environment = dataclasses.replace(settings, ui_url=settings.ui_url or url).environment()
    stop = threading.Event()
    supervisor = Supervisor(_services(settings, port), environment, tell or (lambda _name, _problem: None), log=log)
    thread = threading.Thread(target=supervisor.run, args=(stop,), name="supervisor")
    thread.start()
    try:
        if not _answers(thread, port):
            message = f"Dagster's UI did not start within {UP_SECONDS:g} s; {log or 'what is written above'} says why"
            raise UINotUp(message)
        yield url
    finally:
        stop.set()
        thread.join()


@contextmanager
def until_ctrl_c() -> Iterator[None]:
    """Let the block be ended by Ctrl-C, or by SIGTERM, as what is expected of it.

    By SIGINT too where it was ignored, as it is in the background of a script: children take over what is ignored.
    """
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        yield


def _services(settings: Settings, port: int) -> Sequence[Service]:
    """Dagster's processes, in the order in which they need one another."""
    grpc_port = _free_port()
    workspace = settings.dagster_home / "workspace.yaml"
    workspace.parent.mkdir(parents=True, exist_ok=True)
    workspace.write_text(WORKSPACE.format(host=LOOPBACK, port=grpc_port, location=LOCATION), encoding="utf-8")

    def beats(started: datetime) -> bool:
        beat = last_beat(settings.data_dir / HEARTBEAT_FILE)
        return beat is not None and beat > max(started, datetime.now(UTC) - FRESH)

    quiet = ("--log-level", "warning")
    module, place = ("-m", "torn_pipeline.definitions", "--location-name", LOCATION), ("-h", LOOPBACK, "-p")
    return (
        Service(
            name=CODE_SERVER,
            command=(sys.executable, "-m", "dagster", "code-server", "start", *module, *place, str(grpc_port), *quiet),
            is_well=lambda _: _listens(grpc_port),
        ),
        Service(
            name=WEBSERVER,
            command=(sys.executable, "-m", "dagster_webserver", "-w", str(workspace), *place, str(port), *quiet),
            is_well=lambda _: _listens(port),
        ),
        Service(
            name=DAEMON,
            command=(str(Path(sys.executable).with_name("dagster-daemon")), "run", "-w", str(workspace), *quiet),
            is_well=beats,
        ),
    )


def _free_port(first: int = 0) -> int:
    for port in (first, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, port))
            return int(probe.getsockname()[1])
    message = "this machine has no free port for Dagster's UI"
    raise UINotUp(message)


def _is_free(port: int) -> bool:
    return _free_port(port) == port


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=POLL_SECONDS):
        return True
    return False


def _answers(thread: threading.Thread, port: int) -> bool:
    deadline = time.monotonic() + UP_SECONDS
    while thread.is_alive() and time.monotonic() < deadline:
        if _listens(port):
            return True
        time.sleep(POLL_SECONDS)
    return False
