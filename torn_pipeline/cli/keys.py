"""``keys``: which keys can be used, without showing one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Command

if TYPE_CHECKING:
    from torn_pipeline.cli.session import Session
    from torn_pipeline.steps import KeyState

__all__ = ["keys"]

_HEAD = ("account", "place", "level", "owner", "state", "calls", "in 24 hours", "most a minute", "at")


@click.command(cls=Command)
@click.option("--refresh", is_flag=True, help="Ask the API about each key first, one call each; one that works again is used again.")
@click.pass_obj
def keys(session: Session, *, refresh: bool) -> int:
    """Show by account and place: each key's level, its owner's user id, whether it is usable, and how many calls were made with it.

    These are the calls of the last minute and of the last 24 hours, and the most in any of their minutes, with its beginning (UTC).
    Without --refresh nothing is asked: level and owner are what the API said at the key's first use of a day.
    """
    from torn_pipeline.steps import open_pipeline
    from torn_pipeline.steps.asking import key_states

    states = key_states(open_pipeline(session.settings()), refresh=refresh)
    session.table(_HEAD, [_row(state) for state in states])
    return 0


def _row(state: KeyState) -> tuple[object, ...]:
    used = state.usage
    calls = (state.calls, used.day, used.most, f"{used.most_at:%Y-%m-%dT%H:%MZ}") if used else (state.calls, 0, 0, None)
    return state.account, state.place, state.level, state.owner, state.state, *calls
