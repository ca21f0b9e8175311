"""ISO 8601 durations, and the cron lines of the periods that a cron can keep."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from datetime import timedelta

__all__ = ["crons", "format_duration", "parse_delay", "parse_period"]

MINUTES_A_DAY = 24 * 60
LONGEST = timedelta(days=36_525)
# Not Pydantic's own reading of ISO 8601: that takes a year for 365 days, a month for 30, and "00:15" too.
DURATION = re.compile(
    r"P(?=.)(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)

LOOSE = re.compile(r"(?P<number>\d+)\s*(?P<unit>[smhdw])(?:ec|econd|in|inute|our|ay|eek)?s?", re.ASCII | re.IGNORECASE)


def parse_period(text: object) -> timedelta:
    """The period that ``text`` says, a positive number of whole minutes such as ``PT15M`` or ``P1DT12H``.

    Raises:
        ValueError: with a sentence that says what is wrong and what to write.
    """
    if isinstance(text, timedelta):
        return text
    period = _parse(text, "PT15M, PT1H30M or P1D")
    if not period or period % timedelta(minutes=1):
        message = f"{text} is not a number of whole minutes above zero: write for example PT15M"
        raise ValueError(message)
    if period > LONGEST:
        message = f"{text} is longer than a hundred years: write for example PT15M or P1D"
        raise ValueError(message)
    return period


def parse_delay(text: object) -> timedelta:
    """The length of time that ``text`` says, to fractions of a second, such as ``PT5S`` or ``PT0.5S``.

    Raises:
        ValueError: with a sentence that says what is wrong and what to write.
    """
    return text if isinstance(text, timedelta) else _parse(text, "PT5S or PT1M")


def format_duration(length: timedelta) -> str:
    """``length`` as an ISO 8601 duration: ``PT15M``, ``PT1H30M``, ``P1DT12H``, ``PT0.5S``."""
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f"{seconds + length.microseconds / 1_000_000:.6f}".rstrip("0").rstrip(".")
    days = f"{length.days}D" if length.days else ""
    parts = ((str(hours), "H"), (str(minutes), "M"), (fraction, "S"))
    time = "".join(value + unit for value, unit in parts if value != "0")
    if not time:
        return f"P{days}" if days else "PT0S"
    return f"P{days}T{time}"


def crons(period: timedelta, offset: timedelta = timedelta(0)) -> tuple[str, ...] | None:
    """The cron lines (UTC) that together fire every ``period``, first ``offset`` (shorter than it) after midnight.

    ``None`` when no lines can: when the period does not divide a day into whole minutes.
    """
    step, rest = divmod(period, timedelta(minutes=1))
    if rest or step < 1 or MINUTES_A_DAY % step:
        return None
    first = offset // timedelta(minutes=1)
    if 60 % step == 0:
        return (f"{_minutes(first, step)} * * * *",)
    # The minutes of the hour repeat after so many hours: 3 for PT45M, at 0:00, 0:45, 1:30, 2:15 and again 3:00.
    cycle = math.lcm(step, 60) // 60
    minutes: dict[int, list[str]] = defaultdict(list)
    for tick in range(first, cycle * 60, step):
        minutes[tick // 60].append(str(tick % 60))
    return tuple(f"{','.join(at)} {_hours(hour, cycle)} * * *" for hour, at in minutes.items())


def _parse(text: object, examples: str) -> timedelta:
    match = DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        message = f"is no ISO 8601 duration: {_meant(text) or f'write for example {examples}'}"
        raise ValueError(message)
    if match["years"] or match["months"]:
        message = f"{text} is not a fixed length of time, as years and months differ: write it in weeks, days, hours or minutes"
        raise ValueError(message)
    try:
        return timedelta(
            weeks=int(match["weeks"] or 0),
            days=int(match["days"] or 0),
            hours=int(match["hours"] or 0),
            minutes=int(match["minutes"] or 0),
            seconds=float(match["seconds"] or 0),
        )
    except (OverflowError, ValueError) as error:
        message = f"is too long a duration: write for example {examples}"
        raise ValueError(message) from error


def _meant(text: object) -> str:
    """The duration that was probably meant, such as by ``1h``; empty where that cannot be told."""
    match = LOOSE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        return ""
    unit = match["unit"].upper()
    return f"write P{'T' if unit in 'SMH' else ''}{match['number']}{unit}"


def _minutes(first: int, every: int) -> str:
    if every == 60:  # noqa: PLR2004 - the minutes of an hour
        return str(first)
    if every == 1:
        return "*"
    return f"{first}-59/{every}" if first else f"*/{every}"


def _hours(first: int, every: int) -> str:
    if every == 24:  # noqa: PLR2004 - the hours of a day
        return str(first)
    return f"{first}-23/{every}" if first else f"*/{every}"
