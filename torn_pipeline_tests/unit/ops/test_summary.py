"""The outcome of runs as rows and as a page."""

from __future__ import annotations

from datetime import UTC, datetime

from torn_pipeline.ops.summary import HEAD, AssetOutcome, Checks, RunOutcome, html_page, summary_rows

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
    page = html_page("A & B", OUTCOMES, {"Warehouse": "<file>"}, datetime(2026, 4, 29, 12, tzinfo=UTC))
    assert page.startswith("<!doctype html>")
    for part in (
        "A &amp; B",
        "&lt;file&gt;",
        "2026-04-29 12:00:00 UTC",
        "&lt;b&gt;second&lt;/b&gt;",
        "half a &lt;script&gt; came",
        "3,400",
    ):
        assert part in page
    assert "<script" not in page
    assert "http" not in page
