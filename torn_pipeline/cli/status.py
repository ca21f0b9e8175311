"""``status``: where every endpoint stands."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Command

if TYPE_CHECKING:
    from torn_pipeline.cli.session import Session
    from torn_pipeline.steps.states import EndpointState

__all__ = ["status"]

_HEAD = ("endpoint", "account", "last complete fetch", "rows", "quarantined", "next run")


@click.command(cls=Command)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def status(session: Session, *, form: str) -> int:
    """Show by endpoint and account: last complete fetch, rows of the root table, quarantined roots, next run (UTC).

    Of a fetch that was not loaded it says so, and of when the data is that is there.
    """
    from torn_pipeline.steps import open_pipeline, states

    pipeline, now = open_pipeline(session.settings()), datetime.now(UTC)
    found = states(pipeline, now)
    if form == "json":
        answer = {"at": _moment(now), "endpoints": [_content(state) for state in found]}
        session.say(json.dumps(answer, indent=1, ensure_ascii=False))
    else:
        session.table(_HEAD, [_row(state) for state in found])
    return 0


def _row(state: EndpointState) -> tuple[object, ...]:
    fetched, data = _moment(state.fetched_at), _moment(state.data_at)
    if state.unloaded_at:
        fetched = f"{fetched} not loaded, data of {data}" if data else f"{fetched} not loaded"
    return state.endpoint, state.account, fetched or "never", state.rows, state.quarantined, _moment(state.next_run) or "disabled"


def _content(state: EndpointState) -> dict[str, object]:
    """The same as JSON; ``null`` where there is no such thing."""
    return {
        "endpoint": state.endpoint,
        "account": state.account,
        "last_complete_fetch": _moment(state.fetched_at),
        "last_loaded_fetch": _moment(state.data_at),
        "rows": state.rows,
        "quarantined": state.quarantined,
        "next_run": _moment(state.next_run),
    }


def _moment(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ") if at else None
