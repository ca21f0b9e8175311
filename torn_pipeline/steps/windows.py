"""Time windows of endpoints with a history: what of it is complete, what is missing, and fetching it.

A fetch of a window proves that all of its rows came, up to the moment it reached. Rows may come late, so what it proves ends,
for good, so long before the fetch began; the next fetch begins there. What is complete is read from what was loaded,
never from Dagster.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from torn_pipeline.errors import TooManyQuarantined, UsageError
from torn_pipeline.steps.fetching import fetch
from torn_pipeline.steps.loading import load
from torn_pipeline.steps.preparing import validate
from torn_pipeline.torn import Span, day_span, merged, without

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from torn_pipeline.landing import Fetch
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps.context import Pipeline, Tell
    from torn_pipeline.steps.replaying import Outcome

Row = dict[str, Any]
"""A row of ``torn_meta.fetches``."""

__all__ = [
    "asked_spans",
    "complete",
    "due",
    "fetch_new",
    "fetch_span",
    "fill",
    "landed_besides",
    "landed_first",
    "loaded_fetches",
    "missing",
    "pending",
    "refuse_without_windows",
]


def refuse_without_windows(plan: EndpointPlan) -> None:
    """Refuse to look for the past of an endpoint that only knows how things are now.

    Raises:
        UsageError: always, for one.
    """
    if not plan.is_windowed:
        message = f"{plan.endpoint.name} ({plan.endpoint.path}) cannot be asked for a time: it tells only how things are now"
        raise UsageError(message)


def complete(pipeline: Pipeline, plan: EndpointPlan, account: str) -> list[Span]:
    """The time of which every row is loaded, in order."""
    return _complete(plan, loaded_fetches(pipeline, plan, account))


def pending(pipeline: Pipeline, plan: EndpointPlan, account: str) -> list[Fetch]:
    """What has landed since the last load, or before the first one, and is not loaded; oldest first."""
    return landed_besides(pipeline, plan, account, loaded_fetches(pipeline, plan, account))


def due(pipeline: Pipeline, plan: EndpointPlan, account: str, now: datetime) -> Span:
    """What is new at ``now``: since the newest row that is proven, loaded or only landed; the first time all there is."""
    loaded = loaded_fetches(pipeline, plan, account)
    waiting = landed_besides(pipeline, plan, account, loaded)
    landed = filter(None, (_proven(plan, one.window_from, one.window_to, one.fetched_at) for one in waiting))
    reached = max((span.until for span in [*_complete(plan, loaded), *landed]), default=day_span(plan.endpoint.since).after)
    return Span(min(reached, now - timedelta(seconds=1)), now)


def asked_spans(
    pipeline: Pipeline, plan: EndpointPlan, account: str, days: Iterable[date], now: datetime, *, full: bool = False, resume: bool = False
) -> list[Span]:
    """What to load for some days (UTC) at ``now``: of today what is new, of days before it all; with ``full`` all there is.

    With ``resume`` without what is complete.
    """
    if full:
        return [Span(day_span(plan.endpoint.since).after, now)]
    today, wanted = now.date(), set(days)
    new = [due(pipeline, plan, account, now)] if today in wanted else []
    spans = merged([*(day_span(day) for day in wanted if day < today), *new])
    if not resume:
        return spans
    done = complete(pipeline, plan, account)
    return [rest for span in spans for rest in without(span, done)]


def missing(pipeline: Pipeline, plan: EndpointPlan, account: str, since: date, until: date, *, now: datetime) -> list[Span]:
    """What is not complete of the days from one to another, as far as it could be at ``now``; the next fetch's share is not missing."""
    days = day_span(since, until)
    newest = now - plan.late
    end = min(days.until, newest)
    gaps = without(Span(days.after, end), complete(pipeline, plan, account)) if days.after < end else []
    return [gap for gap in gaps if gap.until < newest or gap.until - gap.after > plan.endpoint.frequency]


def calls_for(pipeline: Pipeline, plan: EndpointPlan, account: str, spans: Iterable[Span]) -> int | None:
    """About how many calls it takes to fetch some time, by the account's fetches so far; ``None`` before the first of them.

    Each span costs two calls that bring nothing new: one that ends it, and one for the part that overlaps.
    """
    known, wanted = pipeline.warehouse.fetches(plan.endpoint.name), list(spans)
    own = [row for row in known.to_dicts() if row["complete"] and row["account"] == account and row["window_to"] is not None]
    fetched = sum((row["window_to"] - row["window_from"] for row in own), timedelta())
    if not fetched:
        return None
    length = sum((span.until - span.after for span in wanted), timedelta())
    pages: int = sum(row["pages"] for row in own)
    return round(length / fetched * pages) + 2 * len(wanted)


def fetch_new(
    pipeline: Pipeline, plan: EndpointPlan, account: str, *, limit: int | None = None, tell: Tell | None = None
) -> Iterator[Fetch]:
    """Fetch what is new of an endpoint with a history, all there is of another.

    Raises:
        PipelineError: as :func:`fetch`.
    """
    endpoint = plan.endpoint.name
    now = datetime.now(UTC).replace(microsecond=0)
    span = due(pipeline, plan, account, now) if plan.is_windowed else None
    if span is None or limit is not None:
        yield fetch(pipeline, endpoint, account, span=span, limit=limit, tell=tell)
    else:
        yield from fetch_span(pipeline, endpoint, account, span, tell=tell)


def fetch_span(pipeline: Pipeline, endpoint: str, account: str, span: Span, *, tell: Tell | None = None) -> Iterator[Fetch]:
    """Fetch a time window, in as many fetches as it takes; each is landed and complete when it is yielded.

    Raises:
        PipelineError: as :func:`fetch`; the fetches before it stay landed.
    """
    reached: datetime | None = span.after
    while reached is not None and reached < span.until:
        fetched = fetch(pipeline, endpoint, account, span=Span(reached, span.until), tell=tell)
        yield fetched
        reached = fetched.window_to


def fill(
    pipeline: Pipeline, plan: EndpointPlan, account: str, spans: Iterable[Span], *, run_id: str = "", tell: Tell | None = None
) -> Iterator[tuple[Fetch, Outcome]]:
    """Load what is missing, from the landing where it lies there, else from the API; yields each fetch as it is loaded.

    Raises:
        PipelineError: as :func:`fetch` and :func:`load`; what was loaded before stays, and is not fetched again the next time.
    """
    landed, left = landed_first(pipeline, plan, account, spans)
    for one in landed:
        yield one, _load(pipeline, one, run_id)
    for span in left:
        for fetched in fetch_span(pipeline, plan.endpoint.name, account, span, tell=tell):
            yield fetched, _load(pipeline, fetched, run_id)


def landed_first(pipeline: Pipeline, plan: EndpointPlan, account: str, spans: Iterable[Span]) -> tuple[list[Fetch], list[Span]]:
    """The landed fetches that bring some of a time, oldest first, and what of it the landing does not have."""
    left, found = merged(spans), []
    for landed in pipeline.landing.fetches(plan.endpoint.name, account=account):
        proven = _proven(plan, landed.window_from, landed.window_to, landed.fetched_at)
        if proven is None or not any(without(span, [proven]) != [span] for span in left):
            continue
        found.append(landed)
        left = [rest for span in left for rest in without(span, [proven])]
    return found, left


def _load(pipeline: Pipeline, fetched: Fetch, run_id: str) -> Outcome:
    with validate(pipeline, fetched) as prepared:
        try:
            return load(pipeline, fetched, prepared, run_id=run_id)
        except TooManyQuarantined as error:
            return error


def _proven(plan: EndpointPlan, after: datetime | None, until: datetime | None, began: datetime) -> Span | None:
    """The part of a fetch's window that nothing can be added to; ``None`` where there is none."""
    if after is None or until is None:
        return None
    end = min(until, (began.astimezone(UTC) - plan.late).replace(microsecond=0))
    return Span(after, end) if after < end else None


def loaded_fetches(pipeline: Pipeline, plan: EndpointPlan, account: str) -> list[Row]:
    """The rows of ``torn_meta.fetches`` of what an account's fetches have left in the endpoint's root table, oldest first."""
    known = pipeline.warehouse.fetches(plan.endpoint.name)
    if known.is_empty():
        return []
    # The table's name is one that the config allows.
    found = pipeline.warehouse.query(f"SELECT DISTINCT _fetch_id FROM torn_meta.loads WHERE table_name = '{plan.root.name}'")  # noqa: S608
    loaded = set(found["_fetch_id"].to_pylist())
    return [row for row in known.to_dicts() if row["account"] == account and row["_fetch_id"] in loaded]


def landed_besides(pipeline: Pipeline, plan: EndpointPlan, account: str, loaded: Sequence[Row]) -> list[Fetch]:
    """What has landed since the last of these loaded fetches, and is none of them; oldest first."""
    since = max((row["started"] for row in loaded), default=None)
    ids = {row["_fetch_id"] for row in loaded}
    landed = pipeline.landing.fetches(plan.endpoint.name, account=account, since=since and since.date())
    return [one for one in landed if one.fetch_id not in ids]


def _complete(plan: EndpointPlan, loaded: Sequence[Row]) -> list[Span]:
    own = [row for row in loaded if row["complete"]]
    return merged(filter(None, (_proven(plan, row["window_from"], row["window_to"], row["started"]) for row in own)))
