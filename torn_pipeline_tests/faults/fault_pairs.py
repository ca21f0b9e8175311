"""How many distinct faults are tried: pairs of a boundary in a piece of work and of what goes wrong there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["AT_LEAST", "Pair", "check_count"]

Pair = tuple[int, str]
"""The boundary, by its number in the work, and the kind of fault."""

AT_LEAST: dict[str, dict[str, int]] = {
    "duckdb": {"first_load": 45, "upsert": 64, "replace_again": 42, "snapshot_again": 52, "rebuild": 62, "measure_again": 15},
    "bigquery": {"first_load": 3, "upsert": 24, "replace_again": 3, "snapshot_again": 3, "rebuild": 3, "measure_again": 3},
}
"""By warehouse and work, the pairs that are tried whenever the suite runs; each test checks that it tried as many."""


def check_count(warehouse: str, work: str, pairs: Collection[Pair], record: Callable[[str, object], None]) -> None:
    """Record how many distinct pairs were tried, and fail when they are fewer than promised."""
    record("fault pairs", tried := len(set(pairs)))
    assert tried >= AT_LEAST[warehouse][work], f"only {tried} pairs of {work} on {warehouse}"
