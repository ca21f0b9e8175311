"""Which loads may be of a time window, and what one leaves of another, the same in every warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.errors import WarehouseError
from torn_pipeline.tables.table import Role, StorageMode

if TYPE_CHECKING:
    from torn_pipeline.warehouse.protocol import Load, Window

__all__ = ["leaves_nothing", "refuse_window"]


def refuse_window(load: Load) -> None:
    """Refuse a time window of which it is not known what lies in it, as a fetch takes the place of that.

    Raises:
        WarehouseError: for a snapshot, or rows without the window's column or without a key.
    """
    fetch, window = load.fetch, load.window
    if window is None or load.mode in {StorageMode.APPEND, StorageMode.UPSERT}:
        return
    about = f"fetch {fetch.fetch_id} of {fetch.endpoint} is of a time window"
    if load.mode is StorageMode.SNAPSHOT:
        message = f"{about}, and a snapshot is of all there is: use storage_mode replace or upsert"
        raise WarehouseError(message)
    for root in load.tables:
        names = {column.name: column for column in root.columns}
        if root.root != root.name:
            continue
        if window.column not in names or not any(names[name].role is Role.OWN for name in root.root_key):
            what = "no key" if window.column in names else "no column that says which of them lie in it"
            message = f"{about}, and the rows of {root.name} have {what}: use storage_mode append"
            raise WarehouseError(message)


def leaves_nothing(newer: Window, load: Load) -> bool:
    """Whether a newer fetch of this time window leaves nothing of its slice for a load to replace."""
    inner = load.window
    after, until = (inner.after, inner.until) if inner else (None, None)
    begins = newer.after is None or (after is not None and newer.after <= after)
    ends = newer.until is None or (until is not None and until <= newer.until)
    return not load.window_column or (begins and ends)
