"""The checks that the config's own rules are: which rows break each, asked of the warehouse once a fetch is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.checks.telling import SHOWN, Metadata, records, result
from torn_pipeline.errors import WarehouseBusy, WarehouseError

if TYPE_CHECKING:
    import dagster as dg

    from torn_pipeline.config import BusinessRule
    from torn_pipeline.landing import Fetch
    from torn_pipeline.steps import Pipeline

__all__ = ["ALL_ACCOUNTS", "rule_result"]

ALL_ACCOUNTS = "all accounts"
"""What stands for an account in results about a table, whichever account was loaded."""

_ALL: Metadata = {"account": ALL_ACCOUNTS}


def rule_result(pipeline: Pipeline, rule: BusinessRule, fetched: Fetch) -> dg.AssetCheckResult:
    """How many rows break a rule, and the first of them. A query that is refused is a warning, a warehouse that others hold none."""
    from torn_pipeline.steps.wishes import broken

    try:
        found = broken(pipeline, rule, limit=SHOWN)
    except WarehouseError as error:
        return result(rule.table, rule.name, fetched, f"could not be asked: {error}", _ALL)
    except WarehouseBusy as error:
        return result(rule.table, rule.name, fetched, "", {**_ALL, "not_looked_at": str(error)})
    metadata: Metadata = {**_ALL, "rows_breaking": found.count, "most": rule.most}
    if found.rows:
        metadata["offending_rows"] = records(found.rows)
    count = "1 row breaks" if found.count == 1 else f"{found.count:,} rows break"
    allowed = f"at most {rule.most:,} may" if rule.most else "none may"
    problem = f"{count} the rule {rule.name}, and {allowed}" if found.count > rule.most else ""
    return result(rule.table, rule.name, fetched, problem, metadata, error=rule.severity == "error")
