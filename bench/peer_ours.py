"""The crimes into DuckDB by this package: ``python -m bench.peer_ours FOLDER RUN``."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bench.crimes import PAGE, open_pipeline
from bench.peer_clock import DATABASE, timed
from torn_pipeline import steps

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__: list[str] = []


def load(folder: Path, run: Path) -> Iterator[None]:
    """Load the first page, so that all is imported and the tables are there; then all pages, the first among them."""
    pipeline = open_pipeline(folder, f"{run.name}/{DATABASE}")
    (fetched,) = pipeline.landing.fetches("faction_crimes")
    before = fetched.fetched_at - timedelta(minutes=15)
    first = replace(fetched, fetch_id=f"{fetched.fetch_id}-first", fetched_at=before, pages=fetched.pages[:1], rows=PAGE)
    for one in (first, fetched):
        with steps.validate(pipeline, one) as prepared:
            steps.load(pipeline, one, prepared)
        yield


if __name__ == "__main__":
    timed(load(Path(sys.argv[1]), Path(sys.argv[2])))
