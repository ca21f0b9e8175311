"""``rename-account``: rows follow an account that got another name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Command

if TYPE_CHECKING:
    from torn_pipeline.cli.session import Session

__all__ = ["rename_account"]


@click.command("rename-account", cls=Command)
@click.argument("old")
@click.argument("new")
@click.pass_obj
def rename_account(session: Session, *, old: str, new: str) -> int:
    """Let all that was fetched as OLD follow the account's NEW name, in the warehouse and in the landing.

    Give the account its new name in the config first.
    """
    from torn_pipeline import steps

    rows = steps.rename_account(steps.open_pipeline(session.settings()), old, new)
    session.say(f"{rows} rows of {old} are {new}'s now")
    return 0
