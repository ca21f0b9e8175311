"""What only some warehouses can do for themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.errors import WarehouseError
from torn_pipeline.warehouse import MaintainedWarehouse

if TYPE_CHECKING:
    from torn_pipeline.warehouse import Warehouse

__all__ = ["maintained"]


def maintained(warehouse: Warehouse) -> MaintainedWarehouse:
    """The warehouse, when it can read parts of tables, change their shape on demand and keep copies of itself.

    Raises:
        WarehouseError: when it cannot.
    """
    if isinstance(warehouse, MaintainedWarehouse):
        return warehouse
    message = f"the {warehouse.label} has no schema commands, no backups and no reading by window yet: use its own tools"
    raise WarehouseError(message)
