"""Ticks are where somebody who counts every minute finds them, and what was missed is dealt with as the config says."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torn_pipeline.config.durations import parse_period
from torn_pipeline.config.ticks import CatchUp, Ticks, decide, ticks_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE, SECOND, DAY = timedelta(minutes=1), timedelta(seconds=1), timedelta(days=1)
BEGIN = datetime(2026, 4, 29, 0, 0, 7, tzinfo=UTC)
OFF, ON, END = BEGIN + 5 * DAY + 3 * MINUTE, BEGIN + 6 * DAY + 9 * MINUTE, BEGIN + 14 * DAY
"""Two weeks, with the machine off for a day in between."""

PERIODS = ("PT15M", "PT45M", "PT1H30M", "PT7M", "P1D", "P2D")

moments = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - it has one
some_ticks = st.integers(1, 400).flatmap(
    lambda step: st.builds(Ticks, st.just(step * MINUTE), st.integers(0, step - 1).map(MINUTE.__mul__))
)


def counted(ticks: Ticks, after: datetime, until: datetime) -> list[datetime]:
    """The ticks after one moment up to another, found by looking at every minute."""
    minute, found = after.replace(second=0, microsecond=0), []
    while minute <= until:
        if minute > after and ((minute - EPOCH) // MINUTE - ticks.offset // MINUTE) % (ticks.period // MINUTE) == 0:
            found.append(minute)
        minute += MINUTE
    return found


@given(some_ticks, moments, st.integers(0, 900), st.integers(0, 59))
def test_ticks_are_where_counting_every_minute_finds_them(ticks: Ticks, after: datetime, minutes: int, seconds: int) -> None:
    until = after + minutes * MINUTE + seconds * SECOND
    expected = counted(ticks, after, until)
    assert ticks.count(after, until) == len(expected)
    assert ticks.after(after) == counted(ticks, after, after + ticks.period)[0]
    assert ticks.until(after) == ticks.after(after) - ticks.period
    assert [ticks.after(after + number * ticks.period) for number in range(len(expected))] == expected


@given(st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True), st.integers(1, 5000))
def test_a_tick_is_moved_by_a_quarter_of_its_period_and_by_15_minutes_at_most(name: str, minutes: int) -> None:
    ticks = ticks_of(name, minutes * MINUTE)
    assert timedelta(0) <= ticks.offset <= min(ticks.period / 4, 15 * MINUTE)
    assert not ticks.offset % MINUTE
    assert ticks == ticks_of(name, minutes * MINUTE)


@pytest.mark.parametrize(("period", "most"), [("PT15M", 5), ("PT1H", 3), ("P1D", 3)])
def test_twelve_endpoints_do_not_start_at_once(period: str, most: int) -> None:
    names = (
        "attacks",
        "attacksfull",
        "balance",
        "basic",
        "chains",
        "crimes",
        "members",
        "news",
        "positions",
        "raids",
        "rankedwars",
        "wars",
    )
    offsets = Counter(ticks_of(f"faction_{name}", parse_period(period)).offset for name in names)
    assert max(offsets.values()) <= most
    assert len(offsets) >= 4


# --- two weeks -------------------------------------------------------------------------------------------------


def run_for(ticks: Ticks, catch_up: CatchUp, *, work: timedelta = timedelta(seconds=20)) -> list[tuple[datetime, datetime]]:
    """What is run when, by one who looks every minute while the machine is on; a run takes as long as ``work``."""
    now, handled, ends, runs = BEGIN, ticks.until(BEGIN), BEGIN, []
    while now < END:
        if not OFF <= now < ON:
            decision = decide(ticks, catch_up, handled=handled, newest=ticks.until(now), now=now, busy=now < ends)
            handled = decision.handled
            if decision.tick:
                runs.append((decision.tick, now))
                ends = now + work
        now += MINUTE
    return runs


@pytest.mark.parametrize("catch_up", CatchUp)
@pytest.mark.parametrize("period", PERIODS)
def test_over_two_weeks_each_tick_is_run_once_and_the_missed_ones_as_asked(period: str, catch_up: CatchUp) -> None:
    ticks = ticks_of("faction_crimes", parse_period(period))
    before, missed, later = counted(ticks, BEGIN, OFF), counted(ticks, OFF, ON), counted(ticks, ON, END)
    on_time = [tick for tick in missed[-1:] if ON - tick < 5 * MINUTE]
    made_up = {CatchUp.NONE: on_time, CatchUp.LATEST: missed[-1:], CatchUp.ALL: missed}[catch_up]

    runs = run_for(ticks, catch_up)

    assert [tick for tick, _ in runs] == [*before, *made_up, *later]
    assert all(now - tick < MINUTE for tick, now in runs if tick < OFF or tick > ON + timedelta(hours=4))
    assert [now for tick, now in runs if tick in missed] == [ON + number * MINUTE for number in range(len(made_up))]


@pytest.mark.parametrize("period", PERIODS)
def test_a_run_longer_than_the_period_leaves_ticks_out_but_not_with_all(period: str) -> None:
    ticks = ticks_of("faction_crimes", parse_period(period))
    work = ticks.period * 5 / 2

    newest, every = (run_for(ticks, catch_up, work=work) for catch_up in (CatchUp.LATEST, CatchUp.ALL))

    for runs in (newest, every):
        assert all(second - first >= work for (_, first), (_, second) in pairwise(runs))
    assert all(now - tick < MINUTE for tick, now in newest if tick not in counted(ticks, OFF, ON))
    assert [tick for tick, _ in every] == counted(ticks, BEGIN, END)[: len(every)]


def test_a_tick_that_is_seen_within_five_minutes_was_not_missed() -> None:
    ticks = Ticks(timedelta(hours=1))
    tick = datetime(2026, 4, 29, 12, tzinfo=UTC)

    def decided(late: timedelta) -> datetime | None:
        return decide(ticks, CatchUp.NONE, handled=tick - ticks.period, newest=tick, now=tick + late, busy=False).tick

    assert decided(5 * MINUTE - SECOND) == tick
    assert decided(5 * MINUTE) is None


@pytest.mark.parametrize(
    ("catch_up", "state", "minutes", "note"),
    [
        ("latest", "free", 0, ""),
        ("latest", "free", -1, "the next tick is at 2026-04-29 12:00 UTC"),
        (
            "latest",
            False,
            38,
            "the tick of 2026-04-29 12:30 UTC is made up for, 8 minutes late; 2 ticks are left out, the last of 2026-04-29 12:15 UTC",
        ),
        ("latest", "free", 16, "the tick of 2026-04-29 12:00 UTC is left out"),
        ("latest", "busy", 0, "the tick of 2026-04-29 12:00 UTC is left out, as the run before has not ended"),
        ("none", "free", 38, "3 ticks are left out, the last of 2026-04-29 12:30 UTC: nothing ran, and catch_up is none"),
        ("all", "free", 38, "the tick of 2026-04-29 12:00 UTC is made up for, 38 minutes late, and 2 more after it"),
        ("all", "busy", 38, "3 ticks are due, waiting for the run before to end"),
    ],
)
def test_what_is_unusual_is_said(catch_up: str, state: str, minutes: int, note: str) -> None:
    ticks = Ticks(15 * MINUTE)
    handled = datetime(2026, 4, 29, 11, 45, tzinfo=UTC)
    now = handled + (15 + minutes) * MINUTE

    assert decide(ticks, CatchUp(catch_up), handled=handled, newest=ticks.until(now), now=now, busy=state == "busy").note == note
