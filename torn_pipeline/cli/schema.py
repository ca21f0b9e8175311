"""``schema``: the shape of tables, held against their contracts."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Group
from torn_pipeline.cli.selection import chosen_plans
from torn_pipeline.warehouse.changes import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.cli.session import Session
    from torn_pipeline.warehouse.changes import Change

__all__ = ["schema"]

_BY_ITSELF = {Kind.CREATE, Kind.ADD, Kind.DESCRIBE}
_ALLOWED = (Kind.NARROW, Kind.DROP)
_MAY_STAY = {Kind.DROP, Kind.LAY_OUT}  # loads go on all the same


@click.group(cls=Group)
def schema() -> None:
    """The shape of the tables, held against their contracts."""


@schema.command()
@click.argument("names", metavar="[ENDPOINT]...", nargs=-1)
@click.pass_obj
def plan(session: Session, *, names: Sequence[str]) -> int:
    """Show what must change for the tables to have the shape of their contracts. Nothing is changed."""
    from torn_pipeline.steps import open_pipeline, schema_changes

    pipeline = open_pipeline(session.settings())
    changes = schema_changes(pipeline, [found.endpoint.name for found in chosen_plans(pipeline, names)])
    if not changes:
        session.say("every table has the shape of its contract")
        return 0
    session.table(("table", "change", "how"), [(change.table.name, str(change), _how(change)) for change in changes])
    return 0


@schema.command()
@click.argument("names", metavar="[ENDPOINT]...", nargs=-1)
@click.option(
    "--allow", multiple=True, type=click.Choice([kind.value for kind in _ALLOWED]), help="Make changes of this kind too. Can be repeated."
)
@click.pass_obj
def apply(session: Session, *, names: Sequence[str], allow: Sequence[str]) -> int:
    """Give the tables the shape of their contracts.

    Columns are added, widened, let be null and described; they are narrowed or dropped only with --allow, and never so
    that a value is lost. A copy of a table that is rewritten is kept: see schema history and schema rollback.
    """
    from torn_pipeline.steps import apply_changes, open_pipeline, schema_changes

    pipeline = open_pipeline(session.settings())
    changes = schema_changes(pipeline, [found.endpoint.name for found in chosen_plans(pipeline, names)])
    left = apply_changes(pipeline, changes, {Kind(kind) for kind in allow})
    done = [change for change in changes if change not in left]
    for change in done:
        session.say(f"{change.table.name}: {change}")
    if not done:
        session.say("nothing was changed")
    for change in left:
        session.tell(f"{change.table.name}: not done: {change}: {_how(change)}")
    return 1 if any(change.kind not in _MAY_STAY for change in left) else 0


@schema.command()
@click.argument("table", required=False)
@click.pass_obj
def history(session: Session, *, table: str | None) -> int:
    """List what changed in the shape of the tables, oldest first; of one TABLE when given."""
    from torn_pipeline.steps import open_pipeline, schema_versions

    rows = [
        (
            version.table,
            version.version,
            f"{version.changed_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            version.change,
            "kept" if version.has_backup else "",
            version.run_id,
        )
        for version in schema_versions(open_pipeline(session.settings()), table)
    ]
    session.table(("table", "version", "since", "change", "copy", "run"), rows)
    return 0


@schema.command()
@click.argument("table")
@click.option("--to", "version", type=click.IntRange(min=1), metavar="VERSION", help="The version; the one before the last unless given.")
@click.pass_obj
def rollback(session: Session, *, table: str, version: int | None) -> int:
    """Give TABLE the columns back that it had in a version. Its rows stay.

    What a dropped column held comes from the copy that was kept. Set the contract back too, or the next load makes its
    changes again, or is refused.
    """
    from torn_pipeline.steps import open_pipeline, roll_back

    for change in roll_back(open_pipeline(session.settings()), table, version):
        session.say(f"{table}: {change}")
    return 0


def _how(change: Change) -> str:
    if change.kind in _BY_ITSELF:
        return "by the next load, or schema apply"
    if change.kind in _ALLOWED:
        return f"needs schema apply --allow {change.kind}"
    if change.kind is Kind.OTHER:
        return "never: rebuild the table with replay --rebuild"
    if change.kind is Kind.LAY_OUT:
        return "conditions read more than they must until replay --rebuild"
    return "by schema apply"
