"""A number from 0 to 100 for how good a table is, and the whole platform, explained to the last point.

A table's 100 points are shared out among its checks by their weights. A check that passed gives all of its points, one that warns
half of them, rounded down, one that failed or was never made none. The platform's points are the mean of its tables' ones.
Points are whole numbers, so that what is lost always adds up.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from torn_pipeline.config.weights import Weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["GOOD", "POOR", "WEIGHTS", "Grade", "Graded", "Line", "Score", "platform_score", "table_score"]

WEIGHTS: Mapping[str, int] = Weights().model_dump()
"""How much each check matters, where the config does not say otherwise. One that a table does not have leaves its points to the others."""

GOOD = 80
"""A score below this is a warning."""
POOR = 50
"""A score below this is an error."""

_ALL = 100


class Grade(StrEnum):
    """How a check went."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    UNKNOWN = "never made"


class Graded(NamedTuple):
    """How a check went, and what it said."""

    grade: Grade
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a part of a score is about, how many points it can give, how many it gave, and why not all of them."""

    what: str
    points: int
    got: int
    why: str

    @property
    def lost(self) -> int:
        """The points that it did not give."""
        return self.points - self.got


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The score of a table, or of the platform, which is the sum of what its lines gave."""

    of: str
    lines: tuple[Line, ...]

    @property
    def points(self) -> int:
        """From 0 to 100."""
        return sum(line.got for line in self.lines)


def table_score(table: str, graded: Mapping[str, Graded], weights: Mapping[str, int] = WEIGHTS) -> Score | None:
    """The score of a table by how its checks went, each under its name; those without a weight do not count, ``None`` where none does."""
    known = {name: graded[name] for name, weight in weights.items() if weight and name in graded}
    points = _shared_out(_ALL, [Fraction(weights[name]) for name in known])
    lines = [
        Line(what=name, points=most, got=_got(found.grade, most), why=_why(found))
        for (name, found), most in zip(known.items(), points, strict=True)
    ]
    return Score(of=table, lines=tuple(lines)) if lines else None


def platform_score(scores: Sequence[Score]) -> Score | None:
    """The score of the platform, the mean of its tables' ones: a line for each, the worst first, and the points that it loses.

    Where no table has a score yet it is ``None``.
    """
    if not scores:
        return None
    scores = sorted(scores, key=lambda score: score.points)
    lacking = [Fraction(_ALL - score.points, len(scores)) for score in scores]
    points = _shared_out(_ALL, [Fraction(1)] * len(scores))
    lost = _shared_out(round(sum(lacking)), lacking)
    lines = [
        Line(what=score.of, points=most, got=most - less, why="" if score.points == _ALL else f"its own score is {score.points}")
        for score, most, less in zip(scores, points, lost, strict=True)
    ]
    return Score(of="platform", lines=tuple(lines))


def _got(grade: Grade, points: int) -> int:
    if grade is Grade.PASSED:
        return points
    return points // 2 if grade is Grade.WARNED else 0


def _why(found: Graded) -> str:
    return "" if found.grade is Grade.PASSED else ": ".join(filter(None, (found.grade, found.why)))


def _shared_out(total: int, shares: Sequence[Fraction]) -> list[int]:
    """Whole points for each share of a total, by the largest remainder; they add up to it where any share is above zero."""
    whole = sum(shares)
    if not whole:
        return [0] * len(shares)
    exact = [share * total / whole for share in shares]
    found = [int(one) for one in exact]
    nearest = sorted(range(len(exact)), key=lambda place: (found[place] - exact[place], place))
    for place in nearest[: total - sum(found)]:
        found[place] += 1
    return found
