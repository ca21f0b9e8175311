"""``expectations``: the contracts as suites of Great Expectations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Command
from torn_pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.cli.session import Session

__all__ = ["expectations"]


@click.command(cls=Command)
@click.argument("tables", metavar="[TABLE]...", nargs=-1)
@click.option(
    "--to", "folder", type=click.Path(path_type=Path), metavar="DIR", required=True, help="Write into this folder, such as gx/expectations."
)
@click.pass_obj
def expectations(session: Session, *, tables: Sequence[str], folder: Path) -> int:
    """Write the contract of each TABLE as an expectation suite of Great Expectations: DIR/<table>.json.

    All tables of the config unless some are named; a file that is there is replaced. SQL in a suite is that of TORN_WAREHOUSE,
    which is not asked. What GX cannot say stands in the suite's meta.
    """
    from torn_pipeline.cli.files import beside
    from torn_pipeline.steps import expectation_suites, open_pipeline

    if folder.exists() and not folder.is_dir():
        message = f"{folder} is not a folder: give --to a folder, or one that is not there yet"
        raise UsageError(message)
    suites = expectation_suites(open_pipeline(session.settings()), [name.removeprefix("torn/") for name in tables])
    for name, suite in suites.items():
        with beside(folder / f"{name}.json") as new:
            new.write_text(json.dumps(suite, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    rows = [(name, len(suite["expectations"]), len(suite["meta"]["not_expressed"])) for name, suite in suites.items()]
    session.table(("suite", "expectations", "not expressed"), rows)
    return 0
