"""What a validation report says: gathered from Dagster's events and the warehouse."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from torn_pipeline.assets.endpoints import table_key
from torn_pipeline.assets.runs import asked_account, asset_owners, endpoint_of, find_run, why_failed
from torn_pipeline.checks import FRESHNESS, SHOWN, Made, advice, counting, fresh_grade, grade_of, last_made
from torn_pipeline.errors import UsageError
from torn_pipeline.ops.report import LISTED, AssetTold, CheckTold, Report, RunTold, content_of
from torn_pipeline.quality.score import Grade, Graded, platform_score, table_score
from torn_pipeline.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from torn_pipeline.ops.report import Content
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps import Pipeline

__all__ = ["gathered"]

_TABLES = "torn"  # what the keys of tables begin with
_TOLD = "findings"  # the table of a check's result that its description tells


def gathered(
    instance: dg.DagsterInstance | None, pipeline: Pipeline, specs: Iterable[dg.AssetCheckSpec], run_id: str | None, now: datetime
) -> Content:
    """The report of a run, or without an id of the platform at ``now`` (UTC), without secrets; ``specs`` are all checks there are.

    A run may be named by the first digits of its id. Without an instance no check was ever made.

    Raises:
        UsageError: there is no such run.
        WarehouseError: the warehouse cannot be read.
        WarehouseBusy: another process holds it for too long.
    """
    if not run_id:
        report = _of_platform(instance, pipeline, specs, now)
    elif instance:
        report = _of_run(instance, pipeline, specs, find_run(instance, run_id), now)
    else:
        message = f"there is no run {run_id!r}, as there are none in {pipeline.settings.dagster_home} yet"
        raise UsageError(message)
    return content_of(report, Redactor(pipeline.settings.secrets))


def _of_platform(instance: dg.DagsterInstance | None, pipeline: Pipeline, specs: Iterable[dg.AssetCheckSpec], now: datetime) -> Report:
    """How all is, by the last word of each check. Tables of disabled endpoints are left out, as they are of the score."""
    from torn_pipeline.steps import fresh_now
    from torn_pipeline.steps.profiling import plans_by_table
    from torn_pipeline.steps.reporting import reasons_of, rows_by_table

    by_asset = _by_asset(specs)
    fresh, rows, weights = fresh_now(pipeline, now), rows_by_table(pipeline), pipeline.config.weights.model_dump()
    assets, scores = [], []
    for plans in plans_by_table(pipeline):
        for table in plans[0].all_tables:
            asset = table_key(table.name)
            checks = tuple(_now(instance, spec, plans, fresh, now) for spec in by_asset.get(asset, ()))
            if not checks:  # a history has none but the rules that the config gives it
                continue
            graded = counting({one.check: Graded(one.grade, one.says) for one in checks}, plans, fresh)
            score = table_score(table.name, graded, weights) if table in plans[0].tables else None
            scores += [score] if score else []
            names = tuple(plan.endpoint.name for plan in plans)
            assets.append(AssetTold(asset=asset.to_user_string(), endpoints=names, score=score, rows=rows.get(table.name), checks=checks))
    for key, own in by_asset.items():
        if key.path[0] != _TABLES:
            others = tuple(_last(instance, spec, ()) for spec in own)
            assets.append(AssetTold(asset=key.to_user_string(), endpoints=(), score=None, rows=None, checks=others))
    quarantined = pipeline.warehouse.quarantined()
    return Report(
        made_at=now,
        warehouse=pipeline.warehouse.label,
        score=platform_score(scores),
        run=None,
        assets=tuple(assets),
        quarantined=Counter(row.root for row in quarantined),
        reasons=reasons_of(quarantined),
        roots=(),
    )


def _of_run(
    instance: dg.DagsterInstance, pipeline: Pipeline, specs: Iterable[dg.AssetCheckSpec], run: dg.DagsterRun, now: datetime
) -> Report:
    from torn_pipeline.steps.reporting import reasons_of, roots_of, rows_by_table

    plans = [pipeline.plan(endpoint.name) for endpoint in pipeline.config.endpoints]
    owners, rows = asset_owners(plans), rows_by_table(pipeline)
    known = {spec.key: spec for spec in specs}
    checks: dict[dg.AssetKey, dict[str, CheckTold]] = {}
    for made in _made_by(instance, run.run_id):
        check = made.evaluation
        checks.setdefault(check.asset_key, {})[check.check_name] = _told(made, known.get(check.asset_check_key))
    quarantined = [row for row in pipeline.warehouse.quarantined() if row.run_id == run.run_id]
    return Report(
        made_at=now,
        warehouse=pipeline.warehouse.label,
        score=None,
        run=_run(instance, pipeline, run, plans),
        assets=tuple(
            AssetTold(
                asset=key.to_user_string(),
                endpoints=(owners[key],) if key in owners else (),
                score=None,
                rows=rows.get(key.path[-1]) if key.path[0] == _TABLES else None,
                checks=tuple(own.values()),
            )
            for key, own in checks.items()
        ),
        quarantined=Counter(row.root for row in quarantined),
        reasons=reasons_of(quarantined),
        roots=roots_of(quarantined),
    )


def _by_asset(specs: Iterable[dg.AssetCheckSpec]) -> Mapping[dg.AssetKey, list[dg.AssetCheckSpec]]:
    found: dict[dg.AssetKey, list[dg.AssetCheckSpec]] = {}
    for spec in specs:
        found.setdefault(spec.asset_key, []).append(spec)
    return found


def _run(instance: dg.DagsterInstance, pipeline: Pipeline, run: dg.DagsterRun, plans: Sequence[EndpointPlan]) -> RunTold:
    from torn_pipeline.steps.reporting import fetches_of_run

    endpoint, record = endpoint_of(run, asset_owners(plans)), instance.get_run_record_by_id(run.run_id)
    firsts = {plan.endpoint.name: plan.endpoint.accounts[0] for plan in plans}
    fetches = fetches_of_run(pipeline, run.run_id)
    return RunTold(
        id=run.run_id,
        endpoint=endpoint,
        account=asked_account(run) or firsts.get(endpoint, ""),
        status=run.status.value.lower(),
        started=_moment(record.start_time if record else None),
        ended=_moment(record.end_time if record else None),
        error=why_failed(instance, run.run_id)[0] if run.is_failure else "",
        fetches_loaded=len(fetches),
        rows_loaded=sum(sum(one.rows.values()) for one in fetches),
        fetches=tuple(fetches[:LISTED]),
    )


def _made_by(instance: dg.DagsterInstance, run_id: str) -> Iterator[Made]:
    """What a run's checks found, in the order in which they were made."""
    for record in instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records:
        event = record.event_log_entry.get_dagster_event()
        yield Made(event.asset_check_evaluation_data, run_id, datetime.fromtimestamp(record.timestamp, UTC))


def _now(
    instance: dg.DagsterInstance | None,
    spec: dg.AssetCheckSpec,
    plans: Sequence[EndpointPlan],
    fresh: Mapping[str, Graded | None],
    now: datetime,
) -> CheckTold:
    """The last word of a check; of how fresh a table is, what is so now."""
    last = _last(instance, spec, plans)
    graded = fresh_grade(plans, fresh) if spec.name == FRESHNESS else None
    if graded is None:
        return last
    grade, why = graded
    to_do = advice(spec.description or "", grade)[1]
    return replace(last, grade=grade, made_at=now, run_id="", account="", says=why, rows=(), to_do=to_do)


def _last(instance: dg.DagsterInstance | None, spec: dg.AssetCheckSpec, plans: Sequence[EndpointPlan]) -> CheckTold:
    """The last word of a check, for the account for which it is worst."""
    made = last_made(instance, spec.key, plans) if instance else None
    if made:
        return _told(made, spec)
    return CheckTold(
        check=spec.name,
        grade=Grade.UNKNOWN,
        made_at=None,
        run_id="",
        account="",
        says="",
        rows=(),
        asks=advice(spec.description or "", Grade.UNKNOWN)[0],
        to_do=f"Fetch it: `torn-pipeline materialize {plans[0].endpoint.name}`." if plans else "",
    )


def _told(made: Made, spec: dg.AssetCheckSpec | None) -> CheckTold:
    check, grade = made.evaluation, grade_of(made.evaluation).grade
    asks, to_do = advice((spec.description if spec else "") or "", grade)
    account = check.metadata.get("account")
    return CheckTold(
        check=check.check_name,
        grade=grade,
        made_at=made.at,
        run_id=made.run_id,
        account=str(account.value) if account else "",
        says=check.description or "",
        rows=() if check.passed else _rows(check),
        asks=asks,
        to_do=to_do,
    )


def _rows(check: dg.AssetCheckEvaluation) -> tuple[dict[str, object], ...]:
    """The rows that a check's result shows; what its description tells, where it shows no other."""
    tables = {name: value for name, value in check.metadata.items() if isinstance(value, dg.TableMetadataValue)}
    shown = next((value for name, value in tables.items() if name != _TOLD), tables.get(_TOLD))
    if shown is None:
        return ()
    columns = [column.name for column in shown.schema.columns]
    return tuple({name: record.data.get(name) for name in columns} for record in shown.records[:SHOWN])


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
