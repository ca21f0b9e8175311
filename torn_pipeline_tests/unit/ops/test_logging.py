"""Log records as they stand on stderr and in the file."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import threading
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from torn_pipeline.config.log import LogConfig
from torn_pipeline.correlation import bound, bound_fields
from torn_pipeline.ops import logging as ours
from torn_pipeline.ops.logging import configure, follow
from torn_pipeline.settings import LogDefaults, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

LOG_FILE = Path(LogDefaults().file)
KEY = "planted0Key1For2Tests"
log = logging.getLogger("torn_pipeline.example")


def settings(folder: Path, **values: str) -> Settings:
    return Settings(data_dir=folder, keys={"default": (KEY,)}, **values)  # type: ignore[arg-type]  # text fields only


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / LOG_FILE).read_text(encoding="utf-8").splitlines()]


def test_text_is_one_line_a_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(settings(tmp_path))
    log.info("landed %d bytes\nin two lines", 7)
    log.debug("nobody asked for this")
    shown = capsys.readouterr()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO     torn_pipeline\.example\[\d+\] landed 7 bytes\\nin two lines\n", shown.err
    )
    assert shown.out == ""


def test_json_has_the_fields_and_the_extras(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(settings(tmp_path, log_format="json", log_level="DEBUG"))
    log.debug("called", extra={"status": 200})
    record = json.loads(capsys.readouterr().err)
    assert record.pop("timestamp").startswith("20")
    assert record.pop("pid") > 0
    assert record == {"level": "DEBUG", "logger": "torn_pipeline.example", "thread": "MainThread", "message": "called", "status": 200}
    assert lines(tmp_path)[0]["message"] == "called"


FETCH = {
    "run_id": "3fa41b22-8d0e-4b7e-9d0a-1c2b3a4d5e6f",
    "endpoint": "faction_crimes",
    "account": "default",
    "fetch_id": "20261122T101500000000Z-ab12cd34",
}


def test_a_record_carries_what_is_bound_to_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(settings(tmp_path))
    with bound(**FETCH):
        with bound(call_id="0123456789ab", run_id=""):
            log.info("called", extra={"account": "its own"})
        log.info("landed")
    log.info("outside")
    called, landed, outside = lines(tmp_path)
    assert called | FETCH == called | {"account": "default"}
    assert (called["call_id"], called["account"]) == ("0123456789ab", "its own")
    assert landed | FETCH == landed
    assert "call_id" not in landed
    assert "run_id" not in outside
    shown = capsys.readouterr().err.splitlines()
    assert shown[0].endswith(" called [faction_crimes its own run 3fa41b22 fetch ab12cd34 call 0123456789ab]")
    assert shown[1].endswith(" landed [faction_crimes default run 3fa41b22 fetch ab12cd34]")
    assert shown[2].endswith(" outside")


def test_what_is_bound_ends_with_its_block_also_by_an_error() -> None:
    def fail() -> None:
        with bound(call_id="1"):
            _fail()

    with bound(endpoint="faction_crimes"):
        with pytest.raises(ValueError, match=KEY):
            fail()
        assert bound_fields() == {"endpoint": "faction_crimes"}
    assert bound_fields() == {}


def test_threads_keep_what_is_bound_apart(tmp_path: Path) -> None:
    configure(settings(tmp_path))
    inside = threading.Barrier(2)

    def work(name: str) -> None:
        with bound(endpoint=name):
            inside.wait(10)
            log.info("of %s", name)
            inside.wait(10)

    with bound(run_id="one run"):
        threads = [
            threading.Thread(target=work, args=("alone",)),
            threading.Thread(target=copy_context().run, args=(work, "copied")),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = {line["endpoint"]: line.get("run_id") for line in lines(tmp_path)}
    assert found == {"alone": None, "copied": "one run"}


def test_a_line_of_json_is_one_line_with_its_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(settings(tmp_path, log_format="json"))
    _in_an_exception()
    (shown,) = capsys.readouterr().err.splitlines()
    assert "ValueError" in json.loads(shown)["exc_info"]


def test_the_file_comes_with_the_first_record(tmp_path: Path) -> None:
    configure(settings(tmp_path / "data"))
    assert not (tmp_path / "data").exists()
    log.warning("first")
    assert [line["message"] for line in lines(tmp_path / "data")] == ["first"]


def test_configuring_twice_does_not_double_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(settings(tmp_path))
    configure(settings(tmp_path))
    log.info("once")
    assert capsys.readouterr().err.count("once") == 1
    assert len(lines(tmp_path)) == 1


def _in_arguments() -> None:
    log.info("key %s", KEY)


def _in_extras() -> None:
    log.info("called", extra={"header": {"Authorization": f"ApiKey {KEY}"}})


def _fail() -> None:
    raise ValueError(KEY)


def _in_an_exception() -> None:
    try:
        _fail()
    except ValueError:
        log.exception("failed")


def _in_a_cause() -> None:
    try:
        try:
            _fail()
        except ValueError as error:
            raise RuntimeError from error
    except RuntimeError:
        log.exception("failed")


def _in_a_library() -> None:
    logging.getLogger("urllib3.connectionpool").error("GET /?key=%s", KEY)


def _in_a_record_that_cannot_be_formatted() -> None:
    log.info("%d calls", KEY)


@pytest.mark.parametrize(
    "tell", [_in_arguments, _in_extras, _in_an_exception, _in_a_cause, _in_a_library, _in_a_record_that_cannot_be_formatted]
)
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_key_is_in_no_record(tell: Callable[[], None], log_format: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for handler in list(logging.getLogger().handlers):
        logging.getLogger().removeHandler(handler)  # pytest's own raise what a handler must not
    configure(settings(tmp_path, log_format=log_format, log_level="DEBUG"))
    tell()
    log.info("done")
    shown = capsys.readouterr().err
    written = (tmp_path / LOG_FILE).read_text(encoding="utf-8")
    assert KEY not in shown + written
    assert "done" in shown
    assert lines(tmp_path)


def test_a_folder_that_cannot_be_written_is_told_once_and_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").touch()
    configure(settings(tmp_path))
    log.info("one")
    log.info("two")
    shown = capsys.readouterr().err
    assert shown.count("log records are lost") == 1
    assert "two" in shown


def test_the_file_rotates_and_keeps_five_old_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "_MB", 200)
    configure(settings(tmp_path, log_level="DEBUG"))
    for number in range(200):
        log.info("record %d", number)
    files = sorted(file.name for file in (tmp_path / "logs").glob("torn_pipeline.log*"))
    assert files == [LOG_FILE.name, *(f"{LOG_FILE.name}.{number}" for number in range(1, 6))]
    assert all((tmp_path / "logs" / name).stat().st_size <= 2000 for name in files)
    assert lines(tmp_path)[-1]["message"] == "record 199"


def test_the_config_file_is_followed_once_it_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(settings(tmp_path))
    section = LogConfig(level="WARNING", format="json", file="elsewhere/own.log", max_mb=1, keep=2)
    follow(settings(tmp_path), section)
    handlers = [handler for handler in logging.getLogger().handlers if isinstance(handler, ours._SharedFile | ours._Stderr)]
    follow(settings(tmp_path), section)
    assert set(handlers) <= set(logging.getLogger().handlers)
    log.info("nobody asked for this")
    log.warning("once")
    (shown,) = capsys.readouterr().err.splitlines()
    assert json.loads(shown)["message"] == "once"
    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere"]
    assert json.loads((tmp_path / "elsewhere" / "own.log").read_text())["message"] == "once"
    (file,) = [handler for handler in handlers if isinstance(handler, ours._SharedFile)]
    assert (file.maxBytes, file.backupCount) == (1024**2, 2)


def test_the_environment_wins_over_the_config_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = settings(tmp_path, log_level="ERROR", log_format="text")
    configure(given)
    follow(given, LogConfig(level="DEBUG", format="json", file=str(tmp_path / "whole" / "path.log")))
    log.warning("nobody asked for this")
    log.error("told")
    assert capsys.readouterr().err.endswith(f"torn_pipeline.example[{os.getpid()}] told\n")
    assert (tmp_path / "whole" / "path.log").exists()


def test_a_process_that_was_not_told_to_log_is_left_alone(tmp_path: Path) -> None:
    before = list(logging.getLogger().handlers)
    follow(settings(tmp_path), LogConfig(level="DEBUG"))
    assert logging.getLogger().handlers == before


def test_a_console_is_spared_news_and_what_the_command_says_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(settings(tmp_path), console=True)
    log.info("news")
    log.warning("a warning")
    log.critical("given up")
    (shown,) = capsys.readouterr().err.splitlines()
    assert "a warning" in shown
    assert [line["message"] for line in lines(tmp_path)] == ["news", "a warning", "given up"]
    follow(settings(tmp_path), LogConfig(level="DEBUG"))
    log.debug("all of it")
    log.critical("given up")
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_where_fewer_files_are_kept_than_before_the_others_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "_MB", 500)
    for keep in (5, 2):
        configure(settings(tmp_path), LogDefaults(max_mb=1, keep=keep))
        for number in range(50):
            log.info("record %d", number)
    files = sorted(file.name for file in (tmp_path / "logs").glob("torn_pipeline.log*"))
    assert files == [LOG_FILE.name, f"{LOG_FILE.name}.1", f"{LOG_FILE.name}.2"]


def test_a_writer_follows_when_another_one_has_rotated_the_file(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "x.log"
    one, other = (ours._SharedFile(path, max_bytes=1000, keep=5) for _ in range(2))
    filler = logging.makeLogRecord({"msg": "x" * 100})
    other.emit(filler)
    while not Path(f"{path}.1").exists():
        one.emit(filler)
    other.emit(logging.makeLogRecord({"msg": "after"}))
    assert path.read_text().endswith("after\n")
    while not other.shouldRollover(filler):
        other.emit(filler)
    one.doRollover()
    other.doRollover()  # it had found the file full just before the other one rotated it
    other.emit(logging.makeLogRecord({"msg": "last"}))
    assert path.read_text() == "last\n"
    assert Path(f"{path}.2").exists()
    assert not Path(f"{path}.3").exists()
    one.close()
    other.close()


WRITER = """
import logging, sys
from pathlib import Path
from torn_pipeline.ops import logging as ours
from torn_pipeline.settings import LogDefaults, Settings
ours._MB = 20_000
ours.configure(Settings(data_dir=Path(sys.argv[1])), LogDefaults(max_mb=1, keep=50))
for number in range(400):
    logging.info("%s %d", sys.argv[2], number)
"""


def test_processes_that_share_the_file_lose_nothing_when_it_rotates(tmp_path: Path) -> None:
    commands = [[sys.executable, "-c", WRITER, str(tmp_path), name] for name in ("one", "other")]
    writers = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for command in commands]  # noqa: S603  # our own text
    assert [writer.wait(60) for writer in writers] == [0, 0]
    files = list((tmp_path / "logs").glob("torn_pipeline.log*"))
    found = [json.loads(line)["message"] for file in files for line in file.read_text().splitlines()]
    assert len(files) > 4
    assert sorted(found) == sorted(f"{name} {number}" for name in ("one", "other") for number in range(400))
