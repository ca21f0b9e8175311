"""``dev``: the platform itself, kept up until Ctrl-C."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.materialize import CHECKOUT
from torn_pipeline.cli.options import Command
from torn_pipeline.errors import PipelineError
from torn_pipeline.ops.home import make_home

if TYPE_CHECKING:
    from collections.abc import Callable

    from torn_pipeline.cli.session import Session
    from torn_pipeline.settings import Settings

__all__ = ["dev"]

_log = logging.getLogger(__name__)


@click.command(cls=Command)
@click.option("--port", type=click.IntRange(1, 65_535), default=3000, show_default=True, help="Where Dagster's UI is shown.")
@click.pass_obj
def dev(session: Session, *, port: int) -> int:
    """Run Dagster's UI, daemon, schedules and sensors on your config until Ctrl-C.

    A process of it that ends, or gives no sign of life, is started again, and the alerts hear of it.
    """
    from torn_pipeline.alerts import open_alerts
    from torn_pipeline.cli.ui import dagster_ui, until_ctrl_c
    from torn_pipeline.steps import open_pipeline

    settings = session.settings()
    open_pipeline(settings)  # what is wrong in the config is said here, in a sentence
    if problem := open_alerts(settings).problem:  # which is an incident, and keeps nothing from being fetched
        session.tell(problem)
    make_home(settings.dagster_home, CHECKOUT / settings.dagster_template)
    with until_ctrl_c(), dagster_ui(settings, port, tell=_teller(session, settings)) as url:
        session.say(f"Dagster's UI is at {url} until Ctrl-C; `torn-pipeline health` says whether all is well")
        threading.Event().wait()
    return 0


def _teller(session: Session, settings: Settings) -> Callable[[str, str], None]:
    """What becomes of news about the processes: a line here, and an observation for the alerts, which are sent at once."""
    from torn_pipeline.alerts import open_alerts
    from torn_pipeline.steps.watching import service_observation

    def tell(name: str, problem: str) -> None:
        with suppress(OSError):  # nobody may be there any more to read it
            session.tell(f"the {name}: {problem}; it is started again" if problem else f"the {name} works")
        try:
            alerts, now = open_alerts(settings), datetime.now(UTC)
            alerts.observe([service_observation(name, problem, now)], now=now)
            alerts.deliver(now)
        except PipelineError as error:  # which must not end what keeps the others up
            _log.error("%s", error)

    return tell
