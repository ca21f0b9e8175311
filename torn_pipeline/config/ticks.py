"""When an endpoint is due: its ticks, and what becomes of those that were missed.

Plain arithmetic on moments, in UTC. What starts runs at these ticks is in :mod:`torn_pipeline.automation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from torn_pipeline.config.durations import crons

__all__ = ["CatchUp", "Decision", "Ticks", "decide", "ticks_of"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GRACE = timedelta(minutes=5)
"""How late a tick may be seen and not count as missed: a restart takes some seconds, a busy machine some more."""

SPREAD = timedelta(minutes=15)
"""The most that a tick is moved."""


class CatchUp(StrEnum):
    """What becomes of ticks that were missed, because nothing ran when they came."""

    NONE = "none"
    LATEST = "latest"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Ticks:
    """Every ``period`` since 1970, ``offset`` later: the same whatever was running when; both are whole minutes."""

    period: timedelta
    offset: timedelta = timedelta(0)

    @property
    def crons(self) -> tuple[str, ...] | None:
        """The cron lines (UTC) that say the same; ``None`` where none can."""
        return crons(self.period, self.offset)

    def until(self, moment: datetime) -> datetime:
        """The newest tick that is not after a moment."""
        return moment - (moment - EPOCH - self.offset) % self.period

    def after(self, moment: datetime) -> datetime:
        """The first tick after a moment."""
        return self.until(moment) + self.period

    def count(self, after: datetime, until: datetime) -> int:
        """How many ticks are after one moment and not after another."""
        return max((self.until(until) - self.until(after)) // self.period, 0)

    def is_missed(self, tick: datetime, now: datetime) -> bool:
        """Whether a tick that is seen only ``now`` counts as missed."""
        return now - tick >= min(GRACE, self.period)


def ticks_of(name: str, period: timedelta) -> Ticks:
    """The ticks of the endpoint of that name.

    Endpoints with one period would all start at once. So each is moved by some minutes, at most a quarter of its period and
    at most 15, which follow from its name and so stay the same whatever else the config has.
    """
    slots = min(period / 4, SPREAD) // MINUTE + 1
    return Ticks(period, int.from_bytes(sha256(name.encode()).digest()[:8]) % slots * MINUTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do now: run ``tick``, or nothing where it is ``None``; ``note`` says why not, or what is unusual about it.

    No tick up to ``handled`` is looked at again; ``left_out`` of them were due and are not run. ``is_late``: the tick was missed
    and is made up for.
    """

    tick: datetime | None
    handled: datetime
    left_out: int = 0
    is_late: bool = False
    note: str = ""


def decide(ticks: Ticks, catch_up: CatchUp, *, handled: datetime, newest: datetime, now: datetime, busy: bool) -> Decision:
    """What to do about the ticks after ``handled`` up to ``newest``, the last that is due; ``busy`` while an earlier run is at work.

    With ``all`` each is run, the oldest first and one after another. Else it is the newest alone, unless the earlier run is
    still at work, which would do the same; with ``none`` not even this where it was missed.
    """
    due = ticks.count(handled, newest)
    if not due:
        return Decision(tick=None, handled=handled, note=f"the next tick is at {_said(ticks.after(handled))}")
    if catch_up is CatchUp.ALL:
        if busy:
            return Decision(tick=None, handled=handled, note=f"{_ticks(due)} due, waiting for the run before to end")
        oldest = ticks.after(handled)
        return _run(oldest, 0, ticks, now, f", and {due - 1} more after it" if due > 1 else "")
    if busy:
        return Decision(tick=None, handled=newest, left_out=due, note=f"{_left_out(due, newest)}, as the run before has not ended")
    if catch_up is CatchUp.NONE and ticks.is_missed(newest, now):
        return Decision(tick=None, handled=newest, left_out=due, note=f"{_left_out(due, newest)}: nothing ran, and catch_up is none")
    return _run(newest, due - 1, ticks, now, f"; {_left_out(due - 1, newest - ticks.period)}" if due > 1 else "")


def _run(tick: datetime, left_out: int, ticks: Ticks, now: datetime, more: str) -> Decision:
    is_late = ticks.is_missed(tick, now)
    note = f"the tick of {_said(tick)} is made up for, {(now - tick) // MINUTE} minutes late{more}" if is_late else more.removeprefix("; ")
    return Decision(tick=tick, handled=tick, left_out=left_out, is_late=is_late, note=note)


def _left_out(count: int, newest: datetime) -> str:
    return f"{_ticks(count)} left out, the last of {_said(newest)}" if count > 1 else f"the tick of {_said(newest)} is left out"


def _ticks(count: int) -> str:
    return f"{count} ticks are" if count > 1 else "a tick is"


def _said(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
