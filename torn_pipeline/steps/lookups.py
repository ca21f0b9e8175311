"""Rows that left a list without a trace: each is asked for by its id, so that its end is not missed.

Such an answer is a page of the list's fetch. Its body has one row under another key; it is read as a list of one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson
import polars as pl

from torn_pipeline.errors import IdRefused
from torn_pipeline.tables.naming import fill_path
from torn_pipeline.tables.table import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from torn_pipeline.landing import Page
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps.context import Pipeline
    from torn_pipeline.tables.contract import Lookup
    from torn_pipeline.torn import Answer, TornClient

__all__ = ["as_listed", "look_up"]


def look_up(
    pipeline: Pipeline, plan: EndpointPlan, account: str, client: TornClient, listed: Collection[object]
) -> Iterator[tuple[int | str, Answer | None]]:
    """The rows of the table that should be in the list and are not, each with the API's answer, ``None`` where it knows no such id.

    ``listed`` are the keys of the rows that came.

    Raises:
        PipelineError: whatever :meth:`TornClient.get` raises.
    """
    lookup = plan.lookup
    if lookup is None or plan.root.name not in pipeline.warehouse.shapes([plan.root.name]):
        return
    (key,) = (name for name in plan.root.root_key if plan.root.column(name).role is Role.OWN)
    stored = pipeline.warehouse.read(plan.root.name, columns=[key, lookup.column], account=account)
    open_rows = stored.filter(pl.col(lookup.column).is_in(lookup.values))[key].sort().to_list()
    for one in open_rows:
        if (one,) not in listed:
            try:
                yield one, client.get(fill_path(lookup.path, str(one)))
            except IdRefused:
                yield one, None


def as_listed(plan: EndpointPlan, page: Page, read: Callable[[], bytes]) -> Callable[[], bytes]:
    """Reads a page of a fetch as a page of the endpoint's list, also where it answered a row by its id."""
    lookup = plan.lookup
    if lookup is None or not _is_of(lookup, page):
        return read
    return lambda: orjson.dumps({plan.root_key: [orjson.loads(read())[lookup.root]]})


def _is_of(lookup: Lookup, page: Page) -> bool:
    pattern = fill_path(lookup.path, "[^/]+")
    return re.search(f"{pattern}$", urlsplit(page.url).path) is not None
