"""``keys``: which keys can be used, without showing one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Command

if TYPE_CHECKING:
    from torn_pipeline.cli.session import Session

__all__ = ["keys"]


@click.command(cls=Command)
@click.option("--refresh", is_flag=True, help="Ask the API about each key first, one call each; one that works again is used again.")
@click.pass_obj
def keys(session: Session, *, refresh: bool) -> int:
    """Show by account and place: each key's level, its owner's user id, whether it is usable, and its calls in the last minute.

    Without --refresh nothing is asked: level and owner are what the API said at the key's first use of a day.
    """
    from torn_pipeline.steps import open_pipeline
    from torn_pipeline.steps.asking import key_states

    states = key_states(open_pipeline(session.settings()), refresh=refresh)
    rows = [(state.account, state.place, state.level or "not known yet", state.owner, state.state, state.calls) for state in states]
    session.table(("account", "place", "level", "owner", "state", "calls"), rows)
    return 0
