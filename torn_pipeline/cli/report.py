"""``report``: what all checks say of the data now, or what those of one run said."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Command
from torn_pipeline.cli.tables import aligned
from torn_pipeline.durable import replace_file
from torn_pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torn_pipeline.cli.session import Session
    from torn_pipeline.ops.report import Content

__all__ = ["report"]

_SHOWN = 8  # digits of a run's id, as Dagster's UI shows it
_GRADES = ("passed", "warned", "failed", "never made")
_WRONG = frozenset({"warned", "failed"})
_ASSETS = ("table", "score", "rows", *_GRADES)
_CHECKS = ("table", "check", "grade", "made", "run", "account", "what it says")
_QUARANTINE = ("in quarantine", "of table", "account", "where", "why")
_FETCHES = ("fetched", "endpoint", "account", "calls", "rows", "fetch")


@click.command(cls=Command)
@click.option("--run", "run_id", metavar="ID", help="Of this run: its id, or the first 8 digits, as Dagster's UI shows them.")
@click.option("--format", "form", type=click.Choice(["text", "html", "json"]), default="text", show_default=True)
@click.option("--to", "file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write into this file.")
@click.pass_obj
def report(session: Session, *, run_id: str | None, form: str, file: Path | None) -> int:
    """Say how good the data is: the last word of every check, with the rows that are meant, and the quarantine.

    With --run it is about one run: what it loaded, and what its checks said. The asset `report/validation` writes the same every day.
    """
    from torn_pipeline.ops.report import as_json, report_page  # noqa: PLC0415 - the other commands need not load it

    content = _content(session, run_id)
    if form == "text" and file is None:
        _tell(session, content)
        return 0
    text = as_json(content) if form == "json" else report_page(content) if form == "html" else _text(content)
    if file is None:
        session.say(text.rstrip("\n"))
        return 0
    try:
        replace_file(file, session.redact(text).encode())
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror or error}; name another place"
        raise UsageError(message) from error
    session.say(f"wrote {file}")
    return 0


def _content(session: Session, run_id: str | None) -> Content:
    """The report, of a run when one is named; nothing is made where Dagster has not run yet."""
    from torn_pipeline.assets.reporting import gathered  # noqa: PLC0415 - loads Dagster
    from torn_pipeline.automation.run_statistics import existing_instance
    from torn_pipeline.definitions import build_defs
    from torn_pipeline.steps import open_pipeline

    pipeline = open_pipeline(session.settings())
    graph = build_defs(pipeline.settings).resolve_asset_graph()
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]
    with existing_instance(pipeline.settings) as instance:
        return gathered(instance, pipeline, specs, run_id, datetime.now(UTC))


def _tell(session: Session, content: Content) -> None:
    for line in _lines(content):
        session.say(line)
    for head, rows in _tables(content):
        session.say()
        session.table(head, rows)


def _text(content: Content) -> str:
    """What is shown, as a file has it."""
    tables = []
    for head, rows in _tables(content):
        right = [any(isinstance(row[column], int) for row in rows) for column in range(len(head))]
        tables.append(aligned(head, [["" if cell is None else str(cell) for cell in row] for row in rows], right))
    return "\n\n".join(("\n".join(_lines(content)), *tables)) + "\n"


def _lines(content: Content) -> Iterator[str]:
    counts, run, score = content["counts"], content["run"], content["score"]
    if run:
        of_account = f" for {run['account']}" if run["account"] else ""
        span = " to ".join(filter(None, (run["started"], run["ended"])))
        yield f"run {run['id']} of {run['endpoint']}{of_account}: {run['status']}{f', {span}' if span else ''}"
        if run["error"]:
            yield run["error"]
    if score:
        yield f"score {score['points']} of 100 (good: {score['good']} or more)"
    elif not run:
        yield "no score yet, as no table is due"
    yield f"{content['warehouse']}, {content['made_at']}"
    yield (
        f"{counts['checks']} checks: {counts['passed']} passed, {counts['warned']} warned, {counts['failed']} failed, "
        f"{counts['never_made']} never made; {counts['quarantined']} roots in quarantine"
    )


def _tables(content: Content) -> Iterator[tuple[Sequence[str], list[tuple[object, ...]]]]:
    """The tables that have any rows, each with its head."""
    run, quarantine = content["run"], content["quarantine"]
    tables = (
        (_FETCHES, [_fetch(fetch) for fetch in run["fetches"]] if run else []),
        (_ASSETS, [_asset(asset) for asset in content["assets"]]),
        (_CHECKS, [_check(asset, check) for asset in content["assets"] for check in asset["checks"] if check["grade"] in _WRONG]),
        (_QUARANTINE, [tuple(one[name] for name in ("count", "root", "account", "json_path", "reason")) for one in quarantine["reasons"]]),
    )
    yield from ((head, rows) for head, rows in tables if rows)


def _fetch(fetch: Content) -> tuple[object, ...]:
    rows = ", ".join(f"{rows} {name}" for name, rows in fetch["rows"].items())
    return fetch["fetched_at"], fetch["endpoint"], fetch["account"], fetch["calls"], rows, fetch["fetch_id"]


def _asset(asset: Content) -> tuple[object, ...]:
    grades = Counter(check["grade"] for check in asset["checks"])
    score = asset["score"]["points"] if asset["score"] else None
    return asset["asset"], score, asset["rows"], *(grades[grade] for grade in _GRADES)


def _check(asset: Content, check: Content) -> tuple[object, ...]:
    return asset["asset"], check["check"], check["grade"], check["made_at"], check["run_id"][:_SHOWN], check["account"], check["says"]
