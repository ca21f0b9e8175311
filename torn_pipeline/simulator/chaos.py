"""Chaos: some of the calls go wrong by chance, each in a way that passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.simulator.chance import Chance
from torn_pipeline.simulator.faults import (
    CutJson,
    Delay,
    Drop,
    EmptyBody,
    EmptyList,
    ErrorCode,
    HalfBody,
    Html,
    HttpStatus,
    InvalidUtf8,
    OtherBody,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from torn_pipeline.simulator.faults import Fault

__all__ = ["Chaos"]

CODES = (0, 5, 12, 15, 17, 24)
STATUSES = (429, 500, 502, 503, 520)
PLAIN = (CutJson, Drop, EmptyBody, EmptyList, HalfBody, Html, InvalidUtf8, OtherBody)
LATE = 0.3  # of the calls that go wrong: the others fail


class Chaos:
    """What becomes of the calls, by chance from ``seed``.

    A ``share`` of them, from 0 to 1, goes wrong: the right answer comes up to ``seconds`` late, or there is an error of the API, an
    HTTP status, a body that is empty, cut, broken or another's, a list without its rows, or no answer.

    Raises:
        ValueError: for a share or a time that cannot be.
    """

    def __init__(self, share: float, *, seconds: float = 1.0, seed: int = 1) -> None:
        if not 0 <= share <= 1 or not 0 <= seconds <= 60:  # noqa: PLR2004 - a minute: no client waits longer
            message = f"a share of {share:g} and {seconds:g} seconds cannot be: use 0 to 1, and 0 to 60 seconds"
            raise ValueError(message)
        self.share = share
        self.seconds = seconds
        self._chance = Chance(seed, "chaos")

    def fault(self) -> Fault | None:
        """What happens to the next call; None when it goes well."""
        chance = self._chance
        if not chance.yes(self.share):
            return None
        if chance.yes(LATE):
            return Delay(seconds=chance.uniform(0, self.seconds))
        makers: tuple[Callable[[], Fault], ...] = (self._error, self._status, *PLAIN)
        return chance.choice(makers)()

    def _error(self) -> Fault:
        return ErrorCode(code=self._chance.choice(CODES), flat=self._chance.yes(0.3))

    def _status(self) -> Fault:
        return HttpStatus(status=self._chance.choice(STATUSES))
