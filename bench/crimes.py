"""A faction's organised crimes as landed pages, from the simulator."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from torn_pipeline import steps
from torn_pipeline.landing import Fetch, new_fetch_id
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import Size, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["PAGE", "land_crimes", "open_pipeline"]

PAGE = 100
DISTINCT = 20_000
ID_SHIFT = 10_000_000
ENDPOINT = {"name": "faction_crimes", "path": "/faction/crimes", "frequency": "PT15M", "storage_mode": "upsert"}


def open_pipeline(folder: Path, warehouse: str = "warehouse") -> steps.Pipeline:
    """A pipeline with the crimes alone; landing and config are shared by all warehouses of a folder."""
    config = folder / "pipeline.json"
    config.write_bytes(orjson.dumps({"endpoints": [ENDPOINT]}))
    return steps.open_pipeline(Settings(config=config, data_dir=folder, warehouse=f"duckdb:///{folder}/{warehouse}.duckdb"))


def land_crimes(pipeline: steps.Pipeline, count: int) -> Fetch:
    """Land so many crimes in pages of a hundred, as one complete fetch."""
    now = datetime.now(UTC)
    landing = pipeline.landing
    pages = [landing.put("faction_crimes", "default", now, body, url="bench", received_at=now, rows=PAGE) for body in _bodies(count)]
    fetched = Fetch(
        fetch_id=new_fetch_id(now),
        endpoint="faction_crimes",
        account="default",
        path="/faction/crimes",
        fetched_at=now,
        ended_at=now,
        pages=tuple(pages),
        rows=count,
        complete=True,
    )
    pipeline.landing.close(fetched)
    return fetched


def _bodies(count: int) -> Iterator[bytes]:
    """Pages of crimes, newest first; beyond :data:`DISTINCT` the same ones under other ids, so that more of them are not other ones."""
    world = World(size=Size(crimes=min(count, DISTINCT), members=100))
    (faction, *_) = world.factions.values()
    newest_first = faction.crimes[::-1]
    for start in range(0, count, PAGE):
        shift, place = divmod(start, DISTINCT)
        crimes = [{**crime, "id": crime["id"] + shift * ID_SHIFT} for crime in newest_first[place : place + PAGE]]
        yield orjson.dumps({"crimes": crimes, "_metadata": {"links": {"next": None, "prev": None}}})
