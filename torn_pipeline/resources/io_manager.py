"""The warehouse as an IO manager: a whole fetch in, a table out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from torn_pipeline.resources.pipeline import told_to_dagster
from torn_pipeline.resources.previews import preview_of_table

if TYPE_CHECKING:
    import polars as pl

    from torn_pipeline.landing import Fetch
    from torn_pipeline.quality import Prepared
    from torn_pipeline.resources.pipeline import PipelineResource
    from torn_pipeline.steps import Pipeline
    from torn_pipeline.warehouse import Receipt, TableReceipt

__all__ = ["TableLoad", "WarehouseIOManager", "table_metadata"]

_NAMED = 5  # landed pages of a fetch that its materialization names


@dataclass(slots=True)
class TableLoad:
    """A validated fetch on its way into the warehouse of its pipeline. The IO manager leaves the ``receipt``."""

    pipeline: Pipeline
    fetched: Fetch
    prepared: Prepared
    receipt: Receipt | None = None


class WarehouseIOManager(dg.IOManager):
    """Writes a fetch's whole group of tables in one transaction, and reads single tables.

    Dagster hands outputs over one by one, without a commit at the end; so the root table's output carries
    the group, and the other tables report from its receipt.
    """

    def __init__(self, pipeline: PipelineResource) -> None:
        self._pipeline = pipeline

    def handle_output(self, context: dg.OutputContext, obj: TableLoad) -> None:
        """Load the group.

        Raises:
            Failure: when the warehouse refuses; the tables are then as they were.
        """
        from torn_pipeline.steps import load

        with told_to_dagster():
            obj.receipt = load(obj.pipeline, obj.fetched, obj.prepared, run_id=context.run_id)
        context.add_output_metadata(table_metadata(obj, context.asset_key.path[-1]))

    def load_input(self, context: dg.InputContext) -> pl.DataFrame:
        """One table as a frame; of a partitioned asset the rows of the accounts whose partitions are asked for."""
        accounts = context.asset_partition_keys if context.has_asset_partitions else ()
        table = context.asset_key.path[-1]
        with told_to_dagster():
            warehouse = self._pipeline.open().warehouse
            if len(accounts) == 1:
                return warehouse.read(table, account=accounts[0])
            frame = warehouse.read(table)
        return frame.filter(frame["_account"].is_in(accounts)) if accounts else frame


def table_metadata(group: TableLoad, table: str) -> dict[str, Any]:
    """What a materialization says of one table: rows, changes, a preview of what came, and the fetch behind it."""
    fetched, receipt = group.fetched, group.receipt
    is_history = _is_history(group, table)
    said: dict[str, Any] = {} if is_history else {"rows_in_fetch": group.prepared.rows.get(table, 0)}
    if receipt is not None and table in receipt.tables:
        written = receipt.tables[table]
        said |= {"dagster/row_count": written.total, **_counts(written, is_history=is_history)}
        if written.changes:
            said["schema_changes"] = list(written.changes)
    if receipt is not None and receipt.skipped:
        said["skipped"] = receipt.skipped
    if not is_history:
        said["preview"] = dg.MetadataValue.md(preview_of_table(_first_rows(group, table)))
    return said | {
        "fetched_at": dg.MetadataValue.timestamp(fetched.fetched_at),
        "fetch_id": fetched.fetch_id,
        "landed": dg.MetadataValue.json([page.raw_id for page in fetched.pages[:_NAMED]]),
    }


def _counts(written: TableReceipt, *, is_history: bool) -> dict[str, int]:
    if is_history:
        return {"versions_begun": written.rows, "versions_ended": written.deleted}
    return {"rows_written": written.rows, "rows_replaced": written.deleted, "bytes": written.bytes}


def _is_history(group: TableLoad, table: str) -> bool:
    return table in {history.name for history in group.pipeline.plan(group.fetched.endpoint).histories}


def _first_rows(group: TableLoad, table: str) -> pl.DataFrame:
    """The rows of the page that the API sent first, which are the latest of most lists; a fetch may be held in another order."""
    frame = next(iter(group.prepared))[table]
    first = frame.filter(frame["_raw_id"] == group.fetched.pages[0].raw_id)
    return first if first.height else frame
