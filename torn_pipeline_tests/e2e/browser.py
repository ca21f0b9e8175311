"""Dagster's UI as a user has it: started on a simulated Torn City, and looked at in headless Chromium.

Where the variable ``TORN_SCREENSHOTS`` names a folder, the pictures of the UI are left there.
"""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from torn_pipeline.automation.in_process import dagster_instance, run_endpoint
from torn_pipeline.cli.ui import dagster_ui
from torn_pipeline.definitions import build_defs
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import Simulator, World
from torn_pipeline.steps import open_pipeline
from torn_pipeline_tests.dagster.running import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, FloatRect, Locator, Page, ViewportSize

    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.simulator import Faction

__all__ = ["SIZE", "UI", "around", "chromium", "fresh_page", "open_page", "open_ui", "take_picture"]

SECONDS = 120  # for anything to appear, on a machine with other work to do
MOST_BYTES = 300_000  # of a picture
SIZE: ViewportSize = {"width": 1280, "height": 1000}
NAMES = ("chromium", "chromium-browser", "google-chrome")
LOOK = """
// The boxes of the graph say what an asset is and whether its checks passed; when it was made stands on its page.
localStorage.setItem("asset-node-facets", JSON.stringify(["description", "checks", "kind-tag"]));
localStorage.setItem("dagster-nav-collapsed", "true");
"""


@dataclass(frozen=True, kw_only=True)
class UI:
    """The UI at ``url``, on a world whose every endpoint was fetched once. ``plans`` are the endpoints', by name."""

    url: str
    world: World
    plans: dict[str, EndpointPlan]

    @property
    def faction(self) -> Faction:
        """The faction whose key the one account has."""
        return next(iter(self.world.factions.values()))


@contextmanager
def open_ui(folder: Path) -> Iterator[UI]:
    """Dagster's webserver, daemon and code server on the shipped config, in a folder of its own."""
    world = World(seed=1)
    with Simulator(world, calls_per_window=10_000) as simulator, ExitStack() as stack:
        settings = Settings(
            api_url=simulator.url,
            config=ROOT / "config" / "pipeline.yaml",
            data_dir=folder,
            dagster_home=folder / "dagster",
            rate_window=0.01,
            keys={"default": (next(iter(world.keys)),)},
        )
        pipeline = open_pipeline(settings)
        plans = {endpoint.name: pipeline.plan(endpoint.name) for endpoint in pipeline.config.endpoints}
        definitions = build_defs(settings)
        with dagster_instance(settings.dagster_home, ROOT / "dagster.yaml") as instance, ThreadPoolExecutor() as pool:
            url = pool.submit(stack.enter_context, dagster_ui(settings))  # it takes its time, so the first runs need not wait
            outcomes = [run_endpoint(definitions, instance, plan, "default") for plan in plans.values()]
            assert [outcome.error for outcome in outcomes if outcome.error] == []
            yield UI(url=url.result(), world=world, plans=plans)


def chromium() -> str:
    """The path of Chromium. Without one the test is skipped, but fails where ``CI`` is true."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    sentence = f"Dagster's UI is not looked at in a browser, as none of {', '.join(NAMES)} is on the PATH: install Chromium"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{sentence}; this test may not be skipped where CI is true.")
    pytest.skip(sentence)


@contextmanager
def open_page(path: str) -> Iterator[Page]:
    """A page of a browser of its own, the one at ``path``."""
    expect.set_options(timeout=SECONDS * 1000)
    # Without its sandbox, which root may not use: the browser sees nothing but what runs here.
    arguments = ["--no-sandbox", "--disable-gpu"]
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=arguments) as browser,
        fresh_page(browser) as page,
    ):
        yield page


@contextmanager
def fresh_page(browser: Browser) -> Iterator[Page]:
    """A page that knows nothing of others, and looks the same on every machine: light, in English, in UTC."""
    with browser.new_context(viewport=SIZE, device_scale_factor=1.25, color_scheme="light", locale="en-GB", timezone_id="UTC") as context:
        context.set_default_timeout(SECONDS * 1000)
        context.add_init_script(LOOK)
        yield context.new_page()


def take_picture(page: Page, name: str, folder: Path, clip: FloatRect | None = None) -> None:
    """A picture of the page, or of a part of it, in ``folder`` or where ``TORN_SCREENSHOTS`` says."""
    path = Path(os.environ.get("TORN_SCREENSHOTS") or folder) / f"{name}.png"
    page.mouse.move(0, 0)  # so that nothing looks as if the mouse were on it
    page.screenshot(path=path, clip=clip, animations="disabled")
    assert path.stat().st_size <= MOST_BYTES, f"{path} is too large for the README"


def around(shown: Locator, margin: int = 12) -> FloatRect:
    """The part of the page that holds all of the elements, which it scrolls to, and a margin."""
    shown.first.scroll_into_view_if_needed()
    boxes = [box for one in shown.all() if (box := one.bounding_box())]
    left, top = min(box["x"] for box in boxes), min(box["y"] for box in boxes)
    right, bottom = max(box["x"] + box["width"] for box in boxes), max(box["y"] + box["height"] for box in boxes)
    return {"x": left - margin, "y": top - margin, "width": right - left + 2 * margin, "height": bottom - top + 2 * margin}
