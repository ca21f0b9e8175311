"""Partitions: an account's, and of endpoints with a history each day of it, such as ``default|2026-04-29``."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torn_pipeline.plan import EndpointPlan

__all__ = ["account_of", "asked_days", "materialized_besides", "partition_key", "partitions_of"]

_SEPARATOR = "|"
_FIRST, _LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def partitions_of(plans: Sequence[EndpointPlan]) -> dg.PartitionsDefinition | None:
    """The partitions of endpoints with the same tables: a job's assets must all have the same. ``None``: there is but one."""
    accounts = dg.StaticPartitionsDefinition(list(dict.fromkeys(account for plan in plans for account in plan.endpoint.accounts)))
    first = plans[0]
    if not first.by_day:
        return None if first.is_global else accounts
    # The day that has not ended yet has a partition too.
    days = dg.DailyPartitionsDefinition(start_date=min(plan.endpoint.since for plan in plans).isoformat(), end_offset=1)
    return days if first.is_global else dg.MultiPartitionsDefinition({"account": accounts, "day": days})


def partition_key(plan: EndpointPlan, account: str, day: date) -> str | None:
    """The partition of an account on a day (UTC); ``None`` where the endpoint has none."""
    parts = ([] if plan.is_global else [account]) + ([day.isoformat()] if plan.by_day else [])
    return _SEPARATOR.join(parts) or None


def asked_days(plan: EndpointPlan, context: dg.AssetExecutionContext) -> dict[str, list[date]]:
    """The accounts that a run is for, each with its days; without days where its tables have no history."""
    if not context.has_partition_key and not context.has_partition_key_range:
        return {plan.endpoint.accounts[0]: []}
    found: dict[str, list[date]] = {}
    for key in _keys(context):
        account, _, day = key.rpartition(_SEPARATOR) if plan.by_day else (key, "", "")
        found.setdefault(account or plan.endpoint.accounts[0], []).extend([date.fromisoformat(day)] if day else [])
    return found


def materialized_besides(context: dg.AssetExecutionContext, *assets: dg.AssetKey) -> Iterator[dg.AssetMaterialization]:
    """What Dagster does not write down by itself: the days of a run that it started for several, from the page of a job."""
    if context.has_partition_key_range:
        written = {str(key) for key in context.partition_keys}
        for key in _keys(context):
            if key not in written:
                yield from (dg.AssetMaterialization(asset, partition=key) for asset in assets)


def _keys(context: dg.AssetExecutionContext) -> list[str]:
    """The partitions that a run is for. One that is started from the page of a job says a range and the first of it alone."""
    if not context.has_partition_key_range:
        return [str(key) for key in context.partition_keys]
    first, last = context.run.tags[_FIRST], context.run.tags[_LAST]
    definition = context.assets_def.partitions_def
    assert definition is not None  # noqa: S101 - a run of partitions is of assets that have some
    return [str(key) for key in definition.get_partition_keys_in_range(dg.PartitionKeyRange(first, last))]


def account_of(partition: str) -> str:
    """The account of a partition's key; empty for one of a global endpoint, which is but a day."""
    account = partition.partition(_SEPARATOR)[0]
    return "" if account[:1].isdigit() else account
