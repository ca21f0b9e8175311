"""In what share of the last 30 days each endpoint was fresh for each account: one query of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from torn_pipeline.quality.freshness import allowed_age
from torn_pipeline.quality.service_level import Arrival, service_level
from torn_pipeline.warehouse import Measurement

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from torn_pipeline.quality.service_level import ServiceLevel
    from torn_pipeline.steps.context import Pipeline

__all__ = ["LOOKED_AT", "Level", "record_levels", "service_levels"]

LOOKED_AT = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """The service level of an endpoint for an account, ``None`` where nothing was loaded yet, and what is wanted: a share from 0 to 1."""

    endpoint: str
    account: str
    objective: float
    found: ServiceLevel | None

    @property
    def met(self) -> bool | None:
        """Whether it is as wanted; ``None`` where there is none."""
        return None if self.found is None else self.found.share >= self.objective


def service_levels(pipeline: Pipeline, now: datetime) -> list[Level]:
    """The service levels at ``now`` (UTC) of the enabled endpoints by account, without those that are asked by id.

    Raises:
        WarehouseError: when the warehouse refuses.
        WarehouseBusy: when another process holds it for too long.
    """
    since = now - LOOKED_AT
    arrivals = _arrivals(pipeline, since)
    found = []
    for endpoint in pipeline.config.endpoints:
        if endpoint.enabled and not endpoint.ids_from:
            allowed = allowed_age(endpoint)
            for account in endpoint.accounts:
                level = service_level(arrivals.get((endpoint.name, account), ()), allowed, since, now)
                found.append(Level(endpoint=endpoint.name, account=account, objective=endpoint.service_level, found=level))
    return found


def record_levels(pipeline: Pipeline, levels: Iterable[Level], now: datetime, *, run_id: str) -> None:
    """Keep service levels for years; those of what was never loaded are left out.

    Raises:
        WarehouseError: when the warehouse refuses it.
        WarehouseBusy: when another process holds it for too long.
    """
    measured = [
        Measurement(
            kind="service_level",
            subject=level.endpoint,
            account=level.account,
            value=level.found.share,
            unit="share",
            met=level.met,
            said=f"{level.objective:g} wanted of {level.found.looked_at / timedelta(days=1):.1f} days",
            run_id=run_id,
            measured_at=now,
        )
        for level in levels
        if level.found is not None
    ]
    if measured:
        pipeline.warehouse.record_measurements(measured)


def _arrivals(pipeline: Pipeline, since: datetime) -> dict[tuple[str, str], list[Arrival]]:
    """What was loaded since a moment, by endpoint and account, and one more arrival for all that was before it.

    That one was loaded when the first was, with the newest fetch of them: more is not asked of what was before.
    """
    if not pipeline.warehouse.schema_versions():
        return {}
    moment = f"TIMESTAMP '{since:%Y-%m-%d %H:%M:%S.%f}+00'"
    sql = f"""WITH loaded AS (
            SELECT f.endpoint, f.account, MIN(l._fetched_at) AS fetched_at, MIN(l.loaded_at) AS loaded_at
            FROM torn_meta.loads l JOIN torn_meta.fetches f ON l._fetch_id = f._fetch_id
            GROUP BY f.endpoint, f.account, l._fetch_id)
        SELECT endpoint, account, fetched_at, loaded_at FROM loaded WHERE loaded_at >= {moment}
        UNION ALL
        SELECT endpoint, account, MAX(fetched_at), MIN(loaded_at) FROM loaded WHERE loaded_at < {moment}
        GROUP BY endpoint, account"""  # noqa: S608 - a moment is no text
    found: dict[tuple[str, str], list[Arrival]] = {}
    for row in pipeline.warehouse.query(sql).to_pylist():
        arrival = Arrival(row["loaded_at"].astimezone(UTC), row["fetched_at"].astimezone(UTC))
        found.setdefault((row["endpoint"], row["account"]), []).append(arrival)
    return found
