"""Where tables live: one protocol, one group of modules a warehouse.

Here belongs how rows are written and read without losing any. Not here: what a row means (``tables``)
or whether it is good (``quality``). ``ops``, ``steps``, ``cli`` and the Dagster side may import it.
"""

from torn_pipeline.warehouse.changes import Change, Kind, changes_of, refused
from torn_pipeline.warehouse.protocol import (
    Backup,
    ColumnProfile,
    EndpointStatus,
    Load,
    Measurement,
    Quarantined,
    QuarantineRow,
    Receipt,
    SchemaVersion,
    TableProfile,
    TableReceipt,
    Unmatched,
    Warehouse,
    Window,
)
from torn_pipeline.warehouse.url import warehouse_from_url

__all__ = [
    "Backup",
    "Change",
    "ColumnProfile",
    "EndpointStatus",
    "Kind",
    "Load",
    "Measurement",
    "QuarantineRow",
    "Quarantined",
    "Receipt",
    "SchemaVersion",
    "TableProfile",
    "TableReceipt",
    "Unmatched",
    "Warehouse",
    "Window",
    "changes_of",
    "refused",
    "warehouse_from_url",
]
