"""What one fetch was: when, for whom, what was asked and which landed responses answered it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["Fetch", "Page"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One landed response. ``raw_id`` is its place below the landing; ``size`` and ``sha256`` are of the bytes as received."""

    raw_id: str
    url: str
    received_at: datetime
    size: int
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """One fetch. Only a ``complete`` one is ever loaded.

    ``fetched_at`` is when it began (UTC, microseconds); ``path`` the API path asked, ``params`` its query,
    ``path_ids`` the values of the ids in the path by column name (``_crime_id``). ``rows`` counts the
    rows of the pages' first list as received, ``repeated`` those of them that came twice. ``error`` says
    why an incomplete fetch ended. ``window_from`` and ``window_to`` bound a time window when there was one.
    ``key_id`` tells the account's key from others without showing it. ``missing`` are the keys of rows that should
    have come and that the API knows nothing of any more.
    """

    fetch_id: str
    endpoint: str
    account: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    path_ids: Mapping[str, int | str] = field(default_factory=dict)
    window_from: datetime | None = None
    window_to: datetime | None = None
    fetched_at: datetime
    ended_at: datetime
    pages: tuple[Page, ...]
    rows: int
    repeated: int = 0
    complete: bool
    error: str = ""
    key_id: str = ""
    missing: tuple[int | str, ...] = ()
