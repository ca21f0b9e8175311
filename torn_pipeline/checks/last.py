"""How a table's checks went the last time that they were made, as Dagster's instance remembers it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import dagster as dg

from torn_pipeline.checks.specs import FRESHNESS, table_checks
from torn_pipeline.quality.score import Grade, Graded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.tables.table import Table

__all__ = ["Made", "check_grades", "counting", "fresh_grade", "grade_of", "last_made"]

_RUNS = 100  # runs that are looked through for the last one of each account that came to a check
_MADE = frozenset({"SUCCEEDED", "FAILED"})
_FROM_BAD_TO_GOOD = (Grade.FAILED, Grade.WARNED, Grade.PASSED)
_DUE = Graded(Grade.PASSED)


class Made(NamedTuple):
    """One evaluation of a check: what it found, by which run (empty where it was none), and when (UTC)."""

    evaluation: dg.AssetCheckEvaluation
    run_id: str
    at: datetime


def check_grades(
    instance: dg.DagsterInstance, plans: Sequence[EndpointPlan], table: Table, fresh: Mapping[str, Graded | None]
) -> dict[str, Graded]:
    """How the checks of a table went last, as far as they count.

    How fresh it is, is told as of now: ``fresh`` says so by endpoint, and what of these is not due yet (``None``).
    """
    graded = {}
    for name in table_checks(plans, table):
        made = last_made(instance, dg.AssetCheckKey(dg.AssetKey(["torn", table.name]), name), plans)
        graded[name] = grade_of(made.evaluation) if made else Graded(Grade.UNKNOWN)
    if FRESHNESS in graded:
        graded[FRESHNESS] = fresh_grade(plans, fresh) or Graded(Grade.UNKNOWN)
    return counting(graded, plans, fresh)


def counting(graded: Mapping[str, Graded], plans: Sequence[EndpointPlan], fresh: Mapping[str, Graded | None]) -> dict[str, Graded]:
    """The checks of a table that count in its score: where none of its endpoints is due yet, those that were never made do not."""
    is_due = any(fresh.get(plan.endpoint.name, _DUE) for plan in plans)
    return {name: one for name, one in graded.items() if is_due or one.grade is not Grade.UNKNOWN}


def fresh_grade(plans: Sequence[EndpointPlan], fresh: Mapping[str, Graded | None]) -> Graded | None:
    """How fresh a table is that endpoints share: as the first of them that is not; ``None`` where none of them is due yet."""
    of_plans = [one for plan in plans if (one := fresh.get(plan.endpoint.name))]
    return next((one for one in of_plans if one.grade is Grade.FAILED), of_plans[0] if of_plans else None)


def last_made(instance: dg.DagsterInstance, key: dg.AssetCheckKey, plans: Sequence[EndpointPlan] = ()) -> Made | None:
    """The last evaluation of a check; ``None`` where it was never made.

    A check of a table has one result for all accounts: of the table of these endpoints it is that of the account for which the check
    went worst when it was made last. A rule of the config is about the table whatever the account.

    The instance's own function tells of a run that failed before its checks instead, so its storage is asked, here and nowhere else.
    """
    found = list(_newest(instance, key))
    accounts = {account for plan in plans for account in plan.endpoint.accounts}
    if not any(rule.name == key.name for plan in plans for rule in plan.rules):
        last: dict[str, Made] = {}
        for made in found:
            if (account := _account(made)) in accounts:
                last.setdefault(account, made)
        found = sorted(last.values(), key=_badness) or found
    return found[0] if found else None


def grade_of(evaluation: dg.AssetCheckEvaluation) -> Graded:
    """How a check went, and what it said where it did not pass."""
    if evaluation.passed:
        return Graded(Grade.PASSED)
    grade = Grade.FAILED if evaluation.severity is dg.AssetCheckSeverity.ERROR else Grade.WARNED
    return Graded(grade, evaluation.description or "")


def _newest(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> Iterator[Made]:
    """The newest evaluations of a check, the last one first."""
    for record in instance.event_log_storage.get_asset_check_execution_history(key, limit=_RUNS):
        if record.status.value in _MADE and record.evaluation is not None and record.event is not None:
            yield Made(record.evaluation, record.run_id, datetime.fromtimestamp(record.event.timestamp, UTC))


def _account(made: Made) -> str:
    """The account that an evaluation says that it is about; empty where it says none."""
    said = made.evaluation.metadata.get("account")
    return str(said.value) if said else ""


def _badness(made: Made) -> int:
    return _FROM_BAD_TO_GOOD.index(grade_of(made.evaluation).grade)
