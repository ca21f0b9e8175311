"""What is there: by endpoint and account, and by table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from torn_pipeline.steps.context import Pipeline

__all__ = ["EndpointState", "states", "stored_columns"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointState:
    """Where one endpoint of the config stands for one account: ``rows`` of its root table; ``None`` where there is no such thing yet.

    ``fetched_at`` is when the last complete fetch began, ``data_at`` when the newest began that was also loaded. ``next_run`` is ``None``
    for a disabled endpoint.
    """

    endpoint: str
    account: str
    fetched_at: datetime | None
    data_at: datetime | None
    rows: int | None
    quarantined: int
    next_run: datetime | None

    @property
    def unloaded_at(self) -> datetime | None:
        """When the last complete fetch began, if it was not loaded; ``None`` if it was, or there is none."""
        is_loaded = self.fetched_at is None or (self.data_at is not None and self.fetched_at <= self.data_at)
        return None if is_loaded else self.fetched_at


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
                    data_at=state.data_at if state else None,
                    rows=state.rows.get(endpoint.table) if state else None,
                    quarantined=state.quarantined if state else 0,
                    next_run=endpoint.ticks.after(now) if endpoint.enabled else None,
                )
            )
    return found


def stored_columns(pipeline: Pipeline) -> dict[str, list[str]]:
    """The columns of every normalised table in the warehouse, by table; empty before the first load.

    Raises:
        PipelineError: when the warehouse cannot be read.
    """
    return {name: list(shape.columns) for name, shape in pipeline.warehouse.shapes().items()}
