"""Life follows from the seed and from how far time is moved, never from the steps."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torn_pipeline.simulator import World
from torn_pipeline.simulator.agenda import Agenda
from torn_pipeline_tests.unit.simulator.living import DAY, SMALL, state

LONGEST = 12 * DAY


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(1, 1_000), span=st.integers(1, LONGEST), cuts=st.lists(st.integers(0, LONGEST), max_size=6))
def test_any_steps_lead_to_the_same_world(seed: int, span: int, cuts: list[int]) -> None:
    at_once, in_steps = World(seed=seed, size=SMALL), World(seed=seed, size=SMALL)
    end = at_once.now + span
    at_once.advance(span)
    for cut in sorted(cuts):
        in_steps.advance_to(min(end, at_once.now - span + cut))
    in_steps.advance_to(end)
    assert state(in_steps) == state(at_once)


def test_small_steps_lead_to_the_same_world_as_one() -> None:
    at_once, in_steps = World(seed=4, size=SMALL), World(seed=4, size=SMALL)
    at_once.advance(2 * DAY)
    for _ in range(2 * DAY // 600):
        in_steps.advance(600)
    assert state(in_steps) == state(at_once)


def test_another_seed_lives_another_life() -> None:
    one, other = World(seed=4, size=SMALL), World(seed=5, size=SMALL)
    one.advance(DAY)
    other.advance(DAY)
    assert state(one) != state(other)


def test_a_world_stands_still_until_it_is_moved_and_never_goes_back() -> None:
    world = World(size=SMALL)
    before = copy.deepcopy(state(world))
    for seconds in (0, -DAY, -1):
        world.advance(seconds)
        world.advance_to(world.now + seconds)
        assert state(world) == before
    world.advance_to(world.now + 1)
    assert state(world) != before


def test_what_is_looked_at_on_the_way_changes_nothing() -> None:
    watched, alone = World(seed=6, size=SMALL), World(seed=6, size=SMALL)
    for _ in range(8):
        watched.advance(DAY)
        state(watched)
        for faction in watched.factions.values():
            for chain in faction.chains:
                watched.chain_report(faction.id, chain["id"])
    alone.advance(8 * DAY)
    assert state(watched) == state(alone)


@settings(max_examples=30)
@given(moments=st.lists(st.integers(0, 50), max_size=20), cuts=st.lists(st.integers(0, 60), max_size=5))
def test_deeds_are_done_in_the_order_of_time_and_then_of_coming(moments: list[int], cuts: list[int]) -> None:
    agenda, done = Agenda(0), list[tuple[int, int]]()
    for place, moment in enumerate(moments):
        agenda.put(moment, lambda place: done.append((agenda.now, place)), place)
    for cut in [*sorted(cuts), 60]:
        agenda.run_to(cut)
        assert agenda.now == cut
    assert done == sorted((moment, place) for place, moment in enumerate(moments))


def test_a_deed_for_a_moment_that_has_passed_is_done_at_once() -> None:
    agenda, done = Agenda(100), list[int]()
    agenda.put(50, lambda: done.append(agenda.now))
    agenda.run_to(100)
    assert done == [100]


@pytest.mark.parametrize("attacks", [0, 40])
def test_a_world_without_members_or_factions_lives_too(attacks: int) -> None:
    empty = World(factions=(), size=SMALL)
    empty.advance(30 * DAY)
    world = World(size=type(SMALL)(members=6, crimes=0, items=4, attacks=attacks))
    with world.lock:
        for faction in world.factions.values():
            faction.members.clear()
    world.advance(3 * DAY)
    assert world.now == World(size=SMALL).now + 3 * DAY
