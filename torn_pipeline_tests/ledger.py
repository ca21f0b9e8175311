"""What a data directory knows of keys and of the API, for tests that count every call or let everything go wrong."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from torn_pipeline.torn.keys import Keyring
from torn_pipeline.torn.ledger import ledger_at

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torn_pipeline.simulator import World
    from torn_pipeline.torn.keys import Key

__all__ = ["forgive", "know_keys"]


def know_keys(data_dir: Path, world: World) -> None:
    """As if the API had been asked about every key of a world today: no call goes to that any more."""

    def about(key: Key) -> Mapping[str, object]:
        known = world.keys[key.value]
        user = {"id": known.owner, "faction_id": known.faction, "company_id": None}
        return {"info": {"selections": {}, "user": user, "access": {"level": 4, "type": f"{known.access} Access"}}}

    ledger = ledger_at(data_dir / "quota.sqlite")
    Keyring(ledger, "default", list(world.keys)).refresh(about)
    ledger.close()


def forgive(data_dir: Path) -> None:
    """As if every key worked again, and the API were open."""
    with closing(sqlite3.connect(data_dir / "quota.sqlite", isolation_level=None)) as database:
        database.execute("DELETE FROM too_low")
        database.execute("DELETE FROM breaker")
        database.execute("UPDATE keys SET refused = '', refused_until = NULL")
