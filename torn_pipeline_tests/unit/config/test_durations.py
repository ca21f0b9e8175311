"""Durations are read strictly, and cron lines keep a period exactly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torn_pipeline.config.durations import crons, format_duration, parse_delay, parse_period

MINUTE = timedelta(minutes=1)
DIVISORS = [minutes for minutes in range(1, 1441) if 1440 % minutes == 0]


def _values(field: str, limit: int) -> set[int]:
    """The values one field of a cron line stands for: ``*``, ``*/n``, ``a-b/n``, ``a,b``."""
    values: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = ("0", "", str(limit - 1)) if span == "*" else span.partition("-")
        values |= set(range(int(first), int(last or first) + 1, int(step or 1)))
    return values


def _ticks(cron: str, start: datetime, days: int) -> set[datetime]:
    minutes, hours, *others = cron.split()
    assert others == ["*", "*", "*"]
    return {
        start + timedelta(days=day, hours=hour, minutes=minute)
        for day in range(days)
        for hour in _values(hours, 24)
        for minute in _values(minutes, 60)
    }


@pytest.mark.parametrize("minutes", DIVISORS)
def test_cron_lines_fire_exactly_every_period(minutes: int) -> None:
    start = datetime(2026, 4, 29, tzinfo=UTC)
    for offset in {0, minutes // 7, minutes // 4, min(14, minutes - 1)}:
        lines = crons(minutes * MINUTE, offset * MINUTE)
        assert lines is not None
        ticks = [tick for line in lines for tick in _ticks(line, start, days=2)]
        assert sorted(ticks) == [start + minute * MINUTE for minute in range(offset, 2 * 1440, minutes)]
        assert len(lines) <= 8


@given(st.integers(min_value=1, max_value=5000))
def test_other_periods_have_no_cron_lines(minutes: int) -> None:
    assert (crons(minutes * MINUTE) is None) == (minutes not in DIVISORS)


def test_parts_of_a_minute_have_no_cron_lines() -> None:
    assert crons(timedelta(seconds=90)) is None
    assert crons(timedelta(0)) is None


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("PT1M", ("* * * * *",)),
        ("PT15M", ("*/15 * * * *",)),
        ("PT1H", ("0 * * * *",)),
        ("PT6H", ("0 */6 * * *",)),
        ("P1D", ("0 0 * * *",)),
        ("PT45M", ("0,45 */3 * * *", "30 1-23/3 * * *", "15 2-23/3 * * *")),
        ("PT1H30M", ("0 */3 * * *", "30 1-23/3 * * *")),
    ],
)
def test_cron_lines_are_the_ones_a_person_would_write(text: str, lines: tuple[str, ...]) -> None:
    assert crons(parse_period(text)) == lines


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("PT15M", 15),
        ("PT1H", 60),
        ("P1D", 1440),
        ("PT1H30M", 90),
        ("P1DT12H", 2160),
        ("P2W", 20160),
        ("PT120S", 2),
        ("P1W1D", 11520),
        ("PT90M", 90),
    ],
)
def test_a_period_is_an_iso_8601_duration(text: str, minutes: int) -> None:
    assert parse_period(text) == minutes * MINUTE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("P1Y", "not a fixed length"),
        ("P1M", "not a fixed length"),
        ("P1M15D", "not a fixed length"),
        ("PT0M", "not a number of whole minutes above zero"),
        ("P0D", "not a number of whole minutes above zero"),
        ("PT15M30S", "not a number of whole minutes above zero"),
        ("P36526D", "longer than a hundred years"),
        ("PT0.5S", "not a number of whole minutes above zero"),
        ("PT999999999999999H", "too long"),
        *(
            (text, "no ISO 8601 duration")
            for text in ("", "P", "PT", "P1DT", "15M", "pt15m", "-PT5M", "00:15", "PT0.5H", "PT15M ", "PT1M1H", "PT१M")
        ),
        (15, "no ISO 8601 duration"),
        (None, "no ISO 8601 duration"),
    ],
)
def test_what_is_no_period_is_refused_with_a_sentence(text: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_period(text)


@pytest.mark.parametrize(("text", "meant"), [("1h", "PT1H"), ("30 min", "PT30M"), ("2 Days", "P2D"), ("5s", "PT5S"), ("1 week", "P1W")])
def test_a_duration_in_other_words_is_answered_with_the_right_ones(text: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"^is no ISO 8601 duration: write {meant}$"):
        parse_delay(text)


def test_a_delay_may_be_zero_or_a_part_of_a_second() -> None:
    assert parse_delay("PT0.25S") == timedelta(milliseconds=250)
    assert parse_delay("PT0S") == timedelta(0)
    assert parse_delay("PT1M5S") == timedelta(seconds=65)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400)))
def test_a_printed_duration_reads_back(length: timedelta) -> None:
    assert parse_delay(format_duration(length)) == length


@pytest.mark.parametrize("text", ["PT15M", "PT1H30M", "P1DT12H", "PT0.5S", "PT0S", "P14D"])
def test_a_duration_is_printed_the_way_people_write_it(text: str) -> None:
    assert format_duration(parse_delay(text)) == text
