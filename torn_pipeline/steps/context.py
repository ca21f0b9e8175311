"""What every step needs to know of its surroundings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from torn_pipeline.config import load_config
from torn_pipeline.errors import UsageError
from torn_pipeline.landing import Fetch, landing_from_url
from torn_pipeline.ops.logging import follow
from torn_pipeline.plan import EndpointPlan, plan_of
from torn_pipeline.torn import Rank
from torn_pipeline.warehouse import warehouse_from_url

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torn_pipeline.config import PipelineConfig
    from torn_pipeline.landing import Landing
    from torn_pipeline.settings import Settings
    from torn_pipeline.warehouse import Warehouse

__all__ = ["Pipeline", "Tell", "open_pipeline", "unknown_endpoint"]


Tell = Callable[[Fetch], None]
"""Hears of a fetch as it stands."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Everything a step needs to know of its surroundings; ``rank`` is for whom it works, where calls of the API are scarce."""

    settings: Settings
    config: PipelineConfig
    landing: Landing
    warehouse: Warehouse
    rank: Rank = Rank.INTERACTIVE

    def plan(self, endpoint: str) -> EndpointPlan:
        """What follows from the config of one endpoint.

        Raises:
            UsageError: when there is no such endpoint.
            ConfigError: when it has no contract, or one that its storage mode does not suit.
        """
        try:
            found = self.config.endpoint(endpoint)
        except KeyError as error:
            message = unknown_endpoint([endpoint], [known.name for known in self.config.endpoints], self.settings.config)
            raise UsageError(message) from error
        return plan_of(found, self.config)


def unknown_endpoint(names: Sequence[str], endpoints: Sequence[str], config: Path, *, others: Sequence[str] = ()) -> str:
    """The sentence for names that are no endpoint's of a config, nor among the ``others`` that would do, with what may be meant."""
    close = dict.fromkeys(match for name in names for match in get_close_matches(name, [*endpoints, *others], n=1))
    kind = "endpoint or table" if others else "endpoint"
    meant = f"; did you mean {', '.join(close)}?" if close else ";"
    return f"there is no {kind} {', '.join(names)} in {config}{meant} the endpoints are {', '.join(endpoints)}"


def open_pipeline(settings: Settings, overrides: Sequence[str] = (), *, rank: Rank = Rank.INTERACTIVE) -> Pipeline:
    """The pipeline that the environment and the config file describe; ``overrides`` are ``PATH=VALUE`` of the config.

    A process that logs does so as the config says from then on.

    Raises:
        ConfigError: with one line for each problem.
    """
    config = load_config(settings, overrides)
    follow(settings, config.logging)
    warehouse = warehouse_from_url(settings.warehouse, settings.data_dir, bigquery_emulator=settings.bigquery_emulator)
    return Pipeline(settings, config, landing_from_url(settings.landing_url), warehouse, rank)
