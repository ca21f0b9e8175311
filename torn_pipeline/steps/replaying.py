"""Replay: the tables once more from the landing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from torn_pipeline.config import StorageMode
from torn_pipeline.errors import TooManyClosed, TooManyQuarantined, UsageError
from torn_pipeline.steps.loading import check_mode, load, load_of, tell_loaded, too_many
from torn_pipeline.steps.preparing import validate
from torn_pipeline.steps.windows import loaded_fetches
from torn_pipeline.warehouse import Load, Receipt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date, datetime

    from torn_pipeline.landing import Fetch
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps.context import Pipeline, Tell

__all__ = ["Outcome", "landed_fetches", "load_together", "rebuild", "replay"]


Outcome = Receipt | TooManyQuarantined | TooManyClosed
"""What came of loading a fetch: what was done, or why it was refused."""


def landed_fetches(
    pipeline: Pipeline, endpoints: Iterable[str], *, since: date | None = None, until: datetime | None = None
) -> list[Fetch]:
    """The complete fetches of the endpoints in the landing, oldest first; since a day (UTC), and begun until a moment, when given."""
    names = [pipeline.plan(endpoint).endpoint.name for endpoint in endpoints]
    landed = [fetched for name in names for fetched in pipeline.landing.fetches(name, since=since)]
    found = [fetched for fetched in landed if until is None or fetched.fetched_at <= until]
    return sorted(found, key=lambda fetched: (fetched.fetched_at, fetched.fetch_id))


def replay(
    pipeline: Pipeline,
    endpoints: Sequence[str],
    *,
    since: date | None = None,
    until: datetime | None = None,
    run_id: str = "",
    tell: Tell | None = None,
) -> Iterator[tuple[Fetch, Outcome]]:
    """Load every landed fetch of the endpoints again, oldest first, without a call; yields each as it is done.

    A fetch with too many broken roots, or without too many rows, is not loaded, and the next one follows. ``tell`` hears
    of each fetch before it is loaded.

    Raises:
        PipelineError: as :func:`validate` and :func:`load`; the fetches before it stay loaded.
    """
    for fetched in landed_fetches(pipeline, endpoints, since=since, until=until):
        if tell:
            tell(fetched)
        outcome: Outcome
        with validate(pipeline, fetched) as prepared:
            try:
                outcome = load(pipeline, fetched, prepared, run_id=run_id)
            except (TooManyQuarantined, TooManyClosed) as error:
                outcome = error
        yield fetched, outcome


def load_together(pipeline: Pipeline, fetches: Sequence[Fetch], *, run_id: str = "") -> list[tuple[Fetch, Outcome]]:
    """Load fetches, oldest first, in one transaction; those with too many broken roots are left out.

    Raises:
        PipelineError: as :func:`validate` and :func:`load`; then none is loaded.
    """
    for endpoint in {fetched.endpoint for fetched in fetches}:
        check_mode(pipeline, pipeline.plan(endpoint))
    together = _Together(pipeline, run_id)
    return together.outcomes(pipeline.warehouse.load_all(together.loads(fetches), run_id=run_id))


def rebuild(pipeline: Pipeline, endpoints: Sequence[str], *, run_id: str = "", tell: Tell | None = None) -> list[tuple[Fetch, Outcome]]:
    """Empty the tables of the endpoints and load their landed fetches anew, oldest first, all in one transaction.

    This is what follows a changed ``storage_mode`` or a column of another type. A fetch with too many broken roots
    is not loaded, nor is a snapshot without too many rows, unless it was loaded before. ``tell`` hears of each fetch before it is loaded.

    Raises:
        UsageError: when fetches are gone from the landing whose rows would be lost.
        PipelineError: as :func:`validate` and :func:`load`; then the tables are as they were.
    """
    for endpoint in endpoints:
        _refuse_to_lose(pipeline, pipeline.plan(endpoint))
    together = _Together(pipeline, run_id, loaded=_loaded_before(pipeline))
    loads = together.loads(landed_fetches(pipeline, endpoints), tell)
    emptied = {endpoint: pipeline.plan(endpoint).all_tables for endpoint in endpoints}
    return together.outcomes(pipeline.warehouse.load_all(loads, rebuild=emptied, run_id=run_id))


@dataclass(slots=True)
class _Together:
    """Fetches that are loaded in one transaction; ``loaded`` are the ids of those that were loaded before."""

    pipeline: Pipeline
    run_id: str
    loaded: set[str] = field(default_factory=set)
    taken: list[Fetch] = field(default_factory=list)
    refused: list[tuple[Load, TooManyQuarantined]] = field(default_factory=list)

    def loads(self, fetches: Iterable[Fetch], tell: Tell | None = None) -> Iterator[Load]:
        """The loads of those that may be loaded, one at a time."""
        for fetched in fetches:
            if tell:
                tell(fetched)
            plan = self.pipeline.plan(fetched.endpoint)
            with validate(self.pipeline, fetched) as prepared:
                work = load_of(plan, fetched, prepared, self.run_id)
                if reason := too_many(plan, prepared):
                    self.refused.append((replace(work, batches=()), TooManyQuarantined(reason)))
                else:
                    self.taken.append(fetched)
                    yield replace(work, max_closed=1.0) if fetched.fetch_id in self.loaded else work

    def outcomes(self, receipts: Iterable[Receipt]) -> list[tuple[Fetch, Outcome]]:
        """What came of each; the quarantine of those that were refused is written."""
        for work, _ in self.refused:
            self.pipeline.warehouse.quarantine(work)
        done: list[tuple[Fetch, Outcome]] = [
            (fetched, TooManyClosed(receipt.refused) if receipt.refused else receipt)
            for fetched, receipt in zip(self.taken, receipts, strict=True)
        ]
        for fetched, outcome in done:
            if isinstance(outcome, Receipt):
                tell_loaded(fetched, outcome, self.run_id)
        return [*done, *((work.fetch, error) for work, error in self.refused)]


def _refuse_to_lose(pipeline: Pipeline, plan: EndpointPlan) -> None:
    """Refuse to empty tables that hold rows of fetches which are gone from the landing.

    Where each fetch replaces the one before, and where retention keeps one for every time or id, no row is lost.

    Raises:
        UsageError: naming how many are gone.
    """
    mode, name = pipeline.warehouse.recorded_mode(plan.root.name), plan.endpoint.name
    if mode in {None, StorageMode.REPLACE} or (mode is StorageMode.UPSERT and plan.has_many_fetches):
        return
    loaded = {row["_fetch_id"] for account in plan.endpoint.accounts for row in loaded_fetches(pipeline, plan, account) if row["complete"]}
    if gone := sorted(loaded - {fetched.fetch_id for fetched in pipeline.landing.fetches(name)}):
        message = (
            f"{name}: {len(gone)} fetches that its tables were loaded from are gone from the landing {pipeline.landing.label}, the first "
            f"is {gone[0]}: a rebuild would lose their rows; restore them from a backup, or give the endpoint another table with `table:`"
        )
        raise UsageError(message)


def _loaded_before(pipeline: Pipeline) -> set[str]:
    """The ids of the fetches in the ledger."""
    if pipeline.warehouse.fetches().is_empty():
        return set()
    return set(pipeline.warehouse.query("SELECT DISTINCT _fetch_id FROM torn_meta.loads")["_fetch_id"].to_pylist())
