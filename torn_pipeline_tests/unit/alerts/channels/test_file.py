"""A file gets every message once, whatever happened to the writer before."""

from __future__ import annotations

import errno
import json
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock

from torn_pipeline.alerts.channels import Sender, file, open_channel
from torn_pipeline.config.channels import FileChannel
from torn_pipeline.errors import ChannelRefused, ChannelUnavailable, ConfigError
from torn_pipeline_tests.unit.alerts.channels.messages import HOSTILE, message

if TYPE_CHECKING:
    from pathlib import Path


def opened(data_dir: Path, path: str = "alerts/all.jsonl") -> Sender:
    return open_channel(FileChannel.model_validate({"name": "all", "path": path}), None, data_dir=data_dir)


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_message_is_a_line(tmp_path: Path) -> None:
    for number, text in enumerate(HOSTILE):
        opened(tmp_path).send(message(text, *HOSTILE, number=number))
    found = entries(tmp_path / "alerts" / "all.jsonl")
    assert [entry["id"] for entry in found] == [f"message-{number}" for number in range(len(HOSTILE))]
    assert all(set(entry) == {"id", "incident", "kind", "severity", "title", "lines", "at", "link"} for entry in found)
    assert opened(tmp_path).is_idempotent


def test_a_message_that_comes_again_is_not_written_again(tmp_path: Path) -> None:
    for number in (1, 2, 1, 2, 3, 1):
        opened(tmp_path, "all.jsonl").send(message("x" * 100_000, number=number))
    assert [entry["id"] for entry in entries(tmp_path / "all.jsonl")] == ["message-1", "message-2", "message-3"]


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    opened(tmp_path / "data", str(tmp_path / "elsewhere.jsonl")).send(message())
    assert len(entries(tmp_path / "elsewhere.jsonl")) == 1
    assert not (tmp_path / "data").exists()


def test_after_half_a_line_the_next_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    opened(tmp_path, "all.jsonl").send(message(number=1))
    whole = path.read_bytes()
    for cut in range(1, len(whole)):
        path.write_bytes(whole + whole[:cut].replace(b"message-1", b"message-2"))
        opened(tmp_path, "all.jsonl").send(message(number=2))
        lines = path.read_bytes().splitlines()
        # Half a line that says all is an entry; any other is none, and the message is written whole.
        assert json.loads(lines[-1])["id"] == "message-2"
        assert path.read_bytes().startswith(whole)


def test_threads_and_processes_take_turns(tmp_path: Path) -> None:
    threads = [threading.Thread(target=opened(tmp_path).send, args=(message(number=number % 5),)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(entry["id"] for entry in entries(tmp_path / "alerts" / "all.jsonl")) == [f"message-{number}" for number in range(5)]


def test_who_holds_the_file_is_waited_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "_LOCK_SECONDS", 0.05)
    with FileLock(tmp_path / "all.jsonl.lock"), pytest.raises(ChannelUnavailable, match="another process that writes to"):
        opened(tmp_path, "all.jsonl").send(message())


def test_what_is_on_the_disk_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        fsync(handle)
        synced.append(os.path.isfile(f"/proc/self/fd/{handle}"))  # noqa: PTH113 - a link of the kernel's

    monkeypatch.setattr(os, "fsync", noted)
    for number in (1, 2):
        opened(tmp_path).send(message(number=number))
    assert synced == [True, False, True]  # the file and, as it is new, its folder; then the file


@pytest.mark.parametrize(
    ("number", "error"), [(errno.ENOSPC, ChannelUnavailable), (errno.EIO, ChannelUnavailable), (errno.EACCES, ChannelRefused)]
)
def test_a_disk_in_trouble_is_told_from_a_wrong_place(
    number: int, error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(error, match=os.strerror(number)):
        opened(tmp_path, "all.jsonl").send(message())


@pytest.mark.parametrize("path", ["landing/all.jsonl", "backups/deep/all.jsonl"])
def test_the_platforms_own_folders_are_refused(path: str, tmp_path: Path) -> None:
    absolute = FileChannel(name="all", path=tmp_path / path)
    with pytest.raises(ConfigError, match=r"^channel all \(file\) would write into .*, which the platform fills itself: "):
        open_channel(absolute, None, data_dir=tmp_path)


def test_a_file_that_holds_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.jsonl"
    path.write_bytes(b"\0DUCK")
    with pytest.raises(ConfigError, match="which holds something else than JSON lines"):
        opened(tmp_path, path.name)
    assert path.read_bytes() == b"\0DUCK"
    path.write_bytes(b"")
    opened(tmp_path, path.name).send(message())


@pytest.mark.parametrize("path", ["folder.jsonl", "occupied/all.jsonl"])
def test_a_place_that_is_taken_is_refused(path: str, tmp_path: Path) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "occupied").touch()
    with pytest.raises(ChannelRefused, match="check `path`"):
        opened(tmp_path, path).send(message())
