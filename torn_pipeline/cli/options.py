"""What all commands have in common: ``--debug``, and options that several share."""

from __future__ import annotations

from typing import Any

import click

from torn_pipeline.cli.session import Session

__all__ = ["Command", "Group", "set_option"]

set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="PATH=VALUE",
    help="Override a value of the config file for this call, such as endpoints.faction_crimes.max_quarantined=0.5. Can be repeated.",
)


class Command(click.Command):
    """A command that takes ``--debug``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as the base class has it
        super().__init__(*args, **kwargs)
        self.params.append(_debug_option())


class Group(click.Group):
    """A group that takes ``--debug``, as all its commands do."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as the base class has it
        super().__init__(*args, **kwargs)
        self.params.append(_debug_option())


def _debug_option() -> click.Option:
    return click.Option(["--debug"], is_flag=True, expose_value=False, callback=_set_debug, help="Show tracebacks and Dagster's log.")


def _set_debug(context: click.Context, _: click.Parameter, value: object) -> None:
    context.ensure_object(Session).debug |= bool(value)
