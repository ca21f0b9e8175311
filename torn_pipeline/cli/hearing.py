"""Rules of alerts that nothing of the config can fit, and channels that nobody hears by: what ``check`` warns of."""

from __future__ import annotations

import difflib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from torn_pipeline.config import PipelineConfig
    from torn_pipeline.config.alerts import AlertsConfig
    from torn_pipeline.plan import EndpointPlan

__all__ = ["told_about", "unfitting", "unheard"]

_SURE_ENOUGH = 0.5  # of 1, where two names are the same


def unheard(alerts: AlertsConfig) -> Iterator[str]:
    """A line for each channel that no rule uses, and for a file without rules."""
    if not alerts.rules:
        yield f"{alerts.where('rules')}: rules: is empty, so that nobody hears of anything: add a rule"
        return
    used = {channel for rule in alerts.rules for channel in (*rule.channels, *(rule.escalate.channels if rule.escalate else ()))}
    for name in (channel.name for channel in alerts.channels if channel.name not in used):
        yield f"{alerts.where('channels', name)}: channels.{name}: no rule uses it: name it in the `channels` of one, or take it out"


def unfitting(alerts: AlertsConfig, known: Callable[[], tuple[Sequence[str], Sequence[str]]]) -> Iterator[str]:
    """A line for each asset and owner of a rule that nothing is of; ``known`` finds the assets and owners that there are."""
    if not any(rule.assets or rule.owners for rule in alerts.rules):
        return
    assets, owners = known()
    for rule in alerts.rules:
        for index, pattern in enumerate(rule.assets):
            if not any(fnmatchcase(asset, pattern) for asset in assets):
                where = alerts.where("rules", rule.name, "assets", index)
                yield f"{where}: rules.{rule.name}.assets[{index}]: no asset is called {pattern!r}: {_nearest_asset(pattern, assets)}"
        for index, owner in enumerate(rule.owners):
            if owner not in owners:
                where = alerts.where("rules", rule.name, "owners", index)
                yield f"{where}: rules.{rule.name}.owners[{index}]: nothing is owned by {owner!r}: {_nearest(owner, owners)}"


def told_about(config: PipelineConfig, plans: Sequence[EndpointPlan]) -> tuple[list[str], list[str]]:
    """The assets and the owners of all that alerts may be about."""
    from torn_pipeline.assets import kpi_key, raw_key, table_key  # noqa: PLC0415 - loads Dagster, which few rules take
    from torn_pipeline.automation import OPS  # noqa: PLC0415 - likewise

    tables = dict.fromkeys(table_key(table.name) for plan in plans for table in plan.all_tables)
    keys = [*tables, *(raw_key(plan.endpoint.name) for plan in plans), *OPS, *map(kpi_key, config.kpis)]
    owners = dict.fromkeys([*(plan.endpoint.owner for plan in plans), "team:ops"])
    return [key.to_user_string() for key in keys], list(owners)


def _nearest_asset(pattern: str, assets: Sequence[str]) -> str:
    """What a pattern may have been meant for: the same with its folder, else what is spelled most like it."""
    for folder in dict.fromkeys(f"{asset.partition('/')[0]}/" for asset in assets):
        if any(fnmatchcase(asset, folder + pattern) for asset in assets):
            return f"did you mean {folder}{pattern}?"
    families = dict.fromkeys(f"{asset.partition('_')[0]}_*" for asset in assets if "_" in asset) if "*" in pattern else ()
    return _nearest(pattern, [*families, *assets])


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=_SURE_ENOUGH)
    return f"did you mean {close[0]}?" if close else f"write for example {names[0]}"
