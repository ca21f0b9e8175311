"""What is purged from the quarantine is gone from it alone, in every warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline_tests.conformance.warehouse_loads import contents, fetch, load, meta

if TYPE_CHECKING:
    from torn_pipeline.warehouse import Warehouse


def test_purged_roots_are_counted_and_gone_from_the_quarantine_alone(warehouse: Warehouse) -> None:
    assert warehouse.purge_quarantine(["nothing"]) == 0  # nor is anything made
    for number in (1, 2):
        warehouse.load(load(fetch(number), {1: ("a",)}, broken=[2, 3]))
    first, second, third, fourth = (row.quarantine_id for row in warehouse.quarantined())
    before = contents(warehouse), meta(warehouse, "loads"), warehouse.fetches().rows()

    assert warehouse.purge_quarantine([]) == 0
    assert warehouse.purge_quarantine([first, third, "unknown"]) == 2
    assert warehouse.purge_quarantine([first]) == 0

    assert [row.quarantine_id for row in warehouse.quarantined()] == [second, fourth]
    assert (contents(warehouse), meta(warehouse, "loads"), warehouse.fetches().rows()) == before
    again = load(fetch(1), {1: ("a",)}, broken=[2, 3], version="2")
    warehouse.load(again)
    assert {row.quarantine_id for row in warehouse.quarantined()} == {first, second, fourth}
