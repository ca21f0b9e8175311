"""What a fetch takes, by the fetches that a warehouse has seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

import polars as pl

from torn_pipeline.config import load_config
from torn_pipeline.config.budget import unknown_ids
from torn_pipeline.settings import Settings
from torn_pipeline.steps.asking import seen_calls

if TYPE_CHECKING:
    from torn_pipeline.config import PipelineConfig
    from torn_pipeline.warehouse import Warehouse

START = datetime(2026, 4, 29, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Stored:
    """A warehouse that has seen these fetches, so far apart: endpoint, pages, whether complete, and how old its window's end is."""

    def __init__(self, *fetches: tuple[str, int, bool, timedelta | None], every: timedelta = HOUR) -> None:
        self.rows = [
            {
                "endpoint": endpoint,
                "account": "default",
                "pages": pages,
                "complete": complete,
                "started": START + number * every,
                "window_to": None if age is None else START + number * every - age,
            }
            for number, (endpoint, pages, complete, age) in enumerate(fetches)
        ]

    def fetches(self) -> pl.DataFrame:
        schema = {"window_to": pl.Datetime("us", "UTC"), "started": pl.Datetime("us", "UTC")}
        return pl.DataFrame(self.rows, schema_overrides=schema)


def by_id() -> PipelineConfig:
    """A config with one endpoint that is asked by id, once an hour, and one that is not."""
    text = """
    endpoints:
      - {name: crimes, path: /faction/crimes, frequency: PT1H}
      - {name: report, path: "/faction/{rankedWarId}/rankedwarreport", ids_from: faction_rankedwars.id, frequency: PT1H}
    """
    with TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        file.write_text(text, encoding="utf-8")
        return load_config(Settings(config=file))


def seen(*fetches: tuple[str, int, bool, timedelta | None], every: timedelta = HOUR) -> dict[tuple[str, str], Fraction]:
    return dict(seen_calls(cast("Warehouse", Stored(*fetches, every=every)), by_id()))


def test_nothing_was_seen_before_the_first_fetch() -> None:
    assert seen() == {}
    assert seen(("crimes", 3, False, None)) == {}


def test_the_last_ten_complete_fetches_count() -> None:
    fetches = [("crimes", 100, True, None)] * 3 + [("crimes", 2, True, None), ("crimes", 50, False, None), ("crimes", 3, True, None)] * 5
    assert seen(*fetches, ("basic", 1, True, None)) == {("crimes", "default"): Fraction(5, 2), ("basic", "default"): Fraction(1)}


def test_what_fills_the_past_is_no_measure_of_a_tick() -> None:
    assert seen(("attacks", 2, True, HOUR), ("attacks", 50, True, timedelta(days=30))) == {("attacks", "default"): Fraction(2)}


def test_ids_are_counted_by_tick_with_those_that_asked_for_none() -> None:
    past = [("report", 1, True, None)] * 20  # the first tick asks for all there is
    minutes = timedelta(minutes=1)
    assert seen(*past, every=minutes) == {}
    assert unknown_ids(by_id(), seen(*past, every=minutes)) == ["report"]
    # Of the six hours after the first, two asked for twenty ids each, and the last fetch of all is another endpoint's.
    idle = ("crimes", 1, True, None)
    ticks = [*past, *[idle] * 40, *past, *[idle] * 40, *past, *[idle] * 280]
    found = seen(*ticks, every=minutes)
    assert found["report", "default"] == Fraction(40, 6)
    assert unknown_ids(by_id(), found) == []


def test_of_many_ticks_the_last_ten_count() -> None:
    ticks = [("report", 50, True, None), *[("report", 5, True, None)] * 30, *[("report", 2, True, None)] * 10]
    assert seen(*ticks) == {("report", "default"): Fraction(2)}
    assert seen(*ticks, *[("crimes", 1, True, None)] * 10)["report", "default"] == 0
