"""``ops/health``: once a day a look at every table, and a score for each and for the platform.

Dagster looks at the annotations of what it decorates, so they are not postponed here.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from torn_pipeline.assets.endpoints import table_key
from torn_pipeline.assets.profiles import profile_metadata, score_metadata
from torn_pipeline.checks import check_grades, records
from torn_pipeline.quality.score import GOOD, POOR, Grade, Graded, Score, platform_score, table_score
from torn_pipeline.resources import PipelineResource, told_to_dagster

if TYPE_CHECKING:
    from torn_pipeline.steps.profiling import Profiled
    from torn_pipeline.warehouse import Measurement, Warehouse

__all__ = ["HEALTH", "health_of"]

HEALTH = dg.AssetKey(["ops", "health"])
_SCORE = "score"
_GRADES = {Grade.PASSED: 1.0, Grade.WARNED: 0.5, Grade.FAILED: 0.0, Grade.UNKNOWN: 0.0}
"""What is kept of how a check went."""
_DESCRIPTION = """\
How good the data is, from 0 to 100: the mean of the scores of all tables, each explained to the last point.

- **A table's score** is shared out among its checks by their weights, which the section `weights` of the config may change. A check \
that a table does not have leaves its points to the others. One that passed gives all of them, one that warns half, one that failed \
or was never made none. What was never loaded, and does not have to be yet, does not count.
- **A profile** of each table is among the events of its asset: nulls, distinct values, least, greatest and quartiles of each column, \
and small plots. It takes a query of each table that reads all of it, so it is made once a day.
- **In quarantine**: `quarantined` is how many roots are there now, of all tables, and `quarantined_since` since when the oldest is; \
`torn-pipeline quarantine list` shows them.
- **For years** the result of each check and the scores are kept in the table `torn_meta.measurements` of the warehouse.
"""
_ABOUT = f"""\
Is the score of the platform {GOOD} or more?

- **Passed**: yes, or nothing was loaded yet and nothing had to be.
- **Warning**: it is less. `points_lost` says what took the points, the worst table first; each check says what to do about it.
- **Error**: it is less than {POOR}. Begin with the first line of `points_lost`: open that check, and do what it says. When the points \
of many tables went for one reason, such as the API being away, `torn-pipeline health` names it.
"""


@dg.asset(
    key=HEALTH,
    description=_DESCRIPTION,
    group_name="ops",
    kinds={"table"},
    metadata={"good": GOOD, "poor": POOR},
    owners=["team:ops"],
    check_specs=[dg.AssetCheckSpec(name=_SCORE, asset=HEALTH, description=_ABOUT)],
)
def _health(context: dg.AssetExecutionContext, pipeline: PipelineResource) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Look at every table, tell what was found on its own asset, and what it comes to here."""
    from torn_pipeline.steps import fresh_now, profiled

    now = datetime.now(UTC)
    with told_to_dagster():
        opened = pipeline.open(context.run.tags)
        fresh, weights = fresh_now(opened, now), opened.config.weights.model_dump()
        scores, profiles, measured = {}, [], list["Measurement"]()
        for found in profiled(opened, now):
            graded = check_grades(context.instance, found.plans, found.table, fresh)
            metadata = profile_metadata(found)
            if score := table_score(found.table.name, graded, weights):
                scores[found.table.name] = score
                measured += _measured(score, graded, now, context.run.run_id)
                metadata |= score_metadata(score)
            profiles.append(_summary(found, score))
            context.log_event(dg.AssetObservation(table_key(found.table.name), metadata=metadata))
        platform = platform_score(list(scores.values()))
        held = _held(opened.warehouse)
        if platform:
            opened.warehouse.record_measurements([*measured, *_measured(platform, {}, now, context.run.run_id)])
    lost = _lost(platform, scores) if platform else []
    told = score_metadata(platform) if platform else {}
    yield dg.MaterializeResult(metadata={**told, **held, "tables": records(profiles), "points_lost": records(lost)})
    yield _result(platform, lost)


def _held(warehouse: "Warehouse") -> dict[str, int | dg.TimestampMetadataValue]:
    """How many roots are in quarantine, and since when the oldest."""
    found = [row.quarantined_at for row in warehouse.quarantined()]
    return {"quarantined": len(found), **({"quarantined_since": dg.MetadataValue.timestamp(min(found))} if found else {})}


def _result(platform: Score | None, lost: list[dict[str, object]]) -> dg.AssetCheckResult:
    if platform is None:
        nothing = "There is no score yet: nothing was loaded, and nothing had to be."
        return dg.AssetCheckResult(asset_key=HEALTH, check_name=_SCORE, passed=True, description=nothing)
    return dg.AssetCheckResult(
        asset_key=HEALTH,
        check_name=_SCORE,
        passed=platform.points >= GOOD,
        severity=dg.AssetCheckSeverity.ERROR if platform.points < POOR else dg.AssetCheckSeverity.WARN,
        description=f"{platform.points} of 100 points",
        metadata={"score": platform.points, "points_lost": records(lost)},
    )


def health_of(tables: Iterable[dg.AssetKey]) -> dg.AssetsDefinition:
    """The asset, below the tables that it looks at in the graph. It runs by its own schedule, whatever becomes of them."""
    (asset,) = dg.map_asset_specs(lambda spec: spec.merge_attributes(deps=tables), [_health])
    return asset


def _summary(found: "Profiled", score: Score | None) -> dict[str, object]:
    profile = found.profile
    cells = 0 if profile is None else profile.rows * len(profile.columns)
    nulls = f"{sum(column.nulls for column in profile.columns) / cells:.1%}" if profile and cells else ""
    rows = "" if profile is None else profile.rows
    return {"table": found.table.name, "score": score.points if score else "", "rows": rows, "nulls": nulls, "not_profiled": found.problem}


def _measured(score: Score, graded: Mapping[str, Graded], now: datetime, run_id: str) -> list["Measurement"]:
    """What is kept for years of a table, or of the platform: a number for each of its checks, and its score."""
    from torn_pipeline.warehouse import Measurement  # noqa: PLC0415 - what every definition would load, and one look a day needs

    checks = [
        Measurement(
            kind="check",
            subject=f"{score.of}.{name}",
            value=_GRADES[found.grade],
            met=found.grade is Grade.PASSED,
            said="" if found.grade is Grade.PASSED else found.why or found.grade.value,
            run_id=run_id,
            measured_at=now,
        )
        for name, found in graded.items()
    ]
    points = float(score.points)
    whole = Measurement(kind="score", subject=score.of, value=points, unit="points", met=points >= GOOD, run_id=run_id, measured_at=now)
    return [*checks, whole]


def _lost(platform: Score, scores: Mapping[str, Score]) -> list[dict[str, object]]:
    """Where each table lost its points, the worst table first."""
    return [
        {"table": of_table.what, "what": line.what, "lost": line.lost, "of": line.points, "why": line.why}
        for of_table in platform.lines
        for line in (scores[of_table.what].lines if of_table.what in scores else ())
        if line.lost
    ]
