"""The report as JSON and as a page, whatever stands in it; and files that are whole or not there."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from torn_pipeline.durable import replace_file
from torn_pipeline.errors import PipelineError
from torn_pipeline.ops.report import AssetTold, CheckTold, Report, as_json, content_of, report_files, report_page, write_report
from torn_pipeline.quality.score import Grade
from torn_pipeline.redaction import Redactor

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 4, 29, 12, tzinfo=UTC)
RUN = "1a2b3c4d-0000"


def report_with(**cells: object) -> Report:
    """A report of one check that shows one row."""
    check = CheckTold(
        check="rules",
        grade=Grade.WARNED,
        made_at=AT,
        run_id=RUN,
        account="default",
        says="it is not so",
        rows=(cells,),
        asks="Is it `<so>`?",
        to_do="",
    )
    asset = AssetTold(asset="torn/crimes", endpoints=("crimes",), score=None, rows=1, checks=(check,))
    return Report(made_at=AT, warehouse="file", score=None, run=None, assets=(asset,), quarantined={}, reasons=(), roots=())


def test_numbers_texts_and_secrets_come_out_as_json_can_hold_them() -> None:
    report = report_with(id=7, share=0.5, yes=True, none=None, lost=float("nan"), half="\ud83d", secret=12345678, text="a 12345678 & <b>")
    content = content_of(report, Redactor(["12345678"]))
    assert json.loads(as_json(content))["assets"][0]["checks"][0]["rows"] == [
        {"id": 7, "share": 0.5, "yes": True, "none": None, "lost": "nan", "half": "\\ud83d", "secret": "***", "text": "a *** & <b>"}
    ]
    page = report_page({**content, "score": {"points": 79, "good": 80, "poor": 50, "lines": []}})
    assert page.startswith("<!doctype html>")
    assert "<td>a *** &amp; &lt;b&gt;</td>" in page
    assert "<code>&lt;so&gt;</code>" in page
    assert '<dd class="value warned">79</dd>' in page
    assert "12345678" not in page


def test_a_report_that_cannot_be_written_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    content = content_of(report_with(), str)
    content["score"] = {"points": 100, "good": 80, "poor": 50, "lines": []}
    written = write_report(tmp_path, content, RUN, AT)
    assert [path.name for path in written] == ["20260429T120000Z_1a2b3c4d.json", "20260429T120000Z_1a2b3c4d.html"]
    assert list(report_files(tmp_path, AT)) == []
    assert list(report_files(tmp_path, AT.replace(hour=13))) == sorted(written)

    (tmp_path / "file").touch()
    with pytest.raises(PipelineError, match=r"20260429T120000Z_1a2b3c4d\.json cannot be written: Not a directory; look at the disk"):
        write_report(tmp_path / "file", content, RUN, AT)


def test_a_file_is_replaced_as_a_whole_or_stays(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "report"
    replace_file(path, b"first")
    replace_file(path, b"second")
    assert path.read_bytes() == b"second"
    path.unlink()
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        replace_file(path, b"third")
    assert list(path.parent.iterdir()) == [path]
