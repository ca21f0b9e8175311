"""Where tables live: one protocol, one group of modules a warehouse.

Here belongs how rows are written and read without losing any. Not here: what a row means (``tables``)
or whether it is good (``quality``). ``ops``, ``steps``, ``cli`` and the Dagster side may import it.
"""

from torn_pipeline.warehouse.protocol import EndpointStatus, Load, Quarantined, QuarantineRow, Receipt, TableReceipt, Warehouse, Window
from torn_pipeline.warehouse.url import warehouse_from_url

__all__ = [
    "EndpointStatus",
    "Load",
    "QuarantineRow",
    "Quarantined",
    "Receipt",
    "TableReceipt",
    "Warehouse",
    "Window",
    "warehouse_from_url",
]
