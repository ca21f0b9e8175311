"""``ops/service_levels``: in what share of the last 30 days each table was fresh, and whether that is enough.

Dagster looks at the annotations of what it decorates, so they are not postponed here.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from torn_pipeline.checks import records
from torn_pipeline.resources import PipelineResource, told_to_dagster

if TYPE_CHECKING:
    from torn_pipeline.steps.service_levels import Level

__all__ = ["SERVICE_LEVELS", "service_levels_asset"]

SERVICE_LEVELS = dg.AssetKey(["ops", "service_levels"])
_OBJECTIVE = "objective"
_MINUTE = timedelta(minutes=1)
_DESCRIPTION = """\
In what share of the last 30 days each endpoint's table was fresh for each account, or since its first load where that is later.

- **Fresh** is what the check `freshness` calls so: no older than two periods of the endpoint and the time that a run may take. It is \
reckoned from the ledger: at each moment the newest fetch that was loaded by then counts.
- **`minutes_left`** are those that a table may still be without fresh data before its service level is missed; below zero it is \
missed by so many.
- **Wanted** is `service_level` of the config, of `defaults` or of the endpoint.
"""
_ABOUT = """\
Was every table fresh for as much of the time as its `service_level` in the config says?

- **Passed**: yes, as far as there is anything loaded.
- **Warning**: not those listed below. `worst_gap_minutes` and `worst_gap_since` say when to look: the runs of the endpoint's job at \
that time, or that there were none as the machine was off. If it cannot be better, lower `service_level`.
"""


@dg.asset(
    key=SERVICE_LEVELS,
    description=_DESCRIPTION,
    group_name="ops",
    kinds={"table"},
    metadata={"config": "service_level"},
    owners=["team:ops"],
    check_specs=[dg.AssetCheckSpec(name=_OBJECTIVE, asset=SERVICE_LEVELS, description=_ABOUT)],
)
def service_levels_asset(
    context: dg.AssetExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Reckon every service level, keep it for years, and tell who misses what is wanted."""
    from torn_pipeline.steps.service_levels import record_levels, service_levels

    now = datetime.now(UTC)
    with told_to_dagster():
        opened = pipeline.open(context.run.tags)
        levels = service_levels(opened, now)
        record_levels(opened, levels, now, run_id=context.run.run_id)
    missed = [level for level in levels if level.met is False]
    yield dg.MaterializeResult(metadata={"service_levels": records(map(_row, levels)), "all": len(levels), "missed": len(missed)})
    yield dg.AssetCheckResult(
        asset_key=SERVICE_LEVELS,
        check_name=_OBJECTIVE,
        passed=not missed,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(map(_line, missed)) or None,
        metadata={"missed": records(map(_row, missed))} if missed else {},
    )


def _line(level: "Level") -> str:
    share = level.found.share if level.found else 0.0
    return f"{level.endpoint} for {level.account} was fresh {_percent(share)} of the time, and {_percent(level.objective)} are wanted"


def _row(level: "Level") -> dict[str, object]:
    of_all: dict[str, object] = {"endpoint": level.endpoint, "account": level.account}
    found = level.found
    if found is None:
        return {**of_all, "fresh": "nothing loaded yet", "objective": _percent(level.objective)}
    return {
        **of_all,
        "fresh": _percent(found.share),
        "objective": _percent(level.objective),
        "days": round(found.looked_at / timedelta(days=1), 1),
        "minutes_stale": round(found.stale / _MINUTE, 1),
        "minutes_left": round(found.left(level.objective) / _MINUTE, 1),
        "worst_gap_minutes": round(found.worst / _MINUTE, 1),
        "worst_gap_since": f"{found.worst_since:%Y-%m-%d %H:%M} UTC" if found.worst_since else "",
    }


def _percent(share: float) -> str:
    """With as many digits as tell 99.99 % from all; cut off and not rounded, so that what is missed never looks as if it were not."""
    return f"{int(share * 100_000) / 1000:g} %"
