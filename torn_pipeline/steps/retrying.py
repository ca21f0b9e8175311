"""Another try for what is in quarantine, after a contract was mended."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import orjson

from torn_pipeline.errors import LandingError, TooManyQuarantined
from torn_pipeline.steps.loading import as_quarantined, check_mode, load, load_of
from torn_pipeline.steps.preparing import validate
from torn_pipeline.tables.normalise import Body
from torn_pipeline.tables.table import Shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from torn_pipeline.landing import Fetch
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps.context import Pipeline
    from torn_pipeline.tables.normalise import Rejected
    from torn_pipeline.tables.table import Table
    from torn_pipeline.warehouse import QuarantineRow

__all__ = ["Retried", "retry"]

_PLACE = re.compile(r"\[(\d+|\*)\]")


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
    key = as_quarantined(rejected).key
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
