"""The daemon is killed while it looks at runs that have ended: the next one tells of each what there is to tell, and of none twice."""

from __future__ import annotations

import shutil
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from werkzeug import Request, Response

from torn_pipeline.alerts import open_alerts
from torn_pipeline.automation.in_process import dagster_instance
from torn_pipeline.simulator import HttpStatus
from torn_pipeline_tests.dagster.running import ROOT, open_platform
from torn_pipeline_tests.dagster.test_runs import FIRST, crimes_of
from torn_pipeline_tests.exhaustive import EXHAUSTIVE
from torn_pipeline_tests.faults.looks_worker import look, look_and_die, processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_httpserver import HTTPServer

    from torn_pipeline.settings import Settings

EVERY = 1 if EXHAUSTIVE else 29
RULES = """\
channels: [{name: hook, kind: webhook}]
rules: [{name: all, channels: [hook]}]
"""
TOLD = ["check rules of torn/faction_crimes for default warns", "faction_members for default failed"]


@pytest.fixture
def prepared(tmp_path: Path, httpserver: HTTPServer) -> Iterator[tuple[Settings, datetime]]:
    """A platform whose runs have ended since the last look: one failed, a check of one warns, and one is well; and when to look."""
    (tmp_path / "alerts.yaml").write_text(RULES)
    secrets = {"hook": httpserver.url_for("/hook")}
    with (
        open_platform(tmp_path, alert_secrets=secrets) as platform,
        dagster_instance(tmp_path / "dagster", ROOT / "dagster.yaml") as instance,
    ):
        platform.instance = instance
        look(platform.settings, datetime.now(UTC))  # what is there before is no news
        failed = next(crime for crime in crimes_of(platform, FIRST) if crime["status"] == "Failure")
        failed["rewards"] = {"money": 5, "items": [], "respect": 1, "scope": 0, "payout": None}
        for name in ("faction_crimes", "faction_basic"):
            platform.run(name)
        platform.simulator.faults.append(HttpStatus(status=503, times=1_000))
        platform.run("faction_members")
        yield platform.settings, datetime.now(UTC) + timedelta(minutes=2)


def test_a_kill_at_any_statement_loses_nothing(prepared: tuple[Settings, datetime], httpserver: HTTPServer, tmp_path: Path) -> None:
    settings, at = prepared
    came: list[tuple[str, str]] = []

    def take(request: Request) -> Response:
        body = request.get_json()
        came.append((body["id"], body["title"]))
        return Response(status=204)

    httpserver.expect_request("/hook").respond_with_handler(take)
    moment, is_killed = 1, True
    while is_killed:
        mine = replace(settings, data_dir=tmp_path / f"data-{moment}")
        shutil.copytree(settings.data_dir, mine.data_dir)
        came.clear()
        worker = processes().Process(target=look_and_die, args=(mine, at, moment))
        worker.start()
        worker.join(60)
        assert worker.exitcode in {0, -signal.SIGKILL}
        is_killed = worker.exitcode != 0
        look(mine, at + timedelta(minutes=1))

        assert sorted(title for _, title in set(came)) == TOLD, moment
        assert len(came) <= len(TOLD) + is_killed, moment
        assert len(open_alerts(mine).incidents()) == len(TOLD)
        moment += EVERY
    assert moment > 100
