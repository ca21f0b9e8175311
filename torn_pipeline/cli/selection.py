"""Which runs a call means: names and partitions, told from those that there are not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NamedTuple

from torn_pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps import Pipeline

__all__ = ["Run", "chosen_accounts", "chosen_plans", "chosen_runs"]


def chosen_plans(pipeline: Pipeline, names: Sequence[str]) -> list[EndpointPlan]:
    """The plans of the endpoints that the names mean, in the order of the config; of all enabled ones without a name.

    A name is an endpoint's, one of its tables', or an asset key of either (``raw/faction_crimes``).

    Raises:
        UsageError: when a name is none of these.
        ConfigError: when an endpoint has no contract.
    """
    plans = [pipeline.plan(endpoint.name) for endpoint in pipeline.config.endpoints if names or endpoint.enabled]
    if not names:
        return plans
    known = {plan.endpoint.name: {plan.endpoint.name, *(table.name for table in plan.all_tables)} for plan in plans}
    wanted = {name.removeprefix("raw/").removeprefix("torn/") for name in names}
    unknown = sorted(wanted - set().union(*known.values()))
    if unknown:
        from torn_pipeline.steps.context import unknown_endpoint

        tables = sorted(set().union(*known.values()) - known.keys())
        raise UsageError(unknown_endpoint(unknown, list(known), pipeline.settings.config, others=tables))
    return [plan for plan in plans if wanted & known[plan.endpoint.name]]


def chosen_accounts(plan: EndpointPlan, account: str | None) -> tuple[str, ...]:
    """The accounts of an endpoint, or the one that is asked for.

    Raises:
        UsageError: when the endpoint is not fetched with it.
    """
    if account is None:
        return plan.endpoint.accounts
    if account not in plan.endpoint.accounts:
        message = f"endpoint {plan.endpoint.name} is not fetched with the account {account!r}; it has {', '.join(plan.endpoint.accounts)}"
        raise UsageError(message)
    return (account,)


class Run(NamedTuple):
    """One endpoint with the account to run it for, and the day (UTC) where one is asked for."""

    plan: EndpointPlan
    account: str
    day: date | None = None


def chosen_runs(pipeline: Pipeline, names: Sequence[str], partition: str | None) -> list[Run]:
    """Each endpoint with each account to run it for.

    ``partition`` is an account, of endpoints with a history also one and a day (``default|2026-04-29``); global endpoints
    have no account in it.

    Raises:
        UsageError: when there is no such endpoint, or no such partition of it.
    """
    plans = chosen_plans(pipeline, names)
    if partition is None:
        return [Run(plan, account) for plan in plans for account in plan.endpoint.accounts]
    runs = [run for plan in plans if (run := _run_of(plan, partition))]
    if runs:
        return runs
    accounts = sorted({account for plan in plans if not plan.is_global for account in plan.endpoint.accounts})
    there = f"the partitions are {', '.join(accounts)}" if accounts else "it has none, as its rows belong to no account"
    if any(plan.by_day for plan in plans):
        there += f", and of each day since {min(plan.endpoint.since for plan in plans if plan.by_day)} such as default|2026-04-29"
    message = f"there is no partition {partition!r} of {', '.join(plan.endpoint.name for plan in plans)}; {there}"
    raise UsageError(message)


def _run_of(plan: EndpointPlan, partition: str) -> Run | None:
    """The run of an endpoint for a partition, if it has that."""
    account, has_day, day = partition.partition("|") if not plan.is_global else (plan.endpoint.accounts[0], "|", partition)
    if account not in plan.endpoint.accounts:
        return None
    if not has_day:
        return Run(plan, account)
    found = _day(day) if plan.by_day else None
    return Run(plan, account, found) if found and plan.endpoint.since <= found <= datetime.now(UTC).date() else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
