"""The UI in a browser: the graph, a table's page, an endpoint materialized by clicking, and its checks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from torn_pipeline_tests.e2e.browser import SIZE, UI, around, chromium, fresh_page, open_page, open_ui, take_picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Locator, Page

CRIMES = "faction_crimes"
ENDED = re.compile(r"^(Success|Failure|Canceled)$")


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UI]:
    chromium()  # without one there is no need to start anything
    with open_ui(tmp_path_factory.mktemp("ui")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(ui: UI) -> Iterator[Page]:
    with open_page(chromium()) as opened:
        opened.goto(ui.url)
        yield opened


def row(page: Page, name: str) -> Locator:
    """The row of the metadata with that name."""
    return page.get_by_role("row").filter(has=page.get_by_text(name, exact=True))


def test_the_graph_shows_every_asset(ui: UI, page: Page, tmp_path: Path) -> None:
    boxes = page.locator("foreignObject")
    page.set_viewport_size({"width": 1280, "height": 2600})  # what is out of sight is not drawn
    page.goto(f"{ui.url}/asset-groups")
    for group in ("raw", *ui.plans):
        expect(boxes.get_by_text(group, exact=True)).to_be_visible()

    page.keyboard.press("Alt+KeyE")  # opens all groups, or closes them
    expect(boxes.get_by_text("2 / 2 Passed")).to_have_count(sum(len(plan.tables) for plan in ui.plans.values()))
    for plan in ui.plans.values():
        for name in (plan.endpoint.name, *(table.name for table in plan.tables)):
            expect(boxes.get_by_text(name, exact=True).first).to_be_visible()

    page.keyboard.press("Alt+KeyE")
    boxes.get_by_text(CRIMES, exact=True).click()
    expect(boxes.get_by_text("2 / 2 Passed")).to_have_count(3)
    page.set_viewport_size({"width": 1280, "height": 1200})
    page.reload()  # which brings all of it into view
    expect(boxes.get_by_text("2 / 2 Passed")).to_have_count(3)
    expect(boxes.get_by_text("fetching statuses")).to_have_count(0)
    take_picture(page, "asset-graph", tmp_path, around(boxes))
    page.set_viewport_size(SIZE)


def test_a_tables_page_shows_what_it_is_its_columns_and_its_rows(ui: UI, page: Page, tmp_path: Path) -> None:
    root = ui.plans[CRIMES].root
    page.goto(f"{ui.url}/assets/torn/{CRIMES}")
    rows = page.get_by_role("table").filter(has_text="Column name").locator("tbody tr")

    expect(page.get_by_text("One row is one crime")).to_be_visible()
    expect(rows).to_have_count(len(root.columns))
    shown = [(cells[0].strip(), cells[1].split()) for cells in (one.locator("td").all_inner_texts() for one in rows.all())]
    expected = [(column.name, [column.type.value, *(["non-nullable"] if column.name in root.key else [])]) for column in root.columns]
    assert shown == expected
    expect(row(page, "rows_in_fetch")).to_contain_text(str(len(ui.faction.crimes)))
    expect(row(page, "preview").get_by_role("table")).to_contain_text("difficulty")
    take_picture(page, "table-page", tmp_path)


def test_an_endpoint_is_materialized_by_clicking(ui: UI, page: Page, tmp_path: Path) -> None:
    added = ui.world.add_crime(ui.faction.id)
    count = str(len(ui.faction.crimes))
    page.goto(f"{ui.url}/locations/torn_pipeline/jobs/{CRIMES}")
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="All", exact=True).click()
    dialog.get_by_role("button", name="Launch 1 run").click()
    page.get_by_role("link", name="View", exact=True).click()
    ended = page.get_by_text(ENDED).first
    expect(ended).to_be_visible()
    assert ended.inner_text() == "Success"

    page.goto(f"{ui.url}/assets/torn/{CRIMES}")
    expect(row(page, "rows_in_fetch")).to_contain_text(count)
    expect(page.get_by_text("Row count").locator("..")).to_contain_text(count)
    expect(row(page, "preview").get_by_role("table")).to_contain_text(str(added["id"]))
    take_picture(page, "table-preview", tmp_path, around(page.get_by_role("table").filter(has_text="rows_in_fetch"), margin=2))

    page.goto(f"{ui.url}/assets/torn/{CRIMES}?view=checks&checkDetail=rules")
    expect(page.get_by_text("Succeeded", exact=True)).to_have_count(6)  # one for each check
    expect(page.get_by_text("Evaluation result").locator("..")).to_contain_text("Passed")
    expect(row(page, "rows")).to_contain_text(count)
    take_picture(page, "checks", tmp_path)


def test_the_demos_page_shows_what_happened(page: Page, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "torn_pipeline", "demo"], env=os.environ | {"TORN_DATA_DIR": str(tmp_path)}, check=True)
    asked: list[str] = []
    browser = page.context.browser
    assert browser
    with fresh_page(browser) as shown:
        shown.on("request", lambda request: asked.append(request.url))
        shown.set_viewport_size({"width": 1100, "height": 1400})

        shown.goto((tmp_path / "demo" / "summary.html").as_uri())

        charts = shown.locator("figure:has(svg)")
        expect(charts).to_have_count(4)
        for chart in charts.all():
            expect(chart.locator("svg")).to_be_visible()
        assert [url for url in asked if not url.startswith("file:")] == []
        take_picture(shown, "demo-page", tmp_path, around(shown.locator("dl > div, figure")))
