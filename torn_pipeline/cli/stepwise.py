"""``fetch``, ``normalize``, ``validate``, ``load``: one step alone, without Dagster."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from torn_pipeline.cli.options import Command, set_option
from torn_pipeline.cli.selection import chosen_accounts
from torn_pipeline.errors import PipelineError, TooManyQuarantined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from torn_pipeline.cli.files import Frames
    from torn_pipeline.cli.session import Session
    from torn_pipeline.landing import Fetch
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps import Pipeline
    from torn_pipeline.tables.findings import Finding
    from torn_pipeline.tables.normalise import Body, Rejected

__all__ = ["fetch", "load", "normalize", "validate"]

STDIN = Path("/dev/stdin")


class _Options(TypedDict):
    """What all steps are given."""

    endpoint: str
    account: str | None
    file: str | None
    limit: int | None
    dry_run: bool
    overrides: tuple[str, ...]


class _FolderOptions(_Options):
    """What the steps are given that can write files."""

    folder: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What a step is to do: one endpoint, for some of its accounts."""

    session: Session
    pipeline: Pipeline
    plan: EndpointPlan
    accounts: tuple[str, ...]
    file: Path | None
    limit: int | None
    dry_run: bool

    def each_account(self, work: Callable[[str], None]) -> int:
        """Do the work for each account; one that fails leaves the others alone. Returns the exit status."""
        status = 0
        with self.session.progress(len(self.accounts), self.plan.endpoint.name) as begin:
            for account in self.accounts:
                begin(f"{self.plan.endpoint.name} for {account}")
                try:
                    work(account)
                except PipelineError as error:
                    self.session.tell_error(error, f"{account}: {error}" if len(self.accounts) > 1 else "")
                    status = max(status, error.exit_status)
        return status

    def given(self, account: str) -> tuple[Fetch, Sequence[Body]]:
        """What to work on: the file, or the latest landed fetch, whose bodies the steps find themselves."""
        from torn_pipeline.steps import latest_fetch, read_file

        if self.file is None:
            return latest_fetch(self.pipeline, self.plan.endpoint.name, account), ()
        fetched, body = read_file(self.pipeline, self.plan.endpoint.name, account, self.file)
        return fetched, (body,)


@contextmanager
def _asked(session: Session, options: _Options) -> Iterator[_Asked]:
    from torn_pipeline.steps import open_pipeline

    file = None if options["file"] is None else STDIN if options["file"] == "-" else Path(options["file"])
    with session.scratch_settings() if options["dry_run"] else nullcontext(session.settings()) as settings:
        pipeline = open_pipeline(settings, options["overrides"])
        plan = pipeline.plan(options["endpoint"])
        accounts = chosen_accounts(plan, options["account"])
        yield _Asked(
            session=session,
            pipeline=pipeline,
            plan=plan,
            accounts=accounts if file is None else accounts[:1],
            file=file,
            limit=options["limit"],
            dry_run=options["dry_run"],
        )


_STEP_OPTIONS = (
    click.argument("endpoint"),
    click.option("--account", metavar="NAME", help="Only this account; all of the endpoint's when left out."),
    click.option("--input", "file", metavar="FILE", help="Take a response body from a file, for the first account; - is standard input."),
    click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N rows of the root."),
    click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing."),
    set_option,
)


def _step(function: Callable[..., int]) -> Callable[..., int]:
    """The argument and the options that all steps take."""
    function = click.pass_obj(function)
    for option in reversed(_STEP_OPTIONS):
        function = option(function)
    return function


_to_option = click.option(
    "--to", "folder", type=click.Path(path_type=Path), metavar="DIR", help="Write a Parquet file for each table into this folder."
)


# --- fetch -----------------------------------------------------------------------------------------------


@click.command(cls=Command)
@_step
def fetch(session: Session, **options: Unpack[_Options]) -> int:
    """Ask the API for ENDPOINT, all pages, and land what it answers.

    With --limit it stops once so many rows came; such a fetch is not complete and is never loaded.
    """
    from torn_pipeline.steps import fetch_ids, fetch_new, land_file

    with _asked(session, options) as asked:
        if asked.dry_run:
            return _tell_calls(asked)
        fetches: list[Fetch] = []

        def work(account: str) -> None:
            if asked.file is None and asked.plan.endpoint.ids_from:
                fetches.extend(fetch_ids(asked.pipeline, asked.plan, account))
            elif asked.file is None:
                fetches.extend(fetch_new(asked.pipeline, asked.plan, account, limit=asked.limit))
            else:
                fetches.append(land_file(asked.pipeline, asked.plan.endpoint.name, account, asked.file))

        status = asked.each_account(work)
        if fetches:
            _tell_fetches(asked, fetches)
        return status


def _tell_fetches(asked: _Asked, fetches: Iterable[Fetch]) -> None:
    head = ("account", "fetch", "rows", "pages", "complete", "folder")
    rows = [
        (one.account, one.fetch_id, one.rows, len(one.pages), "yes" if one.complete else "no", asked.pipeline.landing.folder(one))
        for one in fetches
    ]
    asked.session.table(head, rows)


def _tell_calls(asked: _Asked) -> int:
    """What a fetch would ask, without asking."""
    settings, endpoint = asked.pipeline.settings, asked.plan.endpoint
    what = f"GET {settings.api_url}{endpoint.path}" if asked.file is None else f"read {asked.file}"
    params = ", ".join(f"{name}={value}" for name, value in endpoint.params.items())
    page_size = "" if asked.plan.contract.page_size is None else f"{asked.plan.contract.page_size} rows a page"
    rows = [
        (account, what, params, page_size, f"{settings.key_variable(account)}: {'there' if settings.keys.get(account) else 'missing'}")
        for account in asked.accounts
    ]
    asked.session.table(("account", "would", "parameters", "pages", "key"), rows)
    asked.session.say("nothing was asked and nothing written; each account needs one call or more")
    return 0


# --- normalize and validate --------------------------------------------------------------------------------


@click.command(cls=Command)
@_step
@_to_option
def normalize(session: Session, folder: Path | None, **options: Unpack[_Options]) -> int:
    """Turn the latest landed fetch of ENDPOINT into rows by its contract, and show how many."""
    from torn_pipeline.cli.files import Frames
    from torn_pipeline.steps import normalize as normalize_step

    with _asked(session, options) as asked:
        found = Frames(asked.plan, folder)

        def work(account: str) -> None:
            fetched, bodies = asked.given(account)
            for batch in normalize_step(asked.pipeline, fetched, bodies=bodies, limit=asked.limit):
                found.add(batch.frames)
                found.rejected += batch.rejected
                found.findings += batch.findings

        status = asked.each_account(work)
        _tell_frames(asked, found, folder, quarantine=False)
        return status


@click.command(cls=Command)
@_step
@_to_option
def validate(session: Session, folder: Path | None, **options: Unpack[_Options]) -> int:
    """Hold the latest landed fetch of ENDPOINT against its contract, and show what it says.

    With --to, quarantine.json holds what could not be loaded, an object a line. The exit status is 1 when a load would
    be refused.
    """
    from torn_pipeline.cli.files import Frames
    from torn_pipeline.steps import too_many
    from torn_pipeline.steps import validate as validate_step

    with _asked(session, options) as asked:
        found = Frames(asked.plan, folder)

        def work(account: str) -> None:
            fetched, bodies = asked.given(account)
            with validate_step(asked.pipeline, fetched, bodies=bodies, limit=asked.limit) as prepared:
                for frames in prepared:
                    found.add(frames)
                found.rejected += prepared.rejected
                found.findings += prepared.findings
                if reason := too_many(asked.plan, prepared):
                    raise TooManyQuarantined(reason)

        status = asked.each_account(work)
        _tell_frames(asked, found, folder, quarantine=True)
        if status == 0 and not found.findings and not found.rejected:
            session.say(f"{asked.plan.endpoint.name} agrees with its contract")
        return status


def _tell_frames(asked: _Asked, found: Frames, folder: Path | None, *, quarantine: bool) -> None:
    """Show what there is and write it, or say which files there would be."""
    if found.is_empty:
        return
    asked.session.table(("table", "rows"), list(found.rows().items()))
    _tell_findings(asked.session, found.findings, found.rejected)
    if folder is not None:
        for file in found.write(folder, quarantine=quarantine, dry_run=asked.dry_run):
            asked.session.say(f"{'would write' if asked.dry_run else 'wrote'} {file}")


def _tell_findings(session: Session, findings: Iterable[Finding], rejected: Iterable[Rejected]) -> None:
    for finding in findings:
        session.say(f"{finding.table}: {finding}")
    for root in rejected:
        key = ", ".join(f"{name} {value}" for name, value in root.key.items())
        session.say(f"{root.table}: left out {key}: {root.json_path}: {root.reason}")


# --- load ------------------------------------------------------------------------------------------------


@click.command(cls=Command)
@_step
def load(session: Session, **options: Unpack[_Options]) -> int:
    """Normalise, validate and load the latest landed fetch of ENDPOINT.

    With --input the file is landed first, as a complete fetch of its own. With --limit the rest of the fetch's rows stay
    as they are, and a later load without it loads them all.
    """
    from torn_pipeline.steps import check_limit, check_mode

    with _asked(session, options) as asked:
        check_mode(asked.pipeline, asked.plan)
        if asked.limit is not None and not asked.dry_run:
            check_limit(asked.plan)
        return asked.each_account(lambda account: _preview(asked, account) if asked.dry_run else _load(asked, account))


def _load(asked: _Asked, account: str) -> None:
    from torn_pipeline.steps import land_file, latest_fetch
    from torn_pipeline.steps import load as load_step
    from torn_pipeline.steps import validate as validate_step

    plan, pipeline = asked.plan, asked.pipeline
    if asked.file is None:
        fetched = latest_fetch(pipeline, plan.endpoint.name, account)
    else:
        fetched = land_file(pipeline, plan.endpoint.name, account, asked.file)
    with validate_step(pipeline, fetched, limit=asked.limit) as prepared:
        receipt = load_step(pipeline, fetched, prepared, limited=asked.limit is not None)
        _tell_findings(asked.session, prepared.findings, prepared.rejected)
    asked.session.say(f"{account}: fetch {fetched.fetch_id}" + (f": nothing to do, as {receipt.skipped}" if receipt.skipped else ""))
    if receipt.kept_newer:
        asked.session.say(f"{account}: {receipt.kept_newer} roots stayed as a newer fetch had brought them")
    if receipt.tables:
        rows = [(name, one.rows, one.deleted, one.total, ", ".join(one.changes)) for name, one in receipt.tables.items()]
        asked.session.table(("table", "written", "removed", "in table", "changes"), rows)


def _preview(asked: _Asked, account: str) -> None:
    """What a load would write."""
    from torn_pipeline.steps import stored_columns, too_many
    from torn_pipeline.steps import validate as validate_step

    plan, pipeline = asked.plan, asked.pipeline
    fetched, bodies = asked.given(account)
    stored = stored_columns(pipeline)
    with validate_step(pipeline, fetched, bodies=bodies, limit=asked.limit) as prepared:
        columns: dict[str, list[str]] = {}
        for frames in prepared:
            for name, frame in frames.items():
                columns.setdefault(name, []).extend(column for column in frame.columns if column not in columns.get(name, ()))
        rows = [
            (name, prepared.rows[name], plan.endpoint.storage_mode, _new_columns(columns[name], stored.get(name))) for name in prepared.rows
        ]
        asked.session.table(("table", "would write", "mode", "new columns"), rows)
        _tell_findings(asked.session, prepared.findings, prepared.rejected)
        if reason := too_many(plan, prepared):
            raise TooManyQuarantined(reason)


def _new_columns(columns: Sequence[str], stored: Sequence[str] | None) -> str:
    return "all: the table is new" if stored is None else ", ".join(column for column in columns if column not in stored)
