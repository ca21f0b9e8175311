"""The clock of a ledger, in the hands of a test."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import psycopg2

from torn_pipeline.torn.ledger import ledger_at

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

__all__ = ["Clock"]


class Clock:
    """Time that passes only when somebody sleeps or a test says so; what is due in between happens at its time.

    It stands in for the module ``time`` where the ledger is a file, and for the server's clock where it is a database.
    """

    def __init__(self, now: float = 1000.0) -> None:
        self._now = now
        self._server: psycopg2.extensions.connection | None = None
        self.slept: list[float] = []
        self.due: list[tuple[float, Callable[[], object]]] = []

    @property
    def now(self) -> float:
        return self._now

    @now.setter
    def now(self, now: float) -> None:
        self._now = now
        self._tell()

    def time(self) -> float:
        return self._now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        for at, happen in sorted(self.due, key=lambda event: event[0]):
            if at <= until:
                self.now = at
                happen()
        self.due = [event for event in self.due if event[0] > until]
        self.now = until

    def rule(self, place: Path | str, patch: pytest.MonkeyPatch) -> None:
        """Be the clock of this ledger, until :meth:`let_go`."""
        if not isinstance(place, str):
            patch.setattr("torn_pipeline.torn.ledger.time", self)
            return
        with closing(ledger_at(place)) as ledger, ledger.connection():
            pass  # now its tables are there
        self._server = psycopg2.connect(place)
        self._server.autocommit = True
        with self._server.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE torn_ledger.clock (at DOUBLE PRECISION);"
                "INSERT INTO torn_ledger.clock VALUES (0);"
                "CREATE OR REPLACE FUNCTION torn_ledger.seconds() RETURNS DOUBLE PRECISION LANGUAGE sql VOLATILE"
                " AS 'SELECT at FROM torn_ledger.clock'"
            )
        self._tell()

    def let_go(self) -> None:
        if self._server is not None:
            self._server.close()

    def _tell(self) -> None:
        if self._server is not None:
            with self._server.cursor() as cursor:
                cursor.execute("UPDATE torn_ledger.clock SET at = %s", (self._now,))
