"""What the platform's own tables know for a report: what a run loaded, and what is in quarantine."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from torn_pipeline.ops.report import LISTED, FetchTold, Reason, RootTold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torn_pipeline.steps.context import Pipeline
    from torn_pipeline.warehouse import QuarantineRow

__all__ = ["fetches_of_run", "reasons_of", "roots_of", "rows_by_table"]

_RUN_ID = re.compile(r"[\w-]+")
_ELEMENT = re.compile(r"\[\d+\]")


def fetches_of_run(pipeline: Pipeline, run_id: str) -> list[FetchTold]:
    """The fetches that a run loaded, the newest first.

    Raises:
        WarehouseError: when the warehouse refuses.
        WarehouseBusy: when another process holds it for too long.
    """
    if not _RUN_ID.fullmatch(run_id) or not pipeline.warehouse.schema_versions():
        return []
    sql = f"""SELECT l._fetch_id, l.table_name, l.rows AS n, l.loaded_at, f.endpoint, f.account, f.started, f.pages
        FROM torn_meta.loads l JOIN torn_meta.fetches f ON l._fetch_id = f._fetch_id
        WHERE l.run_id = '{run_id}' ORDER BY l._fetch_id, l.load_id, l.table_name"""  # noqa: S608 - letters, digits and hyphens
    found: dict[str, FetchTold] = {}
    rows: dict[str, dict[str, int]] = {}
    for row in pipeline.warehouse.query(sql).to_pylist():
        fetch_id = row["_fetch_id"]
        rows.setdefault(fetch_id, {})[row["table_name"]] = row["n"]
        found[fetch_id] = FetchTold(
            fetch_id=fetch_id,
            endpoint=row["endpoint"],
            account=row["account"],
            fetched_at=row["started"],
            loaded_at=row["loaded_at"],
            calls=row["pages"],
            rows=rows[fetch_id],
        )
    return sorted(found.values(), key=lambda one: one.fetched_at, reverse=True)


def reasons_of(rows: Sequence[QuarantineRow]) -> tuple[Reason, ...]:
    """Why roots are in quarantine, the most frequent reasons first; which element of a list it was makes none of its own."""
    counted = Counter((row.root, row.table, row.account, _ELEMENT.sub("[*]", row.json_path), row.reason) for row in rows)
    return tuple(
        Reason(root=root, table=table, account=account, json_path=path, reason=reason, count=count)
        for (root, table, account, path, reason), count in counted.most_common(LISTED)
    )


def roots_of(rows: Sequence[QuarantineRow]) -> tuple[RootTold, ...]:
    """The first of these roots."""
    return tuple(
        RootTold(
            quarantine_id=row.quarantine_id,
            root=row.root,
            account=row.account,
            key=row.key,
            json_path=row.json_path,
            reason=row.reason,
            fetch_id=row.fetch_id,
        )
        for row in rows[:LISTED]
    )


def rows_by_table(pipeline: Pipeline) -> Mapping[str, int]:
    """How many rows the tables have that anything was loaded into.

    Raises:
        WarehouseError: when the warehouse refuses.
        WarehouseBusy: when another process holds it for too long.
    """
    counted: Counter[str] = Counter()
    for state in pipeline.warehouse.status():
        counted.update(state.rows)
    return counted
