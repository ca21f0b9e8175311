"""The road itself: fetch, normalize, validate, load, replay. What the console script and the assets share.

Each step is a function of the one before it and the config; none knows who called it. A step that fails
raises a :class:`torn_pipeline.errors.PipelineError` and leaves the tables as they were.
"""

from __future__ import annotations

import logging
import re
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import orjson
from stamina.instrumentation import set_on_retry_hooks

from torn_pipeline.accounts import refuse_renamed
from torn_pipeline.config import StorageMode, load_config
from torn_pipeline.errors import BodyRefused, ConfigError, LandingError, PipelineError, TooManyQuarantined, UsageError
from torn_pipeline.landing import Fetch, Page, landing_from_url, new_fetch_id
from torn_pipeline.plan import EndpointPlan, plan_of
from torn_pipeline.quality import Prepared, Validator
from torn_pipeline.tables.normalise import Body, Normalizer, Origin
from torn_pipeline.tables.table import Shape
from torn_pipeline.torn import Listing, Quota, TornClient, fetch_list
from torn_pipeline.warehouse import Load, Quarantined, Receipt, warehouse_from_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import date
    from pathlib import Path

    from torn_pipeline.config import PipelineConfig
    from torn_pipeline.landing import Landing
    from torn_pipeline.settings import Settings
    from torn_pipeline.tables.normalise import Batch, Rejected
    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse import QuarantineRow, Warehouse

    Tell = Callable[[Fetch], None]

__all__ = [
    "EndpointState",
    "Pipeline",
    "Retried",
    "check_limit",
    "check_mode",
    "fetch",
    "land_file",
    "landed_fetches",
    "latest_fetch",
    "load",
    "load_of",
    "normalize",
    "open_pipeline",
    "read_file",
    "rebuild",
    "replay",
    "retry",
    "states",
    "stored_columns",
    "too_many",
    "validate",
]

_log = logging.getLogger(__name__)
_PLACE = re.compile(r"\[(\d+|\*)\]")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Everything a step needs to know of its surroundings."""

    settings: Settings
    config: PipelineConfig
    landing: Landing
    warehouse: Warehouse

    def plan(self, endpoint: str) -> EndpointPlan:
        """What follows from the config of one endpoint.

        Raises:
            UsageError: when there is no such endpoint.
            ConfigError: when it has no contract, or one that its storage mode does not suit.
        """
        try:
            found = self.config.endpoint(endpoint)
        except KeyError as error:
            names = ", ".join(sorted(known.name for known in self.config.endpoints))
            message = f"there is no endpoint {endpoint!r} in {self.settings.config}; it has {names}"
            raise UsageError(message) from error
        return plan_of(found, self.config)


def open_pipeline(settings: Settings, overrides: Sequence[str] = ()) -> Pipeline:
    """The pipeline that the environment and the config file describe; ``overrides`` are ``PATH=VALUE`` of the config.

    Raises:
        ConfigError: with one line for each problem.
    """
    config = load_config(settings, overrides)
    return Pipeline(settings, config, landing_from_url(settings.landing_url), warehouse_from_url(settings.warehouse, settings.data_dir))


# --- fetch -----------------------------------------------------------------------------------------------


def fetch(pipeline: Pipeline, endpoint: str, account: str, *, limit: int | None = None, tell: Tell | None = None) -> Fetch:
    """Ask the API for an endpoint, all pages, and land every response as received.

    With ``limit`` it stops once so many rows came; such a fetch is not complete. ``tell`` hears of the
    fetch as it stands after each page.

    Raises:
        ConfigError: when the account is one that fetched under another name before.
        PipelineError: when the fetch could not be completed; what came is landed, but no complete fetch.
    """
    plan = pipeline.plan(endpoint)
    began = replace(_begin(plan, account), key_id=pipeline.settings.key_id(account))
    refuse_renamed(pipeline, endpoint, account)
    fetched = began
    try:
        with closing(_client(pipeline, plan, account)) as client:
            for page in fetch_list(client, plan.endpoint.path, plan.endpoint.params, _listing(plan)):
                fetched = began if page.number == 0 else fetched
                fetched = _with_page(pipeline, fetched, page.answer.content, page.answer.url, page.answer.received_at, page.rows)
                fetched = replace(fetched, repeated=fetched.repeated + page.repeated)
                if tell:
                    tell(fetched)
                if limit is not None and fetched.rows >= limit:
                    return _end(pipeline, fetched, error=f"stopped after {fetched.rows} rows as asked")
    except PipelineError as error:
        _end(pipeline, fetched, error=str(error))
        raise
    return _end(pipeline, replace(fetched, complete=True))


def land_file(pipeline: Pipeline, endpoint: str, account: str, file: Path) -> Fetch:
    """Land a response body from a file, as a complete fetch of its own.

    Raises:
        UsageError: when the file cannot be read.
        BodyRefused: when it does not hold the endpoint's body.
    """
    fetched, body = read_file(pipeline, endpoint, account, file)
    page = fetched.pages[0]
    began = replace(fetched, pages=(), rows=0)
    return _end(pipeline, _with_page(pipeline, began, body.read(), page.url, page.received_at, page.rows))


def read_file(pipeline: Pipeline, endpoint: str, account: str, file: Path) -> tuple[Fetch, Body]:
    """A response body from a file as the fetch that it would be if it were landed; nothing is written.

    Raises:
        UsageError: when the file cannot be read.
        BodyRefused: when it does not hold the endpoint's body.
    """
    plan = pipeline.plan(endpoint)
    content = read_body(plan, file)
    rows = plan.count_rows(orjson.loads(content))
    began = _begin(plan, account)
    url = file.absolute().as_uri()
    page = Page(raw_id=url, url=url, received_at=began.fetched_at, size=len(content), sha256="", rows=rows)
    return replace(began, pages=(page,), rows=rows, complete=True), Body(page.raw_id, lambda: content)


def read_body(plan: EndpointPlan, file: Path) -> bytes:
    """A response body from a file, held against the contract.

    Raises:
        UsageError: when the file cannot be read.
        BodyRefused: when it does not hold the endpoint's body.
    """
    try:
        content = file.read_bytes()
        body = orjson.loads(content)
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror}; check the path"
        raise UsageError(message) from error
    except orjson.JSONDecodeError as error:
        message = f"{file}:{error.lineno}: not JSON: {error.msg}; give a response body as the API answered it"
        raise BodyRefused(message) from error
    plan.check_body(body)
    return content


def _client(pipeline: Pipeline, plan: EndpointPlan, account: str) -> TornClient:
    settings, endpoint = pipeline.settings, plan.endpoint
    timeout = endpoint.timeout.total_seconds()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    # The client tells of every retry itself; stamina's own hooks would write to stdout, among the data.
    set_on_retry_hooks(())
    quota = Quota(settings.data_dir / "quota.sqlite", pipeline.config.defaults.rate_limit, settings.rate_window, hold=timeout)
    return TornClient(
        settings.api_url,
        keys=settings.keys.get(account, ()),
        account=account,
        quota=quota,
        timeout=timeout,
        max_retries=endpoint.max_retries,
        retry_delay=endpoint.retry_delay.total_seconds(),
    )


def _listing(plan: EndpointPlan) -> Listing:
    return Listing(check_body=plan.check_body, root=plan.root_key, page_size=plan.contract.page_size, key_of=plan.key_of)


def _begin(plan: EndpointPlan, account: str) -> Fetch:
    now = datetime.now(UTC)
    endpoint = plan.endpoint
    if account not in endpoint.accounts:
        message = f"endpoint {endpoint.name} is not fetched with the account {account!r}; it has {', '.join(endpoint.accounts)}"
        raise UsageError(message)
    return Fetch(
        fetch_id=new_fetch_id(now),
        endpoint=endpoint.name,
        account=account,
        path=endpoint.path,
        params=dict(endpoint.params),
        fetched_at=now,
        ended_at=now,
        pages=(),
        rows=0,
        complete=False,
    )


def _with_page(pipeline: Pipeline, fetched: Fetch, content: bytes, url: str, received_at: datetime, rows: int) -> Fetch:
    page = pipeline.landing.put(fetched.endpoint, fetched.account, fetched.fetched_at, content, url=url, received_at=received_at, rows=rows)
    return replace(fetched, pages=(*fetched.pages, page), rows=fetched.rows + rows)


def _end(pipeline: Pipeline, fetched: Fetch, error: str = "") -> Fetch:
    """Write down what the fetch was: in the landing, which decides, and in the warehouse, which shows it."""
    ended = replace(fetched, ended_at=datetime.now(UTC), error=error)
    pipeline.landing.close(ended)
    try:
        pipeline.warehouse.record_fetch(ended)
    except PipelineError as failure:
        _log.warning("the fetch %s is landed, but not in torn_meta.fetches yet: %s", ended.fetch_id, failure)
    _log.info(
        "fetched %s for %s: %d rows in %d pages%s",
        ended.endpoint,
        ended.account,
        ended.rows,
        len(ended.pages),
        "" if ended.complete else ", not complete",
        extra={"fetch_id": ended.fetch_id, "endpoint": ended.endpoint, "account": ended.account, "rows": ended.rows},
    )
    return ended


# --- normalize and validate --------------------------------------------------------------------------------


def latest_fetch(pipeline: Pipeline, endpoint: str, account: str) -> Fetch:
    """The latest complete fetch in the landing.

    Raises:
        UsageError: when there is none.
    """
    pipeline.plan(endpoint)
    found = pipeline.landing.latest(endpoint, account)
    if found is None:
        message = f"nothing of {endpoint} has landed for the account {account}; run: torn-pipeline fetch {endpoint}"
        raise UsageError(message)
    return found


def normalize(pipeline: Pipeline, fetched: Fetch, *, bodies: Sequence[Body] = (), limit: int | None = None) -> Iterator[Batch]:
    """The rows of a fetch, by its contract, not yet validated; of at most ``limit`` roots.

    The responses come from the landing, unless ``bodies`` gives them.

    Raises:
        LandingError: when a response is gone or damaged.
        BodyRefused: when one is not the endpoint's body.
    """
    plan = pipeline.plan(fetched.endpoint)
    normalizer = Normalizer(plan.tables, add_new_fields=plan.endpoint.on_new_field == "add")
    yield from normalizer.batches(bodies or _landed(pipeline, fetched), _origin(fetched), limit=limit)


def validate(pipeline: Pipeline, fetched: Fetch, *, bodies: Sequence[Body] = (), limit: int | None = None) -> Prepared:
    """The rows of a fetch held against their contract, good ones told from bad. Close it after use.

    Arguments and errors are those of :func:`normalize`.
    """
    plan = pipeline.plan(fetched.endpoint)
    bodies = bodies or _landed(pipeline, fetched)
    batches = normalize(pipeline, fetched, bodies=bodies, limit=limit)
    prepared = validate_batches(plan, batches, pipeline.settings.data_dir / "tmp")
    read = {body.raw_id: body.read for body in bodies}
    prepared.rejected = [_with_raw(plan, rejected, read) for rejected in prepared.rejected]
    return prepared


def _landed(pipeline: Pipeline, fetched: Fetch) -> list[Body]:
    return [Body(page.raw_id, pipeline.landing.reader(page)) for page in fetched.pages]


def validate_batches(plan: EndpointPlan, batches: Iterator[Batch], folder: Path) -> Prepared:
    """Batches held against the Pandera schemas of their tables; ``folder`` takes what does not fit into memory."""
    validator = Validator(plan.contract, plan.tables)
    prepared = Prepared(folder)
    for batch in batches:
        prepared.add(validator.validate(batch))
    return prepared


def _with_raw(plan: EndpointPlan, rejected: Rejected, read: dict[str, Callable[[], bytes]]) -> Rejected:
    """A root that validation found broken, with its JSON from the landing."""
    if rejected.raw:
        return rejected
    return replace(rejected, raw=plan.find_root(orjson.loads(read[rejected.raw_id]()), rejected.key))


def _origin(fetched: Fetch) -> Origin:
    return Origin(account=fetched.account, fetch_id=fetched.fetch_id, fetched_at=fetched.fetched_at, path_ids=fetched.path_ids)


# --- load --------------------------------------------------------------------------------------------------


def load(pipeline: Pipeline, fetched: Fetch, prepared: Prepared, *, run_id: str = "", limited: bool = False) -> Receipt:
    """Write what validation let through in one transaction, with the quarantine and the ledger.

    ``limited`` says that ``prepared`` holds some roots of the fetch only: then the rest of its rows stay as they
    are, and the ledger does not take the fetch for loaded.

    Raises:
        ConfigError: when the table's rows came in another storage mode than the config now says.
        UsageError: when some roots only are to be loaded into a table that is replaced as a whole.
        TooManyQuarantined: when more roots are broken than the endpoint allows; then only the quarantine is written.
        WarehouseError: when the warehouse refuses; then nothing is.
        WarehouseBusy: when another process holds it for too long.
    """
    plan = pipeline.plan(fetched.endpoint)
    check_mode(pipeline, plan)
    if limited:
        check_limit(plan)
    work = replace(load_of(plan, fetched, prepared, run_id), partial=limited)
    if too_many(plan, prepared):
        pipeline.warehouse.quarantine(work)
        raise TooManyQuarantined(too_many(plan, prepared))
    receipt = pipeline.warehouse.load(work)
    _log.info(
        "loaded %s for %s: %s",
        fetched.endpoint,
        fetched.account,
        receipt.skipped or ", ".join(f"{name} {table.rows}" for name, table in receipt.tables.items()),
        extra={"fetch_id": fetched.fetch_id, "endpoint": fetched.endpoint, "account": fetched.account, "run_id": run_id},
    )
    return receipt


def check_mode(pipeline: Pipeline, plan: EndpointPlan) -> None:
    """Refuse to go on with a table whose rows came in another storage mode.

    Raises:
        ConfigError: naming the command that migrates.
    """
    mode, recorded = plan.endpoint.storage_mode, pipeline.warehouse.recorded_mode(plan.root.name)
    if recorded not in {None, mode}:
        name = plan.endpoint.name
        message = (
            f"{pipeline.config.where('endpoints', name, 'storage_mode')}: endpoints.{name}.storage_mode: is {mode}, but the table "
            f"{plan.root.name} was loaded with {recorded}: set it back, or migrate with: torn-pipeline replay {name} --rebuild"
        )
        raise ConfigError(message)


def check_limit(plan: EndpointPlan) -> None:
    """Refuse to load some roots only where all others would have to go.

    Raises:
        UsageError: for ``storage_mode: replace``.
    """
    if plan.endpoint.storage_mode is StorageMode.REPLACE:
        message = (
            f"{plan.endpoint.name} has storage_mode replace, so loading a part of it would drop the rest: "
            "leave --limit out, or add --dry-run"
        )
        raise UsageError(message)


def load_of(plan: EndpointPlan, fetched: Fetch, prepared: Prepared, run_id: str) -> Load:
    """What a warehouse is given to load."""
    return Load(
        fetch=fetched,
        mode=plan.endpoint.storage_mode,
        shared_scope=plan.endpoint.scope == "global",
        tables=plan.tables,
        contract_version=plan.version,
        batches=prepared,
        quarantined=[_quarantined(rejected) for rejected in prepared.rejected],
        run_id=run_id,
    )


def too_many(plan: EndpointPlan, prepared: Prepared) -> str:
    """Why so many broken roots forbid a load; empty when they do not."""
    share, most = prepared.quarantined_share, plan.endpoint.max_quarantined
    if share <= most:
        return ""
    first = prepared.rejected[0]
    return (
        f"{plan.endpoint.name}: {len(prepared.rejected)} of {prepared.roots} roots are broken, more than max_quarantined allows "
        f"({most:.0%}), so nothing was loaded; the first is at {first.json_path}: {first.reason}; "
        "see them with: torn-pipeline quarantine list"
    )


def _quarantined(rejected: Rejected) -> Quarantined:
    return Quarantined(
        table=rejected.table,
        root=rejected.root,
        key=orjson.dumps(rejected.key).decode(),
        json_path=rejected.json_path,
        reason=rejected.reason,
        raw=rejected.raw.decode(),
        raw_id=rejected.raw_id,
    )


# --- replay ------------------------------------------------------------------------------------------------


Outcome = Receipt | TooManyQuarantined
"""What came of loading a fetch: what was done, or why it was refused."""


def landed_fetches(pipeline: Pipeline, endpoints: Iterable[str], *, since: date | None = None) -> list[Fetch]:
    """The complete fetches of the endpoints in the landing, oldest first; since a day (UTC) when given."""
    found = [fetched for endpoint in endpoints for fetched in pipeline.landing.fetches(pipeline.plan(endpoint).endpoint.name, since=since)]
    return sorted(found, key=lambda fetched: (fetched.fetched_at, fetched.fetch_id))


def replay(
    pipeline: Pipeline,
    endpoints: Sequence[str],
    *,
    since: date | None = None,
    run_id: str = "",
    tell: Tell | None = None,
) -> Iterator[tuple[Fetch, Outcome]]:
    """Load every landed fetch of the endpoints again, oldest first, without a call; yields each as it is done.

    A fetch with too many broken roots is not loaded, and the next one follows. ``tell`` hears of each fetch before
    it is loaded.

    Raises:
        PipelineError: as :func:`validate` and :func:`load`; the fetches before it stay loaded.
    """
    for fetched in landed_fetches(pipeline, endpoints, since=since):
        if tell:
            tell(fetched)
        outcome: Outcome
        with validate(pipeline, fetched) as prepared:
            try:
                outcome = load(pipeline, fetched, prepared, run_id=run_id)
            except TooManyQuarantined as error:
                outcome = error
        yield fetched, outcome


def rebuild(pipeline: Pipeline, endpoints: Sequence[str], *, run_id: str = "", tell: Tell | None = None) -> list[tuple[Fetch, Outcome]]:
    """Empty the tables of the endpoints and load their landed fetches anew, oldest first, all in one transaction.

    This is what follows a changed ``storage_mode`` or a column of another type. A fetch with too many broken roots
    is not loaded. ``tell`` hears of each fetch before it is loaded.

    Raises:
        PipelineError: as :func:`validate` and :func:`load`; then the tables are as they were.
    """
    taken: list[Fetch] = []
    refused: list[tuple[Load, TooManyQuarantined]] = []

    def loads() -> Iterator[Load]:
        for fetched in landed_fetches(pipeline, endpoints):
            if tell:
                tell(fetched)
            plan = pipeline.plan(fetched.endpoint)
            with validate(pipeline, fetched) as prepared:
                work = load_of(plan, fetched, prepared, run_id)
                if reason := too_many(plan, prepared):
                    refused.append((replace(work, batches=()), TooManyQuarantined(reason)))
                else:
                    taken.append(fetched)
                    yield work

    emptied = {endpoint: pipeline.plan(endpoint).tables for endpoint in endpoints}
    receipts = pipeline.warehouse.load_all(loads(), rebuild=emptied, run_id=run_id)
    for work, _ in refused:
        pipeline.warehouse.quarantine(work)
    return [*zip(taken, receipts, strict=True), *((work.fetch, error) for work, error in refused)]


# --- quarantine --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """What another try did with the broken roots of one fetch.

    ``loaded`` and ``superseded`` (a newer fetch had brought them) count roots; ``broken`` are those that stay in quarantine.
    """

    fetch: Fetch
    loaded: int
    superseded: int
    broken: tuple[Rejected, ...] = field(default=())


def retry(pipeline: Pipeline, rows: Iterable[QuarantineRow], *, run_id: str = "") -> Iterator[Retried]:
    """Try again to load roots in quarantine, under the contracts as they are now; yields each fetch as it is done.

    A root keeps the id and the time of its fetch, so that it overwrites nothing newer. A fetch that was refused
    as a whole is loaded as a whole.

    Raises:
        LandingError: when a fetch is gone from the landing.
        PipelineError: as :func:`validate` and :func:`load`.
    """

    def fetch_of(row: QuarantineRow) -> tuple[str, str, datetime, str]:
        return row.endpoint, row.account, row.fetched_at, row.fetch_id

    for (endpoint, account, fetched_at, fetch_id), of_fetch in groupby(sorted(rows, key=fetch_of), fetch_of):
        plan = pipeline.plan(endpoint)
        check_mode(pipeline, plan)
        fetched = _find_fetch(pipeline, endpoint, account, fetched_at, fetch_id)
        if _is_loaded(pipeline, fetch_id):
            yield _retry_roots(pipeline, plan, fetched, list(of_fetch), run_id)
        else:
            yield _retry_fetch(pipeline, fetched, run_id)


def _retry_roots(pipeline: Pipeline, plan: EndpointPlan, fetched: Fetch, rows: Sequence[QuarantineRow], run_id: str) -> Retried:
    with validate(pipeline, fetched, bodies=_bodies_of(plan, rows)) as prepared:
        prepared.rejected = [_in_its_place(plan, rejected, rows) for rejected in prepared.rejected]
        work = replace(load_of(plan, fetched, prepared, run_id), partial=True, releases=tuple(row.quarantine_id for row in rows))
        receipt = pipeline.warehouse.load(work)
        broken, good = tuple(prepared.rejected), prepared.roots - len(prepared.rejected)
    superseded = good if receipt.skipped else receipt.kept_newer
    return Retried(fetch=fetched, loaded=good - superseded, superseded=superseded, broken=broken)


def _retry_fetch(pipeline: Pipeline, fetched: Fetch, run_id: str) -> Retried:
    with validate(pipeline, fetched) as prepared:
        broken, good = tuple(prepared.rejected), prepared.roots - len(prepared.rejected)
        try:
            receipt = load(pipeline, fetched, prepared, run_id=run_id)
        except TooManyQuarantined:
            return Retried(fetch=fetched, loaded=0, superseded=0, broken=broken)
    superseded = good if receipt.skipped else receipt.kept_newer
    return Retried(fetch=fetched, loaded=good - superseded, superseded=superseded, broken=broken)


def _bodies_of(plan: EndpointPlan, rows: Sequence[QuarantineRow]) -> list[Body]:
    """The responses that the roots came in, without their other roots."""
    tables = {table.name: table for table in plan.tables}
    bodies: dict[str, dict[str, list[Any]]] = {}
    for row in rows:
        bodies.setdefault(row.raw_id, {}).setdefault(row.root, []).append(orjson.loads(row.raw))
    return [
        Body(raw_id, partial(orjson.dumps, _nested({tables[root]: found for root, found in roots.items()})))
        for raw_id, roots in bodies.items()
    ]


def _in_its_place(plan: EndpointPlan, rejected: Rejected, rows: Sequence[QuarantineRow]) -> Rejected:
    """A root that is still broken, where it stands in the landed response; its place among the retried ones says nothing."""
    key = _quarantined(rejected).key
    before = next((row for row in rows if row.root == rejected.root and row.key == key), None)
    place = _PLACE.search(before.json_path) if before else None
    root = next(table for table in plan.tables if table.name == rejected.root)
    if place is None or root.shape is not Shape.LIST:
        return rejected
    return replace(rejected, json_path=_PLACE.sub(place[0], rejected.json_path, count=1))


def _nested(roots: dict[Table, list[Any]]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for table, found in roots.items():
        value: Any = found if table.shape is Shape.LIST else found[0]
        for part in reversed(table.path):
            value = {part: value}
        body |= value
    return body


def _find_fetch(pipeline: Pipeline, endpoint: str, account: str, fetched_at: datetime, fetch_id: str) -> Fetch:
    day = fetched_at.astimezone(UTC).date()
    for fetched in pipeline.landing.fetches(endpoint, account=account, since=day):
        if fetched.fetch_id == fetch_id:
            return fetched
    message = (
        f"the fetch {fetch_id} of {endpoint} for {account} is gone from the landing {pipeline.landing.label}; restore it from a backup"
    )
    raise LandingError(message)


def _is_loaded(pipeline: Pipeline, fetch_id: str) -> bool:
    loaded = pipeline.warehouse.query("SELECT DISTINCT _fetch_id FROM torn_meta.loads")
    return fetch_id in set(loaded["_fetch_id"].to_pylist())


# --- what is there -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointState:
    """Where one endpoint of the config stands for one account: ``rows`` of its root table; ``None`` where there is no such thing yet.

    ``next_run`` is ``None`` for a disabled endpoint.
    """

    endpoint: str
    account: str
    fetched_at: datetime | None
    rows: int | None
    quarantined: int
    next_run: datetime | None


def states(pipeline: Pipeline, now: datetime) -> list[EndpointState]:
    """Where every endpoint of the config stands at ``now`` (UTC), by endpoint and account."""
    known = {(state.endpoint, state.account): state for state in pipeline.warehouse.status()}
    found = []
    for endpoint in pipeline.config.endpoints:
        for account in endpoint.accounts:
            state = known.get((endpoint.name, account))
            found.append(
                EndpointState(
                    endpoint=endpoint.name,
                    account=account,
                    fetched_at=state.fetched_at if state else None,
                    rows=state.rows.get(endpoint.table) if state else None,
                    quarantined=state.quarantined if state else 0,
                    next_run=_next_run(endpoint.frequency, now) if endpoint.enabled else None,
                )
            )
    return found


def _next_run(frequency: timedelta, now: datetime) -> datetime:
    """The next multiple of a frequency since midnight UTC; frequencies divide a day."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + ((now - midnight) // frequency + 1) * frequency


def stored_columns(pipeline: Pipeline) -> dict[str, list[str]]:
    """The columns of every normalised table in the warehouse, by table; empty before the first fetch.

    Raises:
        PipelineError: when the warehouse cannot be read.
    """
    if pipeline.warehouse.fetches().is_empty():
        return {}
    found = pipeline.warehouse.query(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'torn' ORDER BY table_name, ordinal_position"
    )
    columns: dict[str, list[str]] = {}
    for row in found.to_pylist():
        columns.setdefault(row["table_name"], []).append(row["column_name"])
    return columns
