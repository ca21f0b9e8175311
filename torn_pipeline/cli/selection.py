"""Which runs a call means: names and partitions, told from those that there are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps import Pipeline

__all__ = ["chosen_accounts", "chosen_plans", "chosen_runs"]


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


def chosen_runs(pipeline: Pipeline, names: Sequence[str], partition: str | None) -> list[tuple[EndpointPlan, str]]:
    """Each endpoint with each account to run it for; ``partition`` is an account, and global endpoints have none.

    Raises:
        UsageError: when there is no such endpoint, or no such partition of it.
    """
    plans = chosen_plans(pipeline, names)
    if partition is None:
        return [(plan, account) for plan in plans for account in plan.endpoint.accounts]
    runs = [(plan, partition) for plan in plans if not plan.is_global and partition in plan.endpoint.accounts]
    known = sorted({account for plan in plans if not plan.is_global for account in plan.endpoint.accounts})
    if partition not in known:
        there = f"the partitions are {', '.join(known)}" if known else "it has none, as its rows belong to no account"
        message = f"there is no partition {partition!r} of {', '.join(plan.endpoint.name for plan in plans)}; {there}"
        raise UsageError(message)
    return runs
