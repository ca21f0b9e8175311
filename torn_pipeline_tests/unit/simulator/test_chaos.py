"""Chaos: how much of it there is, of which kinds, and that a seed repeats it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from torn_pipeline.simulator import FAULTS, Delay, ErrorCode
from torn_pipeline.simulator.chaos import CODES, PLAIN, Chaos

if TYPE_CHECKING:
    from torn_pipeline_tests.unit.simulator.conftest import Caller

CALLS = 4_000


def test_a_share_of_the_calls_goes_wrong_in_every_way_that_passes() -> None:
    chaos = Chaos(0.25, seconds=2)
    faults = [chaos.fault() for _ in range(CALLS)]
    kinds = Counter(type(fault).__name__ for fault in faults if fault)
    assert 0.22 < kinds.total() / CALLS < 0.28
    assert set(kinds) == {"Delay", "ErrorCode", "HttpStatus", *(kind.__name__ for kind in PLAIN)}
    assert set(kinds) <= set(FAULTS)
    assert {fault.code for fault in faults if isinstance(fault, ErrorCode)} == set(CODES)
    assert all(0 <= fault.seconds <= 2 for fault in faults if isinstance(fault, Delay))


def test_the_same_seed_makes_the_same_chaos() -> None:
    one, same, other = (Chaos(0.5, seed=seed) for seed in (7, 7, 8))
    faults = [[chaos.fault() for _ in range(50)] for chaos in (one, same, other)]
    assert faults[0] == faults[1] != faults[2]


def test_calls_that_a_fault_takes_are_left_alone(caller: Caller) -> None:
    caller.simulator.chaos = Chaos(0.0)
    assert "basic" in caller.json("/faction/basic")
    caller.simulator.chaos = Chaos(1.0, seconds=0)
    caller.simulator.faults.append(ErrorCode(code=6))
    assert caller.code("/faction/basic") == 6
