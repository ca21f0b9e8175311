"""What must hold between the parts of a config, and between it and the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.config.models import SCOPES, Parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torn_pipeline.config.models import Endpoint
    from torn_pipeline.settings import Settings

__all__ = ["Problem", "account_problems", "duplicate_problems", "rate_problems", "scope_problems", "table_problems"]

TORN_LIMIT = 100  # calls a minute that Torn answers to one user

Problem = tuple[Parts, str]
"""The path of the part that is wrong, and the sentence that says what and what to do."""


def duplicate_problems(section: str, names: Mapping[int, str]) -> Iterator[Problem]:
    """Names used twice in one section; ``names`` by their place in the list."""
    first: dict[str, int] = {}
    for index, name in names.items():
        if first.setdefault(name, index) != index:
            yield (section, index, "name"), f"is used twice in `{section}`: give each entry a name of its own"


def account_problems(endpoints: Mapping[int, Endpoint], accounts: Sequence[str]) -> Iterator[Problem]:
    """Endpoints that name an account which the file does not have."""
    for index, endpoint in endpoints.items():
        for place, name in enumerate(endpoint.accounts):
            if name not in accounts:
                known = ", ".join(dict.fromkeys(accounts))
                sentence = f"there is no account of this name: add it to `accounts`, or use one of {known}"
                yield ("endpoints", index, "accounts", place), sentence


def scope_problems(endpoints: Mapping[int, Endpoint]) -> Iterator[Problem]:
    """Endpoints of a section that is not known to belong to accounts or to be the same for all."""
    for index, endpoint in endpoints.items():
        section = endpoint.path.split("/")[1]
        if endpoint.scope is None and section not in SCOPES:
            known = ", ".join(SCOPES)
            sentence = f"`{section}` is no known section of the API ({known}): correct the path, or add `scope: account` or `scope: global`"
            yield ("endpoints", index, "path"), sentence


def table_problems(endpoints: Mapping[int, Endpoint]) -> Iterator[Problem]:
    """Endpoints that would write one table in different ways."""
    first: dict[str, Endpoint] = {}
    for index, endpoint in endpoints.items():
        other = first.setdefault(endpoint.table or endpoint.name, endpoint)
        if (other.path, other.storage_mode) != (endpoint.path, endpoint.storage_mode) and other.name != endpoint.name:
            field = "table" if endpoint.table else "name"
            way = "another path" if other.path != endpoint.path else "another storage mode"
            sentence = f"writes the table of the endpoint `{other.name}` with {way}: give one of them its own with `table:`"
            yield ("endpoints", index, field), sentence


def rate_problems(rate_limit: int, settings: Settings) -> Iterator[Problem]:
    """A rate limit that Torn would not answer."""
    if rate_limit > TORN_LIMIT and not settings.is_loopback:
        sentence = f"is {rate_limit}, but Torn allows {TORN_LIMIT} calls a minute: use 95, or less where other programs use the account"
        yield ("defaults", "rate_limit"), sentence
