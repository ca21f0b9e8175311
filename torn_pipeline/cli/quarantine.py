"""``quarantine``: what could not be loaded, why, and another try."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Group
from torn_pipeline.config.durations import parse_period
from torn_pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta

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


@quarantine.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--older-than", "age", metavar="DURATION", help="Purge what has been there for longer, such as P30D.")
@click.option("--all", "everything", is_flag=True, help="Purge everything in quarantine.")
@click.option("--yes", is_flag=True, help="Do it.")
@click.option("--dry-run", is_flag=True, help="Say what would be purged, and purge nothing.")
@click.pass_obj
def purge(session: Session, *, ids: Sequence[str], age: str | None, everything: bool, yes: bool, dry_run: bool) -> int:
    """Forget roots that nobody will mend. They stay in the landing, and come back when their fetch is loaded anew.

    That is under a mended contract, or with `replay --rebuild`. The same is done day by day by `retention: {quarantine: P30D}` of
    the config.
    """
    from torn_pipeline.steps import open_pipeline

    if sum((bool(ids), age is not None, everything)) != 1:
        message = "name the ids that `torn-pipeline quarantine list` shows, or say --older-than DURATION or --all"
        raise UsageError(message)
    if yes == dry_run:
        message = "say --yes to purge them, or --dry-run to see what would be purged"
        raise UsageError(message)
    since = None if age is None else datetime.now(UTC) - _age(age)
    pipeline = open_pipeline(session.settings())
    chosen = _chosen(pipeline, ids) if ids else pipeline.warehouse.quarantined()
    rows = [row for row in chosen if since is None or row.quarantined_at < since]
    gone = len(rows) if dry_run else pipeline.warehouse.purge_quarantine([row.quarantine_id for row in rows])
    session.table(("endpoint", "account", "roots"), sorted((*whose, count) for whose, count in _counted(rows).items()))
    session.say(f"{'would purge' if dry_run else 'purged'} {gone} root{'' if gone == 1 else 's'} from the quarantine")
    return 0


def _counted(rows: Iterable[QuarantineRow]) -> Counter[tuple[str, str]]:
    return Counter((row.endpoint, row.account) for row in rows)


def _age(text: str) -> timedelta:
    try:
        return parse_period(text)
    except ValueError as error:
        message = f"--older-than {error}"
        raise UsageError(message) from error


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
