"""``gaps`` and ``backfill``: what is missing of the history, and fetching it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Command, set_option
from torn_pipeline.cli.selection import chosen_accounts, chosen_plans
from torn_pipeline.errors import PipelineError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torn_pipeline.cli.session import Session
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps import Pipeline
    from torn_pipeline.torn import Span

__all__ = ["DAY", "backfill", "estimate", "gaps", "missing_of"]

DAY = click.DateTime(("%Y-%m-%d",))
_SHOWN = 40  # gaps that are listed
_account_option = click.option("--account", metavar="NAME", help="Only this account; all of the endpoint's when left out.")
_until_option = click.option("--until", type=DAY, metavar="DATE", help="The last day (UTC); today when left out.")

Missing = list[tuple["EndpointPlan", str, list["Span"]]]
"""What is missing of an endpoint for an account."""


@click.command(cls=Command)
@click.argument("names", metavar="[ENDPOINT]...", nargs=-1)
@_account_option
@click.option("--since", type=DAY, metavar="DATE", help="The first day (UTC); that of the config when left out.")
@_until_option
@click.option("--fill", is_flag=True, help="Fetch and load what is missing.")
@set_option
@click.pass_obj
def gaps(
    session: Session,
    *,
    names: Sequence[str],
    account: str | None,
    since: datetime | None,
    until: datetime | None,
    fill: bool,
    overrides: Sequence[str],
) -> int:
    """Say what is missing of the history of endpoints that can be asked for a time.

    A time is complete when a fetch of it was whole and is loaded; of the newest, rows may still come, so it counts later.
    """
    from torn_pipeline.steps import Rank, open_pipeline

    pipeline = open_pipeline(session.settings(), overrides, rank=Rank.BACKFILL)
    plans = [plan for plan in chosen_plans(pipeline, names) if _has_history(plan, named=bool(names))]
    found = missing_of(pipeline, plans, account, since, until)
    if not found:
        session.say(f"nothing is missing of {', '.join(plan.endpoint.name for plan in plans) or 'the config, where nothing has a history'}")
        return 0
    if fill:
        return _fill(session, pipeline, found)
    _tell(session, found)
    session.say("fetch it with the same command and --fill, or choose the days in the UI")
    return 0


@click.command(cls=Command)
@click.argument("endpoint")
@click.option("--since", type=DAY, metavar="DATE", required=True, help="The first day (UTC), such as 2026-03-01.")
@_until_option
@_account_option
@click.option("--dry-run", is_flag=True, help="Say what would be fetched and how long it may take, and fetch nothing.")
@set_option
@click.pass_obj
def backfill(
    session: Session,
    *,
    endpoint: str,
    since: datetime,
    until: datetime | None,
    account: str | None,
    dry_run: bool,
    overrides: Sequence[str],
) -> int:
    """Fetch and load what is missing of some days of ENDPOINT.

    It can be stopped at any time: what is loaded stays, and the next call goes on there. What has landed already is loaded
    without a call.
    """
    from torn_pipeline.steps import Rank, open_pipeline, refuse_without_windows

    pipeline = open_pipeline(session.settings(), overrides, rank=Rank.BACKFILL)
    plan = pipeline.plan(endpoint)
    refuse_without_windows(plan)
    found = missing_of(pipeline, [plan], account, since, until)
    if not found:
        session.say(f"nothing is missing of {endpoint} in these days")
        return 0
    if dry_run:
        _tell(session, found)
        for _, name, spans in found:
            session.say(f"{name}: {estimate(pipeline, plan, name, spans)}")
        return 0
    return _fill(session, pipeline, found)


def _has_history(plan: EndpointPlan, *, named: bool) -> bool:
    from torn_pipeline.steps import refuse_without_windows

    if named:
        refuse_without_windows(plan)
    return plan.is_windowed


def missing_of(
    pipeline: Pipeline, plans: Iterable[EndpointPlan], account: str | None, since: datetime | None, until: datetime | None
) -> Missing:
    """What is missing, without those of which nothing is."""
    from torn_pipeline.steps import missing

    now = datetime.now(UTC).replace(microsecond=0)
    found: Missing = []
    for plan in plans:
        first, last = since.date() if since else plan.endpoint.since, until.date() if until else now.date()
        _check_days(first, last, now.date())
        for name in chosen_accounts(plan, account):
            if spans := missing(pipeline, plan, name, first, last, now=now):
                found.append((plan, name, spans))
    return found


def _check_days(first: date, last: date, today: date) -> None:
    if first > last or last > today:
        message = f"there are no days from {first} to {last}: give --since and --until in their order, up to today ({today})"
        raise UsageError(message)


def _tell(session: Session, found: Missing) -> None:
    rows = [
        (
            plan.endpoint.name,
            account,
            f"{span.after + timedelta(seconds=1):%Y-%m-%d %H:%M:%S}",
            f"{span.until:%Y-%m-%d %H:%M:%S}",
            _days(span),
        )
        for plan, account, spans in found
        for span in spans
    ]
    session.table(("endpoint", "account", "from", "to", "days"), rows[:_SHOWN])
    if len(rows) > _SHOWN:
        session.say(f"and {len(rows) - _SHOWN} more")


def _days(span: Span) -> float:
    return round((span.until - span.after) / timedelta(days=1), 2)


def estimate(pipeline: Pipeline, plan: EndpointPlan, account: str, spans: Sequence[Span]) -> str:
    """How long it may take to fetch some time."""
    from torn_pipeline.steps import calls_for

    days = sum(map(_days, spans))
    calls = calls_for(pipeline, plan, account, spans)
    if calls is None:
        return f"{days:g} days; how many calls they take is known once some of it was fetched"
    limit = pipeline.config.defaults.rate_limit
    minutes = f"{calls / limit:.0f} minutes" if calls > limit else "less than a minute"
    return f"{days:g} days, about {calls} calls by what was fetched so far, which take {minutes} at {limit} calls a minute"


def _fill(session: Session, pipeline: Pipeline, found: Missing) -> int:
    """Fetch and load; one endpoint and account that fails leaves the others alone. Returns the exit status."""
    from torn_pipeline.steps import fill

    status, head = 0, ("endpoint", "account", "rows", "fetches", "reached", "refused")
    rows = []
    for plan, account, spans in found:
        count = fetches = refused = 0
        reached: datetime | None = None
        try:
            with session.progress(round(sum(map(_days, spans))) or 1, plan.endpoint.name) as begin:
                for fetched, outcome in fill(pipeline, plan, account, spans):
                    begin(f"{plan.endpoint.name} for {account} up to {fetched.window_to:%Y-%m-%d %H:%M}")
                    fetches, count, reached = fetches + 1, count + fetched.rows - fetched.repeated, fetched.window_to
                    if isinstance(outcome, PipelineError):
                        session.tell(str(outcome))
                        refused, status = refused + 1, 1
        except PipelineError as error:
            session.tell_error(error, f"{plan.endpoint.name} for {account}: {error}")
            status = max(status, error.exit_status)
        rows.append((plan.endpoint.name, account, count, fetches, f"{reached:%Y-%m-%d %H:%M:%S}" if reached else "", refused))
    session.table(head, rows)
    return status
