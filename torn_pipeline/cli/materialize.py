"""``materialize``: runs through Dagster, in this process."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

import torn_pipeline
from torn_pipeline.cli.options import Command, set_option
from torn_pipeline.cli.selection import chosen_runs
from torn_pipeline.ops.summary import HEAD, summary_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.cli.selection import Run
    from torn_pipeline.cli.session import Session
    from torn_pipeline.ops.summary import RunOutcome
    from torn_pipeline.settings import Settings
    from torn_pipeline.steps import Pipeline

__all__ = ["CHECKOUT", "materialize", "run_all", "tell_outcomes"]

CHECKOUT = Path(torn_pipeline.__file__).parents[1]
"""The folder above the package: a checkout has the shipped config and ``dagster.yaml`` there."""

_LONG_AGO = timedelta(days=31)


@click.command(cls=Command)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--partition", metavar="KEY", help="Only this partition: an account, or one and a day, such as default|2026-04-29.")
@click.option("--full", is_flag=True, help="Fetch all that the API has, not only what is new since the last complete fetch.")
@click.option("--failed", is_flag=True, help="Only where the last run, of those of the last 31 days that have ended, failed.")
@set_option
@click.pass_obj
def materialize(
    session: Session, *, names: Sequence[str], partition: str | None, full: bool, failed: bool, overrides: Sequence[str]
) -> int:
    """Fetch, check and load endpoints through Dagster.

    NAME is an endpoint or one of its tables; without a name all enabled endpoints are run. Each endpoint and account is a
    run of its own: one that fails leaves the others alone.
    """
    from torn_pipeline.steps import check_mode, open_pipeline, refuse_renamed

    pipeline = open_pipeline(session.settings(), overrides)
    runs = chosen_runs(pipeline, names, partition)
    if failed and not (runs := _failed(pipeline, runs)):
        session.say("there is nothing to try again: no last run failed")
        return 0
    for run in runs:
        check_mode(pipeline, run.plan)
        refuse_renamed(pipeline, run.plan.endpoint.name, run.account)
    outcomes = run_all(session, pipeline.settings, runs, overrides, full=full)
    return tell_outcomes(session, outcomes)


def _failed(pipeline: Pipeline, runs: Sequence[Run]) -> list[Run]:
    """Those of the runs whose endpoint and account failed when they were run last."""
    from torn_pipeline.automation.run_statistics import existing_instance, failed_last

    pairs = {(run.plan.endpoint.name, run.account): run.plan for run in runs}
    with existing_instance(pipeline.settings) as instance:
        failed = failed_last(instance, [*pairs.values()], pairs, datetime.now(UTC) - _LONG_AGO) if instance else set()
    return [run for run in runs if (run.plan.endpoint.name, run.account) in failed]


def run_all(
    session: Session, settings: Settings, runs: Sequence[Run], overrides: Sequence[str] = (), *, full: bool = False, ops: bool = False
) -> list[RunOutcome]:
    """Run each endpoint for its account, one after the other, on the settings' Dagster instance; with ``ops`` what looks after them too."""
    from torn_pipeline.automation.in_process import dagster_instance, run_endpoint, run_ops
    from torn_pipeline.definitions import build_defs
    from torn_pipeline.steps.asking import ledger_of

    verbose = session.debug or logging.getLogger().isEnabledFor(logging.DEBUG)
    definitions = build_defs(settings, overrides=overrides)
    outcomes = []
    # In a database it is beside Dagster's own tables, and tells in a sentence, at once, when that cannot be reached.
    ledger_of(settings).exists()
    template = CHECKOUT / settings.dagster_template
    with dagster_instance(settings.dagster_home, template) as instance, session.progress(len(runs), "starting") as begin:
        for plan, account, day in runs:
            begin(f"{plan.endpoint.name} for {account}")
            outcomes.append(run_endpoint(definitions, instance, plan, account, day, full=full, verbose=verbose))
        if ops:
            outcomes += run_ops(definitions, instance, verbose=verbose)
    return outcomes


def tell_outcomes(session: Session, outcomes: Sequence[RunOutcome]) -> int:
    """The table of assets on stdout, a sentence on stderr for each run that failed; returns the exit status."""
    session.table(HEAD, summary_rows(outcomes))
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        session.tell(f"{outcome.endpoint} for {outcome.account}: {outcome.error}")
    return 1 if failed else 0
