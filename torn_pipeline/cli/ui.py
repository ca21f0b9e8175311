"""Dagster's UI, daemon and code server as a child process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from torn_pipeline.cli.materialize import CHECKOUT
from torn_pipeline.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torn_pipeline.settings import Settings

__all__ = ["UINotUp", "dagster_ui", "until_ctrl_c"]

LOOPBACK = "127.0.0.1"
PORT = 3000
UP_SECONDS = 300.0  # on a small machine that does other work too
DOWN_SECONDS = 20.0
POLL_SECONDS = 0.2


class UINotUp(PipelineError):
    """Dagster's UI did not start."""


@contextmanager
def dagster_ui(settings: Settings) -> Iterator[str]:
    """Dagster on these settings, as long as the block lasts; gives the URL once it answers.

    Its log is ``dagster-dev.log`` in the data directory.

    Raises:
        UINotUp: when it does not answer in time.
    """
    port = _free_port()
    log = settings.data_dir / "dagster-dev.log"
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(CHECKOUT / "workspace.yaml"), "-h", LOOPBACK, "-p", str(port)]
    with log.open("wb") as output:
        # In a session of its own: Ctrl-C would reach it directly too, and a second one cuts its clean end short.
        process = subprocess.Popen(  # noqa: S603 - nothing in it comes from outside
            command, env=settings.environment(), stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        if not _answers(process, port):
            message = f"Dagster's UI did not start within {UP_SECONDS:g} s; {log} says why"
            raise UINotUp(message)
        yield f"http://{LOOPBACK}:{port}"
    finally:
        _end(process)


@contextmanager
def until_ctrl_c() -> Iterator[None]:
    """Let the block be ended by Ctrl-C, or by SIGTERM, as what is expected of it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        yield


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it and all that it started."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(DOWN_SECONDS)


def _free_port() -> int:
    for port in (PORT, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, port))
            return int(probe.getsockname()[1])
    message = "this machine has no free port for Dagster's UI"
    raise UINotUp(message)


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + UP_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=POLL_SECONDS):
            return True
        time.sleep(POLL_SECONDS)
    return False
