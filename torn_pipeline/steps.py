"""The road itself: fetch, normalize, validate, load, replay. What the console script and the assets share.

Each step is a function of the one before it and the config; none knows who called it. A step that fails
raises a :class:`torn_pipeline.errors.PipelineError` and leaves the tables as they were.
"""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from torn_pipeline.config import load_config
from torn_pipeline.errors import BodyRefused, PipelineError, TooManyQuarantined, UsageError
from torn_pipeline.landing import Fetch, landing_from_url, new_fetch_id
from torn_pipeline.plan import EndpointPlan, plan_of
from torn_pipeline.quality import Prepared, Validator
from torn_pipeline.tables.normalise import Body, Normalizer, Origin
from torn_pipeline.torn import Listing, Quota, TornClient, fetch_list
from torn_pipeline.warehouse import Load, Quarantined, warehouse_from_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date
    from pathlib import Path

    from torn_pipeline.config import PipelineConfig
    from torn_pipeline.landing import Landing
    from torn_pipeline.settings import Settings
    from torn_pipeline.tables.normalise import Batch, Rejected
    from torn_pipeline.warehouse import Receipt, Warehouse

__all__ = ["Pipeline", "fetch", "land_file", "latest_fetch", "load", "normalize", "open_pipeline", "replay", "validate"]

_log = logging.getLogger(__name__)


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


def fetch(
    pipeline: Pipeline, endpoint: str, account: str, *, limit: int | None = None, tell: Callable[[Fetch], None] | None = None
) -> Fetch:
    """Ask the API for an endpoint, all pages, and land every response as received.

    With ``limit`` it stops once so many rows came; such a fetch is not complete. ``tell`` hears of the
    fetch as it stands after each page.

    Raises:
        PipelineError: when the fetch could not be completed; what came is landed, but no complete fetch.
    """
    plan = pipeline.plan(endpoint)
    began = _begin(plan, account)
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
    plan = pipeline.plan(endpoint)
    content = read_body(plan, file)
    rows = plan.count_rows(orjson.loads(content))
    fetched = _with_page(pipeline, _begin(plan, account), content, file.absolute().as_uri(), datetime.now(UTC), rows)
    return _end(pipeline, replace(fetched, complete=True))


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


def normalize(pipeline: Pipeline, fetched: Fetch, *, limit: int | None = None) -> Iterator[Batch]:
    """The rows of a landed fetch, by its contract, not yet validated; of at most ``limit`` roots.

    Raises:
        LandingError: when a response is gone or damaged.
        BodyRefused: when one is not the endpoint's body.
    """
    plan = pipeline.plan(fetched.endpoint)
    bodies = [Body(page.raw_id, pipeline.landing.reader(page)) for page in fetched.pages]
    yield from normalize_bodies(plan, bodies, _origin(fetched), limit=limit)


def normalize_bodies(plan: EndpointPlan, bodies: Sequence[Body], origin: Origin, *, limit: int | None = None) -> Iterator[Batch]:
    """The rows of bodies, wherever they come from."""
    normalizer = Normalizer(plan.tables, add_new_fields=plan.endpoint.on_new_field == "add")
    yield from normalizer.batches(bodies, origin, limit=limit)


def validate(pipeline: Pipeline, fetched: Fetch, *, limit: int | None = None) -> Prepared:
    """The rows of a landed fetch held against their contract, good ones told from bad. Close it after use.

    Raises:
        PipelineError: as :func:`normalize`.
    """
    plan = pipeline.plan(fetched.endpoint)
    prepared = validate_batches(plan, normalize(pipeline, fetched, limit=limit), pipeline.settings.data_dir / "tmp")
    read = {page.raw_id: pipeline.landing.reader(page) for page in fetched.pages}
    prepared.rejected = [_with_raw(plan, rejected, read) for rejected in prepared.rejected]
    return prepared


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


def load(pipeline: Pipeline, fetched: Fetch, prepared: Prepared, *, run_id: str = "") -> Receipt:
    """Write what validation let through in one transaction, with the quarantine and the ledger.

    Raises:
        TooManyQuarantined: when more roots are broken than the endpoint allows; then only the quarantine is written.
        WarehouseError: when the warehouse refuses; then nothing is.
        WarehouseBusy: when another process holds it for too long.
    """
    plan = pipeline.plan(fetched.endpoint)
    work = load_of(plan, fetched, prepared, run_id)
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
        f"({most:.0%}), so nothing was loaded; the first is at {first.json_path}: {first.reason}; see them with: torn-pipeline quarantine list"
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


def replay(pipeline: Pipeline, endpoints: Sequence[str], *, since: date | None = None, run_id: str = "") -> Iterator[tuple[Fetch, Receipt]]:
    """Load every landed fetch of the endpoints again, oldest first, without a call; yields each as it is done.

    Raises:
        PipelineError: as :func:`validate` and :func:`load`; the fetches before it stay loaded.
    """
    found = [fetched for endpoint in endpoints for fetched in pipeline.landing.fetches(pipeline.plan(endpoint).endpoint.name, since=since)]
    for fetched in sorted(found, key=lambda fetched: fetched.fetched_at):
        with validate(pipeline, fetched) as prepared:
            yield fetched, load(pipeline, fetched, prepared, run_id=run_id)
