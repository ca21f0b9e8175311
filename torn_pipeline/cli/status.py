"""``status``: where every endpoint stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Command

if TYPE_CHECKING:
    from torn_pipeline.cli.session import Session

__all__ = ["status"]


@click.command(cls=Command)
@click.pass_obj
def status(session: Session) -> int:
    """Show by endpoint and account: last complete fetch, rows of the root table, quarantined roots, next run (UTC)."""
    from torn_pipeline.steps import open_pipeline, states

    pipeline = open_pipeline(session.settings())
    rows = [
        (
            state.endpoint,
            state.account,
            _moment(state.fetched_at) or "never",
            state.rows,
            state.quarantined,
            _moment(state.next_run) or "disabled",
        )
        for state in states(pipeline, datetime.now(UTC))
    ]
    session.table(("endpoint", "account", "last complete fetch", "rows", "quarantined", "next run"), rows)
    return 0


def _moment(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ") if at else ""
