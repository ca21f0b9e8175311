"""The numbers that are kept for years, in every warehouse."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from torn_pipeline.warehouse import Measurement
from torn_pipeline_tests.conformance.warehouse_loads import fetch, load, meta

if TYPE_CHECKING:
    from torn_pipeline.warehouse import Warehouse

NOON = datetime(2026, 4, 29, 12, 0, 0, 123456, tzinfo=UTC)
CHECK = Measurement(
    kind="check",
    subject="things.contract",
    value=0.5,
    met=False,
    said="a \"new\" field\nof o'neil's: 🦊",
    run_id="a run",
    measured_at=NOON,
)
SCORE = Measurement(kind="score", subject="things", value=90, unit="points", met=True, measured_at=NOON)
KPI = Measurement(kind="kpi", subject="success", account="default", value=None, unit="%", measured_at=NOON + timedelta(days=1))


def test_measurements_are_there_as_they_were_written_oldest_first(warehouse: Warehouse) -> None:
    assert warehouse.measurements() == []
    warehouse.record_measurements([])
    assert warehouse.measurements() == []
    warehouse.record_measurements([KPI, SCORE, CHECK])
    assert warehouse.measurements() == [CHECK, SCORE, KPI]
    assert warehouse.measurements("score") == [SCORE]
    assert warehouse.measurements(since=KPI.measured_at) == [KPI]
    assert warehouse.measurements("score", since=KPI.measured_at) == []
    (row,) = [row for row in meta(warehouse, "measurements") if row["kind"] == "check"]
    assert (row["measured_at"], row["value"], row["met"], row["said"]) == (NOON, 0.5, False, CHECK.said)


def test_what_is_measured_again_at_the_same_moment_takes_the_place_of_the_first(warehouse: Warehouse) -> None:
    warehouse.record_measurements([CHECK, SCORE])
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    again = replace(CHECK, value=1.0, met=True, said="", run_id="the next run", measured_at=elsewhere)
    others = [replace(CHECK, account="friend"), replace(CHECK, subject="things.rules"), replace(CHECK, measured_at=KPI.measured_at)]
    warehouse.record_measurements([replace(again, value=0.0), *others, again])
    warehouse.record_measurements([again])
    assert warehouse.measurements() == [again, others[0], others[1], SCORE, others[2]]


def test_numbers_of_all_sizes_are_kept(warehouse: Warehouse) -> None:
    numbers = [0.1, -0.0, 1e308, 5e-324, 2.0**53 + 2, math.inf, -math.inf]
    warehouse.record_measurements([replace(SCORE, subject=f"{place}", value=number) for place, number in enumerate([*numbers, math.nan])])
    *found, last = [one.value for one in warehouse.measurements()]
    assert found == numbers
    assert last is not None
    assert math.isnan(last)


def test_measurements_follow_an_account_that_got_another_name(warehouse: Warehouse) -> None:
    warehouse.record_measurements([SCORE, KPI])
    warehouse.rename_account("default", "alpha")
    assert warehouse.measurements() == [SCORE, replace(KPI, account="alpha")]


def test_measurements_stay_when_loads_come(warehouse: Warehouse) -> None:
    warehouse.load(load(fetch(1), {1: ()}))
    warehouse.record_measurements([SCORE])
    warehouse.load_all([load(fetch(2), {2: ()})], rebuild={"things": ()}, run_id="a rebuild")
    assert warehouse.measurements() == [SCORE]
