"""The real road in a few calls: response bodies in, rows of the tables out."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from torn_pipeline import steps
from torn_pipeline.landing import Fetch, new_fetch_id
from torn_pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["land", "make_pipeline", "read_tables", "tables_from_bodies", "tables_from_fetches"]

START = datetime(2026, 4, 29, 12, tzinfo=UTC)
Rows = list[dict[str, object]]


def make_pipeline(folder: Path, path: str, *, mode: str = "upsert", account: str = "default", **fields: object) -> steps.Pipeline:
    """A pipeline of one endpoint in a folder of its own; the endpoint is called as its path says."""
    config = folder / "pipeline.json"
    endpoint = {"name": endpoint_name(path), "path": path, "frequency": "PT15M", "storage_mode": mode, **fields}
    config.write_bytes(orjson.dumps({"accounts": [{"name": account}], "endpoints": [endpoint]}))
    return steps.open_pipeline(Settings(config=config, data_dir=folder / "data", dagster_home=folder / "dagster"))


def endpoint_name(path: str) -> str:
    """``/faction/crimes`` -> ``faction_crimes``."""
    return path.strip("/").replace("/", "_")


def land(pipeline: steps.Pipeline, bodies: Sequence[bytes], *, fetched_at: datetime = START) -> Fetch:
    """Land bodies as the pages of one complete fetch of the pipeline's one endpoint."""
    (endpoint,) = pipeline.config.endpoints
    (account,) = endpoint.accounts
    plan = pipeline.plan(endpoint.name)
    pages = []
    for body in bodies:
        rows = plan.count_rows(orjson.loads(body))
        pages.append(
            pipeline.landing.put(endpoint.name, account, fetched_at, body, url="test", received_at=fetched_at, rows=rows),
        )
    fetched = Fetch(
        fetch_id=new_fetch_id(fetched_at),
        endpoint=endpoint.name,
        account=account,
        path=endpoint.path,
        fetched_at=fetched_at,
        ended_at=fetched_at,
        pages=tuple(pages),
        rows=sum(page.rows for page in pages),
        complete=False,
    )
    complete = replace(fetched, complete=True)
    pipeline.landing.close(complete)
    return complete


def load(pipeline: steps.Pipeline, fetched: Fetch) -> None:
    """Normalise, validate and load one landed fetch."""
    with steps.validate(pipeline, fetched) as prepared:
        steps.load(pipeline, fetched, prepared)


def read_tables(pipeline: steps.Pipeline) -> dict[str, Rows]:
    """The rows of every table of the pipeline's one endpoint."""
    plan = pipeline.plan(pipeline.config.endpoints[0].name)
    return {table.name: pipeline.warehouse.read(table.name).to_dicts() for table in plan.tables}


def tables_from_bodies(path: str, bodies: Sequence[bytes], *, mode: str = "upsert", account: str = "default") -> dict[str, Rows]:
    """The tables after one fetch with these pages."""
    return tables_from_fetches(path, [bodies], mode=mode, account=account)


def tables_from_fetches(
    path: str, fetches: Sequence[Sequence[bytes]], *, mode: str = "upsert", account: str = "default"
) -> dict[str, Rows]:
    """The tables after several fetches, one an hour, each with its pages."""
    with tempfile.TemporaryDirectory() as folder:
        pipeline = make_pipeline(Path(folder), path, mode=mode, account=account)
        for number, bodies in enumerate(fetches):
            load(pipeline, land(pipeline, bodies, fetched_at=START + timedelta(hours=number)))
        return read_tables(pipeline)
