"""Fetch: ask the API, land what it answers, and say whether it is complete."""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson

from torn_pipeline.correlation import bound
from torn_pipeline.errors import BodyRefused, IdRefused, PipelineError, UsageError
from torn_pipeline.landing import Fetch, Page, new_fetch_id
from torn_pipeline.steps.accounts import refuse_renamed
from torn_pipeline.steps.asking import client_of
from torn_pipeline.steps.lookups import look_up
from torn_pipeline.tables.naming import fill_path
from torn_pipeline.tables.normalise import Body
from torn_pipeline.torn import Listing, Span, TornClient, WindowReading, fetch_list
from torn_pipeline.torn.codes import error_said

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps.context import Pipeline, Tell
    from torn_pipeline.torn import Answer

__all__ = ["fetch", "land_file", "read_file"]

_log = logging.getLogger(__name__)

_MOST_PAGES = 50  # of one fetch of a time window: what a failure costs at most, and what is held in memory


def fetch(
    pipeline: Pipeline,
    endpoint: str,
    account: str,
    *,
    path_ids: Mapping[str, int | str] | None = None,
    span: Span | None = None,
    limit: int | None = None,
    tell: Tell | None = None,
) -> Fetch:
    """Ask the API for an endpoint, all pages, and land every response as received.

    ``path_ids`` has the value of the id in the path, where there is one. Of an endpoint with a history the rows of the time
    ``span`` are asked for; where they are many, the fetch ends earlier, at its ``window_to``. With ``limit`` it stops once so
    many rows came; such a fetch is not complete. ``tell`` hears of the fetch as it stands after each page.

    Raises:
        ConfigError: when the account is one that fetched under another name before.
        PipelineError: when the fetch could not be completed; what came is landed, but no complete fetch.
    """
    plan = pipeline.plan(endpoint)
    began = replace(_begin(plan, account, path_ids or {}), key_id=pipeline.settings.key_id(account))
    refuse_renamed(pipeline, endpoint, account)
    fetched, reading, listed = began, None, set[object]()
    try:
        with bound(endpoint=endpoint, account=account, fetch_id=began.fetch_id), closing(client_of(pipeline, plan, account)) as client:
            if span is not None:
                reading = _window_reading(client, plan, span)
            for page in reading.pages() if reading else fetch_list(client, began.path, began.params, _listing(plan)):
                fetched = began if page.number == 0 else fetched
                listed |= _keys(plan, page.answer.body)
                fetched = _with_answer(pipeline, fetched, page.answer, page.rows)
                fetched = replace(fetched, repeated=fetched.repeated + page.repeated)
                if tell:
                    tell(fetched)
                if limit is not None and fetched.rows >= limit:
                    return _end(pipeline, fetched, error=f"stopped after {fetched.rows} rows as asked")
            for key, answer in look_up(pipeline, plan, account, client, listed):
                if answer is None:
                    fetched = replace(fetched, missing=(*fetched.missing, key))
                else:
                    fetched = _with_answer(pipeline, fetched, answer, 1)
    except PipelineError as error:
        _end(pipeline, fetched, error=str(error))
        if not (path_ids and isinstance(error, IdRefused)):  # the work goes on with the other ids
            _log.critical("fetching %s for %s is given up: %s", endpoint, account, error, extra=_belonging(began))
        raise
    if reading:
        fetched = replace(fetched, window_from=reading.span.after, window_to=reading.reached)
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
        is_text = "not valid UTF-8" not in error.msg
        what = f"{file}:{error.lineno}: not JSON: {error.msg}" if is_text else f"{file} is not text in UTF-8"
        message = f"{what}; give a response body as the API answered it"
        raise BodyRefused(message) from error
    if isinstance(body, dict) and (said := error_said(body)):
        message = f"{file} holds the API's {said}, no answer: fetch it again and give the new body"
        raise BodyRefused(message)
    plan.check_body(body)
    return content


def _keys(plan: EndpointPlan, body: Mapping[str, object]) -> set[object]:
    """The keys of a page's rows, where rows that are not among them are to be looked up."""
    rows = body.get(plan.root_key or "") if plan.lookup else None
    return {plan.key_of(row) for row in rows} if plan.key_of and isinstance(rows, list) else set()


def _window_reading(client: TornClient, plan: EndpointPlan, span: Span) -> WindowReading:
    window = plan.window_at(span.after)
    asked = span if window.until is None or span.until <= window.until else Span(span.after, window.until)
    return WindowReading(client, plan.endpoint.path, plan.endpoint.params, _listing(plan), window, asked, _MOST_PAGES)


def _listing(plan: EndpointPlan) -> Listing:
    return Listing(check_body=plan.check_body, root=plan.root_key, page_size=plan.contract.page_size, key_of=plan.key_of)


def _begin(plan: EndpointPlan, account: str, path_ids: Mapping[str, int | str] | None = None) -> Fetch:
    now, endpoint, ids = datetime.now(UTC), plan.endpoint, dict(path_ids or {})
    if endpoint.ids_from and not ids:
        message = f"{endpoint.path} is asked by id: run torn-pipeline fetch {endpoint.name} without --input"
        raise UsageError(message)
    if account not in endpoint.accounts:
        message = f"endpoint {endpoint.name} is not fetched with the account {account!r}; it has {', '.join(endpoint.accounts)}"
        raise UsageError(message)
    return Fetch(
        fetch_id=new_fetch_id(now),
        endpoint=endpoint.name,
        account=account,
        path=fill_path(endpoint.path, quote(str(next(iter(ids.values()))), safe="")) if ids else endpoint.path,
        path_ids=ids,
        params=dict(endpoint.params),
        fetched_at=now,
        ended_at=now,
        pages=(),
        rows=0,
        complete=False,
    )


def _with_answer(pipeline: Pipeline, fetched: Fetch, answer: Answer, rows: int) -> Fetch:
    """The fetch with one more landed answer; the record of it leads from a row's ``_raw_id`` to the call."""
    landed = _with_page(pipeline, fetched, answer.content, answer.url, answer.received_at, rows)
    page = landed.pages[-1]
    said = {"raw_id": page.raw_id, "call_id": answer.call_id, "rows": rows, "bytes": page.size}
    _log.info("landed page %d: %d rows, %d bytes, %s", len(landed.pages), rows, page.size, page.raw_id, extra=said)
    return landed


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
        extra=_belonging(ended) | {"rows": ended.rows},
    )
    return ended


def _belonging(fetched: Fetch) -> dict[str, object]:
    """What a record of a fetch belongs to, where nothing of it is bound any more."""
    return {"fetch_id": fetched.fetch_id, "endpoint": fetched.endpoint, "account": fetched.account}
