"""Members come in their waking hours, and their rows say when and where."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torn_pipeline.simulator import World
from torn_pipeline.simulator.chance import Chance
from torn_pipeline.simulator.people import Person
from torn_pipeline.simulator.texts import duration, user_link
from torn_pipeline_tests.unit.simulator.living import DAY, SMALL

AWAKE = 16 * 3_600
NOW = 1_777_500_000


@settings(max_examples=50)
@given(seed=st.integers(0, 10_000), visits=st.floats(0.1, 5), wakes=st.integers(0, DAY - 1))
def test_a_visit_is_later_and_in_waking_hours(seed: int, visits: float, wakes: int) -> None:
    chance = Chance(seed, "visits")
    person = Person.of(World(size=SMALL).faction(40_832).members[0], NOW, chance)
    person.visits, person.wakes = visits, wakes
    moment = person.next_visit(NOW, chance)
    assert moment > NOW
    assert (moment - wakes) % DAY < AWAKE


@pytest.mark.parametrize(
    ("away", "status", "relative"),
    [
        (0, "Online", "0 seconds ago"),
        (299, "Online", "4 minutes ago"),
        (300, "Idle", "5 minutes ago"),
        (3_600, "Offline", "1 hour ago"),
        (3 * DAY, "Offline", "3 days ago"),
    ],
)
def test_the_last_action_tells_how_long_ago_it_was(away: int, status: str, relative: str) -> None:
    person = Person.of(World(size=SMALL).faction(40_832).members[0], NOW, Chance(1, "people"))
    person.seen_from = person.seen_until = NOW - away
    person.show(NOW)
    assert person.row["last_action"] == {"status": status, "timestamp": NOW - away, "relative": relative}


def test_a_stay_in_hospital_tells_what_is_left_and_ends() -> None:
    world = World(seed=9, size=SMALL)
    member = world.faction(40_832).members[2]
    world.advance(1)
    (person,) = [person for person in world.faction(40_832).people.values() if person.row is member]
    person.be_in_hospital(world.now + 7_200, "Attacked by someone")
    person.show(world.now + 3_600)
    assert member["status"]["description"] == "In hospital for 1 hour"
    person.be_okay()
    assert member["status"] == {"description": "Okay", "details": None, "state": "Okay", "color": "green", "until": None}


def test_members_travel_there_and_back() -> None:
    world = World(seed=9, size=SMALL)
    seen: Counter[str] = Counter()
    for _ in range(3 * 24 * 4):
        world.advance(900)
        seen.update(member["status"]["description"].split(" ")[0] for member in world.faction(40_832).members)
    assert {"Okay", "Traveling", "In", "Returning"} <= set(seen)


def test_texts_are_written_as_torn_writes_them() -> None:
    assert [duration(seconds) for seconds in (59, 60, 7_199, DAY)] == ["59 seconds", "1 minute", "1 hour", "1 day"]
    assert user_link(7, "<&>") == '<a href = "http://www.torn.com/profiles.php?XID=7">&lt;&amp;&gt;</a>'
