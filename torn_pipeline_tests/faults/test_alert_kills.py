"""Whoever looks and tells is killed at any moment: nothing is lost, and nothing told twice that a channel could know again."""

from __future__ import annotations

import signal
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from werkzeug import Request, Response

from torn_pipeline.settings import Settings
from torn_pipeline_tests.exhaustive import EXHAUSTIVE
from torn_pipeline_tests.faults.alerts_worker import TOLD, processes, watch, watch_and_die

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_httpserver import HTTPServer

EVERY = 1 if EXHAUSTIVE else 4
RULES = """\
channels: [{name: hook, kind: webhook}]
rules: [{name: all, channels: [hook]}]
"""


@dataclass
class Inbox:
    """A receiver of webhooks. ``titles`` are those of messages by their ids, in the order they came, ``times`` how often they came."""

    server: HTTPServer
    folder: Path
    titles: dict[str, str] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)

    def open(self) -> None:
        """Take messages from now on."""
        self.server.expect_request("/hook").respond_with_handler(self._take)
        (self.folder / "alerts.yaml").write_text(RULES)

    def _take(self, request: Request) -> Response:
        body = request.get_json()
        assert request.headers["Idempotency-Key"] == body["id"]
        assert self.titles.setdefault(body["id"], body["title"]) == body["title"], "the same id, other words"
        self.times[body["id"]] += 1
        return Response(status=204)

    def settings(self, number: int) -> Settings:
        """A data directory of that number, that nobody has used."""
        self.titles.clear()
        self.times.clear()
        secrets = {"hook": self.server.url_for("/hook")}
        return Settings(config=self.folder / "pipeline.yaml", data_dir=self.folder / str(number), alert_secrets=secrets)

    @property
    def repeated(self) -> int:
        """How many messages came that had come before."""
        return self.times.total() - len(self.times)


@pytest.fixture
def inbox(tmp_path: Path, httpserver: HTTPServer) -> Inbox:
    inbox = Inbox(httpserver, tmp_path)
    inbox.open()
    return inbox


def is_killed(settings: Settings, moment: int, *, in_statements: bool = True) -> bool:
    worker = processes().Process(target=watch_and_die, args=(settings, moment), kwargs={"in_statements": in_statements})
    worker.start()
    worker.join(60)
    assert worker.exitcode in {0, -signal.SIGKILL}
    return worker.exitcode != 0


def test_a_kill_before_or_after_sending_repeats_what_was_sent_and_nothing_else(inbox: Inbox) -> None:
    moment = 0
    while is_killed(settings := inbox.settings(moment), moment + 1, in_statements=False):
        watch(settings)
        assert tuple(inbox.titles.values()) == TOLD
        assert inbox.repeated == moment % 2
        moment += 1
    assert moment == 2 * len(TOLD)


def test_a_kill_at_any_statement_loses_nothing(inbox: Inbox) -> None:
    moment = 1
    while is_killed(settings := inbox.settings(moment), moment):
        watch(settings)
        assert tuple(inbox.titles.values()) == TOLD, moment
        assert inbox.repeated <= 1, moment
        moment += EVERY
    assert moment > 200
    assert (inbox.repeated, tuple(inbox.titles.values())) == (0, TOLD)


def test_one_who_is_killed_again_and_again_comes_to_the_end(inbox: Inbox) -> None:
    settings, kills = inbox.settings(0), 0
    while is_killed(settings, 47):
        kills += 1
    assert kills > 3
    assert tuple(inbox.titles.values()) == TOLD
    assert inbox.repeated <= kills
