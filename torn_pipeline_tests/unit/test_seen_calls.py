"""What a fetch takes, by the fetches that a warehouse has seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import polars as pl

from torn_pipeline.steps.asking import seen_calls

if TYPE_CHECKING:
    from torn_pipeline.warehouse import Warehouse

START = datetime(2026, 4, 29, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Stored:
    """A warehouse that has seen these fetches, an hour apart: endpoint, pages, whether complete, and how old its window's end is."""

    def __init__(self, *fetches: tuple[str, int, bool, timedelta | None]) -> None:
        self.rows = [
            {
                "endpoint": endpoint,
                "account": "default",
                "pages": pages,
                "complete": complete,
                "started": START + number * HOUR,
                "window_to": None if age is None else START + number * HOUR - age,
            }
            for number, (endpoint, pages, complete, age) in enumerate(fetches)
        ]

    def fetches(self) -> pl.DataFrame:
        schema = {"window_to": pl.Datetime("us", "UTC"), "started": pl.Datetime("us", "UTC")}
        return pl.DataFrame(self.rows, schema_overrides=schema)


def seen(*fetches: tuple[str, int, bool, timedelta | None]) -> dict[tuple[str, str], Fraction]:
    return dict(seen_calls(cast("Warehouse", Stored(*fetches))))


def test_nothing_was_seen_before_the_first_fetch() -> None:
    assert seen() == {}
    assert seen(("crimes", 3, False, None)) == {}


def test_the_last_ten_complete_fetches_count() -> None:
    fetches = [("crimes", 100, True, None)] * 3 + [("crimes", 2, True, None), ("crimes", 50, False, None), ("crimes", 3, True, None)] * 5
    assert seen(*fetches, ("basic", 1, True, None)) == {("crimes", "default"): Fraction(5, 2), ("basic", "default"): Fraction(1)}


def test_what_fills_the_past_is_no_measure_of_a_tick() -> None:
    assert seen(("attacks", 2, True, HOUR), ("attacks", 50, True, timedelta(days=30))) == {("attacks", "default"): Fraction(2)}
