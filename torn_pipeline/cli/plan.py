"""``plan``: how the calls that an account may make are spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.history import DAY, estimate, missing_of
from torn_pipeline.cli.options import Command
from torn_pipeline.cli.selection import chosen_plans
from torn_pipeline.config.budget import needs, unknown_ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from torn_pipeline.cli.session import Session
    from torn_pipeline.config.budget import Need

__all__ = ["plan"]


@click.command(cls=Command)
@click.option("--since", type=DAY, metavar="DATE", help="Also say what it takes to fetch what is missing since this day (UTC).")
@click.option("--until", type=DAY, metavar="DATE", help="The last day of that (UTC); today when left out.")
@click.pass_obj
def plan(session: Session, *, since: datetime | None, until: datetime | None) -> int:
    """Show by account and endpoint what the schedules need: calls a tick, calls a minute, share of rate_limit.

    Calls a tick are the mean of the last ten complete fetches, and where an endpoint is asked by id that of the last ten ticks;
    where there was none yet, one is assumed.
    """
    from torn_pipeline.steps import open_pipeline
    from torn_pipeline.steps.asking import seen_calls

    pipeline = open_pipeline(session.settings())
    config, seen = pipeline.config, seen_calls(pipeline.warehouse, pipeline.config)
    head = ("account", "endpoint", "frequency", "calls a tick", "known", "calls a minute", "share")
    session.table(head, list(_rows(needs(config, seen), config.defaults.rate_limit)))
    for name in unknown_ids(config, seen):
        session.say(f"how many ids {name} asks for is known after its second tick; until then one call a tick is assumed")
    if since is not None:
        plans = [one for one in chosen_plans(pipeline, ()) if one.is_windowed]
        for one, account, spans in missing_of(pipeline, plans, None, since, until):
            session.say(f"to fill {one.endpoint.name} for {account}: {estimate(pipeline, one, account, spans)}")
    return 0


def _rows(found: Sequence[Need], limit: int) -> Iterator[tuple[object, ...]]:
    """A row for each endpoint of an account, and one for their sum."""
    for account in dict.fromkeys(need.account for need in found):
        total = 0.0
        for need in found:
            if need.account == account:
                calls = float(need.calls_a_minute())
                total += calls
                known = "seen" if need.is_seen else "assumed"
                yield account, need.endpoint, need.period, round(float(need.calls), 1), known, round(calls, 3), f"{calls / limit:.1%}"
        yield account, "all", "", None, "", round(total, 3), f"{total / limit:.1%}"
