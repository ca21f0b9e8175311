"""What can be wrong before the first call: config, keys, request budget, warehouse, landing, disk.

Loads what it looks at, so that only ``check`` imports it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torn_pipeline.alerts.channels import open_channel  # noqa: TID253 - this module is loaded as late as the alerts
from torn_pipeline.cli.hearing import told_about, unfitting, unheard
from torn_pipeline.config import BusinessRule, load_config
from torn_pipeline.config.alerts import load_alerts
from torn_pipeline.config.budget import budget_problems, calls_a_minute, unknown_ids
from torn_pipeline.errors import ConfigError, PipelineError
from torn_pipeline.landing import landing_from_url
from torn_pipeline.ops.disk import LEAST_FREE, free_bytes, nearest
from torn_pipeline.ops.logging import log_file
from torn_pipeline.plan import plan_of
from torn_pipeline.quality.wishes import wish_problems
from torn_pipeline.steps import Pipeline, check_mode  # noqa: TID253 - this module is loaded as late as the steps
from torn_pipeline.steps.asking import owner_problems, seen_calls  # noqa: TID253 - likewise
from torn_pipeline.steps.wishes import broken, kpi_value  # noqa: TID253 - likewise
from torn_pipeline.warehouse import warehouse_from_url
from torn_pipeline.warehouse.duckdb import DuckDBWarehouse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from torn_pipeline.config import Kpi, PipelineConfig
    from torn_pipeline.config.channels import Channel
    from torn_pipeline.landing import Landing
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.settings import Settings
    from torn_pipeline.warehouse import Warehouse

__all__ = ["ASKED_HEAD", "Asked", "Report", "ask_wishes", "check_all"]

BAD_CONFIG, BAD_SURROUNDINGS = 2, 1
KEY_LENGTH = 16
TORN_KEY = re.compile(rf"[A-Za-z0-9]{{{KEY_LENGTH}}}")


@dataclass(slots=True)
class Report:
    """What is wrong in the config and the environment, what is wrong around them, what to keep an eye on, what is right."""

    config: list[str] = field(default_factory=list)
    surroundings: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    good: list[str] = field(default_factory=list)

    @property
    def exit_status(self) -> int:
        """2 for a bad config, 1 for bad surroundings."""
        return BAD_CONFIG if self.config else BAD_SURROUNDINGS if self.surroundings else 0


def check_all(settings: Settings, problems: Sequence[str]) -> Report:
    """Look at everything; ``problems`` are those that the environment is known to have. Nothing is written, no call is made."""
    report = Report(config=list(problems))
    config = _read_config(settings, report)
    plans = _check_endpoints(config, report) if config else []
    if config:
        _check_keys(config, settings, report)
    _check_alerts(settings, config, plans, report)
    warehouse = _check_warehouse(settings, report)
    if config:
        _check_budget(config, warehouse, report)
    landing = _check_landing(settings, report)
    if config and warehouse and landing:
        _check_modes(Pipeline(settings, config, landing, warehouse), plans, report)
    if config:
        _check_log(settings, config, report)
    _check_disk(settings, landing, report)
    return report


@dataclass(slots=True)
class Asked:
    """What rules and KPIs came to, a row each, as ``ASKED_HEAD`` says, and which could not be asked and why."""

    rows: list[tuple[str, ...]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    exit_status: int = 0


ASKED_HEAD = ("what", "table", "comes to", "wanted", "is")


def ask_wishes(pipeline: Pipeline) -> Asked:
    """Ask every rule and KPI of the config once; nothing is kept. The exit status is that of the worst query."""
    asked = Asked()
    wishes: list[BusinessRule | Kpi] = [*pipeline.config.rules, *pipeline.config.kpis]
    for wish in wishes:
        try:
            asked.rows.append(_asked(pipeline, wish))
        except PipelineError as error:
            # A KPI's error names it.
            asked.problems.append(f"the rule {wish.name} could not be asked: {error}" if isinstance(wish, BusinessRule) else str(error))
            asked.exit_status = max(asked.exit_status, error.exit_status)
    return asked


def _asked(pipeline: Pipeline, wish: BusinessRule | Kpi) -> tuple[str, ...]:
    """The rows that break a rule, or the value of a KPI, and whether that is as wanted."""
    if isinstance(wish, BusinessRule):
        count = broken(pipeline, wish, limit=1).count
        good = "right" if count <= wish.most else wish.severity
        return f"rule {wish.name}", wish.table, _count(count, "row"), f"at most {wish.most:,}", good
    value = kpi_value(pipeline, wish)
    shown = "null" if value is None else f"{value:g} {wish.unit}".rstrip()
    return f"KPI {wish.name}", wish.table, shown, wish.target, {True: "right", False: "warn", None: ""}[wish.is_met(value)]


def _read_config(settings: Settings, report: Report) -> PipelineConfig | None:
    try:
        config = load_config(settings)
    except ConfigError as error:
        report.config += str(error).split("\n")
        return None
    enabled = sum(endpoint.enabled for endpoint in config.endpoints)
    counted = f"{_count(enabled, 'enabled endpoint')} and {_count(len(config.accounts), 'account')}"
    report.good.append(f"config: ok, {settings.config} has {counted}")
    return config


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _check_endpoints(config: PipelineConfig, report: Report) -> list[EndpointPlan]:
    """The plans of the endpoints that have one."""
    plans = []
    for endpoint in config.endpoints:
        try:
            plans.append(plan_of(endpoint, config))
        except ConfigError as error:
            report.config += str(error).split("\n")
    report.config += _namesakes(config, plans)
    if len(plans) == len(config.endpoints):  # else the tables of some are not known
        _check_wishes(config, plans, report)
    return plans


def _check_wishes(config: PipelineConfig, plans: Sequence[EndpointPlan], report: Report) -> None:
    """What rules and KPIs are about; their queries are not asked."""
    problems = list(wish_problems(config, plans))
    report.config += problems
    if (config.rules or config.kpis) and not problems:
        counted = f"{_count(len(config.rules), 'rule')} and {_count(len(config.kpis), 'KPI')}"
        report.good.append(f"rules and KPIs: ok, {counted}; `torn-pipeline check --queries` alone asks what they ask")


def _namesakes(config: PipelineConfig, plans: Sequence[EndpointPlan]) -> Iterator[str]:
    """A line for each table that endpoints of different kinds would both write."""
    first: dict[str, EndpointPlan] = {}
    for plan in plans:
        for table in plan.all_tables:
            other = first.setdefault(table.name, plan)
            if (other.contract.path, other.endpoint.table) != (plan.contract.path, plan.endpoint.table):
                name = plan.endpoint.name
                yield (
                    f"{config.where('endpoints', name, 'table')}: endpoints.{name}: writes the table {table.name}, as "
                    f"{other.endpoint.name} does with other rows: give one of them another name with `table:`"
                )


def _check_keys(config: PipelineConfig, settings: Settings, report: Report) -> None:
    """Every account that an enabled endpoint is fetched with needs a key."""
    used = dict.fromkeys(account for endpoint in config.endpoints if endpoint.enabled for account in endpoint.accounts)
    missing = [account for account in used if not settings.keys.get(account)]
    for account in missing:
        variable = settings.key_variable(account)
        report.config.append(
            f"{config.where('accounts', account)}: accounts.{account}: there is no key for it: put one into {variable}, "
            f"or the name of a file with one into {variable}_FILE"
        )
    report.warnings += [
        f"{settings.key_variable(account)} holds a key that is not {KEY_LENGTH} letters and digits, as Torn's are: copy it again, whole"
        for account in used
        if not all(TORN_KEY.fullmatch(key) for key in settings.keys.get(account, ()))
    ]
    try:
        strangers = [f"{config.where('accounts')}: accounts: {problem}" for problem in owner_problems(settings, config)]
    except ConfigError as error:
        strangers = [str(error)]
    except PipelineError as error:
        report.surroundings.append(str(error))
        return
    report.config += strangers
    if not missing and not strangers:
        report.good.append(f"keys: ok, there is one for {', '.join(used) or 'no account, as none is used'}")


def _check_alerts(settings: Settings, config: PipelineConfig | None, plans: Sequence[EndpointPlan], report: Report) -> None:
    """The rules of alerts, whether anything fits them, and the channels, each opened as for a message."""
    try:
        alerts = load_alerts(settings)
    except ConfigError as error:
        report.config += str(error).split("\n")
        return
    problems = [
        f"{alerts.where('channels', channel.name)}: channels.{channel.name}: {problem}"
        for channel in alerts.channels
        if (problem := _channel_problem(settings, channel))
    ]
    report.config += problems
    report.warnings += unheard(alerts)
    if config and len(plans) == len(config.endpoints):
        report.warnings += unfitting(alerts, lambda: told_about(config, plans))
    if not problems:
        report.good.append(f"alerts: ok, {_count(len(alerts.rules), 'rule')} and {_count(len(alerts.channels), 'channel')}")


def _channel_problem(settings: Settings, channel: Channel) -> str:
    """Why a channel could send nothing; empty when it may."""
    secret = settings.alert_secrets.get(channel.name)
    if channel.secret_variable and not secret:
        variable = channel.secret_variable
        return f"there is no secret for it: put it into {variable}, or the name of a file with it into {variable}_FILE"
    try:
        open_channel(channel, secret, data_dir=settings.data_dir)
    except ConfigError as error:
        return str(error)
    return ""


def _check_budget(config: PipelineConfig, warehouse: Warehouse | None, report: Report) -> None:
    """The calls that the schedules need, by the fetches that the warehouse has seen."""
    try:
        seen = seen_calls(warehouse, config) if warehouse else {}
    except PipelineError as error:
        report.surroundings.append(str(error))
        seen = {}
    problems = budget_problems(config, seen)
    report.config += problems
    if not problems:
        needed = ", ".join(f"{account} {calls:.3g}" for account, calls in calls_a_minute(config, seen).items())
        unknown = ", ".join(unknown_ids(config, seen))
        rest = f"; how many ids a tick asks for is not known yet of {unknown}" if unknown else ""
        report.good.append(f"request budget: ok, calls a minute of {config.defaults.rate_limit}: {needed}{rest}")


def _check_warehouse(settings: Settings, report: Report) -> Warehouse | None:
    """The warehouse, when it can be read and, as far as that can be told without writing, written."""
    try:
        warehouse = warehouse_from_url(settings.warehouse, settings.data_dir, bigquery_emulator=settings.bigquery_emulator)
        warehouse.status()
    except PipelineError as error:
        (report.config if isinstance(error, ConfigError) else report.surroundings).append(str(error))
        return None
    obstacle = _obstacle(warehouse.path) if isinstance(warehouse, DuckDBWarehouse) else ""
    if obstacle:
        report.surroundings.append(f"the {warehouse.label} cannot be written: {obstacle}")
    else:
        report.good.append(f"warehouse: ok, {warehouse.label}")
    return warehouse


def _check_landing(settings: Settings, report: Report) -> Landing | None:
    try:
        landing = landing_from_url(settings.landing_url)
    except ConfigError as error:
        report.config.append(str(error))
        return None
    obstacle = _obstacle(landing.root)
    if obstacle:
        report.surroundings.append(f"the landing {landing.label} cannot be written: {obstacle}")
    else:
        report.good.append(f"landing: ok, {landing.label}")
    return landing


def _check_log(settings: Settings, config: PipelineConfig, report: Report) -> None:
    file = log_file(settings, config.logging)
    obstacle = f"{file} is a folder; name a file in it" if file.is_dir() else _obstacle(file.parent) or _obstacle(file)
    if obstacle:
        report.surroundings.append(f"{config.where('logging', 'file')}: logging.file: the log cannot be written: {obstacle}")
    else:
        report.good.append(f"log: ok, {file}")


def _obstacle(path: Path) -> str:
    """What is in the way of writing to a path or making it; empty when nothing is."""
    there = nearest(path)
    if there != path and not there.is_dir():
        return f"{there} is not a folder; name another place"
    if not os.access(there, os.W_OK):
        return f"{there} does not let us write; check its permissions"
    return ""


def _check_modes(pipeline: Pipeline, plans: Sequence[EndpointPlan], report: Report) -> None:
    for plan in plans:
        try:
            check_mode(pipeline, plan)
        except ConfigError as error:
            report.config.append(str(error))


def _check_disk(settings: Settings, landing: Landing | None, report: Report) -> None:
    for place, free in free_bytes(settings.data_dir, *([landing.root] if landing else [])).items():
        if free < LEAST_FREE:
            report.warnings.append(f"the disk of {place} has only {free / 10**6:.0f} MB left: make room, or move TORN_DATA_DIR")
        else:
            report.good.append(f"disk: ok, {place} has {free / 10**9:.0f} GB left")
