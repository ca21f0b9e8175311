"""Load: one transaction a fetch, refused where the config or too many broken roots forbid it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from torn_pipeline.config import StorageMode
from torn_pipeline.correlation import bound
from torn_pipeline.errors import ConfigError, TooManyQuarantined, UsageError
from torn_pipeline.warehouse import Load, Quarantined, Receipt

if TYPE_CHECKING:
    from torn_pipeline.landing import Fetch
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.quality.prepared import Prepared
    from torn_pipeline.steps.context import Pipeline
    from torn_pipeline.tables.normalise import Rejected

__all__ = ["as_quarantined", "check_limit", "check_mode", "load", "load_of", "tell_loaded", "too_many"]

_log = logging.getLogger(__name__)


def load(pipeline: Pipeline, fetched: Fetch, prepared: Prepared, *, run_id: str = "", limited: bool = False) -> Receipt:
    """Write what validation let through in one transaction, with the quarantine and the ledger.

    ``limited`` says that ``prepared`` holds some roots of the fetch only: then the rest of its rows stay as they
    are, and the ledger does not take the fetch for loaded.

    Raises:
        ConfigError: when the table's rows came in another storage mode than the config now says.
        UsageError: when some roots only are to be loaded into a table that is replaced as a whole.
        TooManyQuarantined: when more roots are broken than the endpoint allows; then only the quarantine is written.
        TooManyClosed: when a snapshot lacks more rows than the endpoint allows; then nothing is.
        WarehouseError: when the warehouse refuses; then nothing is.
        WarehouseBusy: when another process holds it for too long.
    """
    plan = pipeline.plan(fetched.endpoint)
    check_mode(pipeline, plan)
    if limited:
        check_limit(plan)
    work = replace(load_of(plan, fetched, prepared, run_id), partial=limited)
    with bound(run_id=run_id, endpoint=fetched.endpoint, account=fetched.account, fetch_id=fetched.fetch_id):
        if too_many(plan, prepared):
            pipeline.warehouse.quarantine(work)
            raise TooManyQuarantined(too_many(plan, prepared))
        receipt = pipeline.warehouse.load(work)
    tell_loaded(fetched, receipt, run_id)
    return receipt


def tell_loaded(fetched: Fetch, receipt: Receipt, run_id: str = "") -> None:
    """Log what the load of a fetch left in which tables."""
    tables = {name: table.rows for name, table in receipt.tables.items()}
    what = receipt.skipped or receipt.refused or ", ".join(f"{name} {rows}" for name, rows in tables.items())
    with bound(run_id=run_id, endpoint=fetched.endpoint, account=fetched.account, fetch_id=fetched.fetch_id):
        _log.info("loaded %s for %s: %s", fetched.endpoint, fetched.account, what, extra={"tables": tables, "rows": sum(tables.values())})


def check_mode(pipeline: Pipeline, plan: EndpointPlan) -> None:
    """Refuse to go on with a table whose rows came in another storage mode.

    Raises:
        ConfigError: naming the command that migrates.
    """
    mode, recorded = plan.endpoint.storage_mode, pipeline.warehouse.recorded_mode(plan.root.name)
    if recorded not in {None, mode}:
        name = plan.endpoint.name
        message = (
            f"{pipeline.config.where('endpoints', name, 'storage_mode')}: endpoints.{name}.storage_mode: is {mode}, but the table "
            f"{plan.root.name} was loaded with {recorded}: set it back, or migrate with: torn-pipeline replay {name} --rebuild"
        )
        raise ConfigError(message)


def check_limit(plan: EndpointPlan) -> None:
    """Refuse to load some roots only where all others would have to go.

    Raises:
        UsageError: for ``storage_mode: replace`` and ``snapshot``.
    """
    if plan.endpoint.storage_mode in {StorageMode.REPLACE, StorageMode.SNAPSHOT}:
        message = (
            f"{plan.endpoint.name} has storage_mode {plan.endpoint.storage_mode}, so loading a part of it would drop the rest: "
            "leave --limit out, or add --dry-run"
        )
        raise UsageError(message)


def load_of(plan: EndpointPlan, fetched: Fetch, prepared: Prepared, run_id: str) -> Load:
    """What a warehouse is given to load."""
    return Load(
        fetch=fetched,
        mode=plan.endpoint.storage_mode,
        shared_scope=plan.endpoint.scope == "global",
        tables=plan.tables,
        contract_version=plan.version,
        batches=prepared,
        quarantined=[as_quarantined(rejected) for rejected in prepared.rejected],
        run_id=run_id,
        max_closed=plan.endpoint.max_closed,
        window_column=plan.window_column,
    )


def too_many(plan: EndpointPlan, prepared: Prepared) -> str:
    """Why so many broken roots forbid a load; empty when they do not."""
    share, most = prepared.quarantined_share, plan.endpoint.max_quarantined
    if share <= most:
        return ""
    first = prepared.rejected[0]
    return (
        f"{plan.endpoint.name}: {len(prepared.rejected)} of {prepared.roots} roots are broken, more than max_quarantined allows "
        f"({most:.0%}), so nothing was loaded; the first is at {first.json_path}: {first.reason}; "
        "see them with: torn-pipeline quarantine list"
    )


def as_quarantined(rejected: Rejected) -> Quarantined:
    """A root that was left out, as a warehouse keeps it."""
    return Quarantined(
        table=rejected.table,
        root=rejected.root,
        key=orjson.dumps(rejected.key).decode(),
        json_path=rejected.json_path,
        reason=rejected.reason,
        raw=rejected.raw.decode(),
        raw_id=rejected.raw_id,
    )
