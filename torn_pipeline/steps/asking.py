"""The client that asks the API for an account, and what all processes share for that: the budget, and what is known of keys."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING

import polars as pl
from stamina.instrumentation import set_on_retry_hooks

from torn_pipeline.settings import Settings
from torn_pipeline.torn import Quota, TornClient
from torn_pipeline.torn.keys import KeyState, check_owners
from torn_pipeline.torn.keys import key_states as states_of_keys
from torn_pipeline.torn.ledger import Ledger, ledger_at
from torn_pipeline.torn.quota import ADDRESS_LIMIT
from torn_pipeline.torn.reads import rows_in_a_day
from torn_pipeline.torn.usage import minutes_above

if TYPE_CHECKING:
    from datetime import timedelta

    from torn_pipeline.config import Endpoint, PipelineConfig
    from torn_pipeline.config.budget import Seen
    from torn_pipeline.config.models import Defaults
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.steps.context import Pipeline
    from torn_pipeline.warehouse import Warehouse

__all__ = ["busy_minutes", "client_of", "daily_rows", "key_states", "ledger_of", "owner_problems", "seen_calls"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ADDRESS_SHARE = 10
_LAST = 10  # fetches, or ticks of what is asked by id


def ledger_of(settings: Settings) -> Ledger:
    """Where calls are counted and keys remembered: for all with this data directory, or for all machines with this database."""
    return ledger_at(settings.dagster_postgres or settings.data_dir / "quota.sqlite")


def client_of(pipeline: Pipeline, plan: EndpointPlan, account: str) -> TornClient:
    """A client for the calls of one endpoint with one account.

    Raises:
        ConfigError: the account has no key that can be sent.
    """
    return _client(pipeline, account, plan.endpoint, access=plan.contract.access)


def key_states(pipeline: Pipeline, *, refresh: bool = False) -> list[KeyState]:
    """What is known of the keys of the config's accounts; with ``refresh`` the API is asked about each first.

    Raises:
        PipelineError: the API cannot be asked.
    """
    settings, accounts = pipeline.settings, pipeline.config.accounts
    keys = {account.name: settings.keys[account.name] for account in accounts if settings.keys.get(account.name)}
    for account in keys if refresh else ():
        with closing(_client(pipeline, account, pipeline.config.defaults)) as client:
            client.refresh_keys()
    with closing(ledger_of(settings)) as ledger:
        return states_of_keys(ledger, keys)


def daily_rows(pipeline: Pipeline) -> dict[tuple[str, str], int]:
    """The rows that were read in the last 24 hours of what Torn counts by the day, by account and kind.

    Raises:
        ConfigError: the ledger cannot be used.
        LedgerUnavailable: it cannot be used now.
    """
    with closing(ledger_of(pipeline.settings)) as ledger:
        return rows_in_a_day(ledger)


def busy_minutes(pipeline: Pipeline, share: float) -> dict[str, int]:
    """In how many of the last 60 minutes each account of the config made more than a share of the calls that it may make.

    Raises:
        ConfigError: the ledger cannot be used.
        LedgerUnavailable: it cannot be used now.
    """
    with closing(ledger_of(pipeline.settings)) as ledger:
        found = minutes_above(ledger, share * pipeline.config.defaults.rate_limit)
    return {account.name: found.get(account.name, 0) for account in pipeline.config.accounts}


def owner_problems(settings: Settings, config: PipelineConfig) -> list[str]:
    """One sentence for each two accounts of one person, and for each account with keys of several, as far as that is known.

    No call is made, and nothing is written.

    Raises:
        ConfigError: what is known of the keys cannot be read.
        LedgerUnavailable: it cannot be read now.
    """
    accounts = {account.name: [Settings.id_of(key) for key in settings.keys.get(account.name, ())] for account in config.accounts}
    owners: dict[str, int] = {}
    with closing(ledger_of(settings)) as ledger:
        if not ledger.exists():
            return check_owners(accounts, owners)
        with ledger.connection() as database:
            owners = dict(database.execute("SELECT key, owner FROM keys WHERE owner IS NOT NULL").fetchall())
    return check_owners(accounts, owners)


def seen_calls(warehouse: Warehouse, config: PipelineConfig) -> Seen:
    """How many calls a tick took, by endpoint and account: the mean of the last ten complete fetches; those of a day long past aside.

    Where an endpoint is asked by id, a tick is a fetch for each id that is due, or none: it is the mean of the last ten ticks,
    up to the last fetch of anything. The first tick is none of them, as it asks for all there has ever been.

    Raises:
        PipelineError: the warehouse cannot be read.
    """
    fetches = warehouse.fetches()
    if fetches.is_empty():
        return {}
    is_new = pl.col("window_to").is_null() | (pl.col("started") - pl.col("window_to") < pl.duration(days=1))
    whole = fetches.filter(pl.col("complete") & is_new & (pl.col("pages") > 0)).sort("started")
    periods = {endpoint.name: endpoint.frequency for endpoint in config.endpoints if endpoint.ids_from}
    last: datetime = fetches["started"].sort()[-1]
    seen: dict[tuple[str, str], Fraction] = {}
    for (endpoint, account), group in whole.group_by("endpoint", "account"):
        if period := periods.get(str(endpoint)):
            calls = _calls_a_tick(group, last, period)
        else:
            pages = group["pages"].tail(_LAST)
            calls = Fraction(sum(pages), len(pages))
        if calls is not None:
            seen[str(endpoint), str(account)] = calls
    return seen


def _calls_a_tick(fetches: pl.DataFrame, last: datetime, period: timedelta) -> Fraction | None:
    """The mean of the last ticks but the first, from ``last`` backwards; ``None`` where there was only that one."""

    def tick(moment: datetime) -> int:
        return (moment - _EPOCH) // period

    ticks = [tick(moment) for moment in fetches["started"]]
    first = max(ticks[0] + 1, tick(last) - _LAST + 1)
    if first > tick(last):
        return None
    pages = sum(pages for number, pages in zip(ticks, fetches["pages"], strict=True) if number >= first)
    return Fraction(pages, tick(last) - first + 1)


def _client(pipeline: Pipeline, account: str, how: Endpoint | Defaults, *, access: str = "") -> TornClient:
    settings, limit = pipeline.settings, pipeline.config.defaults.rate_limit
    timeout = how.timeout.total_seconds()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    # The client tells of every retry itself; stamina's own hooks would write to stdout, among the data.
    set_on_retry_hooks(())
    # More than Torn's own limits are only allowed where the API is on this machine.
    address_limit = max(ADDRESS_LIMIT, _ADDRESS_SHARE * limit)
    return TornClient(
        settings.api_url,
        keys=settings.keys.get(account, ()),
        account=account,
        quota=Quota(ledger_of(settings), limit, settings.rate_window, hold=timeout, rank=pipeline.rank, address_limit=address_limit),
        timeout=timeout,
        max_retries=how.max_retries,
        retry_delay=how.retry_delay.total_seconds(),
        access=access,
        others={other.name: settings.keys.get(other.name, ()) for other in pipeline.config.accounts if other.name != account},
    )
