"""The log read back: in order, over rotated files, without what is broken, and only what was asked for."""

from __future__ import annotations

import json
import logging
import tracemalloc
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from torn_pipeline.correlation import bound
from torn_pipeline.errors import UsageError
from torn_pipeline.ops import log_reading
from torn_pipeline.ops.log_lines import JsonLine, TextLine, record_of
from torn_pipeline.ops.log_reading import LogReader, Record, Wanted
from torn_pipeline.ops.logging import _SharedFile, _with_bound_fields

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = datetime(2026, 11, 22, 14, tzinfo=UTC)
WORK = {
    "run_id": "3fa41b22-8d0e-4b7e-9d0a-1c2b3a4d5e6f",
    "endpoint": "faction_crimes",
    "account": "default",
    "fetch_id": "20261122T101500000000Z-ab12cd34",
    "call_id": "0123456789ab",
}


def line(number: int, **fields: str) -> str:
    moment = START + timedelta(minutes=number)
    record = {"timestamp": moment.isoformat(), "level": "INFO", "logger": "torn_pipeline.x", "pid": 7, "message": f"record {number}"}
    return json.dumps(record | fields) + "\n"


def messages(reader: LogReader, wanted: Wanted | None = None) -> list[str]:
    return [record.fields["message"] for record in reader.records() if record in (wanted or Wanted())]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "some[log].log"


def test_rotated_files_come_first_however_many_there_are(log: Path) -> None:
    for number in range(12):
        file = log.with_name(f"{log.name}.{11 - number}") if number < 11 else log
        file.write_text(line(2 * number) + line(2 * number + 1))
    log.with_name(f"{log.name}.lock").touch()
    log.with_name(f"{log.name}.old").write_text(line(99))
    reader = LogReader(log)
    assert messages(reader) == [f"record {number}" for number in range(24)]
    assert reader.skipped == 0


def test_without_a_log_there_is_nothing(log: Path) -> None:
    assert messages(LogReader(log)) == []
    assert messages(LogReader(log / "below")) == []


def test_what_is_no_whole_record_is_left_out_and_counted(log: Path) -> None:
    half = line(1)[:40]
    log.write_bytes((line(0) + half + line(2) + "\n[]\n1\n" + line(3, timestamp="soon")).encode() + b'{"\xff": 1}\n' + line(4).encode())
    reader = LogReader(log)
    assert messages(reader) == ["record 0", "record 4"]
    assert reader.skipped == 6
    with log.open("a") as file:
        file.write(half)
    reader = LogReader(log)
    assert messages(reader) == ["record 0", "record 4"]
    assert reader.skipped == 7


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(run=WORK["run_id"]),
        Wanted(run="3fa41b22"),
        Wanted(endpoint="faction_crimes", account="default"),
        Wanted(fetch=WORK["fetch_id"]),
        Wanted(fetch="ab12cd34"),
        Wanted(call="0123456789ab"),
        Wanted(level="WARNING"),
        Wanted(since=START + timedelta(minutes=2)),
    ],
)
def test_only_what_was_asked_for_is_a_match(log: Path, wanted: Wanted) -> None:
    other = {
        "run_id": "44a41b22-8d0e-4b7e-9d0a-1c2b3a4d5e6f",
        "endpoint": "faction_crimes_slots",
        "account": "default2",
        "fetch_id": "20261122T101500000000Z-ab12cd35",
        "call_id": "0123456789ac",
    }
    log.write_text(line(0) + line(1, **other) + line(2, **WORK, level="ERROR"))
    assert messages(LogReader(log), wanted) == ["record 2"]


def test_a_record_reads_as_it_stood_on_stderr(log: Path) -> None:
    handler = logging.Handler()
    handler.addFilter(_with_bound_fields)
    shown: list[tuple[str, str]] = []
    handler.emit = lambda record: shown.append((TextLine(str).format(record), JsonLine(str).format(record)))  # type: ignore[method-assign]
    logger = logging.getLogger("torn_pipeline.example")
    logger.addHandler(handler)
    try:
        with bound(**WORK):
            logger.warning("two\nlines of %s", "it")
        try:
            _fail()
        except ValueError:
            logger.exception("failed")
    finally:
        logger.removeHandler(handler)
    log.write_text("".join(f"{as_json}\n" for _, as_json in shown))
    read = [TextLine(str).format(record_of(record.fields, record.moment)) for record in LogReader(log).records()]
    assert read == [as_text for as_text, _ in shown]
    assert "[faction_crimes default run 3fa41b22 fetch ab12cd34 call 0123456789ab]" in read[0]
    assert "Traceback" in read[1]


def _fail() -> None:
    message = "no"
    raise ValueError(message)


def test_a_long_log_takes_no_memory(log: Path) -> None:
    text = "".join(line(number, filler="x" * 400) for number in range(1000))
    for file in (log, *(log.with_name(f"{log.name}.{number}") for number in range(1, 6))):
        file.write_text(text)
    reader = LogReader(log)
    tracemalloc.start()
    try:
        count = sum(1 for _ in reader.records())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 6000
    assert most < len(text)


def test_following_goes_on_over_rotation(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reading, "_POLL_SECONDS", 0.001)
    writer = _SharedFile(log, max_bytes=400, keep=50)
    writer.setFormatter(JsonLine(str))
    read = LogReader(log).records(follow=True)

    def more(first: int, count: int) -> list[Record]:
        """What is read once so many records were written: each is some 130 bytes, so that three are one file."""
        for number in range(first, first + count):
            writer.emit(logging.makeLogRecord({"msg": f"record {number}"}))
        return list(islice(read, count))

    try:
        for first, count in ((0, 1), (1, 1), (2, 3), (5, 20), (25, 1)):
            assert [record.fields["message"] for record in more(first, count)] == [f"record {n}" for n in range(first, first + count)]
    finally:
        writer.close()
    assert log.with_name(f"{log.name}.8").exists()


def test_following_waits_for_the_rest_of_a_line(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = line(0) + line(1)
    pieces = iter([written[:10], written[10:200], written[200:]])

    def write_more(_: float) -> None:
        with log.open("a") as file:
            file.write(next(pieces))

    monkeypatch.setattr("torn_pipeline.ops.log_reading.time.sleep", write_more)
    reader = LogReader(log)
    read: Iterator[Record] = reader.records(follow=True)
    assert [record.fields["message"] for record in islice(read, 2)] == ["record 0", "record 1"]
    assert reader.skipped == 0


def test_a_log_that_cannot_be_read_is_a_sentence(log: Path) -> None:
    log.mkdir()
    with pytest.raises(UsageError, match=r"the log .*cannot be read: Is a directory"):
        messages(LogReader(log))
