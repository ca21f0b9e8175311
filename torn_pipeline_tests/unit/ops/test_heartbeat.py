"""The sign of life: a file that is whole at any moment, and a URL that is asked once a minute."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from torn_pipeline.ops.heartbeat import HEARTBEAT_FILE, beat, last_beat

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_httpserver import HTTPServer

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
PATH = "/0b7a7c3e-1d0f-4c58-9d43-3c8d7a5b1f10"


def test_the_last_beat_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "data" / HEARTBEAT_FILE
    assert last_beat(path) is None
    for seconds in (0, 30):
        beat(path, what="daemon", at=NOW + timedelta(seconds=seconds))
    assert last_beat(path) == NOW + timedelta(seconds=30)
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "time": "2026-05-04T03:02:31+00:00",
        "pid": os.getpid(),
        "what": "daemon",
        "pinged_at": None,
    }
    assert [one.name for one in path.parent.iterdir()] == ["heartbeat.json"]


def test_a_moment_elsewhere_is_read_as_utc(tmp_path: Path) -> None:
    path = tmp_path / HEARTBEAT_FILE
    beat(path, what="daemon", at=NOW.astimezone(timezone(timedelta(hours=2))))
    assert str(last_beat(path)) == "2026-05-04 03:02:01+00:00"


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"time": 5}', '{"time": "soon"}', '{"time": "2026-05-04T03:02:01"}', "\udcff"])
def test_a_file_of_somebody_else_is_no_beat(content: str, tmp_path: Path) -> None:
    path = tmp_path / HEARTBEAT_FILE
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    assert last_beat(path) is None
    beat(path, what="daemon", at=NOW)
    assert last_beat(path) == NOW


def test_a_reader_never_sees_half_a_beat(tmp_path: Path) -> None:
    path = tmp_path / HEARTBEAT_FILE
    beat(path, what="daemon", at=NOW)
    over = threading.Event()
    seen: list[datetime | None] = []

    def read() -> None:
        while not over.is_set():
            seen.append(last_beat(path))

    reader = threading.Thread(target=read)
    reader.start()
    for second in range(200):
        beat(path, what="daemon", at=NOW + timedelta(seconds=second))
    over.set()
    reader.join()
    assert seen
    assert None not in seen


def test_the_url_is_asked_once_a_minute(tmp_path: Path, httpserver: HTTPServer) -> None:
    httpserver.expect_request(PATH, method="GET").respond_with_data("OK")
    path = tmp_path / HEARTBEAT_FILE
    counts = []
    for seconds in (0, 20, 40, 59.5, 60, 119, 3600, 0):
        beat(path, what="daemon", at=NOW + timedelta(seconds=seconds), ping=httpserver.url_for(PATH))
        counts.append(len(httpserver.log))
    assert counts == [1, 1, 1, 2, 2, 3, 4, 5]  # a clock that was put back asks again


@pytest.mark.parametrize("status", [404, 500])
def test_a_url_that_answers_badly_is_logged_without_it(
    status: int, tmp_path: Path, httpserver: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    httpserver.expect_request(PATH).respond_with_data("", status)
    beat(tmp_path / HEARTBEAT_FILE, what="daemon", at=NOW, ping=httpserver.url_for(PATH))
    [record] = [record for record in caplog.records if record.name == "torn_pipeline.ops.heartbeat"]
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith(f"the service that watches the heartbeat answered with status {status}")
    assert PATH not in record.getMessage()
    assert last_beat(tmp_path / HEARTBEAT_FILE) == NOW


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}" + PATH, "no url" + PATH])
def test_a_url_that_cannot_be_asked_is_logged_without_it(url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    beat(tmp_path / HEARTBEAT_FILE, what="daemon", at=NOW, ping=url.format(port=port))
    [record] = caplog.records
    assert PATH not in record.getMessage()
    assert last_beat(tmp_path / HEARTBEAT_FILE) == NOW
