"""One look at whether all is well: what was seen is told to the alerts, which are sent, and a sign of life is given."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from torn_pipeline.alerts import Kind, Observation, open_alerts
from torn_pipeline.assets import kpi_key, kpi_owner, raw_key, table_key
from torn_pipeline.assets.runs import steps_of
from torn_pipeline.automation.jobs import KPIS, OPS
from torn_pipeline.automation.observing import Watched, automations, ended_runs
from torn_pipeline.automation.schedules import trigger_name
from torn_pipeline.automation.subjects import among, runs_and_checks
from torn_pipeline.checks import FRESHNESS
from torn_pipeline.errors import PipelineError
from torn_pipeline.ops.heartbeat import HEARTBEAT_FILE, beat
from torn_pipeline.steps.watching import DAEMON, service_observation, watch_machine, watch_tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps import Pipeline

__all__ = ["Looks", "look_around", "watched_by_name"]

_log = logging.getLogger(__name__)

_CURSOR = "runs"
_AFTER_AN_ERROR = timedelta(minutes=1)
_BREAK = timedelta(minutes=3)  # without a look: the daemon was down, or the machine was off
_NEVER = datetime.min.replace(tzinfo=UTC)
_OPS = ("team:ops",)
# The kinds of which everything there is has been seen: once Dagster, then the machine, then the tables were looked at.
_OF_DAGSTER = {Kind.AUTOMATION_DEAD}
_OF_THE_MACHINE = {Kind.KEY_DONE, Kind.DISK_LOW}
_OF_TABLES = {Kind.STALE, Kind.BUDGET_LOW}


@dataclass(slots=True)
class Looks:
    """What one look leaves to the next.

    The warehouse is asked again at ``next_query``, as that costs a query; ``stale`` is what it said of each endpoint. ``since`` is
    when looking began after the last break, ``last`` the last look.
    """

    next_query: datetime = _NEVER
    stale: dict[str, bool] = field(default_factory=dict)
    since: datetime = _NEVER
    last: datetime = _NEVER

    def look(self, now: datetime) -> datetime:
        """Note a look, and say since when there was no break."""
        if now - self.last > _BREAK:
            self.since = now
        self.last = now
        return self.since


def look_around(
    instance: dg.DagsterInstance,
    pipeline: Pipeline,
    plans: Sequence[EndpointPlan],
    others: Iterable[str],
    looks: Looks,
    now: datetime,
    checks: Sequence[dg.AssetCheckSpec],
) -> tuple[str, list[dg.AssetCheckEvaluation]]:
    """Look at everything once, tell the alerts, and send what is due; what to say of it, and news of the check ``freshness``.

    ``plans`` are the endpoints', ``others`` the names of schedules and sensors that are no endpoint's, ``checks`` all checks.

    What cannot be looked at is logged, and does not keep the rest from being told. What is wrong with something that nobody looks
    at any more has ended.

    Raises:
        ConfigError: the alerts' file cannot be used.
    """
    settings = pipeline.settings
    alerts, since = open_alerts(settings), looks.look(now)
    watched = watched_by_name(pipeline, plans)
    ended, cursor = ended_runs(instance, alerts.cursor(_CURSOR) or "", watched, now, ui_url=settings.ui_url, checks=checks)
    alerts.observe(ended, now=now, cursors={_CURSOR: cursor}, is_watched=runs_and_checks(_enabled(watched, plans), checks))
    triggers = automations(instance, _by_trigger(watched, plans, others), now, since)
    machine, is_whole = _as_far_as_it_goes(watch_machine(pipeline, now))
    seen = [alerts.about_rules(now), service_observation(DAEMON, "", now), *triggers, *machine]
    alerts.observe(seen, now=now, is_watched=among(seen, _OF_DAGSTER | _OF_THE_MACHINE if is_whole else _OF_DAGSTER))
    # Before the warehouse is asked, which may be busy for a minute; but of what was to be told during a break some may be over.
    sent = alerts.deliver(now) if since < now else 0
    beat(settings.data_dir / HEARTBEAT_FILE, what=DAEMON, at=now, ping=settings.heartbeat_url)
    tables, events = _tables(pipeline, looks, now)
    if tables is not None:
        alerts.observe(tables, now=now, is_watched=among([*machine, *tables], _OF_TABLES) if is_whole else None)
    sent += alerts.deliver(now)
    return f"{len(ended)} news of runs and checks, {len(alerts.incidents())} incidents open, {sent} messages sent", events


def _as_far_as_it_goes(observations: Iterator[Observation]) -> tuple[list[Observation], bool]:
    """What was observed, and whether that is all of it."""
    found = []
    try:
        for observation in observations:
            found.append(observation)  # noqa: PERF402 - those before an error count
    except PipelineError as error:
        _log.warning("not all of the machine could be looked at: %s", error)
        return found, False
    return found, True


def _enabled(watched: Mapping[str, Watched], plans: Sequence[EndpointPlan]) -> dict[str, Watched]:
    disabled = {plan.endpoint.name for plan in plans if not plan.endpoint.enabled}
    return {name: about for name, about in watched.items() if name not in disabled}


def watched_by_name(pipeline: Pipeline, plans: Sequence[EndpointPlan]) -> dict[str, Watched]:
    """What runs make, by name: endpoints, what is about the platform itself, and KPIs."""
    steps = steps_of(plans)
    endpoints = {
        plan.endpoint.name: Watched(
            assets=(raw_key(plan.endpoint.name).to_user_string(), *(table_key(table.name).to_user_string() for table in plan.all_tables)),
            owners=(plan.endpoint.owner,),
            job=plan.endpoint.name,
            steps=steps[plan.endpoint.name],
            account=plan.endpoint.accounts[0],
            accounts=() if plan.is_global else plan.endpoint.accounts,
        )
        for plan in plans
    }
    ops = {"_".join(key.path): _of_asset(key, "_".join(key.path), _OPS) for key in OPS}
    kpis = {kpi_key(kpi): kpi_owner(kpi, plans) for kpi in pipeline.config.kpis}
    return {**endpoints, **ops, **{key.to_user_string(): _of_asset(key, KPIS, (owner,)) for key, owner in kpis.items()}}


def _of_asset(key: dg.AssetKey, job: str, owners: tuple[str, ...]) -> Watched:
    return Watched(assets=(key.to_user_string(),), owners=owners, job=job, steps=(key.to_python_identifier(),))


def _by_trigger(
    watched: Mapping[str, Watched], plans: Sequence[EndpointPlan], others: Iterable[str]
) -> Mapping[str, tuple[Watched, timedelta]]:
    """What each schedule and sensor is about, and how often it ticks; ``others`` are schedules of a job each, once a day."""
    known = {trigger_name(plan): (watched[plan.endpoint.name], plan.endpoint.frequency) for plan in plans if plan.endpoint.enabled}
    return known | {name: (_of_job(watched, name.removesuffix("_schedule")), timedelta(days=1)) for name in others}


def _of_job(watched: Mapping[str, Watched], job: str) -> Watched:
    """All that a job makes."""
    found = [about for about in watched.values() if about.job == job]
    owners = dict.fromkeys(owner for about in found for owner in about.owners)
    return Watched(assets=tuple(asset for about in found for asset in about.assets), owners=tuple(owners), job=job)


def _tables(pipeline: Pipeline, looks: Looks, now: datetime) -> tuple[list[Observation] | None, list[dg.AssetCheckEvaluation]]:
    """What the warehouse says, when it is time to ask it, and results of the check ``freshness`` of tables where it has changed."""
    if now < looks.next_query:
        return None, []
    try:
        observations, looks.next_query = watch_tables(pipeline, now)
    except PipelineError as error:
        _log.warning("how fresh the tables are could not be seen: %s", error)
        looks.next_query = now + _AFTER_AN_ERROR
        return None, []
    stale = {one.subject: not one.ok for one in observations if one.kind is Kind.STALE}
    changed = [one for one in observations if one.kind is Kind.STALE and stale[one.subject] != looks.stale.get(one.subject, False)]
    looks.stale = stale
    return observations, [_freshness(one) for one in changed]


def _freshness(observation: Observation) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey.from_user_string(observation.assets[0]),
        check_name=FRESHNESS,
        passed=observation.ok,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{observation.title}: {observation.text}" if observation.text else observation.title,
    )
