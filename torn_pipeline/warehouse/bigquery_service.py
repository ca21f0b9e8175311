"""One BigQuery project and dataset: calls that are tried again, jobs that are adopted, errors as sentences."""

from __future__ import annotations

import hashlib
import re
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from itertools import count
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import requests
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import Conflict, Forbidden, GoogleAPICallError, NotFound, PreconditionFailed, RetryError, ServerError
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError, TransportError
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY, DEFAULT_RETRY

from torn_pipeline.errors import PipelineError, WarehouseBusy, WarehouseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa
    from google.cloud.bigquery.table import RowIterator, TableListItem

    from torn_pipeline.warehouse.bigquery_sql import Values

__all__ = ["Aborted", "Place", "Service", "Stale", "Usage", "first_line", "job_name"]

_PATIENCE = 60.0  # seconds in which a call that cannot be answered is tried again
_LONGEST = 3600.0  # seconds to wait for one job
_PAGE = 1_000  # rows of a script's answer: when their number is asked for they come with the word that it has ended
_ONCE = "nothing is written twice"
_LABELS = {"application": "torn-pipeline"}
_ABORTED = ("concurrent update", "Transaction conflict", "write-write conflict")  # the last two are a local server's words
_BUSY = {"quotaExceeded", "rateLimitExceeded", "jobRateLimitExceeded", "backendError", "internalError", "resourcesExceeded", "stopped"}
_REQUEST = re.compile(r"^(?:\d{3} )?(?:GET|POST|PUT|PATCH|DELETE) \S+: ")

_Job = TypeVar("_Job", "bigquery.QueryJob", "bigquery.LoadJob")


class Stale(Exception):
    """Another writer came first: what was read of the warehouse does not hold any more."""


class Aborted(Exception):
    """BigQuery gave a transaction up because another one changed the same table; nothing of it was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a warehouse is, and how it is reached.

    ``emulator`` is the URL of a local server that stands in for BigQuery, ``maximum_bytes_billed`` what one
    statement may cost at most (``None``: no limit). With ``require_partition_filter`` a partitioned table is read by
    nobody who does not say which days.
    """

    project: str
    dataset: str
    location: str = "EU"
    emulator: str = ""
    maximum_bytes_billed: int | None = None
    require_partition_filter: bool = False

    @property
    def meta(self) -> str:
        """The dataset of the platform's own tables."""
        return f"{self.dataset}_meta"

    def table(self, name: str) -> str:
        """A normalised table's full name, quoted."""
        return f"`{self.project}`.`{self.dataset}`.`{name}`"

    def meta_table(self, name: str) -> str:
        """The full name of one of the platform's own tables, quoted."""
        return f"`{self.project}`.`{self.meta}`.`{name}`"


@dataclass(slots=True)
class Usage:
    """What jobs have used: bytes that are billed, and slot milliseconds; ``None`` when BigQuery does not tell it of all of them."""

    bytes_billed: int | None = 0
    slot_milliseconds: int | None = 0
    queries: list[str] = field(default_factory=list)
    """The jobs whose answers came without their statistics."""

    def add(self, job: bigquery.QueryJob | bigquery.LoadJob) -> None:
        """Add what a job has used. Load jobs are free."""
        is_query = isinstance(job, bigquery.QueryJob)
        # A job's own form leaves the statistics out; that of all jobs does not.
        all_of_it: Any = super(bigquery.QueryJob, job) if is_query else super(bigquery.LoadJob, job)
        said = all_of_it.to_api_repr()["statistics"]
        billed = said.get("query", {}).get("totalBytesBilled") if is_query else 0
        self.bytes_billed = _sum(self.bytes_billed, billed)
        self.slot_milliseconds = _sum(self.slot_milliseconds, said.get("totalSlotMs"))


def _sum(so_far: int | None, more: str | int | None) -> int | None:
    return None if so_far is None or more is None else so_far + int(more)


_USAGE: ContextVar[Usage | None] = ContextVar("_USAGE", default=None)


class Service:
    """The calls that the warehouse needs; every one raises ``WarehouseError`` or ``WarehouseBusy`` with one sentence."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._waited: set[str] = set()  # other writers' jobs that have ended

    @cached_property
    def client(self) -> bigquery.Client:
        """Google's client, made when it is first used."""
        place = self.place
        if not place.emulator:
            with self.sentences():
                return bigquery.Client(project=place.project, location=place.location)
        return bigquery.Client(
            project=place.project,
            location=place.location,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call] # google-auth has no types here
            client_options=ClientOptions(api_endpoint=place.emulator),
        )

    def rows(self, sql: str, values: Values | None = None) -> list[dict[str, Any]]:
        """The rows of one reading statement."""
        with self.sentences():
            return [dict(row.items()) for row in self._ask(sql, values)]

    def arrow(self, sql: str, values: Values | None = None) -> pa.Table:
        """The answer to one reading statement, the columns as BigQuery types them."""
        with self.sentences():
            return self._ask(sql, values).to_arrow(create_bqstorage_client=self._reads_by_storage)

    def statement_type(self, sql: str) -> str | None:
        """What kind of statement a text is, told by BigQuery without running it; ``None`` or ``SCRIPT`` for none or several."""
        with self.sentences():
            job = self.client.query(sql, job_config=self._config(None, dry_run=True), retry=self._retry, job_retry=None)
            kind: str | None = job.statement_type
            return kind

    def run(self, sql: str, values: Values | None, job_id: str, call: str) -> list[dict[str, Any]]:
        """Run a script as the job of that id, or adopt the one of this ``call`` that did: an answer that was lost is asked for again.

        ``_1``, ``_2`` … is added to the id: the number of the try, for a job that failed keeps its id.

        Raises:
            Stale: when another writer's job has the id, once that job has ended.
            Aborted: when the transaction was given up for another one.
        """
        config = self._config(values)
        config.labels = {**_LABELS, "torn_call": call}

        def begin(name: str) -> bigquery.QueryJob:
            return self.client.query(sql, job_id=name, job_config=config, retry=self._retry, job_retry=None)

        with self.sentences():
            job = self._begin(begin, job_id, call)
            answer = job.result(retry=self._retry, job_retry=None, timeout=_LONGEST, page_size=_PAGE)
            if usage := _USAGE.get():
                usage.add(job)
            return [dict(row.items()) for row in answer]

    def upload(self, file: BinaryIO, size: int, table: bigquery.Table, job_id: str, call: str) -> bigquery.LoadJob:
        """Begin to add the rows of a Parquet file of ``size`` bytes to a table."""
        config = bigquery.LoadJobConfig(
            source_format="PARQUET",
            schema=table.schema,
            write_disposition="WRITE_APPEND",
            labels={**_LABELS, "torn_call": call},
        )

        def begin(name: str) -> bigquery.LoadJob:
            return self.client.load_table_from_file(
                file, table.reference, rewind=True, size=size, job_id=name, job_config=config, timeout=_PATIENCE
            )

        with self.sentences():
            return self._begin(begin, job_id, call)

    def wait(self, job: bigquery.LoadJob) -> None:
        """Wait until a load job is done."""
        with self.sentences():
            job.result(retry=self._retry, timeout=_LONGEST)
            if usage := _USAGE.get():
                usage.add(job)

    @contextmanager
    def metered(self) -> Iterator[Usage]:
        """What the jobs of the block have used, known after it; that it cannot be asked for is no reason to fail."""
        usage = Usage()
        token = _USAGE.set(usage)
        try:
            yield usage
        finally:
            _USAGE.reset(token)
        try:
            with self.sentences():
                for name in usage.queries:
                    job: Any = self.client.get_job(name, location=self.place.location, retry=self._retry)
                    usage.add(job)
        except PipelineError:
            usage.bytes_billed = usage.slot_milliseconds = None

    def table(self, dataset: str, name: str) -> bigquery.Table | None:
        """A table as it stands, ``None`` when there is none."""
        with self.sentences():
            try:
                return self.client.get_table(f"{self.place.project}.{dataset}.{name}", retry=self._retry)
            except NotFound:
                return None

    def tables(self) -> list[str]:
        """The names of the normalised tables."""
        return [one.table_id for one in self.listed(self.place.dataset)]

    def listed(self, dataset: str) -> list[TableListItem]:
        """What stands in a dataset: tables and views, with their labels."""
        with self.sentences():
            return list(self.client.list_tables(f"{self.place.project}.{dataset}", retry=self._retry))

    def create_table(self, table: bigquery.Table) -> None:
        """Create a table unless it is there."""
        with self.sentences():
            self.client.create_table(table, exists_ok=True, retry=self._retry)

    def update_table(self, table: bigquery.Table, fields: Sequence[str]) -> None:
        """Change these properties of a table, if nobody else has changed it since it was read.

        Raises:
            Stale: when somebody has.
        """
        with self.sentences():
            try:
                self.client.update_table(table, list(fields), retry=self._retry)
            except PreconditionFailed as error:
                raise Stale from error

    def drop_table(self, table: bigquery.Table) -> None:
        """Drop a table if it is there."""
        with self.sentences():
            self.client.delete_table(table, not_found_ok=True, retry=self._retry)

    def ensure_datasets(self) -> None:
        """Create both datasets where they are missing.

        Raises:
            WarehouseError: when one is in another location than the URL says.
        """
        for name in (self.place.dataset, self.place.meta):
            dataset = bigquery.Dataset(f"{self.place.project}.{name}")
            dataset.location = self.place.location
            dataset.labels = _LABELS
            with self.sentences():
                try:
                    self.client.create_dataset(dataset, retry=self._retry)
                except Conflict:
                    self._check_location(name)

    def _check_location(self, name: str) -> None:
        found = self.client.get_dataset(f"{self.place.project}.{name}", retry=self._retry).location or ""
        if found.casefold() != self.place.location.casefold():
            message = (
                f"dataset {name} of project {self.place.project} is in {found} and TORN_WAREHOUSE says {self.place.location}: "
                f"add ?location={found} to the URL, or name another dataset"
            )
            raise WarehouseError(message)

    def label(self, table: bigquery.Table) -> bool:
        """Give a table the platform's labels; whether it lacked one."""
        labels = {**table.labels, **_LABELS}
        lacked: bool = labels != table.labels
        table.labels = labels
        return lacked

    def new_table(self, dataset: str, name: str, schema: Sequence[bigquery.SchemaField]) -> bigquery.Table:
        """A table to be created, with the platform's labels."""
        table = bigquery.Table(f"{self.place.project}.{dataset}.{name}", schema=list(schema))
        table.labels = _LABELS
        return table

    def _ask(self, sql: str, values: Values | None) -> RowIterator:
        again = DEFAULT_JOB_RETRY.with_timeout(_PATIENCE)
        config = self._config(values)
        rows = self.client.query_and_wait(sql, job_config=config, retry=self._retry, job_retry=again, wait_timeout=_LONGEST)
        if (usage := _USAGE.get()) and rows.job_id:
            usage.queries.append(rows.job_id)
        return rows

    def _begin(self, begin: Callable[[str], _Job], job_id: str, call: str) -> _Job:

        for attempt in count(1):
            name = f"{job_id}_{attempt}"
            try:
                return begin(name)
            except Conflict:
                job: Any = self.client.get_job(name, location=self.place.location, retry=self._retry)
            if job.labels.get("torn_call") == call:
                adopted: _Job = job
                if not (job.done(retry=self._retry) and job.error_result):
                    return adopted
            elif name not in self._waited:
                job.exception(timeout=_LONGEST)  # the other writer's job ends, well or badly
                self._waited.add(name)
                if not job.error_result:
                    raise Stale
        raise AssertionError  # count() never ends

    @property
    def _reads_by_storage(self) -> bool:

        return not self.place.emulator and find_spec("google.cloud.bigquery_storage") is not None

    @cached_property
    def _retry(self) -> Any:  # noqa: ANN401 - google-api-core's Retry has no types

        return DEFAULT_RETRY.with_timeout(_PATIENCE).with_delay(initial=0.2, maximum=10.0, multiplier=2.0)

    def _config(self, values: Values | None, *, dry_run: bool = False) -> bigquery.QueryJobConfig:

        config = bigquery.QueryJobConfig(
            default_dataset=f"{self.place.project}.{self.place.dataset}",
            labels=_LABELS,
            dry_run=dry_run,
            use_query_cache=False,
            query_parameters=values.parameters if values else [],
        )
        if self.place.maximum_bytes_billed is not None:
            config.maximum_bytes_billed = self.place.maximum_bytes_billed
        return config

    @contextmanager
    def sentences(self) -> Iterator[None]:
        """Say in one sentence what BigQuery, or the way to it, finds wrong."""
        where = f"BigQuery ({self.place.project}.{self.place.dataset})"
        try:
            yield
        except GoogleAPICallError as error:
            raise self._refusal(error) from error
        except (RetryError, TransportError, requests.RequestException, ConnectionError, TimeoutError) as error:
            if isinstance(error, RetryError) and isinstance(error.cause, GoogleAPICallError):
                raise self._refusal(error.cause) from error
            message = f"{where} cannot be reached: {type(error).__name__}; check the network, then try again: {_ONCE}"
            raise WarehouseBusy(message) from error
        except GoogleAuthError as error:
            message = (
                f"there are no credentials for {where} that Google accepts: run `gcloud auth application-default login`, "
                "or name a service account's key file in GOOGLE_APPLICATION_CREDENTIALS"
            )
            raise WarehouseError(message) from error

    def _refusal(self, error: GoogleAPICallError) -> Exception:
        """What an answer of BigQuery's means."""
        said = first_line(error)
        if any(words in said for words in _ABORTED):
            return Aborted(said)
        reasons = {str(one.get("reason")) for one in error.errors or () if isinstance(one, dict)}
        if reasons & _BUSY or isinstance(error, ServerError):
            return WarehouseBusy(f"BigQuery ({self.place.project}) has no room, or is in trouble: {said}; try again later: {_ONCE}")
        return WarehouseError(self._meaning(error, said, reasons))

    def _meaning(self, error: GoogleAPICallError, said: str, reasons: set[str]) -> str:
        project, where = self.place.project, f"{self.place.project}.{self.place.dataset}"
        if "bytesBilledLimitExceeded" in reasons or "limit for bytes billed" in said:
            return f"BigQuery stopped a statement that costs more than maximum_bytes_billed in TORN_WAREHOUSE: {said}"
        if isinstance(error, Forbidden) and "billing" in said.casefold():
            return f"project {project} cannot be billed: {said}; turn billing on in the Google Cloud console"
        if isinstance(error, Forbidden):
            return f"BigQuery refuses {where} to these credentials: {said}; grant the roles that docs/bigquery.md names"
        if isinstance(error, NotFound) and re.search(r"not found: project|project .*not (been )?(used|found)", said, re.IGNORECASE):
            return f"there is no project {project} that these credentials see: check TORN_WAREHOUSE ({said})"
        return f"BigQuery ({where}) refused a statement: {said}"


def first_line(error: GoogleAPICallError) -> str:
    """BigQuery's own first line, without the request and without what repeats it."""
    text = str(error.message or error).strip().split("\n", 1)[0]
    return _REQUEST.sub("", text).split("; reason:", 1)[0].strip()


def job_name(*parts: object) -> str:
    """A job's id that is the same whenever these are."""
    return "torn_" + hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:32]
