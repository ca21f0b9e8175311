"""What the API refuses for being too much: calls of a user and of an address, wrong keys, rows in a day."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

__all__ = ["CallLimit", "Gate", "ReadLimit"]

DAY = 86_400


@dataclass(slots=True)
class CallLimit:
    """At most ``calls`` calls of one owner in any ``seconds``, over all keys; a refused call does not count."""

    calls: int = 100
    seconds: float = 60.0
    _taken: dict[int | str, deque[float]] = field(default_factory=dict)

    def take(self, owner: int | str, at: float) -> bool:
        """Count a call of this owner at this time (seconds of a clock that only goes forward); false when it is one too many."""
        if self.taken(owner, at) >= self.calls:
            return False
        self._taken[owner].append(at)
        return True

    def taken(self, owner: int | str, at: float) -> int:
        """How many calls of this owner count at this time."""
        taken = self._taken.setdefault(owner, deque())
        while taken and taken[0] <= at - self.seconds:
            taken.popleft()
        return len(taken)

    def forget(self) -> None:
        """Start to count afresh."""
        self._taken.clear()


@dataclass(slots=True)
class Gate:
    """Keeps out an address after ``wrong_keys`` wrong keys within a minute, for ``seconds``."""

    wrong_keys: int = 30
    seconds: float = 300.0
    _wrong: CallLimit = field(init=False)
    _shut_until: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Count wrong keys as calls are counted."""
        self._wrong = CallLimit(self.wrong_keys, 60.0)

    def is_shut(self, address: str, at: float) -> bool:
        """Whether this address is kept out at this time (seconds of a clock that only goes forward)."""
        return at < self._shut_until.get(address, 0.0)

    def wrong_key(self, address: str, at: float) -> None:
        """Count a wrong key."""
        if not self._wrong.take(address, at):
            self._shut_until[address] = at + self.seconds

    def open(self) -> None:
        """Let everybody in again, and start to count afresh."""
        self._shut_until.clear()
        self._wrong.forget()


@dataclass(slots=True)
class ReadLimit:
    """At most about ``rows`` rows of one kind for one owner in 24 hours; an answer that goes beyond is the last."""

    rows: int = 50_000
    _read: dict[tuple[int, str], deque[tuple[int, int]]] = field(default_factory=dict)

    def read(self, owner: int, kind: str, rows: int, now: int) -> bool:
        """Count rows read at this time (Unix seconds); false when the limit was reached before."""
        read = self._read.setdefault((owner, kind), deque())
        while read and read[0][0] <= now - DAY:
            read.popleft()
        if sum(count for _, count in read) >= self.rows:
            return False
        if rows:
            read.append((now, rows))
        return True
