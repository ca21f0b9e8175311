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
from torn_pipeline_tests.faults.alerts_worker import REFUSED, RULES, TOLD, is_mended, processes, watch, watch_and_die

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_httpserver import HTTPServer

EVERY, SOME = (1, 1) if EXHAUSTIVE else (23, 5)  # statements, and moments of sending


@dataclass
class Inbox:
    """Receivers of webhooks, one for each channel.

    ``titles`` are those of messages by their ids, in the order they were taken, by channel; ``times`` is how often each came, those
    that were refused apart.
    """

    server: HTTPServer
    folder: Path
    settings: Settings = field(init=False)
    titles: dict[str, dict[str, str]] = field(default_factory=dict)
    times: Counter[tuple[str, bool]] = field(default_factory=Counter)

    def open(self) -> None:
        """Take messages from now on."""
        for channel in TOLD:
            self.server.expect_request(f"/{channel}").respond_with_handler(self._take)
        (self.folder / "alerts.yaml").write_text(RULES)
        self.begin(0)

    def _take(self, request: Request) -> Response:
        body = request.get_json()
        assert request.headers["Idempotency-Key"] == body["id"]
        is_taken = body["title"] != REFUSED or is_mended(self.settings)
        self.times[body["id"], is_taken] += 1
        if not is_taken:
            return Response("not so", status=400)
        taken = self.titles[request.path.strip("/")]
        assert taken.setdefault(body["id"], body["title"]) == body["title"], "the same id, other words"
        return Response(status=204)

    def begin(self, number: int) -> Settings:
        """A data directory of that number, that nobody has used."""
        self.titles = {channel: {} for channel in TOLD}
        self.times.clear()
        secrets = {channel: self.server.url_for(f"/{channel}") for channel in TOLD}
        self.settings = Settings(config=self.folder / "pipeline.yaml", data_dir=self.folder / str(number), alert_secrets=secrets)
        return self.settings

    @property
    def told(self) -> dict[str, tuple[str, ...]]:
        """The titles of what was taken, by channel."""
        return {channel: tuple(titles.values()) for channel, titles in self.titles.items()}

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
    moments = 2 * (1 + sum(map(len, TOLD.values())))  # one message is sent twice, as it is refused at first
    for moment in range(0, moments, SOME):
        settings = inbox.begin(moment)
        assert is_killed(settings, moment + 1, in_statements=False)
        watch(settings)
        assert inbox.told == TOLD
        assert inbox.repeated == moment % 2
    assert not is_killed(inbox.begin(moments), moments + 1, in_statements=False)


def test_a_kill_at_any_statement_loses_nothing(inbox: Inbox) -> None:
    moment = 1
    while is_killed(settings := inbox.begin(moment), moment):
        watch(settings)
        assert inbox.told == TOLD, moment
        assert inbox.repeated <= 1, moment
        moment += EVERY
    assert moment > 200
    assert (inbox.repeated, inbox.told) == (0, TOLD)


def test_one_who_is_killed_again_and_again_comes_to_the_end(inbox: Inbox) -> None:
    settings, kills = inbox.begin(0), 0
    while is_killed(settings, 47):
        kills += 1
    assert kills > 3
    assert inbox.told == TOLD
    assert inbox.repeated <= kills
