"""Normalize and validate: from landed bytes to rows that may be loaded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from torn_pipeline.errors import UsageError
from torn_pipeline.quality.prepared import Prepared
from torn_pipeline.quality.validate import Validator
from torn_pipeline.steps.lookups import as_listed
from torn_pipeline.tables.normalise import Body, Normalizer, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from torn_pipeline.landing import Fetch
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps.context import Pipeline
    from torn_pipeline.tables.normalise import Batch, Rejected

__all__ = ["latest_fetch", "normalize", "validate"]


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
    plan = pipeline.plan(fetched.endpoint)
    return [Body(page.raw_id, as_listed(plan, page, pipeline.landing.reader(page))) for page in fetched.pages]


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
    return replace(rejected, raw=plan.find_root(orjson.loads(read[rejected.raw_id]()), rejected.key, rejected.root))


def _origin(fetched: Fetch) -> Origin:
    return Origin(account=fetched.account, fetch_id=fetched.fetch_id, fetched_at=fetched.fetched_at, path_ids=fetched.path_ids)
