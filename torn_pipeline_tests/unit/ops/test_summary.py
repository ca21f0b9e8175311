"""The outcome of runs as rows and as a page."""

from __future__ import annotations

from datetime import UTC, datetime

from torn_pipeline.ops.summary import HEAD, AssetOutcome, Checks, RunOutcome, summary_rows
from torn_pipeline.ops.summary.charts import Drawing
from torn_pipeline.ops.summary.page import NextStep, html_page
from torn_pipeline.ops.summary.story import Figure

AT = datetime(2026, 4, 29, 12, tzinfo=UTC)
OUTCOMES = [
    RunOutcome(
        endpoint="crimes",
        account="default",
        run_id="1",
        assets=(
            AssetOutcome(key="raw/crimes", written=True, checks=Checks(), fetched=1200, seconds=0.25),
            AssetOutcome(key="torn/crimes", written=True, checks=Checks(passed=1, warned=1), fetched=1200, total=3400, seconds=1.0),
        ),
    ),
    RunOutcome(
        endpoint="basic",
        account="<b>second</b>",
        run_id="2",
        assets=(AssetOutcome(key="torn/basic", written=False, checks=Checks(failed=1)),),
        error="half a <script> came",
    ),
]


def test_a_row_an_asset() -> None:
    rows = summary_rows(OUTCOMES)
    assert [dict(zip(HEAD, row, strict=True)) for row in rows[:2]] == [
        {"asset": "raw/crimes", "account": "default", "fetched": 1200, "in table": None, "checks": "", "seconds": "0.2"},
        {"asset": "torn/crimes", "account": "default", "fetched": 1200, "in table": 3400, "checks": "1 passed, 1 warned", "seconds": "1.0"},
    ]
    assert rows[2][4] == "1 failed, not written"


def test_the_page_says_the_same_and_escapes_all_text() -> None:
    page = html_page(
        "A & B <crew>",
        "All of <file>,",
        AT,
        outcomes=OUTCOMES,
        steps=[NextStep("ask <it>", ("sql 'SELECT 1 < 2'", "more"), ('file:///a"b', "read <on>"))],
        figures=[Figure("<label>", "<value>", "<note>")],
        drawings=[Drawing("<title>", "<about>", "")],
    )
    assert page.startswith("<!doctype html>")
    for part in (
        "<h1>A &amp; B &lt;crew&gt;</h1>",
        "All of &lt;file&gt;, 2026-04-29 12:00 UTC",
        "&lt;b&gt;second&lt;/b&gt;",
        "half a &lt;script&gt; came",
        "3,400",
        "1,200 rows fetched in 1.2 s; 1 checks passed, 1 warned, 1 failed.",
        "ask &lt;it&gt;",
        "SELECT 1 &lt; 2",
        'href="file:///a&#34;b"',
        "read &lt;on&gt;",
        "&lt;label&gt;",
        "&lt;value&gt;",
        "&lt;note&gt;",
        "&lt;title&gt;",
        "&lt;about&gt;",
        "Nothing to show yet.",
    ):
        assert part in page
    assert "<script" not in page
    assert "http" not in page


def test_a_page_of_runs_alone() -> None:
    page = html_page("Runs", "", AT, outcomes=OUTCOMES, steps=[])
    assert "torn/crimes" in page
    assert "<figure" not in page
    assert "<dl" not in page
