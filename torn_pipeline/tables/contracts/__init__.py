"""The contracts, one file a section of the API, or a theme of the faction's.

Here belongs what an endpoint's body looks like, in the API's own names and our own words. Not here: any
code. Everything from ``tables`` upwards may import it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.tables.contracts import (
    faction,
    faction_attacks,
    faction_crimes,
    faction_news,
    faction_reports,
    faction_wars,
    market,
    torn,
    user,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torn_pipeline.tables.contract import Contract

__all__ = ["CONTRACTS"]

CONTRACTS: Mapping[str, Contract] = {
    contract.path: contract
    for contract in (
        faction.BALANCE,
        faction.BASIC,
        faction.MEMBERS,
        faction_attacks.ATTACKS,
        faction_attacks.ATTACKSFULL,
        faction_attacks.CHAINS,
        faction_crimes.CRIME,
        faction_crimes.CRIMES,
        faction_news.NEWS,
        faction_news.REVIVES,
        faction_news.REVIVES_FULL,
        faction_reports.CHAINREPORT,
        faction_reports.RAIDREPORT,
        faction_reports.RANKEDWARREPORT,
        faction_reports.TERRITORYWARREPORT,
        faction_wars.RAIDS,
        faction_wars.RANKEDWARS,
        faction_wars.TERRITORYWARS,
        market.ITEMMARKET,
        torn.ITEMDETAILS,
        torn.ITEMS,
        torn.ITEMS_BY_ID,
        user.PROFILE,
    )
}
"""Every contract by its path."""
