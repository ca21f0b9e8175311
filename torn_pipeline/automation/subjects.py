"""What is looked at, by the kinds and subjects of observations: what was wrong with anything else is looked at no more."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from torn_pipeline.checks import ALL_ACCOUNTS
from torn_pipeline.config.alerts import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    import dagster as dg

    from torn_pipeline.alerts import Observation
    from torn_pipeline.automation.observing import Watched

__all__ = ["among", "runs_and_checks"]

_NO_ACCOUNT = {"", ALL_ACCOUNTS}


def runs_and_checks(watched: Mapping[str, Watched], checks: Iterable[dg.AssetCheckSpec]) -> Callable[[Kind, str], bool]:
    """Whether runs and checks with these subjects may still come: of what is made, with the accounts that it is made for.

    ``watched`` is that by name, without what is disabled; ``checks`` are all that there are. Other kinds are all looked at.
    """
    made_for: dict[str, set[str]] = defaultdict(set)
    for about in watched.values():
        for asset in about.assets:
            made_for[asset].update(_NO_ACCOUNT, {about.account}, about.accounts)
    known = {(check.asset_key.to_user_string(), check.name) for check in checks}

    def may_come(kind: Kind, subject: str) -> bool:
        if kind not in {Kind.RUN_FAILED, Kind.CHECK_FAILED}:
            return True
        thing, *check, account = subject.split("|")
        if kind is Kind.RUN_FAILED:
            return thing in watched and account in {"", *watched[thing].accounts}
        return (thing, *check) in known and account in made_for[thing]

    return may_come


def among(observations: Iterable[Observation], kinds: Collection[Kind]) -> Callable[[Kind, str], bool]:
    """Whether something of these ``kinds`` is among observations, which are all of theirs. Other kinds are all looked at."""
    seen = {(one.kind, one.subject) for one in observations}
    return lambda kind, subject: kind not in kinds or (kind, subject) in seen
