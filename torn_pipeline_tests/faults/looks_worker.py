"""The daemon's own look at runs that have ended, in a process that is killed on its way."""

from __future__ import annotations

import multiprocessing
from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from torn_pipeline.automation.looking import Looks, look_around
from torn_pipeline.checks.specs import check_specs
from torn_pipeline.steps import open_pipeline
from torn_pipeline_tests.faults.alerts_worker import die_at

if TYPE_CHECKING:
    from datetime import datetime
    from multiprocessing.context import ForkServerContext

    from torn_pipeline.settings import Settings

__all__ = ["look", "look_and_die", "processes"]


def look(settings: Settings, at: datetime) -> None:
    """Look twice, as the daemon does when it has started: at that moment, and half a minute later."""
    pipeline, looks = open_pipeline(settings), Looks()
    plans = [pipeline.plan(endpoint.name) for endpoint in pipeline.config.endpoints]
    checks = [spec for plan in plans for spec in check_specs([plan])]
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        for now in (at, at + timedelta(seconds=30)):
            look_around(instance, pipeline, plans, (), looks, now, checks)


def look_and_die(settings: Settings, at: datetime, moment: int) -> None:
    """The same, killed before the statement of that number, or before or after a message is sent, which count too."""
    die_at(moment)
    look(settings, at)


def processes() -> ForkServerContext:
    """Where worker processes come from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", __name__])
    return context
