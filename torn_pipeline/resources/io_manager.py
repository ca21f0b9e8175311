"""The warehouse as an IO manager: a whole fetch in, a table out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from torn_pipeline.resources.pipeline import told_to_dagster
from torn_pipeline.resources.previews import preview_of_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from torn_pipeline.landing import Fetch
    from torn_pipeline.quality.prepared import Prepared
    from torn_pipeline.resources.pipeline import PipelineResource
    from torn_pipeline.steps import Pipeline
    from torn_pipeline.warehouse import Receipt, TableReceipt, Window

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
        context.add_output_metadata(table_metadata(obj, context.asset_key.path[-1]) | _cost(obj.receipt))

    def load_input(self, context: dg.InputContext) -> pl.DataFrame | pl.LazyFrame:
        """One table as a frame; of a partitioned asset the rows of the accounts whose partitions are asked for.

        The input's metadata may ask for less: ``columns`` names some, ``window`` has a ``column`` and the moments ``after``
        and ``until`` between which it lies. An input annotated as ``LazyFrame`` is read when it is collected, and then only
        the columns that are needed.

        Raises:
            Failure: when there is no such table, column or window.
        """
        from torn_pipeline.warehouse.inputs import read_part, scan_part  # noqa: PLC0415 - loads Polars, which definitions do without

        asked = context.definition_metadata or {}
        accounts = context.asset_partition_keys if context.has_asset_partitions else ()
        read = scan_part if _wants_lazy(context) else read_part
        with told_to_dagster():
            warehouse = self._pipeline.open().warehouse
            return read(warehouse, context.asset_key.path[-1], columns=asked.get("columns", ()), accounts=accounts, within=_window(asked))


def _wants_lazy(context: dg.InputContext) -> bool:
    return getattr(context.dagster_type.typing_type, "__name__", "") == "LazyFrame"


def _window(asked: Mapping[str, Any]) -> Window | None:
    if "window" not in asked:
        return None
    from torn_pipeline.warehouse import Window  # noqa: PLC0415 - the definitions, which every process of Dagster's loads, do without

    bounds = {name: _moment(value) for name, value in asked["window"].items() if name in {"after", "until"}}
    return Window(column=asked["window"]["column"], **bounds)


def _moment(value: str | datetime) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


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


def _cost(receipt: Receipt) -> dict[str, int]:
    """What the load of a whole group took, as far as the warehouse says it."""
    known = {"bytes_billed": receipt.bytes_billed, "slot_milliseconds": receipt.slot_milliseconds}
    return {name: value for name, value in known.items() if value is not None}


def _is_history(group: TableLoad, table: str) -> bool:
    return table in {history.name for history in group.pipeline.plan(group.fetched.endpoint).histories}


def _first_rows(group: TableLoad, table: str) -> pl.DataFrame:
    """The rows of the page that the API sent first, which are the latest of most lists; a fetch may be held in another order."""
    frame = next(iter(group.prepared))[table]
    first = frame.filter(frame["_raw_id"] == group.fetched.pages[0].raw_id)
    return first if first.height else frame
