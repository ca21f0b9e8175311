"""The UI in a browser: the graph, a table's page, an endpoint materialized by clicking, its checks and the alerts about them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from torn_pipeline.alerts import open_alerts
from torn_pipeline.checks import table_checks
from torn_pipeline_tests.e2e.browser import SIZE, UI, around, chromium, fresh_page, open_page, open_ui, take_picture, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from torn_pipeline.plan import EndpointPlan

CRIMES, MEMBERS = "faction_crimes", "faction_members"
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


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Path]]:
    """The demo in a process of its own, that works while the daemon is waited for; waits for its end and gives its page."""
    folder = tmp_path_factory.mktemp("demo")
    with subprocess.Popen([sys.executable, "-m", "torn_pipeline", "demo"], env=os.environ | {"TORN_DATA_DIR": str(folder)}) as process:

        def page_of() -> Path:
            assert process.wait() == 0
            return folder / "demo" / "summary.html"

        yield page_of


def row(page: Page, name: str) -> Locator:
    """The row of the metadata with that name."""
    return page.get_by_role("row").filter(has=page.get_by_text(name, exact=True))


def checks_of_root(ui: UI) -> list[str]:
    """The names of the checks of the crimes' root table."""
    plan = ui.plans[CRIMES]
    return list(table_checks([plan], plan.root))


def all_passed(plan: EndpointPlan) -> list[str]:
    """What the graph says of each table's checks when all passed."""
    counts = [len(list(table_checks([plan], table))) for table in plan.tables]
    return [f"{count} / {count} Passed" for count in counts]


def materialize(ui: UI, page: Page) -> str:
    """Materialize the crimes by clicking, and wait; how the run ended."""
    page.goto(f"{ui.url}/locations/torn_pipeline/jobs/{CRIMES}")
    page.get_by_role("button", name="Materialize all").click()
    return launch(page)


def launch(page: Page) -> str:
    """Launch what was chosen, for all accounts, and wait; how the run ended."""
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="All", exact=True).click()
    dialog.get_by_role("button", name="Launch 1 run").click()
    page.get_by_role("link", name="View", exact=True).click()
    ended = page.get_by_text(ENDED).first
    expect(ended).to_be_visible()
    return ended.inner_text()


def choose_in_graph(page: Page, endpoint: str) -> None:
    """Click the answer of an endpoint and its one table in the graph, both of which have its name there, as has the table's group."""
    named = page.locator("foreignObject").get_by_text(endpoint, exact=True)
    expect(named).to_have_count(1)
    page.keyboard.press("Alt+KeyE")  # opens all groups
    expect(named).to_have_count(3)
    answer, *others = sorted(named.all(), key=lambda one: place(one)[0])
    answer.click()
    max(others, key=lambda one: place(one)[1]).click(modifiers=["Shift"])


def place(shown: Locator) -> tuple[float, float]:
    """How far from the left and from the top."""
    box = shown.bounding_box()
    assert box
    return box["x"], box["y"]


def open_check(ui: UI, page: Page, name: str) -> None:
    """The page of a check of the crimes."""
    page.goto(f"{ui.url}/assets/torn/{CRIMES}?view=checks&checkDetail={name}")


def last(ui: UI, name: str) -> str:
    """The last result of a check of the crimes."""
    asked = f'assetCheckExecutions(assetKey: {{path: ["torn", "{CRIMES}"]}}, checkName: "{name}", limit: 1)'
    (found,) = ui.ask(f"{{ {asked} {{ status evaluation {{ severity }} }} }}")["assetCheckExecutions"]
    return f"{found['status']} {found['evaluation']['severity']}"


def test_the_graph_shows_every_asset(ui: UI, page: Page, tmp_path: Path) -> None:
    boxes = page.locator("foreignObject")
    page.set_viewport_size({"width": 2000, "height": 2600})  # what is out of sight, or too small, is not drawn
    page.goto(f"{ui.url}/asset-groups")
    for group in ("raw", *ui.plans):
        expect(boxes.get_by_text(group, exact=True)).to_be_visible()

    page.keyboard.press("Alt+KeyE")  # opens all groups, or closes them
    for passed, tables in Counter(passed for plan in ui.plans.values() for passed in all_passed(plan)).items():
        expect(boxes.get_by_text(passed)).to_have_count(tables)
    for plan in ui.plans.values():
        for name in (plan.endpoint.name, *(table.name for table in plan.tables)):
            expect(boxes.get_by_text(name, exact=True).first).to_be_visible()

    page.keyboard.press("Alt+KeyE")
    boxes.get_by_text(CRIMES, exact=True).click()
    page.set_viewport_size({"width": 1800, "height": 1200})
    page.reload()  # which brings all of it into view
    expect(boxes.get_by_text("Passed")).to_have_count(3)
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

    assert materialize(ui, page) == "Success"

    page.goto(f"{ui.url}/assets/torn/{CRIMES}")
    expect(row(page, "rows_in_fetch")).to_contain_text(count)
    expect(page.get_by_text("Row count").locator("..")).to_contain_text(count)
    expect(row(page, "preview").get_by_role("table")).to_contain_text(str(added["id"]))
    take_picture(page, "table-preview", tmp_path, around(page.get_by_role("table").filter(has_text="rows_in_fetch"), margin=2))

    open_check(ui, page, "rules")
    expect(page.get_by_text("Succeeded", exact=True)).to_have_count(len(checks_of_root(ui)))
    expect(page.get_by_text("Evaluation result").locator("..")).to_contain_text("Passed")
    expect(row(page, "rows")).to_contain_text(count)
    take_picture(page, "checks", tmp_path)


def test_an_endpoint_is_materialized_by_clicking_in_the_graph(ui: UI, page: Page) -> None:
    browser = page.context.browser
    assert browser
    with fresh_page(browser) as fresh:
        fresh.set_viewport_size({"width": 1280, "height": 1600})
        fresh.goto(f"{ui.url}/asset-groups")
        choose_in_graph(fresh, MEMBERS)
        fresh.get_by_role("button", name="Materialize selected (2)").click()

        assert launch(fresh) == "Success"

        run_id = fresh.url.rpartition("/")[2]
    asked = f'runOrError(runId: "{run_id}") {{ ... on Run {{ jobName assetSelection {{ path }} }} }}'
    run = ui.ask(f"{{ {asked} }}")["runOrError"]
    assert run["jobName"] == "__ASSET_JOB"  # which is told as the endpoint's own runs are
    assert sorted(asset["path"] for asset in run["assetSelection"]) == [["raw", MEMBERS], ["torn", MEMBERS]]


@pytest.mark.usefixtures("demo")
def test_a_broken_answer_is_shown_and_told_once_and_its_repair_too(ui: UI, page: Page, tmp_path: Path) -> None:
    wait_until(lambda: open_alerts(ui.settings).cursor("runs") is not None)  # what was before the first look is no news
    broken, failed = (next(crime for crime in ui.faction.crimes if crime["status"] == status) for status in ("Recruiting", "Failure"))
    difficulty, broken["difficulty"] = broken["difficulty"], "hard"
    rewards, failed["rewards"] = failed["rewards"], {"money": 5, "items": [], "respect": 1, "scope": 0, "payout": None}

    assert materialize(ui, page) == "Success"

    assert last(ui, "contract") == "FAILED ERROR"
    open_check(ui, page, "quarantine")
    expect(row(page, "quarantined").get_by_role("table")).to_contain_text(str(broken["id"]))
    open_check(ui, page, "rules")
    expect(row(page, "offending_rows").get_by_role("table")).to_contain_text(str(failed["id"]))
    expect(page.get_by_text("Evaluation result").locator("..")).to_contain_text("Failed")
    take_picture(page, "failed-check", tmp_path)
    wrong = [f"rows of {CRIMES} for default cannot be read (2 things)", f"check rules of torn/{CRIMES} for default warns"]
    severities = ("error", "warning")
    wait_until(lambda: min(len(ui.mails()), len(ui.posts())) >= len(wrong))
    assert ui.mails() == [f"[{severity}] {title}" for severity, title in zip(severities, wrong, strict=True)]
    assert f"id {failed['id']}, found rule broken rewards_only_when_successful" in ui.text_of(wrong[1])
    assert f"{ui.url}/assets/torn/{CRIMES}?view=checks&checkDetail=rules" in ui.text_of(wrong[1])

    broken["difficulty"], failed["rewards"] = difficulty, rewards
    assert materialize(ui, page) == "Success"

    assert last(ui, "contract") == "SUCCEEDED WARN"
    wait_until(lambda: min(len(ui.mails()), len(ui.posts())) >= 2 * len(wrong))
    right = [f"Recovered: check rules of torn/{CRIMES} for default passed", f"Recovered from: {wrong[0]}"]
    assert ui.mails()[len(wrong) :] == [f"[recovery] {title}" for title in right]
    assert [title.replace("\\", "") for title in ui.posts()] == [*wrong, *right]
    alerts = open_alerts(ui.settings)
    assert (alerts.incidents(), alerts.waiting()) == ([], {})  # so that nothing is still to come


def test_the_demos_page_shows_what_happened(demo: Callable[[], Path], page: Page, tmp_path: Path) -> None:
    summary = demo()
    asked: list[str] = []
    browser = page.context.browser
    assert browser
    with fresh_page(browser) as shown:
        shown.on("request", lambda request: asked.append(request.url))
        shown.set_viewport_size({"width": 1100, "height": 1400})

        shown.goto(summary.as_uri())

        charts = shown.locator("figure:has(svg)")
        expect(charts).to_have_count(4)
        for chart in charts.all():
            expect(chart.locator("svg")).to_be_visible()
        assert [url for url in asked if not url.startswith("file:")] == []
        take_picture(shown, "demo-page", tmp_path, around(shown.locator("dl > div, figure")))
