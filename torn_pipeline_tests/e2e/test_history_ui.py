"""Days that are missing, found and fetched in Dagster's UI by clicking."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from torn_pipeline import steps
from torn_pipeline.automation.in_process import dagster_instance
from torn_pipeline.cli.ui import dagster_ui
from torn_pipeline_tests.dagster.running import ROOT
from torn_pipeline_tests.e2e.browser import chromium, free_port, open_page, take_picture
from torn_pipeline_tests.e2e.test_history import Harness, opened

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

SECONDS = 240  # for a backfill to be done, on a machine with other work to do
ENDPOINT = "faction_attacks"
TRIES = 12


def choose_days(page: Page, url: str, days: str) -> None:
    """Choose days of the job's assets, as ``[first...last]``, and launch their backfill."""
    page.goto(f"{url}/locations/torn_pipeline/jobs/{ENDPOINT}")
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog")
    launch, chosen = dialog.get_by_role("button", name="Launch backfill"), dialog.get_by_placeholder("ex: ")
    for _ in range(TRIES):  # what is chosen before the dialog knows the partitions is forgotten
        dialog.get_by_role("button", name="All").first.click()
        chosen.fill(days)
        chosen.press("Tab")
        with suppress(AssertionError):
            expect(launch).to_be_enabled(timeout=5_000)
            break
    launch.click()
    expect(dialog).to_be_hidden()


def wait_until_complete(harness: Harness, first: int, last: int) -> None:
    """Until nothing is missing of the days that were so many days ago."""
    plan, today = harness.pipeline.plan(ENDPOINT), datetime.now(UTC).date()
    days = today - timedelta(days=first), today - timedelta(days=last)
    deadline = time.monotonic() + SECONDS
    while steps.missing(harness.pipeline, plan, "default", *days, now=datetime.now(UTC)):
        assert time.monotonic() < deadline, "the backfill did not end"
        time.sleep(1)  # the daemon starts it when it is its turn, and tells nobody


def test_a_backfill_is_started_by_choosing_days(tmp_path: Path) -> None:
    browser = chromium()
    with opened(tmp_path) as harness, dagster_instance(harness.settings.dagster_home, ROOT / "dagster.yaml") as instance:
        harness.instance = instance
        today = datetime.now(UTC).date()
        assert not harness.run(day=today - timedelta(days=3)).error
        with dagster_ui(harness.settings, free_port()) as url, open_page(browser) as page:
            page.goto(f"{url}/assets/torn/{ENDPOINT}?view=checks&checkDetail=completeness")
            expect(page.get_by_text("40 days of default lack something").first).to_be_visible()
            choose_days(page, url, f"[{today - timedelta(days=30)}...{today - timedelta(days=1)}]")
            wait_until_complete(harness, 30, 1)
            page.goto(f"{url}/assets/torn/{ENDPOINT}?view=partitions")
            expect(page.get_by_text("Materialized (30)")).to_be_visible()
            take_picture(page, "days", tmp_path)
            page.goto(f"{url}/assets/torn/{ENDPOINT}?view=checks&checkDetail=completeness")
            expect(page.get_by_text("11 days of default lack something").first).to_be_visible()
    begin = int(datetime.combine(today - timedelta(days=30), datetime.min.time(), UTC).timestamp())
    end = int(datetime.combine(today, datetime.min.time(), UTC).timestamp())
    attacks = harness.world.faction(40_832).attacks
    assert harness.ids(ENDPOINT) == sorted(row["id"] for row in attacks if begin <= row["ended"] < end)
