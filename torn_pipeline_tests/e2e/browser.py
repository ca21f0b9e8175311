"""Dagster's UI as a user has it: started on a simulated Torn City, and looked at in headless Chromium.

Its alerts go to a real mail server and to what looks like Discord, both on loopback. Where the variable ``TORN_SCREENSHOTS`` names a
folder, the pictures of the UI are left there.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import trustme
from playwright.sync_api import expect, sync_playwright
from pytest_httpserver import HTTPServer

from torn_pipeline.automation.in_process import dagster_instance, run_endpoint
from torn_pipeline.cli.ui import dagster_ui
from torn_pipeline.definitions import build_defs
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import Simulator, World
from torn_pipeline.steps import open_pipeline
from torn_pipeline_tests.dagster.running import ROOT
from torn_pipeline_tests.mail import Mailbox, mail_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, FloatRect, Locator, Page, ViewportSize

    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.simulator import Faction

__all__ = ["SIZE", "UI", "around", "chromium", "free_port", "fresh_page", "open_page", "open_ui", "take_picture", "wait_until"]

SECONDS = 120  # for anything to appear, on a machine with other work to do
MOST_BYTES = 300_000  # of a picture
SIZE: ViewportSize = {"width": 1280, "height": 1000}
POLL_SECONDS = 0.5
LOGIN = {"alerts": "hush-hush-password"}
WEBHOOK = "/api/webhooks/1080/T0PS3CRETT0PS3CRET"
RULES = """\
channels:
  - {{name: owner, kind: email, host: localhost, port: {port}, from: torn@example.org, to: [owner@example.org], user: alerts}}
  - {{name: leaders, kind: discord}}
rules:
  - {{name: everything, channels: [owner, leaders]}}
"""
NAMES = ("chromium", "chromium-browser", "google-chrome")
LOOK = """
// The boxes of the graph say what an asset is and whether its checks passed; when it was made stands on its page.
localStorage.setItem("asset-node-facets", JSON.stringify(["description", "checks", "kind-tag"]));
localStorage.setItem("dagster-nav-collapsed", "true");
"""


@dataclass(frozen=True, kw_only=True)
class UI:
    """The UI at ``url``, on a world whose every endpoint was fetched once. ``plans`` are the endpoints', by name.

    ``mailbox`` has the mails of the alerts, ``discord`` is what takes the place of Discord.
    """

    url: str
    settings: Settings
    world: World
    plans: dict[str, EndpointPlan]
    mailbox: Mailbox
    discord: HTTPServer

    @property
    def faction(self) -> Faction:
        """The faction whose key the one account has."""
        return next(iter(self.world.factions.values()))

    def mails(self) -> list[str]:
        """The subjects of the mails, in order."""
        return [str(mail["Subject"]) for mail in self.mailbox.mails]

    def text_of(self, title: str) -> str:
        """The text of the first mail whose subject ends so."""
        mail = next(mail for mail in self.mailbox.mails if mail["Subject"].endswith(title))
        text = mail.get_body(("plain",))
        assert text is not None
        return str(text.get_content())

    def posts(self) -> list[str]:
        """The titles of what was posted to Discord, in order."""
        return [request.json["embeds"][0]["title"] for request, _ in self.discord.log if request.json]

    def ask(self, query: str) -> Any:  # noqa: ANN401 - JSON
        """What Dagster's GraphQL answers."""
        answer = requests.post(f"{self.url}/graphql", json={"query": query}, timeout=SECONDS)
        answer.raise_for_status()
        assert "errors" not in answer.json(), answer.text
        return answer.json()["data"]


@contextmanager
def listening(folder: Path) -> Iterator[tuple[int, Mailbox, HTTPServer]]:
    """A mail server that wants STARTTLS and a login, and that processes started meanwhile trust; its port, mailbox, and a Discord."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", key_type=trustme.KeyType.ECDSA).configure_cert(context)
    mailbox = Mailbox(LOGIN)
    with mail_server(mailbox, tls=context) as port, HTTPServer() as discord, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
        discord.expect_request(WEBHOOK, method="POST", query_string={"wait": "true"}).respond_with_json({"id": "1", "type": 0})
        yield port, mailbox, discord


@contextmanager
def open_ui(folder: Path) -> Iterator[UI]:
    """Dagster's webserver, daemon and code server on the shipped config, in a folder of its own."""
    world = World(seed=1)
    with Simulator(world, calls_per_window=10_000) as simulator, listening(folder) as (port, mailbox, discord), ExitStack() as stack:
        shutil.copy(ROOT / "config" / "pipeline.yaml", folder)
        (folder / "alerts.yaml").write_text(RULES.format(port=port), encoding="utf-8")
        settings = Settings(
            api_url=simulator.url,
            config=folder / "pipeline.yaml",
            data_dir=folder,
            alert_secrets={"owner": LOGIN["alerts"], "leaders": discord.url_for(WEBHOOK)},
            dagster_home=folder / "dagster",
            rate_window=0.01,
            keys={"default": (next(iter(world.keys)),)},
        )
        pipeline = open_pipeline(settings)
        plans = {endpoint.name: pipeline.plan(endpoint.name) for endpoint in pipeline.config.endpoints}
        definitions = build_defs(settings)
        with dagster_instance(settings.dagster_home, ROOT / "dagster.yaml") as instance, ThreadPoolExecutor() as pool:
            url = pool.submit(stack.enter_context, dagster_ui(settings, free_port()))  # it takes its time, so the first runs need not wait
            outcomes = [run_endpoint(definitions, instance, plan, "default") for plan in plans.values()]
            assert [outcome.error for outcome in outcomes if outcome.error] == []
            yield UI(url=url.result(), settings=settings, world=world, plans=plans, mailbox=mailbox, discord=discord)


def free_port() -> int:
    """A port for a webserver: two tests that start at once would both find 3000 free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


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


def wait_until(condition: Callable[[], bool]) -> None:
    """Until something is so in another process, which tells nobody."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(POLL_SECONDS)


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
