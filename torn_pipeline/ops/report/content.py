"""What a validation report says, as plain data; and as JSON, whose shape docs/checks.md describes."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from torn_pipeline.quality.score import GOOD, POOR, Grade

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torn_pipeline.quality.score import Score

__all__ = [
    "LISTED",
    "AssetTold",
    "CheckTold",
    "Content",
    "FetchTold",
    "Reason",
    "Report",
    "RootTold",
    "RunTold",
    "as_json",
    "content_of",
]

LISTED = 100
"""How many fetches, quarantined roots and reasons a report lists at most; their counts are of all."""

_VERSION = 1  # of the shape of the JSON: a field may be added to it, another number says that one has changed or gone

Content = dict[str, Any]
"""A report as the JSON has it, without secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckTold:
    """How one check went: when (UTC), by which run and for which account, which are empty where there is none.

    ``says`` is what it found, ``rows`` are the first that it is about, ``asks`` its question, ``to_do`` what may be done now.
    """

    check: str
    grade: Grade
    made_at: datetime | None
    run_id: str
    account: str
    says: str
    rows: tuple[Mapping[str, object], ...]
    asks: str
    to_do: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetTold:
    """A table, or another asset, and its checks; ``score`` and ``rows`` (those there now) are ``None`` where there is no such number."""

    asset: str
    endpoints: tuple[str, ...]
    score: Score | None
    rows: int | None
    checks: tuple[CheckTold, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchTold:
    """A fetch that a run loaded, with the rows that it wrote to each table."""

    fetch_id: str
    endpoint: str
    account: str
    fetched_at: datetime
    loaded_at: datetime
    calls: int
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTold:
    """A run, ``id``. ``started`` and ``ended`` (UTC) are ``None`` before it has; ``error`` is the sentence of one that failed.

    ``fetches`` are the newest that it loaded, of ``fetches_loaded``; ``rows_loaded`` are those of all.
    """

    id: str
    endpoint: str
    account: str
    status: str
    started: datetime | None
    ended: datetime | None
    error: str
    fetches_loaded: int
    rows_loaded: int
    fetches: tuple[FetchTold, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why so many roots of a table are in quarantine: what was wrong (``table`` has it), and where in the answer."""

    root: str
    table: str
    account: str
    json_path: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RootTold:
    """A root in quarantine; ``key`` is its key as a JSON object."""

    quarantine_id: str
    root: str
    account: str
    key: str
    json_path: str
    reason: str
    fetch_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All of it. ``score`` is the platform's, ``None`` in the report of a run; ``roots`` are a run's alone.

    ``reasons`` are the most frequent, ``quarantined`` counts all roots by their table.
    """

    made_at: datetime
    warehouse: str
    score: Score | None
    run: RunTold | None
    assets: tuple[AssetTold, ...]
    quarantined: Mapping[str, int]
    reasons: tuple[Reason, ...]
    roots: tuple[RootTold, ...]


def content_of(report: Report, redact: Callable[[str], str]) -> Content:
    """The report in the shape of its JSON; ``redact`` takes the secrets out of each text in it, whoever wrote that."""
    never = [
        {"asset": asset.asset, "check": check.check} for asset in report.assets for check in asset.checks if check.grade is Grade.UNKNOWN
    ]
    content: Content = {
        "version": _VERSION,
        "kind": "run" if report.run else "platform",
        "made_at": report.made_at,
        "warehouse": report.warehouse,
        "counts": _counts(report),
        "score": _score(report.score),
        "run": asdict(report.run) if report.run else None,
        "assets": [_asset(asset) for asset in report.assets],
        "quarantine": {
            "count": sum(report.quarantined.values()),
            "tables": dict(report.quarantined),
            "reasons": [asdict(reason) for reason in report.reasons],
            "roots": [asdict(root) | {"key": json.loads(root.key)} for root in report.roots],
        },
        "never_checked": never,
    }
    cleaned: Content = _plain(content, redact)
    return cleaned


def as_json(content: Content) -> str:
    """The JSON, for a file or a pipe."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _counts(report: Report) -> dict[str, int]:
    """How many assets and checks there are, how these went, and how many roots are in quarantine."""
    grades = Counter(check.grade for asset in report.assets for check in asset.checks)
    counts = {grade.value.replace(" ", "_"): grades[grade] for grade in Grade}
    return {"assets": len(report.assets), "checks": grades.total(), **counts, "quarantined": sum(report.quarantined.values())}


def _score(score: Score | None) -> Content | None:
    if score is None:
        return None
    lines = [{"what": line.what, "points": line.points, "got": line.got, "lost": line.lost, "why": line.why} for line in score.lines]
    return {"points": score.points, "good": GOOD, "poor": POOR, "lines": lines}


def _asset(asset: AssetTold) -> Content:
    checks = [asdict(check) for check in asset.checks]
    return {"asset": asset.asset, "endpoints": asset.endpoints, "rows": asset.rows, "score": _score(asset.score), "checks": checks}


def _plain(value: Any, redact: Callable[[str], str]) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """The value without secrets, and with nothing in it that JSON or UTF-8 has no place for."""
    if isinstance(value, dict):
        return {_text(str(name), redact): _plain(one, redact) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, redact) for one in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, int | float):
        text = _text(str(value), redact)
        return value if text == str(value) and math.isfinite(value) else text
    return _text(str(value), redact)


def _text(text: str, redact: Callable[[str], str]) -> str:
    """Redacted; half of a character, which a JSON answer may hold, is shown by its code."""
    return redact(text).encode("utf-8", "backslashreplace").decode("utf-8")
