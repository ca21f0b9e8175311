"""How a table's checks went the last time that they were made, as Dagster's instance remembers it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import dagster as dg

from torn_pipeline.checks.specs import FRESHNESS, table_checks
from torn_pipeline.quality.score import Grade, Graded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.tables.table import Table

__all__ = ["Made", "check_grades", "fresh_grade", "grade_of", "last_made"]

_RUNS = 100  # runs that are looked through for the last one that came to a check
_MADE = frozenset({"SUCCEEDED", "FAILED"})


class Made(NamedTuple):
    """One evaluation of a check: what it found, by which run (empty where it was none), and when (UTC)."""

    evaluation: dg.AssetCheckEvaluation
    run_id: str
    at: datetime


def check_grades(
    instance: dg.DagsterInstance, plans: Sequence[EndpointPlan], table: Table, fresh: Mapping[str, Graded]
) -> dict[str, Graded]:
    """How the checks of a table went last; how fresh it is, is told as of now: ``fresh`` says so by endpoint."""
    graded = {}
    for name in table_checks(plans, table):
        made = last_made(instance, dg.AssetCheckKey(dg.AssetKey(["torn", table.name]), name))
        graded[name] = grade_of(made.evaluation) if made else Graded(Grade.UNKNOWN)
    if FRESHNESS in graded:
        graded[FRESHNESS] = fresh_grade(plans, fresh)
    return graded


def fresh_grade(plans: Sequence[EndpointPlan], fresh: Mapping[str, Graded]) -> Graded:
    """How fresh a table is that endpoints share: as the first of them that is not."""
    of_plans = [fresh[plan.endpoint.name] for plan in plans if plan.endpoint.name in fresh]
    return next((one for one in of_plans if one.grade is Grade.FAILED), Graded(Grade.PASSED))


def last_made(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> Made | None:
    """The last evaluation of a check; ``None`` where it was never made.

    The instance's own function tells of a run that failed before its checks instead, so its storage is asked, here and nowhere else.
    """
    for record in instance.event_log_storage.get_asset_check_execution_history(key, limit=_RUNS):
        if record.status.value in _MADE and record.evaluation is not None and record.event is not None:
            return Made(record.evaluation, record.run_id, datetime.fromtimestamp(record.event.timestamp, UTC))
    return None


def grade_of(evaluation: dg.AssetCheckEvaluation) -> Graded:
    """How a check went, and what it said where it did not pass."""
    if evaluation.passed:
        return Graded(Grade.PASSED)
    grade = Grade.FAILED if evaluation.severity is dg.AssetCheckSeverity.ERROR else Grade.WARNED
    return Graded(grade, evaluation.description or "")
