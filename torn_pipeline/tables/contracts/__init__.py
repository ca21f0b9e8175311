"""The contracts, one file a section of the API.

Here belongs what an endpoint's body looks like, in the API's own names and our own words. Not here: any
code. Everything from ``tables`` upwards may import it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.tables.contracts import faction, torn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torn_pipeline.tables.contract import Contract

__all__ = ["CONTRACTS"]

CONTRACTS: Mapping[str, Contract] = {
    contract.path: contract for contract in (faction.BALANCE, faction.BASIC, faction.CRIMES, faction.MEMBERS, torn.ITEMS)
}
"""Every contract by its path."""
