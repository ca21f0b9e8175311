"""Which channels hear of an observation, by which rules."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from torn_pipeline.config.alerts import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torn_pipeline.alerts.observation import Observation
    from torn_pipeline.config.alerts import AlertsConfig, Rule

__all__ = ["Route", "routes"]


class Route(NamedTuple):
    """A channel that hears of something; the rule's name; whether only when nobody acknowledged it."""

    channel: str
    rule: str
    escalates: bool


def routes(config: AlertsConfig, observation: Observation) -> list[Route]:
    """Every way that somebody hears of it.

    Nobody hears through a channel that this very channel has failed: if no rule has another one, all others hear it.
    """
    found = [route for rule in config.rules if _fits(rule, observation) for route in _routes(rule)]
    if observation.kind is not Kind.CHANNEL_FAILED:
        return found
    others = [route for route in found if route.channel != observation.subject]
    if any(not route.escalates for route in others):
        return others
    return others + [Route(channel.name, "", escalates=False) for channel in config.channels if channel.name != observation.subject]


def _routes(rule: Rule) -> Iterator[Route]:
    yield from (Route(channel, rule.name, escalates=False) for channel in rule.channels)
    if rule.escalate is not None:
        yield from (Route(channel, rule.name, escalates=True) for channel in rule.escalate.channels)


def _fits(rule: Rule, observation: Observation) -> bool:
    is_news = observation.kind is Kind.REPORT
    return (
        (observation.kind in rule.kinds or not (rule.kinds or is_news))
        and (is_news or not rule.severities or observation.severity in rule.severities)
        and (not rule.owners or not set(rule.owners).isdisjoint(observation.owners))
        and (not rule.assets or any(fnmatchcase(asset, pattern) for asset in observation.assets for pattern in rule.assets))
    )
