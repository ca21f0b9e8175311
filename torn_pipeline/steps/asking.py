"""The client that asks the API for an account, with the keys and the budget that all processes share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stamina.instrumentation import set_on_retry_hooks

from torn_pipeline.torn import Quota, Rank, TornClient
from torn_pipeline.torn.quota import ADDRESS_LIMIT

if TYPE_CHECKING:
    from pathlib import Path

    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.settings import Settings
    from torn_pipeline.steps.context import Pipeline

__all__ = ["client_of", "ledger_path"]

_ADDRESS_SHARE = 10


def ledger_path(settings: Settings) -> Path:
    """The file in which all processes with this data directory count their calls and remember keys."""
    return settings.data_dir / "quota.sqlite"


def client_of(pipeline: Pipeline, plan: EndpointPlan, account: str, *, rank: Rank = Rank.INTERACTIVE) -> TornClient:
    """A client for the calls of one endpoint with one account; ``rank`` is who goes first where calls are scarce.

    Raises:
        ConfigError: the account has no key that can be sent.
    """
    settings, endpoint = pipeline.settings, plan.endpoint
    timeout = endpoint.timeout.total_seconds()
    limit = pipeline.config.defaults.rate_limit
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    # The client tells of every retry itself; stamina's own hooks would write to stdout, among the data.
    set_on_retry_hooks(())
    # More than Torn's own limits are only allowed where the API is on this machine.
    address_limit = max(ADDRESS_LIMIT, _ADDRESS_SHARE * limit)
    return TornClient(
        settings.api_url,
        keys=settings.keys.get(account, ()),
        account=account,
        quota=Quota(ledger_path(settings), limit, settings.rate_window, hold=timeout, rank=rank, address_limit=address_limit),
        timeout=timeout,
        max_retries=endpoint.max_retries,
        retry_delay=endpoint.retry_delay.total_seconds(),
        access=plan.contract.access,
        others={other.name: settings.keys.get(other.name, ()) for other in pipeline.config.accounts if other.name != account},
    )
