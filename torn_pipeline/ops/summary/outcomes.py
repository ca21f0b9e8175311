"""What runs have done, asset by asset, and as rows for a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["HEAD", "AssetOutcome", "Checks", "RunOutcome", "summary_rows"]

HEAD = ("asset", "account", "fetched", "in table", "checks", "seconds")
"""The columns of :func:`summary_rows`."""


@dataclass(frozen=True, slots=True)
class Checks:
    """How many checks of an asset passed, found something worth a look, and failed."""

    passed: int = 0
    warned: int = 0
    failed: int = 0

    def __str__(self) -> str:
        """For people: ``2 passed``, ``1 passed, 1 warned``; empty when there was none."""
        counts = ((self.passed, "passed"), (self.warned, "warned"), (self.failed, "failed"))
        return ", ".join(f"{count} {word}" for count, word in counts if count)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetOutcome:
    """What a run did to one asset.

    ``fetched`` are the rows that the fetch brought, ``total`` those in the table now, ``seconds`` the time of
    the step, which the first of the assets it makes has alone; each is ``None`` where there is no such number.
    """

    key: str
    written: bool
    checks: Checks
    fetched: int | None = None
    total: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What one run did. ``error`` is its sentence, empty when all went well."""

    endpoint: str
    account: str
    run_id: str
    assets: tuple[AssetOutcome, ...]
    error: str = ""


def summary_rows(outcomes: Sequence[RunOutcome]) -> list[tuple[object, ...]]:
    """One row an asset, in the columns of :data:`HEAD`."""
    return [
        (
            asset.key,
            outcome.account,
            asset.fetched,
            asset.total,
            str(asset.checks) if asset.written else ", ".join(filter(None, (str(asset.checks), "not written"))),
            None if asset.seconds is None else f"{asset.seconds:.1f}",
        )
        for outcome in outcomes
        for asset in outcome.assets
    ]
