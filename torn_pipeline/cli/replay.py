"""``replay``: the tables once more from the landing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Command, set_option
from torn_pipeline.cli.selection import chosen_plans
from torn_pipeline.errors import PipelineError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from torn_pipeline.cli.session import Session
    from torn_pipeline.landing import Fetch
    from torn_pipeline.steps import Outcome

__all__ = ["replay"]

DAY = click.DateTime(("%Y-%m-%d",))


@click.command(cls=Command)
@click.argument("names", metavar="[ENDPOINT]...", nargs=-1)
@click.option("--since", type=DAY, metavar="DATE", help="Only fetches of this day (UTC) and later, such as 2026-04-29.")
@click.option("--rebuild", is_flag=True, help="Empty the tables first, all in one transaction: needed after a change of storage_mode.")
@set_option
@click.pass_obj
def replay(session: Session, *, names: Sequence[str], since: datetime | None, rebuild: bool, overrides: Sequence[str]) -> int:
    """Load the landed fetches of endpoints again, oldest first, without a call.

    What is loaded already under the same contract stays as it is; nothing is replaced by an older fetch. With --rebuild
    readers see the old tables until all of it is loaded.
    """
    from torn_pipeline.steps import check_mode, landed_fetches, open_pipeline
    from torn_pipeline.steps import rebuild as rebuild_step
    from torn_pipeline.steps import replay as replay_step

    if rebuild and since is not None:
        message = "--rebuild empties the tables, so it needs all that has landed: leave --since out"
        raise UsageError(message)
    if rebuild and not names:
        message = "--rebuild empties tables: name the endpoints that it may empty"
        raise UsageError(message)
    pipeline = open_pipeline(session.settings(), overrides)
    plans = chosen_plans(pipeline, names)
    if not rebuild:
        for plan in plans:
            check_mode(pipeline, plan)
    endpoints = [plan.endpoint.name for plan in plans]
    day = since.date() if since else None
    total = len(landed_fetches(pipeline, endpoints, since=day))
    if rebuild and not total:
        message = f"nothing of {', '.join(endpoints)} has landed in {pipeline.landing.label}, so nothing can be rebuilt"
        raise UsageError(message)
    with session.progress(total, "replay") as begin:

        def tell(fetched: Fetch) -> None:
            begin(f"{fetched.endpoint} for {fetched.account}, {fetched.fetched_at:%Y-%m-%d %H:%M} UTC")

        done = rebuild_step(pipeline, endpoints, tell=tell) if rebuild else list(replay_step(pipeline, endpoints, since=day, tell=tell))
    return _tell(session, done)


@dataclass(slots=True)
class _Count:
    """What a replay did for one endpoint and account, in fetches and rows."""

    loaded: int = 0
    skipped: int = 0
    refused: int = 0
    rows: int = 0


def _tell(session: Session, done: Sequence[tuple[Fetch, Outcome]]) -> int:
    """A line an endpoint and account, and a sentence on stderr for each fetch that was refused; returns the exit status."""
    counts: dict[tuple[str, str], _Count] = {}
    for fetched, outcome in done:
        count = counts.setdefault((fetched.endpoint, fetched.account), _Count())
        if isinstance(outcome, PipelineError):
            count.refused += 1
            session.tell(f"fetch {fetched.fetch_id}: {outcome}")
        else:
            count.loaded += not outcome.skipped
            count.skipped += bool(outcome.skipped)
            count.rows += sum(table.rows for table in outcome.tables.values())
    rows = [(*who, count.loaded, count.skipped, count.refused, count.rows) for who, count in sorted(counts.items())]
    session.table(("endpoint", "account", "fetches loaded", "nothing to do", "refused", "rows written"), rows)
    return 1 if any(count.refused for count in counts.values()) else 0
