"""``quarantine``: what could not be loaded, why, and another try."""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Group
from torn_pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from torn_pipeline.cli.session import Session
    from torn_pipeline.steps import Pipeline
    from torn_pipeline.warehouse import QuarantineRow

__all__ = ["quarantine"]


@click.group(cls=Group)
def quarantine() -> None:
    """What could not be loaded, why, and another try after a fix."""


@quarantine.command("list")
@click.argument("endpoint", required=False)
@click.pass_obj
def list_(session: Session, *, endpoint: str | None) -> int:
    """List the roots in quarantine, oldest first; of one ENDPOINT when given."""
    from torn_pipeline.steps import open_pipeline

    pipeline = open_pipeline(session.settings())
    if endpoint is not None:
        pipeline.plan(endpoint)
    rows = [
        (
            row.quarantine_id,
            row.endpoint,
            row.account,
            _moment(row.fetched_at),
            row.table,
            row.key,
            row.json_path,
            row.reason,
        )
        for row in pipeline.warehouse.quarantined(endpoint)
    ]
    session.table(("id", "endpoint", "account", "fetched at", "table", "key", "where", "reason"), rows)
    return 0


@quarantine.command()
@click.argument("quarantine_id", metavar="ID")
@click.pass_obj
def show(session: Session, *, quarantine_id: str) -> int:
    """Show all that is known of one root in quarantine, with its JSON as it was received."""
    from torn_pipeline.steps import open_pipeline

    (row,) = _chosen(open_pipeline(session.settings()), [quarantine_id])
    facts = {
        "id": row.quarantine_id,
        "endpoint": row.endpoint,
        "account": row.account,
        "fetch": row.fetch_id,
        "fetched at": _moment(row.fetched_at),
        "table": row.table,
        "key": row.key,
        "where": row.json_path,
        "reason": row.reason,
        "landed": row.raw_id,
        "run": row.run_id,
        "quarantined at": _moment(row.quarantined_at),
    }
    width = max(map(len, facts))
    for name, value in facts.items():
        session.say(f"{name.ljust(width)}  {value}".rstrip())
    session.say(json.dumps(json.loads(row.raw), indent=2, ensure_ascii=False))
    return 0


@quarantine.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Try everything in quarantine.")
@click.pass_obj
def retry(session: Session, *, ids: Sequence[str], everything: bool) -> int:
    """Try again to load roots, under the contracts as they are now and with the time of their fetch.

    What is loaded leaves the quarantine, and so does what a newer fetch has brought since. The exit status is 1 when
    something is still broken.
    """
    from torn_pipeline.steps import open_pipeline
    from torn_pipeline.steps import retry as retry_step

    if everything == bool(ids):
        message = "name the ids that `torn-pipeline quarantine list` shows, or say --all"
        raise UsageError(message)
    pipeline = open_pipeline(session.settings())
    rows = pipeline.warehouse.quarantined() if everything else _chosen(pipeline, ids)
    done = []
    with session.progress(len({row.fetch_id for row in rows}), "retry") as begin:
        for one in retry_step(pipeline, rows):
            begin(f"{one.fetch.endpoint} for {one.fetch.account}")
            done.append(one)
    for one in done:
        for root in one.broken:
            session.tell(f"still broken: {root.table} {json.dumps(dict(root.key), default=str)}, {root.json_path}: {root.reason}")
    table = [(one.fetch.endpoint, one.fetch.account, one.fetch.fetch_id, one.loaded, one.superseded, len(one.broken)) for one in done]
    session.table(("endpoint", "account", "fetch", "loaded", "superseded", "still broken"), table)
    return 1 if any(one.broken for one in done) else 0


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _chosen(pipeline: Pipeline, ids: Sequence[str]) -> list[QuarantineRow]:
    """The rows of these ids.

    Raises:
        UsageError: when there is none of an id.
    """
    there = {row.quarantine_id: row for row in pipeline.warehouse.quarantined()}
    unknown = [quarantine_id for quarantine_id in ids if quarantine_id not in there]
    if unknown:
        message = f"there is no {', '.join(unknown)} in quarantine: `torn-pipeline quarantine list` shows the ids there are"
        raise UsageError(message)
    return [there[quarantine_id] for quarantine_id in dict.fromkeys(ids)]
