"""The crimes into DuckDB by dlt, as its documentation would have it: ``python -m bench.peer_dlt FOLDER RUN [FORMAT PAGES_AT_ONCE]``.

Crimes are merged by their id, slots and reward items are nested tables, moments are typed, and the crime's own fields
are copied into the rows below it, so that the tables hold what ours hold. Other settings come from the environment.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dlt
from dlt.common import json

from bench.peer_clock import DATABASE, PAGES, timed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__: list[str] = []

OF_CRIME = ("previous_crime_id", "name", "difficulty", "status", "created_at", "planning_at", "ready_at", "expired_at", "executed_at")
TYPES: dict[Any, Any] = {"re:_at$": "timestamp", "re:(percentage|progress)$": "double"}
OF_REWARDS = ("money", "respect", "scope")


def load(folder: Path, run: Path, file_format: Any = None, at_once: int = 1) -> Iterator[None]:  # noqa: ANN401  # dlt's own literals
    """Load the first page, so that all is imported and the tables are there; then all pages, the first among them."""
    pages = sorted((folder / PAGES).iterdir())
    database = dlt.destinations.duckdb(str(run / f"{DATABASE}.duckdb"))
    pipeline = dlt.pipeline("crimes", destination=database, dataset_name="torn", pipelines_dir=str(run / "pipelines"))
    for some in (pages[:1], pages):
        pipeline.run(_source(some, at_once), loader_file_format=file_format).raise_on_failed_jobs()
        yield


def _source(pages: Sequence[Path], at_once: int) -> Any:  # noqa: ANN401  # dlt may not be there when types are checked
    """The crimes of the pages, so many pages handed on at once."""

    def pages_of_crimes() -> Iterator[list[dict[str, Any]]]:
        for start in range(0, len(pages), at_once):
            yield [_with_copies(crime) for page in pages[start : start + at_once] for crime in json.loadb(page.read_bytes())["crimes"]]

    crimes = dlt.resource(pages_of_crimes, name="crimes", primary_key="id", write_disposition="merge")
    source = dlt.source(lambda: crimes, name="torn")()
    source.schema.update_preferred_types(TYPES)
    return source


def _with_copies(crime: dict[str, Any]) -> dict[str, Any]:
    """The crime with its own fields in each slot and reward item."""
    own = {"crime_id": crime["id"], **{name: crime[name] for name in OF_CRIME}}
    for slot in crime["slots"]:
        slot.update(own)
    rewards = crime["rewards"]
    if rewards is not None:
        own |= {name: rewards[name] for name in OF_REWARDS}
        for item in rewards["items"]:
            item.update(own)
    return crime


if __name__ == "__main__":
    OPTIONS: list[Any] = [given(text) for given, text in zip((Path, Path, str, int), sys.argv[1:], strict=False)]
    timed(load(*OPTIONS))
