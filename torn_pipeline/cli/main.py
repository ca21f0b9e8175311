"""The group of commands, and how a call of it ends."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.accounts import rename_account
from torn_pipeline.cli.alerts import alerts
from torn_pipeline.cli.backup import backup, restore
from torn_pipeline.cli.check import check
from torn_pipeline.cli.demo import demo
from torn_pipeline.cli.dev import dev
from torn_pipeline.cli.expectations import expectations
from torn_pipeline.cli.health import health
from torn_pipeline.cli.history import backfill, gaps
from torn_pipeline.cli.import_config import import_config
from torn_pipeline.cli.keys import keys
from torn_pipeline.cli.logs import logs
from torn_pipeline.cli.materialize import materialize
from torn_pipeline.cli.options import Group
from torn_pipeline.cli.plan import plan
from torn_pipeline.cli.prune import prune
from torn_pipeline.cli.quarantine import quarantine
from torn_pipeline.cli.reading import export, sql
from torn_pipeline.cli.replay import replay
from torn_pipeline.cli.report import report
from torn_pipeline.cli.schema import schema
from torn_pipeline.cli.session import Session
from torn_pipeline.cli.simulator import simulator
from torn_pipeline.cli.stats import stats
from torn_pipeline.cli.status import status
from torn_pipeline.cli.stepwise import fetch, load, normalize, validate
from torn_pipeline.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

__all__ = ["main", "run"]

STOPPED = 130  # as a shell has it for a program ended by Ctrl-C


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="torn-pipeline", message="%(prog)s %(version)s")
def torn_pipeline() -> None:
    """Log what the Torn City API knows of a faction or a player, as checked tables.

    The config is config/pipeline.yaml, or what TORN_CONFIG names; keys come from TORN_API_KEY and TORN_API_KEY_<ACCOUNT>.
    Exit status: 0 done, 1 the work failed, 2 bad usage or bad configuration.
    The log is in logs/ of TORN_DATA_DIR, or where `logging` in the config says; stderr shows its warnings, or with
    TORN_LOG_LEVEL=DEBUG all of it.
    """


COMMANDS = (
    alerts,
    backfill,
    backup,
    check,
    demo,
    dev,
    expectations,
    export,
    fetch,
    gaps,
    health,
    import_config,
    keys,
    load,
    logs,
    materialize,
    normalize,
    plan,
    prune,
    quarantine,
    rename_account,
    replay,
    report,
    restore,
    schema,
    simulator,
    sql,
    stats,
    status,
    validate,
)
for command in COMMANDS:
    torn_pipeline.add_command(command)


def main() -> None:
    """The console script."""
    session = Session()
    sys.excepthook = partial(_tell_unexpected, session)
    sys.exit(run(sys.argv[1:], session))


def run(arguments: Sequence[str], session: Session | None = None) -> int:
    """Run one command and return its exit status; what nobody expected goes through."""
    session = session or Session()
    try:
        status = torn_pipeline.main(list(arguments), prog_name="torn-pipeline", obj=session, standalone_mode=False)
    except click.Abort:
        session.tell("stopped")
        return STOPPED
    except click.ClickException as error:
        session.tell_error(error, error.format_message())
        return error.exit_code
    except PipelineError as error:
        session.tell_error(error)
        return error.exit_status
    return int(status or 0)


def _tell_unexpected(session: Session, kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    """Instead of a traceback, which is for those who ask for it."""
    sentence = f"torn-pipeline failed in a way that nobody expected ({kind.__name__})"
    session.tell_error(error, sentence if session.debug else f"{sentence}; run it again with --debug to see where")
