"""The least that Dagster can be given: one empty asset, and its job."""

from __future__ import annotations

import dagster as dg

__all__ = ["defs"]


@dg.asset
def empty() -> None:
    """Nothing."""


defs = dg.Definitions(
    assets=[empty],
    jobs=[dg.define_asset_job("bare", selection=[empty], executor_def=dg.in_process_executor)],
    executor=dg.in_process_executor,
)
